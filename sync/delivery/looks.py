"""Whether an effect can be read back: conditions on the records of a GET. docs/outbox.md describes their form."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """Where to look, and what a record there must hold."""

    path: str
    query: Mapping[str, str]
    within: str
    where: tuple[Mapping[str, str], ...]

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Look":
        """As the outbox keeps it; raises ValueError for another form."""
        where = plain.get("where")
        path = plain.get("path")
        if not isinstance(path, str) or not isinstance(where, list) or not where:
            raise ValueError("it does not say where to look, or for what")
        for condition in where:
            if not isinstance(condition, dict) or not {"field"} < set(condition) <= {"field", "equals", "contains"}:
                raise ValueError("a condition needs a field, and either equals or contains")
        return cls(path, dict(plain.get("query") or {}), str(plain.get("within") or ""), tuple(where))

    def found(self, content: Any) -> Record | None:
        """The record that meets every condition, in an answer that is a list or one record."""
        return next(self.matches(content), None)

    def matches(self, content: Any) -> Iterator[Record]:
        """Every record that does: more than one shows an effect that came twice."""
        records = content if isinstance(content, list) else [content]
        if self.within:
            inner = [record.get(self.within) for record in records if isinstance(record, dict)]
            records = [one for many in inner if isinstance(many, list) for one in many]
        for record in records:
            if isinstance(record, dict) and all(_meets(record, condition) for condition in self.where):
                yield record


def _meets(record: Record, condition: Mapping[str, str]) -> bool:
    value: Any = record
    for name in str(condition["field"]).split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None:
        return False
    if "contains" in condition:
        return isinstance(value, str) and str(condition["contains"]) in value
    return _same(value, str(condition["equals"]))


def _same(value: Any, wanted: str) -> bool:
    """Numbers by their value, everything else as text."""
    if isinstance(value, bool):
        return str(value).lower() == wanted.lower()
    if isinstance(value, dict | list):
        return False
    try:
        return Decimal(str(value)) == Decimal(wanted)
    except InvalidOperation:
        return str(value) == wanted
