"""Changed copies of columns: a row replaced, a row added, rows picked.

Columns are never changed in place, because companies forked from one another share them. Values come in as JSON
gives them: decimals and moments as text, links elsewhere. What a column cannot hold raises EditError.
"""

import datetime as dt
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np

from sync.sandbox.arrays import AnyArray, BoolArray, IntArray
from sync.sandbox.columns import Booleans, Codes, Column, Days, Decimals, Floats, Integers, Moments, Texts, words
from sync.sandbox.errors import EditError
from sync.sandbox.zone import DAY, CompanyZone, day_number

Numeric = Integers | Decimals | Floats | Booleans | Moments | Days


def with_value(column: Column, row: int, value: Any) -> Column:
    """The column with another value in one row."""
    if isinstance(column, Codes):
        code, vocabulary = _code(column, value)
        return Codes(_set(column.codes, row, code), vocabulary)
    if isinstance(column, Texts):
        texts = _texts(column)
        texts[row] = _text(value)
        return words(texts)
    numeric = _numeric(column)
    null = _set(_nulls(numeric), row, value is None) if value is None or numeric.null is not None else None
    return _rebuilt(numeric, _set(numeric.values, row, _number(numeric, value)), null)


def with_row(column: Column, value: Any) -> Column:
    """The column with one more row at its end."""
    if isinstance(column, Codes):
        code, vocabulary = _code(column, value)
        return Codes(np.append(column.codes, code), vocabulary)
    if isinstance(column, Texts):
        return words([*_texts(column), _text(value)])
    numeric = _numeric(column)
    null = np.append(_nulls(numeric), value is None) if value is None or numeric.null is not None else None
    values = np.append(numeric.values, np.array([_number(numeric, value)], dtype=numeric.values.dtype))
    return _rebuilt(numeric, values, null)


def with_rows(column: Column, rows: IntArray) -> Column:
    """The column with the given rows only, in their order."""
    if isinstance(column, Codes):
        return Codes(column.codes[rows], column.words)
    if isinstance(column, Texts):
        return words(list(column.make(rows)))
    numeric = _numeric(column)
    return _rebuilt(numeric, numeric.values[rows], None if numeric.null is None else numeric.null[rows])


def instant(zone: CompanyZone, value: dt.datetime | str) -> int:
    """A moment as local seconds of the zone; a bare date is local midnight. Raises EditError."""
    if isinstance(value, str):
        if len(value) == len("2026-11-22"):
            return day_number(dt.date.fromisoformat(value)) * DAY
        try:
            value = dt.datetime.fromisoformat(value)
        except ValueError:
            raise EditError(f"'{value}' is not an ISO 8601 moment; write it like 2026-11-22T09:00:00-05:00.") from None
    if value.tzinfo is None:
        raise EditError(f"The moment {value.isoformat()} has no offset; write it like 2026-11-22T09:00:00-05:00.")
    utc = np.array([int(value.timestamp())], dtype=np.int64)
    local = zone.local(utc)
    if zone.utc(local)[0] != utc[0]:
        raise EditError(f"{value.isoformat()} is inside the hour that {zone.name} repeats in autumn; take another.")
    return int(local[0])


def _numeric(column: Column) -> Numeric:
    if isinstance(column, Integers | Decimals | Floats | Booleans | Moments | Days):
        return column
    raise EditError(f"Columns of type {type(column).__name__} cannot be edited.")


def _rebuilt(column: Any, values: AnyArray, null: AnyArray | None) -> Column:
    """A numeric column of the same kind; which kind is nothing to the type checker, all take these two."""
    changed: Column = replace(column, values=values, null=null)
    return changed


def _set(values: AnyArray, row: int, value: Any) -> AnyArray:
    changed = values.copy()
    changed[row] = value
    return changed


def _nulls(column: Numeric) -> BoolArray:
    return np.zeros(len(column.values), dtype=np.bool_) if column.null is None else column.null


def _texts(column: Texts) -> list[str | None]:
    return list(column.make(np.arange(column.size, dtype=np.int64)))


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise EditError(f"{value!r} is not text.")


def _code(column: Codes, value: Any) -> tuple[int, tuple[str, ...]]:
    """The code of a word, and the vocabulary, with the word added where it is new."""
    word = _text(value)
    if word is None:
        return -1, column.words
    if word in column.words:
        return column.words.index(word), column.words
    return len(column.words), (*column.words, word)


def _number(column: Numeric, value: Any) -> int | float | bool:
    """The value in the unit of the column's array; zero for null."""
    if value is None:
        return 0
    if isinstance(column, Moments):
        return instant(column.zone, value)
    if isinstance(column, Days):
        return day_number(value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value)))
    if isinstance(column, Booleans):
        return bool(value)
    if isinstance(column, Floats):
        return float(value)
    return _whole(value, column.places if isinstance(column, Decimals) else 0)


def _whole(value: Any, places: int) -> int:
    try:
        scaled = Decimal(str(value)).scaleb(places)
    except InvalidOperation:
        raise EditError(f"{value!r} is not a number.") from None
    if scaled != scaled.to_integral_value() or abs(scaled) > np.iinfo(np.int64).max:
        raise EditError(f"{value} does not fit a column with {places} decimals; make it shorter.")
    return int(scaled)
