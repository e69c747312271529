"""What the words of a follow-up say of the answer on screen, before they are laid over it."""

from __future__ import annotations

import re

from copilot.planning.description import PHRASES
from copilot.planning.normalise import fold
from copilot.planning.plan import Clock
from copilot.planning.planner import Planner
from copilot.planning.slots import Slots
from semantic_layer.query import Having

_NO = re.compile(r"^no (?=\w)", re.IGNORECASE)
_AS_MONEY = re.compile(r"^in (?:dollars|money|usd|value|\$)\s+")
_BARE = re.compile(r"^(?:only )?(?:over|above|more than|under|below|less than|at least|at most|>=?|<=?) ?\d{1,3}$")
"""A bound without a currency, a scale or a unit."""
_PHRASES = 2
"""Words of a figure's name that a follow-up may leave out ("and missed" after discounts)."""


def read_follow_up(text: str, old: Slots, planner: Planner, clock: Clock) -> tuple[Slots, bool]:
    """What a follow-up says, and whether it did so with words of the figure on screen ("and missed" after discounts)."""
    new = planner.slots(text, clock, tuple(old.metrics))
    pronouns = [f for f in new.filters if f.words == "it" and not re.search(r"\bIT\b", text)]
    if pronouns:
        new.filters = [f for f in new.filters if f not in pronouns]
        new.unresolved.append(("it", ""))
    new = _of_suppliers(text, new, old, planner, clock)
    if not new.unresolved or new.metrics or len(old.metrics) != 1:
        return new, False
    bare = _AS_MONEY.sub("", fold(text))
    for noun in old.metrics[0].split("_")[:_PHRASES]:
        for whole in (f"{bare} {noun}s", f"{noun}s {bare}"):
            found = planner.slots(whole, clock, tuple(old.metrics))
            if len(found.metrics) == 1 and not found.unresolved and not found.vague:
                return found, True
    return new, False


def _of_suppliers(text: str, new: Slots, old: Slots, planner: Planner, clock: Clock) -> Slots:
    """Countries are those of suppliers where the answer on screen is about those."""
    theirs: set[str] = {"supplier_country"} & {*old.group_by, *(f.field for f in old.filters)}
    if set(old.group_by) & {"supplier", "parent"} and re.search(r"\bones?\b", fold(text)):
        theirs.add("supplier_country")  # "only the German ones" of suppliers
    own = [f for f in new.filters if f.field == "entity_country"]
    if not theirs or not own or re.search(r"\b(entit|buy|our)", fold(text)):
        return new
    again = planner.slots(f"{text} by supplier country", clock, tuple(old.metrics))
    if any(f.field == "entity_country" for f in again.filters):
        return new
    again.group_by = list(new.group_by)
    return again


def bound_rows(old: Slots, new: Slots) -> bool:
    """As in "only those over 10k": a bound on the figure of each row on screen, not on each invoice."""
    amounts = [f for f in new.filters if f.field == "invoice_amount" and len(f.values) == 1]
    if len(old.metrics) != 1 or new.metrics or not amounts:
        return False
    new.filters = [f for f in new.filters if f not in amounts]
    new.notes = [note for note in new.notes if "amount of each invoice" not in note]
    given = {"metric": old.metrics[0]}
    new.having += [Having.model_validate(given | {"op": f.op, "value": f.values[0], "words": f.words}) for f in amounts]
    return True


def bounds_other(new: Slots, old: Slots) -> bool:
    """As in "with spend over 1m": the figure that is named only bounds the rows, and the one on screen stays."""
    bounding = {having.metric for having in new.having}
    if not bounding or not set(new.metrics) <= bounding:
        return False
    new.metrics, new.group_by = [], [name for name in new.group_by if name not in old.group_by]
    return True


def is_vacuous(old: Slots, new: Slots, text: str) -> bool:
    """As in "no France" where only Germany counts: it leaves nothing out, so it is meant as a correction."""
    if not _NO.match(text) or not new.filters:
        return False
    kept = {f.field: f.values for f in old.filters if f.op in {"=", "in"}}
    return all(f.op == "!=" and f.field in kept and not set(f.values) & set(kept[f.field]) for f in new.filters)


def with_unit(text: str, old: Slots) -> str:
    """As in "no, over 30" after "over 60 days": a bare number bounds what the number before it bounded."""
    measures = [f.field for f in old.filters if f.op[:1] in {"<", ">"}]
    if len(measures) != 1 or measures[0] not in PHRASES or not _BARE.match(fold(text)):
        return text
    return f"{text} {PHRASES[measures[0]]}"


def is_edit(new: Slots, *, led: bool) -> bool:
    """Whether words change an answer rather than ask for another one."""
    if new.externals or new.vague or new.signals & {"define", "scenario"}:
        return False
    if new.metrics or new.outflow:
        return led and not new.outflow
    return _says_something(new)


def _says_something(new: Slots) -> bool:
    found = (
        new.group_by, new.filters, new.having, new.unclear, new.absent, new.period, new.compare, new.compare_grain, new.limit,
        new.currency, new.target, new.notes, new.bound_on_group, new.wrong_currency, new.signals - {"define"}, new.rolling,
        new.known_on,
    )  # fmt: skip
    return any(found)
