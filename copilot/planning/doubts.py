"""What keeps a question from being answered as it stands.

Each doubt asks one question back, or refuses and says what works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from decimal import Decimal

from rapidfuzz import fuzz

from copilot.planning.normalise import stem
from copilot.planning.plan import Choice, Clarify, Plan, ReasonCode, Refuse
from copilot.planning.slots import Lexicon, Slots, Unclear
from copilot.planning.vocabulary import NAME_DIMENSIONS, Meaning
from copilot.planning.word_classes import COMPARATIVE_DOWN, COMPARATIVE_UP, NEGATIONS, OVER, UNDER
from semantic_layer.periods import GRAINS, Period

MOST_CHOICES = 4
_MONTH = 31
_ANY_STATUS = (
    "blocked_ap",
    "in_process_ap",
    "open_ap_incl_process",
    "pending_approval_value",
    "pending_approval_count",
    "exception_rate",
)
"""Figures that hold documents which are not approved."""
_TURNING = (
    NEGATIONS
    | OVER
    | UNDER
    | COMPARATIVE_UP
    | COMPARATIVE_DOWN
    | frozenset(
        "before after until till starting ending earlier later since from hide ignore ignoring omit omitting leaving barring excluded neither nor improved most least other rest".split()
    )
)
"""Words without which a question means something else, often the opposite."""
DEFAULT_FIGURES = ("dpo_purchases", "open_ap", "spend", "discount_missed")
_BEFORE_NAMES = frozenset({"for", "with", "from", "of", "at", "to", "supplier", "vendor", "owe", "fur", "chez", "bei"})
_PRONOUNS = frozenset({"it", "that", "this", "they", "those", "these"})
_DANGLING = re.compile(
    r"(?:^|\s)(?:by|per|for|with|from|of|in|at|on|to|and|or|but|the|a|an|our|not|than)$|^(?:and|or|but)\s",
    re.IGNORECASE,
)
_SHORT = 12
_ALIKE = 78
_LONGEST_QUOTE = 40


def external(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001 - one shape for all doubts
    """A figure of the field whose inputs are not in Coupa, nor in any feed that was loaded."""
    model = lexicon.layer.model
    gone = next((error for name in slots.metrics if (error := lexicon.layer.missing_feed(name))), None)
    if gone is not None:
        labels = [model.metrics[name].label for name in gone.choices]
        ways = [Choice(label=label, question=f"What's our {label}?") for label in labels]
        return _refuse("NEEDS_EXTERNAL_DATA", str(gone), slots, ways)
    if not slots.externals:
        return None
    found = model.external_metrics[slots.externals[0]]
    nearest = [model.metrics[name].label for name in found.nearest if name in model.metrics]
    near = f" The nearest figure we have: {' or '.join(nearest)}." if nearest else ""
    return _refuse(
        "NEEDS_EXTERNAL_DATA",
        f"{found.label} needs {found.needs}.{near}",
        slots,
        [Choice(label=label, question=f"What's our {label}?") for label in nearest],
    )


def unresolved(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """Words that nothing accounts for: leaving one out could change the answer."""
    if not slots.unresolved:
        return None
    words = [word for word, _ in slots.unresolved]
    if not slots.metrics and not slots.outflow:
        return _without_referent(question, slots, lexicon) or _no_such_figure(words, slots, lexicon)
    known = [dimension for dimension in NAME_DIMENSIONS if dimension in lexicon.layer.model.dimensions]
    names = [name for dimension in known for name, _ in lexicon.layer.values(dimension)]
    label = _label(slots, lexicon)
    named = any(
        before in _BEFORE_NAMES or (word[:1].isupper() and not question.startswith(word) and not question.isupper())
        for word, before in slots.unresolved
    )
    found = (name for word in words for name in alike(word, names) if named or _is_slip_of(word, name))
    near = list(dict.fromkeys(found))[:MOST_CHOICES]
    if near or named:
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        return _refuse(
            "UNKNOWN_VALUE",
            f"I find no supplier, entity or category called {_quoted(words)}.{hint}",
            slots,
            [Choice(label=name, question=f"{label} for {name}") for name in near]
            or [Choice(label=label, question=label)],
        )
    return _refuse(
        "UNMAPPED_WORDS",
        f"I understand the question except for {_quoted(words)}; leaving that out could change the answer, so I give none.",
        slots,
        _without(question, words, label),
    )


def _is_slip_of(word: str, name: str) -> bool:
    """Whether a word that stands where no name is expected is nearly a word of a name, not the beginning of one."""
    low = word.lower()
    parts = [part for part in name.lower().split() if len(part) > 3]
    return not any(low.startswith(part) or part.startswith(low) for part in parts if part != low)


def _without(question: str, words: Iterable[str], label: str) -> list[Choice]:
    """The question without the words that mean nothing here; whatever else it says stays."""
    rest = question
    if any(stem(part) in _TURNING or part in _TURNING for word in words for part in word.lower().split()):
        return []
    for word in words:
        rest = re.sub(rf"(?:\b(?:by|per)\s+)?(?<!\w){re.escape(word)}(?!\w)", " ", rest, count=1)
    rest = " ".join(rest.split()).strip(" ,;?!.")
    while _DANGLING.search(rest):
        rest = _DANGLING.sub("", rest).strip(" ,;?!.")
    return [Choice(label=f"{label} without it" if label else rest, question=rest)] if rest and label else []


def _without_referent(question: str, slots: Slots, lexicon: Lexicon) -> Clarify | None:
    """As in "is it good?": a question about something that was never named."""
    words = re.findall(r"[a-z]+", question.lower())
    if len(words) > _SHORT or not _PRONOUNS & set(words) or slots.vague:
        return None
    shown = [lexicon.layer.model.metrics[name].label for name in DEFAULT_FIGURES if name in lexicon.layer.model.metrics]
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="Which figure do you mean?",
        choices=tuple(Choice(label=label, question=f"What's our {label}?") for label in shown),
        coverage=slots.coverage,
    )


def _no_such_figure(words: list[str], slots: Slots, lexicon: Lexicon) -> Refuse:
    model = lexicon.layer.model
    phrases = {text: m.name for m in model.metrics.values() for text in (m.label.lower(), *m.synonyms)}
    terms = [t for t in model.ambiguous_terms if t.term in slots.vague]
    near = [name for term in terms for name in term.metrics]
    near = near or list(dict.fromkeys(phrases[found] for word in words for found in alike(word.lower(), phrases)))
    shown = [model.metrics[name].label for name in near or DEFAULT_FIGURES if name in model.metrics][:MOST_CHOICES]
    hint = (
        f" Did you mean {', '.join(shown)}?"
        if near
        else " Name a figure, for example DPO, open payables or missed discounts."
    )
    return _refuse(
        "UNKNOWN_METRIC" if near and not terms else "UNMAPPED_WORDS",
        f"I do not know what {_quoted(words)} means here, so I give no figure.{hint}",
        slots,
        [Choice(label=label, question=f"What's our {label}?") for label in shown],
    )


def alike(word: str, choices: Iterable[str]) -> list[str]:
    """Up to three choices that are, in whole or in one of their words, much like a word of four letters or more."""
    word = word.lower()
    if len(word) < 4:
        return []

    def likeness(choice: str) -> float:
        return max(
            (fuzz.ratio(word, part) for part in (choice.lower(), *choice.lower().split()) if len(part) > 3), default=0.0
        )

    ranked = sorted(((likeness(choice), choice) for choice in choices), key=lambda pair: (-pair[0], pair[1]))
    return [choice for score, choice in ranked[:3] if score >= _ALIKE]


def wrong_currency(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A bound in another currency than the one amounts are compared in."""
    if slots.wrong_currency is None:
        return None
    own = lexicon.reporting_currency
    return _refuse(
        "MIXED_CURRENCY",
        f"Bounds compare amounts in {own}, and this one is in {slots.wrong_currency}: give it in {own}, or filter by currency.",
        slots,
        [
            Choice(
                label=f"{_label(slots, lexicon)} in {slots.wrong_currency}",
                question=f"{_label(slots, lexicon)} in {slots.wrong_currency}",
            )
        ],
    )


