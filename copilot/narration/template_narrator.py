"""Two plain sentences per answer, from templates without digits: every number is a slot with its source cell.

The first sentence names metric, value, unit and period; the second says what stands out: the change against the
baseline, the largest group, the bucket in progress, or what the figure is made of. Wording is neutral: cells decide
between up and down.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from copilot.answer import Cell, Headline
from copilot.narration.facts import TARGET, Facts
from copilot.narration.prose import Direction, Figure, Prose, Sense, Slot, Slots, Term, fill, joined
from copilot.narration.reading import having_value
from copilot.wording import figures
from copilot.wording.period_words import key_words

TEMPLATES = {
    "balance": "{label} stood at {value} as of {when}{scope}.",
    "flow": "{label} came to {value} {when}{scope}.",
    "first balance": "{label} stood at {value} as of {when}{scope} for {name}{rank}.",
    "first flow": "{label} came to {value} {when}{scope} for {name}{rank}.",
    "whole balance": "{label} stood at {value} as of {when}{scope} for all groups together.",
    "whole flow": "{label} came to {value} {when}{scope} for all groups together.",
    "rank": ", the {direction} of {count} groups by {dimension}{bound}",
    "bound": " with {conditions}",
    "fitting": "Groups by {dimension}{bound}: {count}; ",
    "none fits": "No group by {dimension} is left{bound}.",
    "beside": "; {name} is the {direction} with {value}",
    "scope": " where {conditions}",
    "nothing": "{label} has no value {when}{scope}.",
    "nothing why": "The mirror holds no documents to compute it from; another period or a wider filter may.",
    "change": "That is {direction} {size} from {previous}{baseline}",
    "no change": "That is {direction} against {previous}{baseline}",
    "from baseline": " in {baseline}",
    "against target": "That is {size} {direction} the target of {previous}",
    "on target": "That meets the target of {previous}",
    "from day": " on {baseline}",
    "from whole": " for the company as a whole",
    "contribution": "By {dimension}, the {direction} contribution is {name} ({change})",
    "contribution next": ", then {name} ({change})",
    "driver": "; the {direction} driver is {name} ({change})",
    "mover": "; {name} moved {direction} ({change})",
    "in progress": "; {bucket} is still in progress (data to {until}) and is not part of the comparison",
    "span": "; the {direction} was {value} in {bucket}",
    "share": "{name} accounts for {share} of the total",
    "extremes": "{lead}{name} is the {direction} with {value}",
    "other extreme": " and {name} the {direction} with {value}",
    "only": "{lead}{name} is the only group with a value: {value}",
    "next": "; next is {name} with {value}",
    "next alone": "Next is {name} with {value}",
    "lead": "In {bucket}, ",
    "running": "The period is still in progress: the data reaches to {until}.",
    "ahead": "The period lies ahead: the figure is what was open on {until} and is due in it.",
    "named": "{count} that are named",
    "part": "{label} of {value}",
    "parts": "It rests on {parts}.",
    "formula": "It is computed as {formula}.",
    "forecast": "{label} comes to {value} on {when}, with a range ({band}) from {low} to {high}.",
}
"""Every sentence there is, by situation."""

MOST_NAMED = 4
"""Values of a condition that a sentence names; the reading of the answer names all of them."""

BAND = "P10\N{EN DASH}P90"
"""The band every projection carries: a tenth of the paths end below it, a tenth above."""


def narrate(facts: Facts) -> Prose:
    """The two sentences of a metric answer."""
    lead = facts.headline
    if lead is None or lead.value is None:
        return _nothing(facts)
    if facts.whole is not None and (focus := facts.focus()) is not None:
        share = _figure(lead.value, lead.unit, "headline.value")
        first = fill(TEMPLATES["share"], {"name": focus[0], "share": share})
        return joined((_sentence(first), _first(facts, facts.whole)))
    return joined((_first(facts, lead), _second(facts, lead)))


def narrate_plainly(facts: Facts) -> Prose:
    """The bare figure: what is said when the full text did not pass the scanner."""
    lead = facts.headline
    if lead is None or lead.value is None:
        return Prose(TEMPLATES["nothing why"])
    lead = facts.whole or lead
    slots: Slots = {
        "label": Term(facts.metric.label),
        "value": _figure(lead.value, lead.unit, "headline.value"),
        "when": Figure(_when(facts, lead), "headline.period"),
        "scope": Prose(),
    }
    return fill(TEMPLATES["balance" if facts.is_balance else "flow"], slots)


def spoken(label: str) -> str:
    """A label inside a sentence: acronyms keep their capitals."""
    first = label.split(" ", 1)[0]
    return label[:1].lower() + label[1:] if first[1:].islower() else label


def narrate_projection(label: str, lead: Headline, why: Prose) -> Prose:
    """The first sentence of a forecast and the drivers after it."""
    first = fill(
        TEMPLATES["forecast"],
        {
            "label": Term(label),
            "value": _figure(lead.value, lead.unit, "headline.value"),
            "when": Figure(key_words(lead.as_of), "headline.as_of"),
            "low": _figure(lead.low, lead.unit, "headline.low"),
            "high": _figure(lead.high, lead.unit, "headline.high"),
            "band": Figure(BAND, "projection.path"),
        },
    )
    return joined((first, why))


def narrate_drivers(drivers: Sequence[tuple[str, Cell]], unit: str, lead: Headline, *, join: str = "from day") -> Prose:
    """The second sentence of a forecast or a cause: from the figure before to the one now, and what moves it most."""
    if lead.delta is None:
        return Prose()
    change = _change(lead, join)
    sized = [(abs(number), name, value) for name, value in drivers if (number := figures.decimal_of(value))]
    if not sized:
        return _sentence(change)
    _size, name, value = max(sized, key=lambda found: found[0])
    slots: Slots = {
        "direction": Direction("largest", "largest"),
        "name": Term(name),
        "change": Figure(figures.change(value, unit), "projection.drivers"),
    }
    return _sentence(change, fill(TEMPLATES["driver"], slots))


def scope_of(facts: Facts) -> Prose:
    """The filters of the question in words."""
    from_plan = [_condition(facts, i) for i in range(len(facts.plan.query.filters))]
    conditions = joined(from_plan, " and ")
    return fill(TEMPLATES["scope"], {"conditions": conditions}) if conditions else Prose()


def _nothing(facts: Facts) -> Prose:
    when = facts.words(facts.period)
    text = f"as of {figures.day(facts.as_of)}" if facts.is_balance else facts.when(facts.period)
    slots: Slots = {
        "label": Term(facts.metric.label),
        "when": Figure(text or when, "plan.period"),
        "scope": scope_of(facts),
    }
    return joined((fill(TEMPLATES["nothing"], slots), Prose(TEMPLATES["nothing why"])))


def _first(facts: Facts, lead: Headline) -> Prose:
    kind = "balance" if facts.is_balance else "flow"
    slots: dict[str, Slot | Prose] = {
        "label": Term(facts.metric.label),
        "value": _figure(lead.value, lead.unit, "headline.value"),
        "when": Figure(_when(facts, lead), "headline.period"),
        "scope": scope_of(facts),
    }
    if facts.plan.intent != "top" or not facts.dimensions or not facts.table.rows or facts.grain:
        return fill(TEMPLATES[f"whole {kind}" if is_whole(facts) else kind], slots)
    slots |= {"name": facts.row_name(facts.table.rows[0]), "rank": _rank(facts)}
    return fill(TEMPLATES[f"first {kind}"], slots)


def is_whole(facts: Facts) -> bool:
    """Whether the first figure is that of all groups, though the table shows only those that meet a condition."""
    return bool(facts.plan.query.having) and bool(facts.dimensions) and facts.plan.intent != "top" and not facts.grain


def _bound(facts: Facts) -> Prose:
    """The conditions on groups in words."""
    said = [
        joined(
            (
                Term(facts.model.metrics[condition.metric].label),
                Prose(condition.op),
                Figure(having_value(condition, facts.model, facts.currency), f"plan.having[{at}]"),
            )
        )
        for at, condition in enumerate(facts.plan.query.having)
    ]
    return fill(TEMPLATES["bound"], {"conditions": joined(said, " and ")}) if said else Prose()


def _when(facts: Facts, lead: Headline) -> str:
    if facts.is_balance:
        return key_words(lead.as_of)
    if facts.metric.looks_ahead:
        return facts.when(facts.period)
    for bucket in facts.buckets() if not facts.dimensions else ():
        if bucket is not None and bucket.end.isoformat() == lead.as_of:
            return facts.when(bucket)
    return facts.when(facts.period)


def _rank(facts: Facts) -> Prose:
    numbers = _numbers(facts)
    if len(numbers) < 2:
        return Prose()
    order = facts.plan.query.order
    first, from_top = numbers[0], not order or order[0].descending
    if first == (max(numbers) if from_top else min(numbers)):
        rank = Direction("largest", "largest") if from_top else Direction("smallest", "smallest")
    else:
        return Prose()
    count = _figure(facts.table.row_count, "count", "table.row_count")
    dimension = Term(facts.dimensions[0].label.lower())
    slots: Slots = {"direction": rank, "count": count, "dimension": dimension, "bound": _bound(facts)}
    return fill(TEMPLATES["rank"], slots)


def _second(facts: Facts, lead: Headline) -> Prose:
    if lead.delta is not None:
        join = "from day" if facts.is_balance and not facts.grain else "from baseline"
        middle = _target(lead) if lead.baseline == TARGET else _change(lead, join)
        return joined((middle, _beside_change(facts), Prose(".")), "")
    if facts.dimensions and facts.table.rows:
        return _groups(facts)
    if facts.dimensions and is_whole(facts):
        dimension = Term(facts.dimensions[0].label.lower())
        return fill(TEMPLATES["none fits"], {"dimension": dimension, "bound": _bound(facts)})
    if facts.metric.looks_ahead:
        return fill(TEMPLATES["ahead"], {"until": Figure(figures.day(facts.data_date), "freshness")})
    if facts.in_progress() is None and is_running(facts):
        return fill(TEMPLATES["running"], {"until": Figure(figures.day(facts.data_date), "freshness")})
    return _composition(facts)


def is_running(facts: Facts) -> bool:
    """Whether a flow's calendar period has not ended: it starts where one starts and stops with the data."""
    period = facts.period
    if facts.is_balance or period.end < facts.data_date or facts.grain is not None or facts.metric.looks_ahead:
        return False
    start = period.start
    return start.day == 1 or start.weekday() == 0


