"""The twins of a figure: the number of documents behind money, the money behind a number, the rate both are part of."""

from __future__ import annotations

import re

from copilot.planning.description import describe
from copilot.planning.pass_figures import COUNT_OF
from copilot.planning.plan import Choice, Clarify, MetricPlan, Refuse
from copilot.planning.slots import Slots
from copilot.planning.thread_references import group_on_screen, is_selection, pinned
from copilot.planning.thread_state import ThreadState
from semantic_layer.model import SemanticModel

_COUNTING = ("invoices_", "taken_")
"""Parts of a rate that count documents."""
Edit = Slots | Clarify | Refuse | None
"""The changed slots, an answer to the words that is no plan, or None where they change nothing."""
LEAD = r"^(?:and |but |so |ok |okay |then |now |also |what about |how about |just |only |the same )*"
"""Words before a follow-up that change nothing."""
_IN_MONEY = re.compile(
    r"^(?:and |but )?(\$|€|in (money|dollars|\$|value|usd)|how much( money)?( is (that|it|this))?|(the )?(money|amount|value)s?)$"
)
_HOW_MANY = re.compile(
    LEAD + r"(?:in |on |across |over |for |by )?(?:how many|#|(?:the )?(?:count|numbers?)|in numbers|as a count)"
    r"(?: of)?(?: (?:invoices?|bills?|documents?|discounts?|offers?|of them|of those|them|those))?"
    r"(?: (?:is|are|was|were|does|do|sits?|lie|stand|that|those|they|there|it|these|this|behind|in|make|up|included|affected|involved"
    r"|concerned|altogether|numbers))*$"
)
_MOST_INVOICES = re.compile(
    r"^(?:and )?(?:which|who)(?: one| of (?:them|those|these))? (?:has|have|had) (?:the )?(most|fewest|least|more|fewer) "
    r"(?:invoices|bills|documents)$"
)
_RATIO = re.compile(LEAD + r"(?:as |show |in )?(?:the |a )?(?:ratio|rate|percentage)$")
_FIGURE_OF_COUNT = {
    **{count: money for money, count in COUNT_OF.items()},
    "discount_missed_count": "discount_missed", "discount_captured_count": "discount_captured",
    "discount_offered_count": "discount_offered", "pending_approval_count": "pending_approval_value",
    "duplicate_count": "duplicate_risk", "term_cap_breaches": "term_cap_breach_value",
    "term_mismatch_count": "term_mismatch_leakage", "invoice_count": "spend",
}  # fmt: skip
"""A count of documents and the money in the same documents."""
_COUNT_OF_FIGURE = {money: count for count, money in _FIGURE_OF_COUNT.items()} | {
    "purchases": "invoice_count", "average_invoice_value": "invoice_count", "duplicate_paid": "duplicate_count",
}  # fmt: skip


def twin(state: ThreadState, old: Slots, text: str, model: SemanticModel) -> Edit:
    """The count of the documents behind a figure, or the money behind a count; everything else stays."""
    if _IN_MONEY.match(text):
        return _swapped(state, old, _FIGURE_OF_COUNT, model)
    if not _HOW_MANY.match(text):
        return None
    if all(model.metrics[name].unit == "count" for name in old.metrics):
        return old
    found = _swapped(state, old, _COUNT_OF_FIGURE, model)
    if found is not None:
        return found
    names = ", ".join(model.metrics[name].label for name in old.metrics)
    if any(part.name.startswith(_COUNTING) for name in old.metrics for part in model.metrics[name].parts):
        old.notes.append(f"The counts behind {names} stand beside it in the table.")
        return old
    counts = [name for name in ("invoice_count", "open_invoice_count", "past_due_count") if name in model.metrics]
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question=f"There is no count behind {names}. Which count do you want instead?",
        choices=tuple(Choice(label=model.metrics[n].label, question=_with_figures(state, [n], model)) for n in counts),
    )


def most_invoices(state: ThreadState, old: Slots, text: str, model: SemanticModel) -> Slots | None:
    """As in "which has the most invoices": the count behind the figure, one row."""
    found = _MOST_INVOICES.match(text)
    counted = _swapped(state, old, _COUNT_OF_FIGURE, model) if found and group_on_screen(state.last) else None
    if found is None or counted is None:
        return None
    counted.limit, counted.limit_per, counted.ranked_by = 1, [], None
    counted.descending = found[1] in {"most", "more"}
    counted.signals |= {"top"}
    return counted


def _swapped(state: ThreadState, old: Slots, twins: dict[str, str], model: SemanticModel) -> Slots | None:
    if not any(twins.get(name) in model.metrics for name in old.metrics):
        return None
    if is_selection(state.last) and state.shown is not None:
        rows = pinned(state, old)
        old = rows if isinstance(rows, Slots) else old
    old.metrics = list(dict.fromkeys(twins.get(name, name) for name in old.metrics))
    old.target, old.currency = None, None
    return old


def _with_figures(state: ThreadState, names: list[str], model: SemanticModel) -> str:
    """The question of the last plan with other figures, complete in itself."""
    last = state.last
    if not isinstance(last, MetricPlan):
        return f"What's our {model.metrics[names[0]].label}?"
    query = last.query.model_copy(update={"metrics": tuple(names), "having": (), "order": (), "limit": None})
    return describe(last.model_copy(update={"query": query}), model)


def rate_of(state: ThreadState, old: Slots, text: str, model: SemanticModel) -> Edit:
    """As in "the ratio": the rate that the figures on screen are part of."""
    if not _RATIO.match(text) or any(model.metrics[name].unit == "ratio" for name in old.metrics):
        return None
    related = dict.fromkeys(other for name in old.metrics for other in model.metrics[name].related)
    rates = [name for name in related if name in model.metrics and model.metrics[name].unit == "ratio"]
    if len(rates) == 1:
        old.metrics, old.target, old.having = rates, None, []
        return old
    if not rates:
        return None
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="Which rate do you mean?",
        choices=tuple(Choice(label=model.metrics[n].label, question=_with_figures(state, [n], model)) for n in rates),
    )
