"""Which figure is meant: none named, several behind one word, ranked by what, a number of documents that is not known."""

from __future__ import annotations

import re

from copilot.planning.asking_back import DEFAULT_FIGURES, MOST_CHOICES, label_of, refuse
from copilot.planning.plan import Choice, Clarify, Plan
from copilot.planning.slots import Lexicon, Slots
from semantic_layer.periods import GRAINS

_MONTH = 31
_BEST = re.compile(r"\b(?:best|worst)\b", re.IGNORECASE)
OF_DOCUMENTS = ("spend", "open_ap", "past_due_ap", "payments_made")
"""What is asked of invoices where no figure is named."""


def no_figure(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """No metric named: a word with several of them, or conditions without a figure."""
    if slots.metrics:
        return None
    model = lexicon.layer.model
    if slots.vague:
        term = next(t for t in model.ambiguous_terms if t.term == slots.vague[0])
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question=term.question,
            choices=tuple(
                Choice(
                    label=model.metrics[name].label, question=_with_figure(question, slots, model.metrics[name].label)
                )
                for name in term.metrics
            ),
            coverage=slots.coverage,
        )
    says_something = slots.group_by or slots.filters or slots.period or slots.signals or slots.having or slots.limit
    if says_something:
        return _which_figure(question, slots, lexicon)
    return refuse(
        "UNKNOWN_METRIC",
        "I find no figure of the catalogue in this; name one, for example DPO, open payables or missed discounts.",
        slots,
        [
            Choice(label=text, question=text)
            for text in ("What's our DPO?", "Open AP by region", "Spend by category this year")
        ],
    )


def _which_figure(question: str, slots: Slots, lexicon: Lexicon) -> Clarify:
    """Conditions without a figure: the figures they are legal for."""
    layer = lexicon.layer
    needed = {f.field for f in slots.filters} | (set(slots.group_by) - set(GRAINS))
    fit = [
        name
        for name in (*(OF_DOCUMENTS if slots.documents else DEFAULT_FIGURES), *layer.model.metrics)
        if name in layer.model.metrics and needed <= layer.legal_dimensions(name)
    ]
    names = list(dict.fromkeys(fit or DEFAULT_FIGURES))[:MOST_CHOICES]
    if "forecast" in slots.signals:
        names = ["dpo_purchases"]
    labels = [layer.model.metrics[name].label for name in names]
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="Which figure do you want to see?",
        choices=tuple(Choice(label=label, question=f"{label}: {question}") for label in labels),
        coverage=slots.coverage,
    )


def _with_figure(question: str, slots: Slots, label: str) -> str:
    """The question with the vague words replaced by the figure."""
    words = slots.coverage_of("ambiguous")
    at = question.find(words)
    if "why" in slots.signals:
        return question.replace(words, label, 1)
    tail = " by supplier" if "supplier" in words.lower() or "vendor" in words.lower() else ""
    rest = question[at + len(words) :].lstrip("?!. ")
    ranked = f"Top 10 suppliers by {label}" if tail else label
    before = question[:at] if slots.group_by or slots.filters else ""
    return f"{before}{ranked} {rest}".strip()


def uncounted(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "number of unapproved invoices" where only their amount is known."""
    if not slots.uncounted:
        return None
    metric = lexicon.layer.model.metrics[slots.uncounted]
    kind = "an amount" if metric.unit == "money" else "a rate"
    return refuse(
        "UNKNOWN_METRIC",
        f"{metric.label} is {kind}; there is no count of these documents.",
        slots,
        [Choice(label=metric.label, question=f"What's our {metric.label}?")],
    )


def largest_by_what(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "DPO of our top 20 suppliers": the largest by spend, or by the figure itself."""
    if not slots.largest_of or slots.share_asked or len(slots.metrics) != 1:
        return None
    label = label_of(slots, lexicon)
    group = next((name for name in slots.group_by if name not in GRAINS), "supplier")
    noun = lexicon.layer.model.dimensions[group].label.lower()
    number, end = slots.limit or 10, "bottom" if slots.descending is False else "top"
    when = slots.coverage_of("time")
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question=f"The {'smallest' if end == 'bottom' else 'largest'} by what?",
        choices=(
            Choice(
                label="By spend",
                question=f"{label} and spend by {noun} {when}, {end} {number} by spend".replace(" ,", ","),
            ),
            Choice(label=f"By {label}", question=f"{end} {number} {noun} by {label} {when}".strip()),
        ),
        coverage=slots.coverage,
    )


