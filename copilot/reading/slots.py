"""Spans to slots: one walk over the question that gives every span a role and says so in the coverage map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from copilot.planning.plan import Covered
from copilot.reading import words
from copilot.reading.segmentation import Span
from copilot.reading.time_phrases import UNITS, TimeReading
from copilot.reading.vocabulary import GRAIN_ADVERBS, Meaning
from semantic_layer.model import SemanticModel
from semantic_layer.periods import GRAINS
from semantic_layer.query import Comparison, Filter, Having

OVER_WORDS = words.OVER - {"beyond"}
COMPARATORS: dict[tuple[str, ...], Comparison] = {
    ("more", "than"): ">", ("greater", "than"): ">", ("larger", "than"): ">", ("bigger", "than"): ">", ("higher", "than"): ">",
    ("longer", "than"): ">", ("older", "than"): ">", ("at", "least"): ">=", ("less", "than"): "<", ("smaller", "than"): "<",
    ("lower", "than"): "<", ("fewer", "than"): "<", ("at", "most"): "<=", ("up", "to"): "<=", ("no", "more", "than"): "<=",
}  # fmt: skip
OVER_PERIODS = {
    "month over month": "month",
    "quarter over quarter": "quarter",
    "year over year": "year",
    "week over week": "week",
}
LATE = frozenset(["overdue", "late", "due", "past", "delinquent"])
OLD = frozenset(["old"])
IDLE_PHRASES = (("supplier", "base"), ("vendor", "base"), ("leave", "on"), ("to", "suppliers"))
Intent = Literal["trend", "top", "share", "define", "forecast", "list"]


@dataclass
class Slots:
    """What the walk collects. `unresolved` are content words that nothing accounts for."""

    metrics: list[str] = field(default_factory=list)
    externals: list[str] = field(default_factory=list)
    ambiguous: list[str] = field(default_factory=list)
    group_by: list[str] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    having: list[Having] = field(default_factory=list)
    choices: list[tuple[str, tuple[Meaning, ...]]] = field(default_factory=list)
    """Words that fit several values."""
    period: TimeReading | None = None
    compare: TimeReading | None = None
    compare_grain: str | None = None
    extra_periods: list[str] = field(default_factory=list)
    unclear_date: tuple[str, TimeReading] | None = None
    time_role: str | None = None
    limit: int | None = None
    descending: bool | None = None
    worst: str | None = None
    currency: str | None = None
    target: Decimal | None = None
    intents: set[Intent] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    coverage: list[Covered] = field(default_factory=list)
    unresolved: list[str] = field(default_factory=list)

    def cover(self, text: str, slot: str, meaning: str = "") -> None:
        """Account for some words."""
        self.coverage.append(Covered(words=text, slot=slot, meaning=meaning))


@dataclass
class _Walk:
    """Where the walk stands and what the last words announced."""

    spans: Sequence[Span]
    model: SemanticModel
    reporting_currency: str
    slots: Slots
    at: int = 0
    negated: bool = False
    grouping: bool = False
    comparing: bool = False
    comparison: Comparison | None = None
    last: str = ""
    """Role of the last span that was no stop word."""

    def text(self, offset: int = 0) -> str:
        index = self.at + offset
        return self.spans[index].text if 0 <= index < len(self.spans) else ""

    def stem(self, offset: int = 0) -> str:
        index = self.at + offset
        return self.spans[index].stem if 0 <= index < len(self.spans) else ""

    def span(self, offset: int = 0) -> Span | None:
        index = self.at + offset
        return self.spans[index] if 0 <= index < len(self.spans) else None


def fill(spans: Sequence[Span], model: SemanticModel, reporting_currency: str = "USD") -> Slots:
    """Walk over the spans once."""
    walk = _Walk(spans, model, reporting_currency, Slots())
    while walk.at < len(spans):
        before = walk.at
        for step in STEPS:
            if step(walk):
                break
        walk.at = max(walk.at, before + 1)
    _implied_metric(walk.slots)
    return walk.slots


def _implied_metric(slots: Slots) -> None:
    """Days past due without a figure can only mean what is past due."""
    if not (slots.metrics or slots.ambiguous or slots.externals) and any(
        f.field == "days_past_due" for f in slots.filters
    ):
        slots.metrics.append("past_due_ap")
        slots.notes.append("Read as past due payables.")


def _take(walk: _Walk, slot: str, meaning: str = "", count: int = 1) -> bool:
    text = " ".join(span.text for span in walk.spans[walk.at : walk.at + count])
    walk.slots.cover(text, slot, meaning)
    walk.at += count
    if slot not in {"stop", "negation"}:
        walk.last = slot
        if slot != "filter":
            walk.negated = False
    return True


def _fixed_phrases(walk: _Walk) -> bool:
    """Phrases of several plain words: month over month, at least, the supplier base."""
    three = " ".join(walk.text(i) for i in range(3))
    if three in OVER_PERIODS:
        walk.slots.compare_grain = OVER_PERIODS[three]
        return _take(walk, "compare", three, 3)
    for length in (3, 2):
        key = tuple(walk.text(i) for i in range(length))
        if key in COMPARATORS:
            walk.comparison = COMPARATORS[key]
            return _take(walk, "comparison", walk.comparison, length)
    if (walk.stem(), walk.stem(1)) in IDLE_PHRASES:
        return _take(walk, "stop", count=2)
    third = walk.span(2)
    if walk.text() == "same" and walk.text(1) in {"period", "time", "quarter", "month"} and third and third.time:
        walk.slots.compare_grain = "year"
        return _take(walk, "compare", "same period last year", 3)
    return False


def _time(walk: _Walk) -> bool:
    span = walk.span()
    if span is None or span.time is None:
        return False
    slots, reading = walk.slots, span.time
    if reading.other is not None:
        slots.unclear_date = (span.text, reading)
    if walk.comparing or walk.text(-1) == "vs":
        slots.compare = reading
        walk.comparing = False
        return _take(walk, "compare", str(reading.period))
    if slots.period is None:
        slots.period = reading
        return _take(walk, "time", str(reading.period))
    slots.extra_periods.append(span.text)
    return _take(walk, "time", str(reading.period))


def _comparison_amount(walk: _Walk) -> bool:
    """A number after "over", "at least" …: days, a share of a metric, or money."""
    span = walk.span()
    if span is None or span.amount is None or walk.comparison is None:
        return False
    operator, amount = walk.comparison, span.amount
    walk.comparison = None
    unit = walk.span(1)
    counted = unit.one("dimension") if unit else None
    if counted is not None and walk.model.dimensions[counted.name].type == "number":
        words_ = f"{operator} {span.text} {walk.text(1)}"
        walk.slots.filters.append(Filter(field=counted.name, op=operator, values=(amount.value,), words=words_))
        return _take(walk, "filter", words_, 2)
    if walk.stem(1) == "day":
        following = walk.span(2)
        late = walk.stem(2) in LATE or (following is not None and following.one("metric") is not None)
        old = walk.stem(2) in OLD
        field_name = "days_since_invoice" if old else "days_past_due"
        if not (old or late) and walk.slots.metrics and walk.model.metrics[walk.slots.metrics[-1]].unit == "days":
            walk.slots.having.append(
                Having(metric=walk.slots.metrics[-1], op=operator, value=amount.value, words=span.text)
            )
            return _take(walk, "having", f"{operator} {amount.value} days", 2)
        words_ = f"{operator} {span.text} days"
        walk.slots.filters.append(Filter(field=field_name, op=operator, values=(amount.value,), words=words_))
        plain = following is not None and following.is_word and (old or late)
        return _take(walk, "filter", words_, 3 if plain else 2)
    if _is_having(walk, amount.kind):
        walk.slots.having.append(
            Having(metric=walk.slots.metrics[-1], op=operator, value=amount.value, words=span.text)
        )
        return _take(walk, "having", f"{operator} {amount.value}")
    currency = walk.span(1)
    extra = 1 if currency is not None and (m := currency.one("value")) and m.name == "currency" else 0
    walk.slots.filters.append(Filter(field="invoice_amount", op=operator, values=(amount.value,), words=span.text))
    return _take(walk, "filter", f"invoice amount {operator} {amount.value}", 1 + extra)


def _is_having(walk: _Walk, kind: str) -> bool:
    """Whether a bound speaks of the metric per group ("suppliers with spend over 2m") and not of each invoice."""
    if not walk.slots.metrics or walk.last != "comparison":
        return False
    before = next((c for c in reversed(walk.slots.coverage[:-1]) if c.slot != "stop"), None)
    unit = walk.model.metrics[walk.slots.metrics[-1]].unit
    fits = {"ratio": kind == "percent", "days": kind == "plain", "count": kind == "plain", "money": kind != "percent"}[
        unit
    ]
    return (
        fits
        and before is not None
        and before.slot == "metric"
        and bool(walk.slots.group_by or walk.slots.intents & {"top"})
    )


def _amount(walk: _Walk) -> bool:
    """A number on its own: a limit beside "top", a target in percent, days of a window."""
    span = walk.span()
    if span is None or span.amount is None:
        return False
    amount = span.amount
    nearby = {walk.stem(-1), walk.stem(1)}
    if (
        amount.kind == "plain"
        and nearby & (words.TOP_WORDS | words.BOTTOM_WORDS | words.WORST_WORDS)
        and 0 < amount.value <= 1000
    ):
        walk.slots.limit = int(amount.value)
        return _take(walk, "limit", str(walk.slots.limit))
    if amount.kind == "percent" and (
        walk.comparing or walk.stem(1) in {"target", "goal"} or walk.stem(-1) in {"target", "goal"}
    ):
        walk.slots.target = amount.value
        walk.comparing = False
        return _take(walk, "target", str(amount.value))
    return False


def _metric(walk: _Walk) -> bool:
    span = walk.span()
    meaning = span.one("metric") if span else None
    if meaning is None or span is None:
        return False
    if (walk.negated and span.one("value") is not None) or (walk.grouping and span.one("dimension") is not None):
        return False
    if meaning.name not in walk.slots.metrics:
        walk.slots.metrics.append(meaning.name)
    return _take(walk, "metric", meaning.name)


def _other_words_of_the_model(walk: _Walk) -> bool:
    span = walk.span()
    if span is None:
        return False
    if external := span.one("external"):
        walk.slots.externals.append(external.name)
        return _take(walk, "external", external.name)
    if named := span.one("filter"):
        conditions = walk.model.named_filters[named.name].filters
        walk.slots.filters += [f.model_copy(update={"words": span.text}) for f in conditions]
        return _take(walk, "filter", named.name)
    if term := span.one("ambiguous"):
        walk.slots.ambiguous.append(term.name)
        return _take(walk, "ambiguous", term.name)
    return False


def _intercompany(walk: _Walk) -> bool:
    span = walk.span()
    if span is None or not (m := span.one("dimension")) or m.name not in {"intercompany", "has_discount"}:
        return False
    wanted = not walk.negated
    if m.name == "intercompany" and not wanted:
        walk.slots.notes.append("Intercompany is left out of every figure already.")
        return _take(walk, "filter", "intercompany is left out by default")
    values = (
        ("true", "false")
        if m.name == "intercompany" and walk.text(-1) in {"including", "include", "incl", "with"}
        else ("true" if wanted else "false",)
    )
    walk.slots.filters.append(Filter(field=m.name, op="in" if len(values) > 1 else "=", values=values, words=span.text))
    return _take(walk, "filter", m.name)


def _value(walk: _Walk) -> bool:
    span = walk.span()
    values = [m for m in span.meanings if m.kind == "value"] if span else []
    if span is None or not values:
        return False
    chosen = _choose(walk, values)
    if len(chosen) > 1:
        walk.slots.choices.append((span.text, tuple(chosen)))
        return _take(walk, "filter", "several values")
    meaning = chosen[0]
    if meaning.name == "currency" and walk.text(-1) in {"in", "en"} and not walk.negated:
        return _currency(walk, meaning.value)
    operator: Literal["=", "!="] = "!=" if walk.negated else "="
    _add_filter(walk.slots, Filter(field=meaning.name, op=operator, values=(meaning.value,), words=span.text))
    _take(walk, "filter", f"{meaning.name} {operator} {meaning.value}")
    following = walk.span()
    same = following.one("dimension") if following else None
    if same and (
        same.name == meaning.name
        or (meaning.name.endswith("country") and same.name in {"buying_entity", "supplier", "entity_country"})
    ):
        return _take(walk, "stop")
    return True


def _choose(walk: _Walk, values: list[Meaning]) -> list[Meaning]:
    """The values that words can mean here: a country is the supplier's next to "suppliers", a name its supplier before its parent."""
    following = walk.span(1)
    beside = following.one("dimension") if following else None
    if beside and any(m.name == beside.name for m in values):
        return (
            [m for m in values if m.name == beside.name][:1]
            if _exact(values)
            else [m for m in values if m.name == beside.name]
        )
    if any(m.name.endswith("country") for m in values):
        wanted = "supplier_country" if beside and beside.name in {"supplier", "parent"} else "entity_country"
        return [m for m in values if m.name == wanted] or values[:1]
    for name in ("supplier", "parent"):
        same = [m for m in values if m.name == name]
        others = [m for m in values if m.name not in {"supplier", "parent"}]
        if same and not others:
            return same
    first = values[0].name
    return [m for m in values if m.name == first]


