"""Columns of a table: how values are held, written as JSON, and matched against a query.

Each column answers three questions for its rows: what to write (`render`), which rows match one condition
(`matches`), and how rows sort (`sort_keys`). Values are held as integers where Coupa sends decimals as text: money as
hundredths, rates as billionths, so that nothing is ever rounded on the way out.
"""

import datetime as dt
import operator as arithmetic
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

import numpy as np

from sync.sandbox.arrays import AnyArray, BoolArray, FloatArray, IntArray
from sync.sandbox.zone import DAY, CompanyZone, day_number

Scalar = str | int | float | bool | None

OPERATORS = (
    "eq",
    "contains",
    "starts_with",
    "ends_with",
    "gt",
    "lt",
    "gt_or_eq",
    "lt_or_eq",
    "not_eq",
    "in",
    "not_in",
    "blank",
)
TEXT_OPERATORS = frozenset({"contains", "starts_with", "ends_with"})
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "eq": arithmetic.eq,
    "not_eq": arithmetic.ne,
    "gt": arithmetic.gt,
    "lt": arithmetic.lt,
    "gt_or_eq": arithmetic.ge,
    "lt_or_eq": arithmetic.le,
}


class BadValueError(ValueError):
    """The value or operator of a condition does not suit the column; the message says which and why."""


class Column(ABC):
    """One scalar attribute of every row of a table."""

    @abstractmethod
    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """JSON values of the given rows, in their order."""

    @abstractmethod
    def matches(self, operator: str, text: str) -> BoolArray:
        """A mask over all rows: which of them satisfy the condition. Null satisfies only `blank=true`."""

    @abstractmethod
    def sort_keys(self) -> AnyArray:
        """An array over all rows that sorts as the attribute does, nulls first."""


class _Numeric(Column):
    """What the columns held in one numeric array share: comparison, lists of values, nulls."""

    values: AnyArray
    null: BoolArray | None

    @abstractmethod
    def _parse(self, text: str) -> Any:
        """The text of a condition in the unit of `values`; raises BadValueError."""

    def _comparable(self) -> AnyArray:
        return self.values

    def matches(self, operator: str, text: str) -> BoolArray:
        """See Column; text operators are refused, as Coupa has none for numbers and dates."""
        if operator in TEXT_OPERATORS:
            raise BadValueError(f"operator [{operator}] works on text only")
        if operator == "blank":
            blank = np.zeros(len(self.values), dtype=np.bool_) if self.null is None else self.null
            return blank if parse_boolean(text) else ~blank
        found: BoolArray
        if operator in ("in", "not_in"):
            wanted = np.array([self._parse(item) for item in text.split(",")])
            found = np.isin(self._comparable(), wanted, invert=operator == "not_in")
        else:
            found = _COMPARE[operator](self._comparable(), self._parse(text))
        return found if self.null is None else found & ~self.null

    def sort_keys(self) -> AnyArray:
        """The values, nulls as the smallest."""
        if self.null is None:
            return self.values
        return np.where(self.null, np.iinfo(np.int64).min, self.values)

    def _with_nulls(self, rows: IntArray, texts: Sequence[Scalar]) -> Sequence[Scalar]:
        if self.null is None:
            return texts
        return [None if gone else text for gone, text in zip(self.null[rows].tolist(), texts, strict=True)]


@dataclass(frozen=True)
class Integers(_Numeric):
    """Whole numbers, written as JSON numbers."""

    values: IntArray
    null: BoolArray | None = None

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """JSON integers."""
        return self._with_nulls(rows, self.values[rows].tolist())

    def _parse(self, text: str) -> Any:
        try:
            return int(text)
        except ValueError:
            raise BadValueError(f"'{text}' is not a whole number") from None


@dataclass(frozen=True)
class Decimals(_Numeric):
    """Decimals held as integers of `10 ** -places`, written as text with exactly that many places."""

    values: IntArray
    null: BoolArray | None = None
    places: int = 2

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """Decimal text, such as `"1550.00"`."""
        places = self.places
        texts = [f"{digits[:-places]}.{digits[-places:]}" for digits in map(str, self.values[rows].tolist())]
        for place in np.flatnonzero(np.abs(self.values[rows]) < 10**places).tolist():
            texts[place] = _short(int(self.values[rows[place]]), places)
        return self._with_nulls(rows, texts)

    def _parse(self, text: str) -> Any:
        try:
            scaled = Decimal(text.strip()) * 10**self.places
        except InvalidOperation:
            raise BadValueError(f"'{text}' is not a decimal number") from None
        return int(scaled) if scaled == scaled.to_integral_value() else float(scaled)


def _short(value: int, places: int) -> str:
    """A decimal between -1 and 1, whose digits need leading zeros."""
    return f"{'-' if value < 0 else ''}0.{abs(value):0{places}d}"


@dataclass(frozen=True)
class Floats(_Numeric):
    """Floating numbers, which Coupa sends as JSON numbers (discount rates, in percent)."""

    values: FloatArray
    null: BoolArray | None = None

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """JSON numbers."""
        return self._with_nulls(rows, self.values[rows].tolist())

    def sort_keys(self) -> AnyArray:
        """The values, nulls as the smallest."""
        return self.values if self.null is None else np.where(self.null, -np.inf, self.values)

    def _parse(self, text: str) -> Any:
        try:
            return float(text)
        except ValueError:
            raise BadValueError(f"'{text}' is not a number") from None