def _change(lead: Headline, join: str = "from baseline") -> Prose:
    """The change against the baseline, which is a period, a day or the whole."""
    previous = _figure(lead.previous, lead.unit, "headline.previous")
    baseline = fill(TEMPLATES[join], {"baseline": Figure(lead.baseline or "", "headline.baseline")})
    if figures.is_level(lead.delta, lead.unit):
        level = Direction("unchanged", "level")
        return fill(TEMPLATES["no change"], {"direction": level, "previous": previous, "baseline": baseline})
    size = Figure(figures.magnitude(lead.delta, lead.unit), "headline.delta")
    slots: Slots = {"direction": _up_or_down(lead.delta), "size": size, "previous": previous, "baseline": baseline}
    return fill(TEMPLATES["change"], slots)


def _target(lead: Headline) -> Prose:
    goal = _figure(lead.previous, lead.unit, "plan.target")
    if figures.is_level(lead.delta, lead.unit):
        return fill(TEMPLATES["on target"], {"previous": goal})
    size = Figure(figures.magnitude(lead.delta, lead.unit), "headline.delta")
    above = _sense(lead.delta) == "up"
    direction = Direction("above", "up") if above else Direction("below", "down")
    return fill(TEMPLATES["against target"], {"size": size, "direction": direction, "previous": goal})