def _exact(values: list[Meaning]) -> bool:
    return len({m.value for m in values}) == 1


def _currency(walk: _Walk, code: str) -> bool:
    if code == walk.reporting_currency:
        walk.slots.currency = code
        return _take(walk, "currency", code)
    walk.slots.currency = "document"
    _add_filter(walk.slots, Filter(field="currency", op="=", values=(code,), words=f"in {code}"))
    walk.slots.notes.append(f"Only documents in {code}, in {code}.")
    return _take(walk, "filter", f"documents in {code}, in their own currency")


def _add_filter(slots: Slots, new: Filter) -> None:
    """A filter beside those that are there; several values of one dimension widen it."""
    wider = {"=": "in", "!=": "not in", "in": "in", "not in": "not in"}
    for i, old in enumerate(slots.filters):
        if old.field == new.field and wider.get(old.op) == wider.get(new.op) and old.op in wider:
            values = tuple(dict.fromkeys((*old.values, *new.values)))
            op = wider[old.op] if len(values) > 1 else old.op
            slots.filters[i] = old.model_copy(update={"op": op, "values": values, "words": f"{old.words}, {new.words}"})
            return
    slots.filters.append(new)


def _dimension(walk: _Walk) -> bool:
    span = walk.span()
    meaning = span.one("dimension") if span else None
    if meaning is None or span is None:
        return False
    dimension = walk.model.dimensions[meaning.name]
    following = walk.span(1)
    if following and any(m.kind == "value" and m.name == meaning.name for m in following.meanings):
        return _take(walk, "stop")
    if walk.negated or not dimension.groupable:
        walk.slots.unresolved.append(span.text)
        return _take(walk, "unresolved")
    if meaning.name not in walk.slots.group_by:
        walk.slots.group_by.append(meaning.name)
    return _take(walk, "group", meaning.name)


