"""Keyset paging by id: each page starts after the last id of the one before.

Offsets shift while records change, so that records are skipped or doubled; ids do not. A server that ignores the
keyset would be read for ever or in part: a page whose ids fall, or that brings nothing new, is refused. Records that
were served before are left out and counted: between two pages nothing can hide behind them. Only an empty page ends a
list, because a tenant may cap pages below the size that was asked for.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sync.errors import PageOrderError
from sync.pages import Page, RawRecord


@dataclass(frozen=True)
class Window:
    """Which records to read: `updated-at` in [since, before); None is open. `filters` are further conditions."""

    since: dt.datetime | None = None
    before: dt.datetime | None = None
    filters: Mapping[str, str] = field(default_factory=dict)

    def parameters(self) -> dict[str, str]:
        """The window as query parameters."""
        parameters = dict(self.filters)
        if self.since is not None:
            parameters["updated-at[gt_or_eq]"] = _time_text(self.since)
        if self.before is not None:
            parameters["updated-at[lt]"] = _time_text(self.before)
        return parameters


def keyset_parameters(after: int, limit: int) -> dict[str, str]:
    """The parameters of the page that follows id `after`."""
    return {"order_by": "id", "dir": "asc", "id[gt]": str(after), "limit": str(limit)}


def newest_parameters(after: int) -> dict[str, str]:
    """The parameters of a list of one: the record with the greatest id after `after`."""
    return {"order_by": "id", "dir": "desc", "id[gt]": str(after), "limit": "1"}


def page_after(records: Sequence[RawRecord], after: int, resource: str) -> Page | None:
    """The page that follows id `after`, without the records that were served before; None for an empty one.

    Raises PageOrderError unless the other ids rise. Records without an id cannot be placed; they are passed over as
    long as one record of the page has a new id.
    """
    if not records:
        return None
    kept: list[RawRecord] = []
    last, seen = after, set[int]()
    for record in records:
        found = record.id
        if found is not None:
            if found <= after or found in seen:
                continue
            if found < last:
                raise PageOrderError(_disorder(resource, f"holds id {found} after id {last}"))
            last = found
            seen.add(found)
        kept.append(record)
    if not seen:
        if len(kept) < len(records):
            raise PageOrderError(_disorder(resource, f"after id {after} holds only records up to that id"))
        raise PageOrderError(
            f"A page of {resource!r} after id {after} holds no record with an id, so the next page cannot be asked "
            "for; check the API filters of the OAuth client's user in Coupa.",
        )
    return Page(tuple(kept), last, len(records) - len(kept))


def _disorder(resource: str, what: str) -> str:
    return (
        f"A page of {resource!r} {what}: the server does not page by id, so records could be missed; nothing of this "
        "page was taken. Check that TENOR_COUPA_URL is a Coupa API without a cache in between."
    )


def _time_text(time: dt.datetime) -> str:
    """A time as Coupa reads it, in UTC and to the microsecond where it has them."""
    return time.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
