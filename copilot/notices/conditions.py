"""When a watched figure is worth a notice: the answer's headline is beyond a bound, in the headline's unit."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from copilot.answer import Headline
from copilot.errors import NoticeError
from copilot.wording import figures

_WORDS = {
    "<": "<", "below": "<", "under": "<", "less than": "<",
    ">": ">", "above": ">", "over": ">", "more than": ">",
    "<=": "<=", "at most": "<=", ">=": ">=", "at least": ">=",
}  # fmt: skip
_SHAPE = re.compile(
    rf"(?:if |when )?(?P<op>{'|'.join(sorted(map(re.escape, _WORDS), key=len, reverse=True))}) ?"
    r"(?P<number>-?\d+(?:[.,]\d+)?) ?(?P<scale>k|m|bn|thousand|million|billion)? ?(?P<unit>%|percent|days?)?"
)
_SCALES = {"k": 3, "thousand": 3, "m": 6, "million": 6, "bn": 9, "billion": 9}


class Condition(BaseModel):
    """A bound in the figure's own unit: a ratio as a fraction, money in the reporting currency, days, a count."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["<", "<=", ">", ">="]
    bound: Decimal

    def holds(self, headline: Headline) -> bool | None:
        """Whether the figure is beyond the bound; None where there is no figure."""
        value = figures.decimal_of(headline.value)
        if value is None:
            return None
        return {
            "<": value < self.bound, "<=": value <= self.bound, ">": value > self.bound, ">=": value >= self.bound,
        }[self.op]  # fmt: skip

    def words(self, unit: str) -> str:
        """As in "< 40.0%"."""
        return f"{self.op} {figures.exact(self.bound, unit)}"


def condition_of(words: str, headline: Headline) -> Condition:
    """The condition of words such as "below 40%" on a figure.

    Raises NoticeError for words that are none, and for a bound in another unit than the figure's.
    """
    found = _SHAPE.fullmatch(" ".join(words.lower().split()))
    if found is None:
        raise NoticeError(f"{words!r} is not a bound. Write it like: below 40%, above 1.2m, over 50 days.")
    bound = Decimal(found["number"].replace(",", ".")).scaleb(_SCALES.get(found["scale"] or "", 0))
    kind, unit = headline.unit.partition(":")[0], found["unit"] or ""
    if (unit in {"%", "percent"}) != (kind == "ratio") or (unit.startswith("day") and kind != "days"):
        raise NoticeError(
            f"{headline.label} is counted in {_named(headline.unit)}, but the bound {words!r} is not. "
            f"Its value now is {figures.exact(headline.value, headline.unit)}."
        )
    op = _WORDS[found["op"]]
    return Condition.model_validate({"op": op, "bound": bound / 100 if kind == "ratio" else bound})


def _named(unit: str) -> str:
    return {"ratio": "percent", "days": "days", "count": "a number"}.get(unit, figures.currency_of(unit) or unit)
