"""Conditions that cannot hold, cannot be told apart, or do not fit the figure."""

from __future__ import annotations

from decimal import Decimal

from copilot.planning.asking_back import MOST_CHOICES, label_of, refuse
from copilot.planning.pass_causes import REASONS
from copilot.planning.plan import Choice, Clarify, Plan, Refuse
from copilot.planning.query_building import LISTED
from copilot.planning.ratios import nets_credits
from copilot.planning.slots import Lexicon, Slots
from semantic_layer.model import Metric
from semantic_layer.periods import GRAINS
from semantic_layer.query import MetricQuery

_CREDIT = "Credit Note"
_DEAD = frozenset({"voided", "rejected", "abandoned", "invalid"})
_ANY_STATUS = (
    "blocked_ap",
    "in_process_ap",
    "open_ap_incl_process",
    "pending_approval_value",
    "pending_approval_count",
    "exception_rate",
)
"""Figures that hold documents which are not approved."""


def either(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """Conditions joined by "or": conditions of one question always hold together."""
    if slots.either is None:
        return None
    first, second = slots.either
    begin, end = question.find(first), question.find(second, question.find(first)) + len(second)
    return refuse(
        "UNMAPPED_WORDS",
        f'Conditions hold together here, so "{first}" or "{second}" cannot be asked in one go; ask for one, then for the other.',
        slots,
        [
            Choice(label=f"Only {kept}", question=f"{question[:begin]}{kept}{question[end:]}")
            for kept in (first, second)
        ],
    )


def contradiction(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """Bounds that nothing can meet."""
    for low in (f for f in slots.filters if f.op in {">", ">="}):
        for high in (f for f in slots.filters if f.op in {"<", "<="} and f.field == low.field):
            if Decimal(low.values[0]) > Decimal(high.values[0]):
                return refuse(
                    "UNMAPPED_WORDS",
                    f'Nothing can be "{low.words}" and "{high.words}"; give the bounds the other way.',
                    slots,
                    [],
                )
    return None


def wrong_currency(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A bound in another currency than the one amounts are compared in."""
    if slots.wrong_currency is None:
        return None
    own = lexicon.reporting_currency
    return refuse(
        "MIXED_CURRENCY",
        f"Bounds compare amounts in {own}, and this one is in {slots.wrong_currency}: give it in {own}, or filter by currency.",
        slots,
        [
            Choice(
                label=f"{label_of(slots, lexicon)} in {slots.wrong_currency}",
                question=f"{label_of(slots, lexicon)} in {slots.wrong_currency}",
            )
        ],
    )


def two_currencies(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """As in "in USD and EUR": one answer is in one currency. Documents of one shown in another are a follow-up."""
    said = [f for f in slots.filters if f.field == "currency" and f.words.lower() in question.lower()]
    others = [v for f in said for v in f.values if v != slots.currency]
    held = [v for f in slots.filters if f.field == "currency" and f.op in {"=", "in"} for v in f.values]
    several = slots.currency == "document" and len(held) > 1 and "currency" not in slots.group_by
    if (slots.currency in {None, "document"} or not others) and not several:
        return None
    label = label_of(slots, lexicon)
    return refuse(
        "MIXED_CURRENCY",
        "One answer is in one currency; ask in one, or by currency.",
        slots,
        [
            Choice(label="By currency", question=f"{label} by currency"),
            Choice(label=f"In {lexicon.reporting_currency}", question=f"{label} in {lexicon.reporting_currency}"),
        ],
    )


def wrong_status(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "open payables on hold": figures of approved documents hold none in another status."""
    status = [f for f in slots.filters if f.field == "status"]
    asked = [f for f in status if (f.op in {"=", "in"}) != ("approved" in f.values)]
    if "status" in slots.group_by and slots.metrics and all(name not in _ANY_STATUS for name in slots.metrics):
        label = lexicon.layer.model.metrics[slots.metrics[0]].label
        return refuse(
            "ILLEGAL_GROUPING",
            f"{label} counts approved documents only, so there is nothing to tell apart by status.",
            slots,
            [Choice(label="Blocked payables by status", question="Blocked payables by status")],
        )
    dead = [f for f in asked if f.op in {"=", "in"} and set(f.values) <= _DEAD]
    if dead:
        words = dead[0].words or dead[0].values[0]
        return refuse(
            "ILLEGAL_GROUPING", f'Documents that are "{words}" count in no amount and in no number.', slots, []
        )
    settled = [name for name in slots.metrics if name not in _ANY_STATUS]
    if not asked or not settled:
        return None
    label = lexicon.layer.model.metrics[settled[0]].label
    words = f"{'not ' if 'approved' in asked[0].values else ''}{asked[0].words or asked[0].values[0]}"
    return refuse(
        "ILLEGAL_GROUPING",
        f'{label} counts approved documents only, so it holds none that are "{words}".',
        slots,
        [
            Choice(label=m.label, question=f"What's our {m.label}?")
            for n in _ANY_STATUS
            if (m := lexicon.layer.model.metrics.get(n))
        ][:MOST_CHOICES],
    )


def left_out_already(slots: Slots, lexicon: Lexicon) -> list[str]:
    """Notes on conditions that change nothing: "overdue ex disputed" of a figure that holds approved documents only."""
    asked = [
        f for f in slots.filters if f.field == "status" and f.op in {"!=", "not in"} and "approved" not in f.values
    ]
    settled = [name for name in slots.metrics if name not in _ANY_STATUS]
    if not asked or not settled:
        return []
    label = lexicon.layer.model.metrics[settled[0]].label
    return [f'{label} counts approved documents only, so "{asked[0].words or asked[0].values[0]}" is left out already.']


def no_credit_notes(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "open invoice count for credit notes": many figures leave credit notes out, so there is nothing to show."""
    asked = [f for f in slots.filters if f.field == "document_type" and f.op in {"=", "in"} and _CREDIT in f.values]
    without = [name for name in slots.metrics if asked and not nets_credits(lexicon.layer.model, name)]
    if not without:
        return None
    label = lexicon.layer.model.metrics[without[0]].label
    shown = [n for n in ("unapplied_credits", "spend", "open_ap") if n in lexicon.layer.model.metrics]
    labels = [lexicon.layer.model.metrics[n].label for n in shown]
    return refuse(
        "ILLEGAL_GROUPING",
        f"{label} leaves credit notes out, so there is nothing of it for them alone.",
        slots,
        [Choice(label=labels[0], question=f"What's our {labels[0]}?")]
        + [Choice(label=f"{text} of credit notes", question=f"{text} for credit notes") for text in labels[1:]],
    )


def no_reasons(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "discounts captured, only approved too late": only of missed discounts the reason is known."""
    asked = [f.words or f.values[0] for f in slots.filters if f.field in REASONS.values()]
    others = [name for name in slots.metrics if name not in REASONS]
    if not asked or not others:
        return None
    label = lexicon.layer.model.metrics[others[0]].label
    return refuse(
        "ILLEGAL_GROUPING",
        f'Reasons are known of missed discounts only, so {label} has none that are "{asked[0]}".',
        slots,
        [Choice(label=label, question=f"What's our {label}?")],
    )


def share_of_some(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "percent of overdue over 60 days by entity": of which whole is not said."""
    bounds = [f for f in slots.filters if lexicon.layer.model.dimensions[f.field].type in {"number", "money"}]
    if not slots.share_asked or not bounds:
        return None
    label = label_of(slots, lexicon)
    return refuse(
        "UNMAPPED_WORDS",
        f'A share with the bound "{bounds[0].words}" could be of everything or of those documents alone; ask for the amounts.',
        slots,
        [
            Choice(label="By age", question="Share of payables ageing by ageing bucket"),
            Choice(label=label, question=label),
        ],
    )


def bound_on_group(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """A bound that may hold for each invoice, or for the figure of each group."""
    if slots.bound_on_group is None:
        return None
    words = slots.bound_on_group[0]
    group = next((name for name in slots.group_by if name not in GRAINS), "supplier")
    noun = lexicon.layer.model.dimensions[group].label.lower()
    figure = label_of(slots, lexicon)
    without = " ".join(question.replace(words, " ").split())
    return Clarify(
        reason="AMBIGUOUS_VALUE",
        question=f'Does "{words}" hold for each invoice, or for the total of each {noun}?',
        choices=(
            Choice(label="Each invoice", question=f"{without} for invoices {words}"),
            Choice(label=f"The total of each {noun}", question=f"{without} with {figure} {words}"),
        ),
        coverage=slots.coverage,
    )


def illegal(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A grouping or filter that would count amounts twice, or that the figure does not have."""
    layer = lexicon.layer
    grouped = [name for name in slots.group_by if name not in GRAINS]
    for metric in slots.metrics:
        legal = layer.legal_dimensions(metric)
        wanted = [(name, "grouped by") for name in grouped] + [(f.field, "filtered by") for f in slots.filters]
        for name, verb in wanted:
            dimension = layer.model.dimensions[name]
            if name in legal and (verb == "filtered by" or dimension.groupable):
                continue
            label = layer.model.metrics[metric].label
            if name in layer.model.legal_dimensions(layer.model.metrics[metric]) - legal:
                return refuse("NOT_PERMITTED", f"You may not see {dimension.label.lower()} here.", slots, ())
            ways = [n for n in ("region", "supplier", "category", "buying_entity") if n in legal]
            return refuse(
                "ILLEGAL_GROUPING",
                f"{label} cannot be {verb} {dimension.label.lower()}: {_why_illegal(name, legal, lexicon)}.",
                slots,
                [
                    Choice(
                        label=f"By {layer.model.dimensions[n].label.lower()}",
                        question=f"{label} by {layer.model.dimensions[n].label.lower()}",
                    )
                    for n in ways
                ],
            )
    return None


def of_one_document(query: MetricQuery, slots: Slots, lexicon: Lexicon) -> Refuse | None:
    """As in "show me the invoices" after DPO: a figure of many documents says nothing about one of them."""
    model = lexicon.layer.model
    if LISTED not in query.group_by:
        return None
    figure = next((m for name in query.metrics if _of_many(m := model.metrics[name])), None)
    if figure is None:
        return None
    shown = _listable(figure, lexicon)
    return refuse(
        "ILLEGAL_GROUPING",
        f"{figure.label} is a figure of many documents together: of one invoice it says nothing.",
        slots,
        [
            Choice(label=f"{m.label}, invoice by invoice", question=f"{m.label} by invoice")
            for m in shown[:MOST_CHOICES]
        ],
    )


def _listable(figure: Metric, lexicon: Lexicon) -> list[Metric]:
    """The amounts that a figure rests on, one for each measure; else those of the same time."""
    plain = [
        metric
        for name, metric in lexicon.layer.model.metrics.items()
        if metric.kind in {"flow", "balance"}
        and len(metric.parts) == 1
        and LISTED in lexicon.layer.legal_dimensions(name)
    ]
    parts = {part.measure for part in figure.parts}
    found = {metric.parts[0].measure: metric for metric in reversed(plain) if metric.parts[0].measure in parts}
    return list(reversed(found.values())) or [m for m in plain if m.time_role == figure.time_role][-1:]


def _of_many(metric: Metric) -> bool:
    """Whether a figure needs many documents: a rate of their number, a concentration, a balance against a flow."""
    reads = {part.read == "balance" for part in metric.parts}
    return metric.unit == "ratio" or metric.kind in {"concentration", "trailing"} or len(reads) > 1


def _why_illegal(name: str, legal: frozenset[str], lexicon: Lexicon) -> str:
    dimension = lexicon.layer.model.dimensions[name]
    if name in legal:
        return "it only narrows an answer"
    if dimension.as_of:
        return "it depends on one as-of date, and the figure also covers a period"
    return "one document can have several, so amounts would count more than once"
