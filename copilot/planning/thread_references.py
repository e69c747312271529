"""Words that point at the answer on screen: "their", "those", "of that", "the second one", "which is the worst".

What they point at is kept: the rows that were shown, not a new ranking that happens to have the same length.
"""

from __future__ import annotations

import re

from copilot.planning.gate import refusal
from copilot.planning.plan import Choice, Clarify, MetricPlan, Refuse
from copilot.planning.slots import Slots
from copilot.planning.thread_slots import slots_of
from copilot.planning.thread_state import Figures, Shown, ThreadState
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS
from semantic_layer.query import Filter

_POINTING = re.compile(
    r"\b(?:(?:out )?of|for|from|with|in|by|among) (?:all )?(?:that|those|them|these|it|this|which)\b(?: ones?)?"
    r"|\b(?:their|theirs|its|those|these|them|they|there)\b(?: ones?| same| \d{1,2}(?= ))?|\b(?:is|was|are|were) (?:that|this|it)\b"
)
_POSSESSIVE = re.compile(r"\b(?:their|its)\b")
_ROWS = re.compile(r"\b(?:those|these|ones?|them|rows?|groups?)\b")
_NTH = re.compile(
    r"^(?:and |just |only |show |open )*(?:the )?(first|second|third|fourth|fifth|last|\d{1,2}(?:st|nd|rd|th))"
    r"(?: (?:one|row|line|entry))?(?: only| alone)?$"
)
_PLACES = {"first": 0, "second": 1, "third": 2, "fourth": 3, "fifth": 4, "last": -1}
_WHICH = re.compile(
    r"^(?:and |so |then )*(?:(?:which|who|what)(?: one| of (?:them|those|these))?(?:'s| is| are| was| were| has| have)?(?: the)?|(?:just |only )?the) "
    r"(worst|best|worse|better|highest|lowest|higher|lower|biggest|largest|smallest|oldest|newest|youngest|most|least|slowest|fastest|longest|shortest)"
    r"(?: one| of (?:them|those|these|the two))?$"
    r"|^(?:and )?(worst|best|highest|lowest|biggest|largest|smallest|oldest|newest)(?: one)? of (?:them|those|these)$"
)
_HIGH, _LOW = frozenset({"highest", "biggest", "largest", "most"}), frozenset({"lowest", "smallest", "least"})
_PACE = {"slowest": "highest", "longest": "highest", "fastest": "lowest", "shortest": "lowest"}
_AGE_OF_BALANCES = "dpo_open_age"
LISTED = "invoice_id"


def points(text: str) -> bool:
    """Whether words point at what is on screen."""
    return _POINTING.search(text) is not None


def without_pointers(text: str) -> str:
    """The words without those that point."""
    return " ".join(_POINTING.sub(" ", text).split())


def possessive(text: str) -> bool:
    """As in "their payment terms": something of each row."""
    return _POSSESSIVE.search(text) is not None


def names_rows(text: str, last: Figures, model: SemanticModel) -> bool:
    """As in "only those over 10k", "suppliers above 10k": the rows on screen, not their documents."""
    group = group_on_screen(last)
    if group is None:
        return False
    dimension = model.dimensions[group]
    nouns = {group.replace("_", " "), dimension.label.lower(), *dimension.synonyms}
    plural = {f"{noun}s" for noun in nouns} | {f"{noun[:-1]}ies" for noun in nouns if noun.endswith("y")}
    return _ROWS.search(text) is not None or any(re.search(rf"\b{re.escape(n)}\b", text) for n in nouns | plural)


def group_on_screen(last: Figures | None) -> str | None:
    """The one dimension that names the rows of the last answer, if there is just one."""
    if not isinstance(last, MetricPlan):
        return None
    names = [name for name in last.query.group_by if name not in GRAINS]
    return names[0] if len(names) == 1 else None


def is_selection(last: Figures | None) -> bool:
    """Whether the rows on screen are a choice among more: a ranking, or those that meet a condition."""
    if not isinstance(last, MetricPlan):
        return False
    query = last.query
    return query.limit is not None or bool(query.having) or query.top_per is not None