def _grains(walk: _Walk) -> bool:
    word = walk.stem()
    grain = GRAIN_ADVERBS.get(word) or (
        UNITS.get(word) if walk.grouping or walk.text(-1) in {"each", "every", "per"} else None
    )
    if grain is None or grain not in GRAINS:
        return False
    walk.slots.group_by = [name for name in walk.slots.group_by if name not in GRAINS] + [grain]
    return _take(walk, "group", grain, 2 if walk.stem(1) == "end" else 1)


INTENT_WORDS: tuple[tuple[frozenset[str], Intent], ...] = (
    (words.TREND_WORDS, "trend"),
    (words.SHARE_WORDS, "share"),
    (words.DEFINE_WORDS, "define"),
    (words.FORECAST_WORDS, "forecast"),
)


def _signals(walk: _Walk) -> bool:
    """Plain words that steer what follows: without, over, by, vs."""
    span = walk.span()
    if span is None or not span.is_word:
        return False
    word = span.stem
    if word in words.NEGATIONS or span.text in words.NEGATIONS:
        walk.negated = True
        return _take(walk, "negation")
    if word in {"vs", "versus", "against", "compared", "compare"}:
        walk.comparing = True
        return _take(walk, "stop")
    if word in OVER_WORDS | words.UNDER and _amount_follows(walk):
        walk.comparison = ">" if word in OVER_WORDS else "<"
        return _take(walk, "comparison", walk.comparison)
    if word in words.GROUPERS:
        walk.grouping = True
        return _take(walk, "stop")
    return False