@dataclass(frozen=True)
class Booleans(_Numeric):
    """True and false."""

    values: BoolArray
    null: BoolArray | None = None

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """JSON booleans."""
        return self._with_nulls(rows, self.values[rows].tolist())

    def sort_keys(self) -> AnyArray:
        """False before true, nulls first."""
        keys = self.values.astype(np.int64)
        return keys if self.null is None else np.where(self.null, -1, keys)

    def _parse(self, text: str) -> Any:
        return parse_boolean(text)


@dataclass(frozen=True)
class Moments(_Numeric):
    """Points in time, held as local seconds of the company's zone and written with that zone's offset."""

    values: IntArray
    zone: CompanyZone
    null: BoolArray | None = None

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """ISO 8601 text with offset."""
        return self._with_nulls(rows, self.zone.texts(self.values[rows]))

    def _comparable(self) -> AnyArray:
        return self._instants

    @cached_property
    def _instants(self) -> IntArray:
        return self.zone.utc(self.values)

    def _parse(self, text: str) -> Any:
        return parse_instant(text)


@dataclass(frozen=True)
class Days(_Numeric):
    """Calendar dates without time, held as days since 1970-01-01."""

    values: IntArray
    null: BoolArray | None = None

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """ISO dates."""
        return self._with_nulls(rows, np.datetime_as_string(self.values[rows].astype("datetime64[D]")).tolist())

    def _parse(self, text: str) -> Any:
        return parse_instant(text) // DAY


class _Text(Column):
    """Text comparison over any array of strings."""

    @abstractmethod
    def _vocabulary(self) -> Sequence[str | None]:
        """The distinct (or simply all) strings that conditions are tested against."""

    @abstractmethod
    def _spread(self, mask: BoolArray) -> BoolArray:
        """A mask over the vocabulary, widened to all rows."""

    def matches(self, operator: str, text: str) -> BoolArray:
        """See Column; comparison is case-sensitive and by code point."""
        test = _text_test(operator, text)
        words = self._vocabulary()
        return self._spread(np.fromiter((test(word) for word in words), dtype=np.bool_, count=len(words)))


@dataclass(frozen=True)
class Codes(_Text):
    """Strings drawn from a small vocabulary; code -1 is null."""

    codes: IntArray
    words: tuple[str, ...]

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """The words, or null."""
        words = self._words
        return [words[code] for code in self.codes[rows].tolist()]

    def sort_keys(self) -> AnyArray:
        """Alphabetical rank of the word, nulls first."""
        rank = np.zeros(len(self.words) + 1, dtype=np.int64)
        rank[np.argsort(np.array(self.words))] = np.arange(len(self.words))
        rank[-1] = -1
        return rank[self.codes]

    @cached_property
    def _words(self) -> list[str | None]:
        return [*self.words, None]

    def _vocabulary(self) -> Sequence[str | None]:
        return self._words

    def _spread(self, mask: BoolArray) -> BoolArray:
        return mask[self.codes]


@dataclass(frozen=True)
class Texts(_Text):
    """Strings written when asked for, such as invoice numbers: `make` gets rows and returns their texts."""

    size: int
    make: Callable[[IntArray], Sequence[str | None]]
    _kept: list[Sequence[str | None]] = field(default_factory=list, repr=False, compare=False)

    def render(self, rows: IntArray) -> Sequence[Scalar]:
        """The texts of the rows."""
        return list(self.make(rows))

    def sort_keys(self) -> AnyArray:
        """The texts themselves, null as the empty string."""
        return np.array([word or "" for word in self._vocabulary()], dtype=np.str_)

    def _vocabulary(self) -> Sequence[str | None]:
        if not self._kept:
            self._kept.append(self.make(np.arange(self.size, dtype=np.int64)))
        return self._kept[0]

    def _spread(self, mask: BoolArray) -> BoolArray:
        return mask


def words(values: Sequence[str | None]) -> Texts:
    """A text column over a plain list."""
    listed = list(values)
    return Texts(len(listed), lambda rows: [listed[row] for row in rows.tolist()])


def constant(word: str | None, size: int) -> Codes:
    """A text column with the same word, or null, in every row."""
    code = -1 if word is None else 0
    return Codes(np.full(size, code, dtype=np.int64), () if word is None else (word,))


def parse_boolean(text: str) -> bool:
    """True or false as Coupa's clients write them; raises BadValueError."""
    if text.lower() in ("true", "1", "yes"):
        return True
    if text.lower() in ("false", "0", "no"):
        return False
    raise BadValueError(f"'{text}' is neither true nor false")


def parse_instant(text: str) -> int:
    """UTC seconds of an ISO 8601 moment; a bare date is midnight UTC; raises BadValueError."""
    cleaned = text.strip()
    try:
        if len(cleaned) == len("2026-01-01"):
            return day_number(dt.date.fromisoformat(cleaned)) * DAY
        moment = dt.datetime.fromisoformat(cleaned)
    except ValueError:
        raise BadValueError(f"'{text}' is not an ISO 8601 date or time (encode '+' as %2B)") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return int(moment.timestamp())


def _text_test(operator: str, text: str) -> Callable[[str | None], bool]:
    if operator == "blank":
        wanted = parse_boolean(text)
        return lambda word: (not word) == wanted
    if operator in ("in", "not_in"):
        listed = frozenset(text.split(","))
        return lambda word: word is not None and (word in listed) == (operator == "in")
    if operator in TEXT_OPERATORS:
        method = {"contains": "__contains__", "starts_with": "startswith", "ends_with": "endswith"}[operator]
        return lambda word: word is not None and bool(getattr(word, method)(text))
    compare = _COMPARE[operator]
    return lambda word: word is not None and bool(compare(word, text))
