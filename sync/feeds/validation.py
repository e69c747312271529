"""Drafts become typed rows, or faults: each cell by its column's kind, each row by its feed's rules, all by their key.

Two rows of one file with the same key and the same values count once. If their values differ, none of them is loaded:
nobody can tell which one is meant.
"""

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sync.feeds.cells import Cell, CellError, tenor_days
from sync.feeds.declarations import Feed
from sync.feeds.drafts import Draft, Fault, shown


@dataclass(frozen=True, slots=True)
class TypedRow:
    """One good row: its line, its values in the order of the feed's stored columns, and its raw text."""

    line: int | None
    values: tuple[Cell | None, ...]
    raw: str


@dataclass(frozen=True)
class Lookups:
    """What rows may take from elsewhere in the mirror.

    `entity_of` gives the entity of a bank account on a day, `supplier_of` the id of a supplier's number; None: unknown.
    """

    entity_of: Callable[[str, dt.date], str | None]
    supplier_of: Callable[[str], int | None]


@dataclass(frozen=True)
class Checked:
    """The rows of one file, good and bad, in order."""

    rows: tuple[TypedRow, ...]
    faults: tuple[Fault, ...]


def validate(feed: Feed, drafts: Iterable[Draft | Fault], lookups: Lookups, today: dt.date) -> Checked:
    """Types and checks every draft."""
    good: list[TypedRow] = []
    faults: list[Fault] = []
    for draft in drafts:
        found = draft if isinstance(draft, Fault) else _typed(feed, draft, lookups, today)
        if isinstance(found, Fault):
            faults.append(Fault(found.line, found.field, found.problem, shown(found.raw)))
        else:
            good.append(found)
    rows, doubles = _apart(feed, good)
    return Checked(tuple(rows), tuple(sorted((*faults, *doubles), key=lambda fault: fault.line or 0)))


def _typed(feed: Feed, draft: Draft, lookups: Lookups, today: dt.date) -> TypedRow | Fault:
    values: dict[str, Cell | None] = {}
    for column in feed.columns:
        written = draft.cells.get(column.name, "") or column.default
        if not written:
            if column.required and column.name != feed.looks_up:
                return Fault(draft.line, column.name, "is empty", draft.raw)
            values[column.name] = None
            continue
        try:
            values[column.name] = column.kind(written, draft.notation)
        except CellError as error:
            return Fault(draft.line, column.name, str(error), draft.raw)
    problem = _look_up(feed, values, lookups)
    for rule in feed.rules:
        problem = problem or rule(values, today)
    if problem:
        return Fault(draft.line, problem[0], problem[1], draft.raw)
    if "tenor" in values:
        values["tenor_days"] = tenor_days(str(values["tenor"]))
    return TypedRow(draft.line, tuple(values[name] for name in feed.stored), draft.raw)


def _look_up(feed: Feed, values: dict[str, Cell | None], lookups: Lookups) -> tuple[str, str] | None:
    """Fills in what the file does not say; the column at fault and the reason when it cannot be found."""
    wanted = feed.looks_up
    if wanted is None or values[wanted] is not None:
        return None
    if wanted == "entity":
        account, day = values["account"], values["position_date"]
        if isinstance(account, str) and isinstance(day, dt.date):
            values[wanted] = lookups.entity_of(account, day)
        if values[wanted] is None:
            return (
                "account",
                f"{account!r} has no entity on {day}: add it to the feed bank_accounts, load this again",
            )
        return None
    number = values["supplier_number"]
    if number is None:
        return wanted, "is empty, and so is supplier_number"
    values[wanted] = lookups.supplier_of(str(number))
    if values[wanted] is None:
        return "supplier_number", f"{number!r} is no supplier's number in the mirror"
    return None


def _apart(feed: Feed, good: list[TypedRow]) -> tuple[list[TypedRow], list[Fault]]:
    """Rows whose keys are their own, and faults for keys that came with different values."""
    places = [feed.stored.index(name) for name in feed.key]
    first: dict[tuple[Cell | None, ...], TypedRow] = {}
    disputed: dict[tuple[Cell | None, ...], list[TypedRow]] = {}
    for row in good:
        key = tuple(row.values[place] for place in places)
        if first.setdefault(key, row).values != row.values:
            disputed[key] = []
    if not disputed:
        return list(first.values()), []
    for row in good:
        key = tuple(row.values[place] for place in places)
        if key in disputed:
            disputed[key].append(row)
    named = ", ".join(feed.key)
    faults = [
        Fault(row.line, feed.key[0], f"{_places(rows)} have the same {named} and different values", shown(row.raw))
        for rows in disputed.values()
        for row in rows
    ]
    return [row for key, row in first.items() if key not in disputed], faults


def _places(rows: list[TypedRow]) -> str:
    """The rows in words: their lines where they are known."""
    known = [str(row.line) for row in rows if row.line is not None]
    if len(known) < len(rows):
        return f"{len(rows)} rows"
    return f"lines {', '.join(known[:5])}{' and more' if len(known) > 5 else ''}"