def _rankings(walk: _Walk) -> bool:
    """Words of rank: top, biggest, lowest, most, worst."""
    span = walk.span()
    if span is None or not span.is_word:
        return False
    word, slots = span.stem, walk.slots
    if word in words.WORST_WORDS:
        slots.worst = word
    elif word in {"most", "least"}:
        if not (walk.text(-1) in {"the", "have", "with"} or slots.group_by):
            return False
        slots.descending = word == "most"
    elif word in words.TOP_WORDS | words.BOTTOM_WORDS:
        slots.descending = word in words.TOP_WORDS
    else:
        return False
    slots.intents.add("top")
    return _take(walk, "order", word)


def _intents(walk: _Walk) -> bool:
    """Words that say what kind of answer is wanted: trend, share, definition, forecast."""
    span = walk.span()
    if span is None or not span.is_word:
        return False
    intent = next((found for group, found in INTENT_WORDS if span.stem in group), None)
    if span.stem == "time" and walk.text(-1) == "over":
        intent = "trend"
    if intent is None:
        return False
    walk.slots.intents.add(intent)
    return _take(walk, "intent", intent)


def _amount_follows(walk: _Walk) -> bool:
    following = walk.span(1)
    return following is not None and following.amount is not None


def _stop_words(walk: _Walk) -> bool:
    span = walk.span()
    if span is None:
        return False
    if span.is_word and (
        span.stem in words.STOP_WORDS or span.text in words.STOP_WORDS or span.items[0].kind == "symbol"
    ):
        if span.text in {"for", "from", "of", "with", "at", "by"}:
            walk.grouping = walk.grouping and span.text == "by"
        return _take(walk, "stop")
    if span.is_word and span.stem in words.NEUTRAL:
        return _take(walk, "stop")
    walk.slots.unresolved.append(span.text)
    return _take(walk, "unresolved")


STEPS = (
    _fixed_phrases, _time, _comparison_amount, _amount, _metric, _other_words_of_the_model, _intercompany, _value, _grains, _dimension,
    _signals, _rankings, _intents, _stop_words,
)  # fmt: skip
