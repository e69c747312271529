"""Drafts become typed rows, or faults: each cell by its column's kind, each row by its feed's rules, all by their key.

Two rows of one file with the same key and the same values count once. If their values differ, none of them is loaded:
nobody can tell which one is meant.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sync.feeds.cells import Cell, CellError, tenor_days
from sync.feeds.declarations import Feed
from sync.feeds.drafts import Draft, Fault, shown


@dataclass(frozen=True)
class TypedRow:
    """One good row: values by column, and the line it came from."""

    line: int | None
    values: Mapping[str, Cell | None]


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
    good: list[tuple[Draft, TypedRow]] = []
    faults: list[Fault] = []
    for draft in drafts:
        found = draft if isinstance(draft, Fault) else _typed(feed, draft, lookups, today)
        if isinstance(found, Fault):
            faults.append(Fault(found.line, found.field, found.problem, shown(found.raw)))
        elif isinstance(draft, Draft):
            good.append((draft, found))
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
    return TypedRow(draft.line, {name: value for name, value in values.items() if name in (*feed.stored, "tenor_days")})


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
                f"{account!r} has no entity on {day}: add it to the feed bank_accounts, then load this again",
            )
        return None
    number = values["supplier_number"]
    if number is None:
        return wanted, "is empty, and so is supplier_number"
    values[wanted] = lookups.supplier_of(str(number))
    return (
        None if values[wanted] is not None else ("supplier_number", f"{number!r} is no supplier's number in the mirror")
    )


def _apart(feed: Feed, good: list[tuple[Draft, TypedRow]]) -> tuple[list[TypedRow], list[Fault]]:
    """Rows whose keys are their own, and faults for keys that came with different values."""
    by_key: dict[tuple[object, ...], list[tuple[Draft, TypedRow]]] = {}
    for draft, row in good:
        by_key.setdefault(tuple(row.values[name] for name in feed.key), []).append((draft, row))
    rows: list[TypedRow] = []
    faults: list[Fault] = []
    for group in by_key.values():
        first = group[0][1]
        if all(row.values == first.values for _, row in group):
            rows.append(first)
            continue
        places = _places([draft.line for draft, _ in group])
        named = ", ".join(feed.key)
        faults += [
            Fault(draft.line, feed.key[0], f"{places} have the same {named} and different values", shown(draft.raw))
            for draft, _ in group
        ]
    return rows, faults


def _places(lines: list[int | None]) -> str:
    """The rows in words: their lines where they are known."""
    known = [str(line) for line in lines if line is not None]
    if len(known) < len(lines):
        return f"{len(lines)} rows"
    return f"lines {', '.join(known[:5])}{' and more' if len(known) > 5 else ''}"