def _beside_change(facts: Facts) -> Prose:
    """What else stands out next to a change: the bucket in progress, the span of a trend, the group that moved most."""
    if (cut := facts.in_progress()) is not None and facts.grain:
        slots: Slots = {
            "bucket": Figure(facts.bucket_words(cut), f"table.{facts.grain}"),
            "until": Figure(figures.day(cut.end), "freshness"),
        }
        return fill(TEMPLATES["in progress"], slots)
    if facts.grain:
        return _span(facts)
    return _leader(facts) or _mover(facts)


def _leader(facts: Facts) -> Prose:
    """The first row of a ranking that is also compared with another period."""
    query = facts.plan.query
    if query.limit is None or not query.order or not facts.dimensions or not facts.table.rows:
        return Prose()
    row = facts.table.rows[0]
    number = figures.decimal_of(_value(facts, row))
    from_top = query.order[0].descending
    if number is None or query.order[0].field != facts.metric.name:
        return Prose()
    sense: Sense = "largest" if from_top else "smallest"
    return fill(TEMPLATES["beside"], _ranked(facts, (number, row), sense, "highest" if from_top else "lowest"))


def _span(facts: Facts) -> Prose:
    found = [
        (number, bucket)
        for bucket, value in zip(facts.buckets(), facts.values(facts.metric.name), strict=True)
        if bucket is not None and (number := figures.decimal_of(value)) is not None
    ]
    if len(found) < 3:
        return Prose()
    number, bucket = max(found, key=lambda pair: (pair[0], pair[1].start))
    slots: Slots = {
        "direction": Direction("highest", "largest"),
        "value": _figure(number, _unit(facts), f"table.{facts.metric.name}"),
        "bucket": Figure(facts.bucket_words(bucket), f"table.{facts.grain}"),
    }
    return fill(TEMPLATES["span"], slots)


