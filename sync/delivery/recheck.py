"""The outbox held against Coupa and against the audit trail: what was delivered is there, told, and all that is there.

A saving is one amount that later ones replace, and custom fields can be written anew: of each such record only the last
delivery is looked for.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync.delivery.looks import Look
from sync.delivery.state_table import Outbox
from sync.delivery.write_client import Gone, NotAllowed, WriteClient
from sync.errors import UnreachableError

MARKER: Final = re.compile(r"\[tenor:([0-9a-f]{16})\]")
_REPLACED: Final = frozenset({"saving", "custom field"})


@dataclass(frozen=True)
class Recheck:
    """What was found. Each difference is a sentence; none means that outbox, Coupa and trail agree."""

    looked_up: int
    differences: tuple[str, ...]


async def recheck(outbox: Outbox, coupa: WriteClient) -> Recheck:
    """Looks everything that was delivered up again. Raises UnreachableError when Coupa cannot be asked."""
    rows = outbox.rows("delivered")
    told = {str(event["told"].get("key")) for event in outbox.told()}
    begins = outbox.trail_begins()
    differences = [
        f"{_named(row)} is delivered, but the audit trail does not tell of it"
        for row in rows
        if row["key"] not in told and (begins is None or row["delivered_at"] >= begins)
    ]
    known = {row["key"] for row in rows}
    differences += [
        f"The audit trail tells of {key[:16]}, which the outbox does not know" for key in sorted(told - known)
    ]
    all_keys = {row["key"][:16] for row in outbox.rows()}
    pages: dict[str, Any] = {}
    for row in _standing(rows):
        look = Look.of(row["look"])
        if look.path not in pages:
            pages[look.path] = await _read(coupa, look)
        times = len(list(look.matches(pages[look.path])))
        if times == 0:
            differences.append(f"{_named(row)} is delivered, but it is not in Coupa")
        elif times > 1:
            differences.append(f"{_named(row)} is in Coupa {times} times")
    for path, content in pages.items():
        strange = set(MARKER.findall(_texts(content))) - all_keys
        differences += [
            f"Coupa holds [tenor:{key}] at {path}, which the outbox does not know" for key in sorted(strange)
        ]
    return Recheck(len(rows), tuple(differences))


def _standing(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows whose effect must still be there: of what is replaced, the last one of each record and field."""
    kept: dict[Any, Mapping[str, Any]] = {}
    for row in rows:
        place = (row["request"]["path"], *sorted(_names(row["request"]["body"])))
        kept[place if row["kind"] in _REPLACED else row["key"]] = row
    return list(kept.values())


def _names(body: Mapping[str, Any]) -> list[str]:
    return [*(body.get("custom-fields") or {}), *body]


async def _read(coupa: WriteClient, look: Look) -> Any:
    content, trouble = await coupa.read(look.path, look.query)
    if isinstance(trouble, Gone | NotAllowed):
        return []
    if trouble is not None:
        raise UnreachableError(f"The outbox cannot be held against Coupa now: {trouble.why}; try again later.")
    return content


def _texts(content: Any) -> str:
    """Every text in an answer, a line each."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        content = list(content.values())
    return "\n".join(_texts(part) for part in content) if isinstance(content, list) else ""


def _named(row: Mapping[str, Any]) -> str:
    return f"{row['kind']} on {row['object']} ({row['key'][:16]})"