def unclear(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """Words that fit several values, or several days."""
    if not slots.unclear:
        return None
    found = slots.unclear[0]
    if found.days:
        return Clarify(
            reason="AMBIGUOUS_TIME",
            question=f"When is {question[found.start : found.end]}?",
            choices=tuple(Choice(label=_long_date(t), question=_replaced(question, found, t)) for t in found.days),
            coverage=slots.coverage,
        )
    return _which_value(question, found, slots, lexicon)


def _long_date(text: str) -> str:
    """A day or a month in words, from "2026-01-26" or "2026-01"."""
    day = date.fromisoformat(text if len(text) > len("2026-01") else f"{text}-01")
    return f"{day.day} {day:%B %Y}" if len(text) > len("2026-01") else f"{day:%B %Y}"


def _which_value(question: str, found: Unclear, slots: Slots, lexicon: Lexicon) -> Clarify:
    model, counts = lexicon.layer.model, lexicon.vocabulary.frequency
    ranked = sorted(found.meanings, key=lambda m: (-counts.get(m, 0), m.value, m.name))[:MOST_CHOICES]
    kinds = {m.name for m in ranked}
    kind = model.dimensions[ranked[0].name].label.lower() if len(kinds) == 1 else "one"

    def label(meaning: Meaning) -> str:
        return meaning.value if len(kinds) == 1 else f"{meaning.value} ({model.dimensions[meaning.name].label.lower()})"

    def text(meaning: Meaning) -> str:
        twice = len({m.value for m in ranked}) < len(ranked)
        return f"{model.dimensions[meaning.name].label.lower()} {meaning.value}" if twice else meaning.value

    more = len(found.meanings) - len(ranked)
    tail = f" ({more} more fit; type more of the name)" if more > 0 else ""
    return Clarify(
        reason="AMBIGUOUS_VALUE",
        question=f'Which {kind} do you mean by "{question[found.start : found.end][:_LONGEST_QUOTE]}"?{tail}',
        choices=tuple(Choice(label=label(m), question=_replaced(question, found, text(m))) for m in ranked),
        coverage=slots.coverage,
    )


def _replaced(question: str, found: Unclear, text: str) -> str:
    return f"{question[: found.start]}{text}{question[found.end :]}"


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
    return _refuse(
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
        for name in (*DEFAULT_FIGURES, *layer.model.metrics)
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
    words = next(c.words for c in slots.coverage if c.slot == "ambiguous")
    at = question.find(words)
    tail = " by supplier" if "supplier" in words.lower() or "vendor" in words.lower() else ""
    rest = question[at + len(words) :].lstrip("?!. ")
    ranked = f"Top 10 suppliers by {label}" if tail else label
    before = question[:at] if slots.group_by or slots.filters else ""
    return f"{before}{ranked} {rest}".strip()


def absent(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A value that people know and the mirror does not hold."""
    if not slots.absent:
        return None
    dimension, value = slots.absent[0]
    label = lexicon.layer.model.dimensions[dimension].label.lower()
    held = [name for name, _ in lexicon.layer.values(dimension)[:MOST_CHOICES]]
    figure = _label(slots, lexicon)
    return _refuse(
        "UNKNOWN_VALUE",
        f"There is no data for {label} {value}.",
        slots,
        [Choice(label=name, question=f"{figure} for {name}") for name in held],
    )


def bound_on_group(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """A bound that may hold for each invoice, or for the figure of each group."""
    if slots.bound_on_group is None:
        return None
    words = slots.bound_on_group[0]
    group = next((name for name in slots.group_by if name not in GRAINS), "supplier")
    noun = lexicon.layer.model.dimensions[group].label.lower()
    figure = _label(slots, lexicon)
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


def several_periods(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """More than one period, and no word that says how they belong together."""
    if not slots.extra_periods or slots.period is None:
        return None
    figure = _label(slots, lexicon)
    first = next((c.words for c in slots.coverage if c.slot == "time"), str(slots.period.period))
    periods = list(dict.fromkeys([first, *slots.extra_periods]))[: MOST_CHOICES - 1]
    choices = [Choice(label=words, question=f"{figure} {words}") for words in periods]
    if len(periods) == 2:
        choices.append(
            Choice(label=f"{periods[0]} against {periods[1]}", question=f"{figure} {periods[0]} vs {periods[1]}")
        )
    return Clarify(
        reason="AMBIGUOUS_TIME", question="Which period do you mean?", choices=tuple(choices), coverage=slots.coverage
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
                return _refuse("NOT_PERMITTED", f"You may not see {dimension.label.lower()} here.", slots, ())
            ways = [n for n in ("region", "supplier", "category", "buying_entity") if n in legal]
            return _refuse(
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


def _why_illegal(name: str, legal: frozenset[str], lexicon: Lexicon) -> str:
    dimension = lexicon.layer.model.dimensions[name]
    if name in legal:
        return "it only narrows an answer"
    if dimension.as_of:
        return "it depends on one as-of date, and the figure also covers a period"
    return "one document can have several, so amounts would count more than once"


def two_grains(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """By month and by quarter at once."""
    grains = [name for name in slots.group_by if name in GRAINS]
    if len(grains) < 2:
        return None
    figure = _label(slots, lexicon)
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question="By which of these?",
        choices=tuple(Choice(label=f"By {grain}", question=f"{figure} by {grain}") for grain in grains),
        coverage=slots.coverage,
    )


def share_of_what(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """A share with nothing to share among."""
    if not slots.share_asked or slots.group_by or slots.filters or len(slots.metrics) != 1 or slots.limit is not None:
        return None
    figure = _label(slots, lexicon)
    return Clarify(
        reason="AMBIGUOUS_METRIC",
        question="A share by what?",
        choices=tuple(
            Choice(label=f"By {d}", question=f"Share of {figure} by {d}") for d in ("category", "supplier", "region")
        ),
        coverage=slots.coverage,
    )


def _label(slots: Slots, lexicon: Lexicon) -> str:
    if slots.outflow:
        return "AP outflow"
    return " and ".join(lexicon.layer.model.metrics[name].label for name in slots.metrics)


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word[:_LONGEST_QUOTE]}"' for word in dict.fromkeys(words))


def _refuse(reason: ReasonCode, message: str, slots: Slots, choices: Iterable[Choice]) -> Refuse:
    return Refuse(reason=reason, message=message, choices=tuple(choices), coverage=slots.coverage)


def contradiction(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """Bounds that nothing can meet."""
    for low in (f for f in slots.filters if f.op in {">", ">="}):
        for high in (f for f in slots.filters if f.op in {"<", "<="} and f.field == low.field):
            if Decimal(low.values[0]) > Decimal(high.values[0]):
                return _refuse(
                    "UNMAPPED_WORDS",
                    f'Nothing can be "{low.words}" and "{high.words}"; give the bounds the other way.',
                    slots,
                    [],
                )
    return None


def two_currencies(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """As in "in USD and EUR": one answer is in one currency. Documents of one shown in another are a follow-up."""
    said = [f for f in slots.filters if f.field == "currency" and f.words.lower() in question.lower()]
    others = [v for f in said for v in f.values if v != slots.currency]
    held = [v for f in slots.filters if f.field == "currency" and f.op in {"=", "in"} for v in f.values]
    several = slots.currency == "document" and len(held) > 1 and "currency" not in slots.group_by
    if (slots.currency in {None, "document"} or not others) and not several:
        return None
    label = _label(slots, lexicon)
    return _refuse(
        "MIXED_CURRENCY",
        "One answer is in one currency; ask in one, or by currency.",
        slots,
        [
            Choice(label="By currency", question=f"{label} by currency"),
            Choice(label=f"In {lexicon.reporting_currency}", question=f"{label} in {lexicon.reporting_currency}"),
        ],
    )


def ranked_by_what(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:
    """As in "highest DPO in the last 12 months": the highest of what is not said."""
    where = re.search(r"\bwhere\b", question, re.IGNORECASE) is not None
    run = where or (slots.period is not None and (slots.period.grain is not None or slots.period.period.days > _MONTH))
    if "top" not in slots.signals or "list" in slots.signals or slots.limit is not None or slots.group_by or not run:
        return None
    if slots.documents or slots.by_direction or slots.share_asked:
        return None
    label = _label(slots, lexicon)
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


def wrong_status(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "open payables on hold": figures of approved documents hold none in another status."""
    asked = [f for f in slots.filters if f.field == "status" and f.op in {"=", "in"} and "approved" not in f.values]
    settled = [name for name in slots.metrics if name not in _ANY_STATUS]
    if not asked or not settled:
        return None
    label = lexicon.layer.model.metrics[settled[0]].label
    return _refuse(
        "ILLEGAL_GROUPING",
        f'{label} counts approved documents only, so it holds none that are "{asked[0].words or asked[0].values[0]}".',
        slots,
        [
            Choice(label=m.label, question=f"What's our {m.label}?")
            for n in _ANY_STATUS
            if (m := lexicon.layer.model.metrics.get(n))
        ][:MOST_CHOICES],
    )


def share_of_some(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "percent of overdue over 60 days by entity": of which whole is not said."""
    bounds = [f for f in slots.filters if lexicon.layer.model.dimensions[f.field].type in {"number", "money"}]
    if not slots.share_asked or not bounds:
        return None
    label = _label(slots, lexicon)
    return _refuse(
        "UNMAPPED_WORDS",
        f'A share with the bound "{bounds[0].words}" could be of everything or of those documents alone; ask for the amounts.',
        slots,
        [
            Choice(label="By age", question="Share of payables ageing by ageing bucket"),
            Choice(label=label, question=label),
        ],
    )


def uncounted(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "number of unapproved invoices" where only their amount is known."""
    if not slots.uncounted:
        return None
    metric = lexicon.layer.model.metrics[slots.uncounted]
    kind = "an amount" if metric.unit == "money" else "a rate"
    return _refuse(
        "UNKNOWN_METRIC",
        f"{metric.label} is {kind}; there is no count of these documents.",
        slots,
        [Choice(label=metric.label, question=f"What's our {metric.label}?")],
    )


def largest_by_what(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "DPO of our top 20 suppliers": the largest by spend, or by the figure itself."""
    if not slots.largest_of or slots.share_asked or len(slots.metrics) != 1:
        return None
    label = _label(slots, lexicon)
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


def from_when(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """As in "spend until end of June", "payments due from 1 December": one end of the period is not said."""
    if not slots.until or slots.period is None or slots.outflow:
        return None
    found = [lexicon.layer.model.metrics[name] for name in slots.metrics]
    ahead = bool(found) and all(metric.looks_ahead for metric in found)
    balance = all(metric.time_role == "as_of" for metric in found)
    if not found or (ahead and slots.until not in {"from", "after"}):
        return None
    if balance and slots.until not in {"before", "after", "from"}:
        return None
    period, label = slots.period.period, _label(slots, lexicon)
    if slots.until == "before":
        period = Period(
            date(period.start.year - (period.start.day == period.start.month == 1), 1, 1),
            period.start - timedelta(days=1),
        )
    elif slots.until in {"from", "after"}:
        start = slots.period.ahead.start if ahead and slots.period.ahead else period.start
        start = period.end + timedelta(days=1) if slots.until == "after" else start
        period = Period(start, max(start, slots.period.period.end))
    else:
        period = Period(date(period.end.year, 1, 1), period.end)
    return _open_ended(slots, period, label, balance=balance)


def _open_ended(slots: Slots, period: Period, label: str, *, balance: bool) -> Clarify:
    """Which days: to the end of the year's data, from its start, or only the days that were named."""
    named = slots.period.period if slots.period else period
    if slots.period and slots.period.ahead and named.end < period.start:
        named = slots.period.ahead
    since = Choice(label=f"Since {period.start.isoformat()}", question=f"{label} since {period.start.isoformat()}")
    whole = Choice(
        label=f"{period.start} to {period.end}",
        question=f"{label} from {period.start.isoformat()} to {period.end.isoformat()}",
    )
    only = Choice(label=f"Only {named}", question=f"{label} from {named.start.isoformat()} to {named.end.isoformat()}")
    as_of = Choice(label=f"As of {period.end.isoformat()}", question=f"{label} as of {period.end.isoformat()}")
    choices = {"before": (whole,), "after": (since,), "from": (since, only)}.get(slots.until, (whole, only))
    return Clarify(
        reason="AMBIGUOUS_TIME",
        question="As of which day?" if balance else "From which day to which?",
        choices=(as_of,) if balance else choices,
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


def either(question: str, slots: Slots, lexicon: Lexicon) -> Plan | None:  # noqa: ARG001
    """Conditions joined by "or": conditions of one question always hold together."""
    if slots.either is None:
        return None
    first, second = slots.either
    begin, end = question.find(first), question.find(second, question.find(first)) + len(second)
    return _refuse(
        "UNMAPPED_WORDS",
        f'Conditions hold together here, so "{first}" or "{second}" cannot be asked in one go; ask for one, then for the other.',
        slots,
        [
            Choice(label=f"Only {kept}", question=f"{question[:begin]}{kept}{question[end:]}")
            for kept in (first, second)
        ],
    )


Doubt = Callable[[str, Slots, Lexicon], Plan | None]
DOUBTS: tuple[Doubt, ...] = (
    external, unresolved, either, contradiction, two_currencies, wrong_status, share_of_some, uncounted, from_when, largest_by_what, age_or_money, ranked_by_what, wrong_currency, unclear, no_figure, absent, bound_on_group, several_periods, two_grains, share_of_what, illegal,
)  # fmt: skip

OUTFLOW_DOUBTS: tuple[Doubt, ...] = (unresolved, either, wrong_currency, unclear, absent, several_periods)
"""What can keep a forecast of cash from being made; it has no metric that could be missing or illegal."""