def _mover(facts: Facts) -> Prose:
    column = facts.role("delta")
    if column is None or not facts.dimensions or column.unit.startswith("ratio") != _unit(facts).startswith("ratio"):
        return Prose()
    moves = [
        (abs(number), row)
        for row, value in zip(facts.table.rows, facts.values(column.name), strict=True)
        if (number := figures.decimal_of(value)) is not None
    ]
    if len(moves) < 2:
        return Prose()
    _size, row = max(moves, key=lambda pair: pair[0])
    delta = row[facts.index(column.name) or 0]
    slots: Slots = {
        "name": facts.row_name(row),
        "direction": Direction("most", "largest"),
        "change": Figure(figures.change(delta, column.unit), f"table.{column.name}"),
    }
    return fill(TEMPLATES["mover"], slots)


def _groups(facts: Facts) -> Prose:
    rows, lead = _rows_in_focus(facts)
    dated = [(number, row) for row in rows if (number := figures.decimal_of(_value(facts, row))) is not None]
    if not dated:
        return _composition(facts)
    if facts.plan.intent == "top" and not facts.grain:
        return _sentence(_share(facts, dated[0][1]), _next(facts, dated)) or _composition(facts)
    fitting = _fitting(facts)
    if fitting and len(dated) > 1:
        high, low = max(dated, key=lambda pair: pair[0]), min(dated, key=lambda pair: pair[0])
        first = fill(TEMPLATES["extremes"], {"lead": fitting, **_ranked(facts, high, "largest", "highest")})
        return _sentence(first, fill(TEMPLATES["other extreme"], _ranked(facts, low, "smallest", "lowest")))
    lead = fitting or lead
    if len(dated) == 1:
        return _sentence(fill(TEMPLATES["only"], {"lead": lead, **_ranked(facts, dated[0], "largest", "")}))
    high = max(dated, key=lambda pair: pair[0])
    low = min(dated, key=lambda pair: pair[0])
    share = _share(facts, high[1])
    if share and not facts.grain:
        return _sentence(share, _next(facts, sorted(dated, key=lambda pair: -pair[0])))
    first = fill(TEMPLATES["extremes"], {"lead": lead, **_ranked(facts, high, "largest", "highest")})
    second = fill(TEMPLATES["other extreme"], _ranked(facts, low, "smallest", "lowest"))
    return _sentence(first, second)


def _fitting(facts: Facts) -> Prose:
    """How many groups meet the condition."""
    if not is_whole(facts):
        return Prose()
    count = _figure(facts.table.row_count, "count", "table.row_count")
    slots: Slots = {"dimension": Term(facts.dimensions[0].label.lower()), "bound": _bound(facts), "count": count}
    return fill(TEMPLATES["fitting"], slots)


def _sentence(*parts: Prose) -> Prose:
    body = joined(parts, "")
    return joined((body, Prose(".")), "") if body else Prose()


