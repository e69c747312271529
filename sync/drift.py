"""Changes of Coupa's own schema: fields that are new, that changed their type, or that no longer come.

The first page and one record of each other page are looked at: the paths of their fields and the JSON type of each,
kept in `seen_fields`. What was not so before is written to `schema_changes` once, and shown by `tenor-sync status`. No
change stops a sync: unknown fields stay in `raw`, a value of a wrong type sets its record aside, and a list of
children that does not come at all leaves the children as they are.
"""

import contextlib
import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sync.mirror import Mirror
from sync.pages import RawRecord
from sync.resources import Resource

_OF_TENANT: Final = ("custom-fields",)  # these come and go by the tenant's own doing, and are kept as they are


@dataclass(frozen=True)
class Change:
    """One change of a resource's schema."""

    resource: str
    path: str
    change: str
    detail: str

    def __str__(self) -> str:
        return f"{self.resource} {self.path}: {self.change} ({self.detail})"


class Sampler:
    """Collects the shape of a resource's records while they are read."""

    def __init__(self, resource: Resource) -> None:
        self.resource: Final = resource
        self.kinds: Final[dict[str, str]] = {}
        self._asked: Final = set(_asked(json.loads(resource.fields)))
        self._records = 0

    def look(self, records: Sequence[RawRecord]) -> None:
        """Looks at a page."""
        for record in records if not self._records else records[:1]:
            with contextlib.suppress(ValueError, RecursionError):  # what cannot be held is set aside elsewhere
                value = record.value
                if isinstance(value, dict):
                    self._records += 1
                    self._walk(value, "")

    def absent(self) -> set[str]:
        """Fields of the record itself that are asked for and did not come in any record; none before one was read."""
        return {path for path in self._asked if path not in self.kinds} if self._records else set()

    def _walk(self, value: Mapping[str, Any], above: str) -> None:
        for name, item in value.items():
            path = f"{above}{name}"
            if path in _OF_TENANT:
                continue
            items = item if isinstance(item, list) else [item]
            kind = _kind(item)
            if kind != "null" or path not in self.kinds:
                self.kinds[path] = kind if self.kinds.get(path, "null") in {"null", kind} else "mixed"
            for inner in items:
                if isinstance(inner, dict):
                    self._walk(inner, f"{path}.")

    def note(self, mirror: Mirror, at: dt.datetime) -> tuple[Change, ...]:
        """Writes what was seen into the mirror; returns the changes. The first time, only missing fields are any."""
        if not self._records:
            return ()
        with mirror.writing() as connection:
            seen = connection.execute(
                "SELECT path, kind, first_seen FROM seen_fields WHERE resource = ?", [self.resource.name]
            ).fetchall()
            known, since = {path: kind for path, kind, _ in seen}, {path: first for path, _, first in seen}
            changes = tuple(self._changes(known))
            absent = self.absent()
            kinds = {path: kind for path, kind in self.kinds.items() if kind != "null" or path not in known}
            kinds |= dict.fromkeys(absent, "absent")
            connection.execute(
                "DELETE FROM seen_fields WHERE resource = $resource AND path IN (SELECT unnest($paths))",
                {"resource": self.resource.name, "paths": list(kinds)},
            )
            connection.execute(
                "INSERT INTO seen_fields SELECT $resource, unnest($paths), unnest($kinds), unnest($since), $at",
                {
                    "resource": self.resource.name,
                    "paths": list(kinds),
                    "kinds": list(kinds.values()),
                    "since": [since.get(path, at) for path in kinds],
                    "at": at,
                },
            )
            for change in changes:
                connection.execute(
                    "INSERT INTO schema_changes VALUES (?, ?, ?, ?, ?)",
                    [change.resource, change.path, change.change, change.detail, at],
                )
        return changes

    def _changes(self, known: Mapping[str, str]) -> Iterator[Change]:
        for path, kind in sorted(self.kinds.items()):
            before = known.get(path)
            above = path.rpartition(".")[0]
            if not known or (above and known.get(above, "null") == "null"):
                continue  # the first time, or inside what never held anything
            if before is None:
                yield Change(self.resource.name, path, "new field", f"{kind}; kept in raw")
            elif before == "absent":
                yield Change(self.resource.name, path, "came back", kind)
            elif kind not in {"null", before} and before not in {"null", "mixed"}:
                yield Change(self.resource.name, path, "changed type", f"{before} before, {kind} now")
        for path in sorted(self.absent()):
            if known.get(path) != "absent":
                yield Change(self.resource.name, path, "missing", "asked for, and in no record")


def hidden_children(resource: Resource, records: Sequence[RawRecord]) -> set[str]:
    """Lists of children that are asked for and do not come, by the first record of a page."""
    with contextlib.suppress(ValueError, RecursionError):
        value = records[0].value if records else None
        if isinstance(value, dict):
            return {child.attribute for child in resource.children if child.is_hidden(value)}
    return set()


def _asked(fields: Iterable[Any]) -> Iterator[str]:
    """The names of the fields that are asked for, one level deep, as Coupa writes them."""
    for field in fields:
        for name in field if isinstance(field, dict) else (field,):
            if name != "custom_fields":
                yield str(name).replace("_", "-")


def _kind(value: object) -> str:
    """The JSON type of a value."""
    if value is None or value in ("", [], {}):
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict):
        return "object"
    return "text" if isinstance(value, str) else "number"