def age_or_money(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "most overdue": the most money, or the longest."""
    if not slots.by_age_or_money:
        return None
    words = f"{slots.by_age_or_money} "
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="By the amount overdue, or by how long?",
        choices=(
            Choice(label="The largest amount", question=question.replace(words, "largest ", 1)),
            Choice(label="The oldest", question=question.replace(words, "oldest ", 1)),
        ),
        coverage=slots.coverage,
    )


def ranked_by_what(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """As in "highest DPO in the last 12 months": the highest of what is not said."""
    where = re.search(r"\bwhere\b", question, re.IGNORECASE) is not None
    run = where or (slots.period is not None and (slots.period.grain is not None or slots.period.period.days > _MONTH))
    if "top" not in slots.signals or "list" in slots.signals or slots.limit is not None or slots.group_by or not run:
        return None
    if slots.documents or slots.by_direction or slots.share_asked:
        return None
    label = label_of(slots, lexicon)
    span = slots.coverage_of("time")
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="The highest or lowest of what?"
        if slots.descending is None
        else f"The {'highest' if slots.descending else 'lowest'} of what?",
        choices=tuple(
            Choice(
                label=name.capitalize(),
                question=f"{'Top' if slots.descending else 'Lowest'} 10 {name} by {label} {span}".strip(),
            )
            for name in ("suppliers", "categories", "months")
        ),
        coverage=slots.coverage,
    )


def best_of_neutral(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """As in "which entity has the worst DPO": neither more nor less of it is better."""
    metrics = [lexicon.layer.model.metrics[name] for name in slots.metrics]
    ranked = next((metric for metric in metrics if metric.name == slots.ranked_by), metrics[0] if metrics else None)
    if not slots.by_direction or ranked is None or ranked.direction != "neutral":
        return None
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question=f"{ranked.label} is neither good nor bad in itself: which end do you want to see first?",
        choices=tuple(
            Choice(label=f"{word.capitalize()} first", question=_BEST.sub(word, question))
            for word in ("highest", "lowest")
        ),
        coverage=slots.coverage,
    )


def ranked_by_change(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "top 5 suppliers by spend growth": rows are ordered by a figure, not by how it changed."""
    compared = slots.compare is not None or slots.compare_grain is not None
    if not {"change", "top"} <= slots.signals or not compared or not slots.group_by:
        return None
    return refuse(
        "UNMAPPED_WORDS",
        "Rows are ordered by the figure itself, not by how it changed; ask for the change by group and read the column.",
        slots,
        [],
    )


def share_of_what(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A share with nothing to share among."""
    if not slots.share_asked or slots.group_by or slots.filters or len(slots.metrics) != 1 or slots.limit is not None:
        return None
    figure = label_of(slots, lexicon)
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="A share by what?",
        choices=tuple(
            Choice(label=f"By {d}", question=f"Share of {figure} by {d}") for d in ("category", "supplier", "region")
        ),
        coverage=slots.coverage,
    )


_ROWS_OF = {
    "who": ("supplier", "buying_entity", "approver"),
    "where": ("buying_entity", "region", "category", "supplier"),
}


def who_or_where(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """As in "who pays late", "where are we overdue": by what is not said."""
    if not slots.asker or not slots.metrics or slots.group_by:
        return None
    legal = frozenset.intersection(*(lexicon.layer.legal_dimensions(name) for name in slots.metrics))
    names = [name for name in _ROWS_OF[slots.asker] if name in legal]
    labels = [lexicon.layer.model.dimensions[name].label.lower() for name in names]
    rest = question.strip(" ?!.")
    word = slots.coverage_of("unclear")
    text = rest.replace(word, "", 1).strip() if word else rest
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question=f"{slots.asker.capitalize()}: by what shall I tell it apart?",
        choices=tuple(Choice(label=f"By {label}", question=f"{text} by {label}") for label in labels),
        coverage=slots.coverage,
    )