def pinned(state: ThreadState, old: Slots) -> Slots | Refuse:
    """The slots with the rows on screen as a condition instead of the ranking or bound that chose them."""
    if not is_selection(state.last):
        return old
    shown, group = state.shown, group_on_screen(state.last)
    if shown is None or group is None or shown.dimension != group:
        return _not_remembered()
    if any(value is None for value in shown.values):
        old.notes.append("Documents without a name in that list are left out.")
    return _only(old, shown, tuple(value for value in shown.values if value is not None))


def _only(old: Slots, shown: Shown, values: tuple[str, ...]) -> Slots:
    if values:
        others = [f for f in old.filters if f.field != shown.dimension]
        op = "in" if len(values) > 1 else "="
        condition = {"field": shown.dimension, "op": op, "values": values, "words": "those"}
        old.filters = [*others, Filter.model_validate(condition)]
    old.limit, old.limit_per, old.having, old.descending = None, [], [], None
    old.signals -= {"top", "list"}
    return old


def nth_row(state: ThreadState, text: str) -> Slots | Refuse | None:
    """As in "the second one only": that row of the answer on screen."""
    found = _NTH.match(text)
    if found is None or state.last is None or group_on_screen(state.last) is None:
        return None
    shown = state.shown
    if shown is None:
        return _not_remembered()
    at = _PLACES.get(found[1])
    place = at if at is not None else int(re.sub(r"\D", "", found[1])) - 1
    if not -len(shown.values) <= place < len(shown.values):
        return refusal("MISSING_INPUT", "The answer before does not have that many rows.", ())
    value = shown.values[place]
    if value is None:
        return refusal("MISSING_INPUT", "That row has no name that could be asked for.", ())
    return _only(slots_of(state.last), shown, (value,))


def which_one(last: Figures, text: str, model: SemanticModel) -> Slots | Clarify | Refuse | None:
    """As in "which is the worst": one row of the answer on screen, by its figure; by age where age is meant."""
    found = _WHICH.match(text)
    if found is None or not isinstance(last, MetricPlan):
        return None
    word, old = found[1] or found[2], slots_of(last)
    word = {"worse": "worst", "better": "best", "higher": "highest", "lower": "lowest", **_PACE}.get(word, word)
    figure = model.metrics[old.metrics[0]]
    if word in {"oldest", "newest", "youngest"}:
        return _by_age(old, model, oldest=word == "oldest")
    if group_on_screen(last) is None:
        return refusal(
            "MISSING_INPUT",
            f"Which what? Say by what {figure.label} should be told apart.",
            (f"{figure.label} by supplier", f"{figure.label} by category"),
        )
    if word in {"worst", "best"} and figure.direction == "neutral":
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question=f"{figure.label} is neither good nor bad in itself: the highest or the lowest?",
            choices=tuple(Choice(label=w.capitalize(), question=f"which is the {w}") for w in ("highest", "lowest")),
        )
    high = word in _HIGH or (word not in _LOW and (figure.direction == "up") == (word == "best"))
    old.limit, old.limit_per, old.descending, old.ranked_by = 1, [], high, None
    old.signals |= {"top"}
    return old


def _by_age(old: Slots, model: SemanticModel, *, oldest: bool) -> Slots | Refuse:
    balance = all(model.metrics[name].time_role == "as_of" for name in old.metrics)
    if _AGE_OF_BALANCES not in model.metrics or not balance:
        return refusal("UNKNOWN_METRIC", "I know the age of open payables only, not of this figure.", ())
    old.metrics, old.limit, old.limit_per, old.descending = [_AGE_OF_BALANCES], 1, [], oldest
    old.group_by = [name for name in old.group_by if name not in GRAINS] or [LISTED]
    old.having = []
    old.signals |= {"top"}
    return old


def _not_remembered() -> Refuse:
    return refusal("MISSING_INPUT", "I cannot tell which rows that points at; name them, please.", ())