def _rows_in_focus(facts: Facts) -> tuple[list[tuple[Cell, ...]], Prose]:
    """All rows, or with a time grain those of the latest whole bucket, and the words that say so."""
    buckets = facts.buckets()
    whole = [bucket for bucket in buckets if bucket is not None and not facts.is_cut(bucket)]
    if facts.grain is None or not whole:
        return list(facts.table.rows), Prose()
    last = max(whole, key=lambda bucket: bucket.start)
    rows = [row for row, bucket in zip(facts.table.rows, buckets, strict=True) if bucket == last]
    figure = Figure(facts.bucket_words(last), f"table.{facts.grain}")
    return rows, fill(TEMPLATES["lead"], {"bucket": figure})


def _share(facts: Facts, row: tuple[Cell, ...]) -> Prose:
    column = facts.role("share")
    index = facts.index(column.name) if column else None
    if column is None or index is None or row[index] is None:
        return Prose()
    share = _figure(row[index], column.unit, f"table.{column.name}")
    return fill(TEMPLATES["share"], {"name": facts.row_name(row), "share": share})


def _next(facts: Facts, dated: list[tuple[Decimal, tuple[Cell, ...]]]) -> Prose:
    if len(dated) < 2:
        return Prose()
    number, row = dated[1]
    slots: Slots = {"name": facts.row_name(row), "value": _figure(number, _unit(facts), f"table.{facts.metric.name}")}
    return fill(TEMPLATES["next" if facts.role("share") else "next alone"], slots)


def _ranked(facts: Facts, found: tuple[Decimal, tuple[Cell, ...]], sense: Sense, word: str) -> dict[str, Slot | Prose]:
    number, row = found
    return {
        "name": facts.row_name(row),
        "direction": Direction(word, sense),
        "value": _figure(number, _unit(facts), f"table.{facts.metric.name}"),
    }


def _composition(facts: Facts) -> Prose:
    """What the figure is made of: its parts when the table shows them, otherwise its formula in words."""
    parts = [c for c in facts.table.columns if c.part_of == facts.metric.name and c.role == "metric"]
    if len(facts.table.rows) == 1 and parts:
        row = facts.table.rows[0]
        worded = [
            fill(
                TEMPLATES["part"],
                {"label": Term(spoken(c.label)), "value": _figure(row[facts.index(c.name) or 0], c.unit, c.name)},
            )
            for c in parts
        ]
        return fill(TEMPLATES["parts"], {"parts": joined(worded, " and ")})
    formula = facts.metric.formula_words.rstrip(".")
    return fill(TEMPLATES["formula"], {"formula": Term(formula)}) if formula else Prose()


def _condition(facts: Facts, position: int) -> Prose:
    condition = facts.plan.query.filters[position]
    dimension = facts.model.dimensions.get(condition.field)
    label = Term(dimension.label.lower() if dimension else condition.field)
    unit = {"money": f"money:{facts.currency}", "number": "count", "date": "date"}.get(
        dimension.type if dimension else "text", "text"
    )
    values = joined(
        (
            facts.value_name(condition.field, value)
            if unit == "text"
            else Figure(figures.exact(value, unit), f"plan.filters[{position}]")
            for value in condition.values
        ),
        ", ",
    )
    words = Prose(
        {"=": "is", "!=": "is not", "in": "is any of", "not in": "is none of"}.get(condition.op, condition.op)
    )
    if len(condition.values) > MOST_NAMED:
        count = Figure(str(len(condition.values)), f"plan.filters[{position}]")
        return joined((label, words, fill(TEMPLATES["named"], {"count": count})))
    return joined((label, words, values))


def _value(facts: Facts, row: tuple[Cell, ...]) -> Cell:
    index = facts.index(facts.metric.name)
    return None if index is None else row[index]


def _numbers(facts: Facts) -> list[Decimal]:
    return [number for value in facts.values(facts.metric.name) if (number := figures.decimal_of(value)) is not None]


def _unit(facts: Facts) -> str:
    return next((c.unit for c in facts.table.columns if c.name == facts.metric.name), "text")


def _figure(value: Cell | Decimal, unit: str, source: str) -> Figure:
    return Figure(figures.headline(value, unit), source)


def _sense(delta: Cell) -> Sense:
    number = figures.decimal_of(delta)
    return "up" if number is not None and number > 0 else "down"


def _up_or_down(delta: Cell) -> Direction:
    sense = _sense(delta)
    return Direction(sense, sense)
