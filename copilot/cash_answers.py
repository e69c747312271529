"""A forecast of cash out as an answer: one view of it, its band, what was assumed and how often it held.

Pure, like `composition`: the engine runs the forecast, this tells it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from copilot.answer import Answer, Assumption, Cell, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.charts import bars_with_band
from copilot.composition import Turn, compose_refusal, grounded
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Direction, Figure, Name, Prose, Slots, Term, fill, joined
from copilot.narration.retelling import told
from copilot.narration.template_narrator import BAND
from copilot.planning.plan import Choice, OutflowPlan, Refuse
from copilot.simulations.outflow_outcomes import (
    Band,
    GroupCash,
    HorizonOutOfReach,
    NothingToForecast,
    OutflowForecast,
    OutflowOutcome,
    PeriodCash,
)
from copilot.tabulation import json_cell
from copilot.wording import figures
from copilot.wording.period_words import key_words, period_key
from copilot.wording.quoting import clean, name_of
from semantic_layer.periods import Period
from semantic_layer.results import Value

LABEL = "AP outflow"
MOST_BARS = 12
METRIC = "ap_outflow"
SOURCES = (
    "invoices.total-with-taxes", "invoices.net-due-date", "invoices.status", "invoices.approvals.approval-date",
    "invoices.payments.payment-date", "invoices.payments.amount-paid", "purchase_orders.order-lines.need-by-date",
    "receiving_transactions.transaction-date",
)  # fmt: skip
DEFINITION = (
    "Cash that will probably leave for suppliers: open and expected documents, paid by the timing learned from past "
    "payments, run by run, over simulated paths."
)
FOLLOW_UPS = (
    "AP outflow by buying entity",
    "AP outflow by layer",
    "Which open invoices will probably be paid late?",
    "What is in week 1?",
)


@dataclass(frozen=True)
class _View:
    """What one view shows: the figure first, its rows, the sentences, the chart's rows (label, band)."""

    headline: Headline
    table: Table
    prose: Prose
    terms: tuple[str, ...] = ()
    periods: tuple[str, ...] = ()
    bars: tuple[tuple[str, Band], ...] = ()
    notes: tuple[str, ...] = ()


def compose_outflow(turn: Turn, plan: OutflowPlan, outcome: OutflowOutcome) -> Answer:
    """The answer to a question about cash ahead, or why it cannot be forecast."""
    match outcome:
        case NothingToForecast(missing=missing):
            return _refusal(turn, plan, f"There is too little to learn from: it needs {', and '.join(missing)}.")
        case HorizonOutOfReach(reason=reason):
            return _refusal(turn, plan, reason)
        case OutflowForecast():
            pass
    try:
        view = _VIEWS[plan.shows](plan, outcome)
    except IndexError as error:
        return _refusal(turn, plan, str(error))
    support = support_of(
        view.headline, view.table, periods=(*view.periods, BAND), terms=(LABEL, view.headline.label, *view.terms)
    )
    stray = unsupported(view.prose.text, support)
    checks = (
        *(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in outcome.checks),
        grounded([piece.words for piece in stray]),
    )
    return Answer(
        status="answered",
        question=turn.question,
        reading=_reading(plan, outcome),
        plan=plan.model_dump(mode="json"),
        headline=view.headline,
        table=view.table,
        narrative="" if stray else told(view.prose, turn.language),
        chart=bars_with_band(view.headline, view.bars) if len(view.bars) > 1 else None,
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=tuple(dict.fromkeys((*plan.notes, *view.notes, outcome.coverage.sentence))),
        assumptions=tuple(Assumption(name=a.name, value=a.value, source=a.source) for a in outcome.assumptions),
        lineage=(LineageEntry(metric=METRIC, definition=DEFINITION, fields=SOURCES),),
        freshness=turn.freshness,
        follow_ups=tuple(text for text in FOLLOW_UPS if text != turn.question),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


def _refusal(turn: Turn, plan: OutflowPlan, message: str) -> Answer:
    choices = tuple(Choice(label=text, question=text) for text in ("AP outflow for 13 weeks", "What's our open AP?"))
    return compose_refusal(
        turn, Refuse(reason="MISSING_INPUT", message=message, choices=choices, coverage=plan.coverage)
    )


def _reading(plan: OutflowPlan, outcome: OutflowForecast) -> str:
    period = (
        figures.day(plan.end) if plan.start == plan.end else f"{figures.day(plan.start)} to {figures.day(plan.end)}"
    )
    words = [
        f"{LABEL} forecast",
        period,
        f"in {outcome.currency}",
        *(f"only {', '.join(f.values)}" for f in plan.filters),
    ]
    return "; ".join(words)


# --- views ------------------------------------------------------------------------------------------------------------


def _cash(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """Everything that goes out in the period, by week or by group."""
    if plan.by != "week":
        return _by_group(plan, found)
    band = found.band(plan.start, plan.end)
    lead = _headline(plan, found, band, worst=plan.worst)
    first = _first(lead, band, found, plan.start)
    weeks = [week for week in found.weeks_within(plan.start, plan.end) if week.cash.mean]
    if len(weeks) < 2:
        return _View(lead, _periods(weeks, found.currency), first, periods=_days(plan))
    largest = max(weeks, key=lambda w: w.cash.mean)
    slots: Slots = {
        "direction": Direction("largest", "largest"),
        "week": Figure(_week_words(largest), "table.week"),
        "value": _money(largest.cash.mean, found, "table.mean"),
    }
    text = joined((first, fill(TEMPLATES["largest week"], slots)))
    words = (*_days(plan), *(_week_words(week) for week in weeks))
    bars = tuple((_week_words(week), week.cash) for week in weeks)
    return _View(lead, _periods(weeks, found.currency), text, periods=words, bars=bars)


def _by_group(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """Everything that goes out in the period, by group: what the groups are forecast for is the period itself."""
    rows = found.layers if plan.by == "layer" else found.groups.get(plan.by, ())
    band = found.band(plan.start, plan.end)
    lead = _headline(plan, found, band, worst=plan.worst)
    text = joined((_first(lead, band, found, plan.start), _largest_group(rows, found)))
    bars = tuple((clean(row.name, 24), row.cash) for row in rows[:MOST_BARS])
    return _View(lead, _groups(rows, plan.by, found.currency), text, periods=_days(plan), bars=bars)


def _chance(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """How likely a week takes more than an amount."""
    threshold = plan.threshold or Decimal(0)
    chance = found.chance_above(threshold, plan.start, plan.end)
    lead = Headline(
        metric=f"{METRIC}_chance",
        label=f"Chance of more than {figures.headline(threshold, _unit(found))} in a week",
        value=float(chance.in_any_week),
        unit="ratio",
        period=plan.end.isoformat(),
        as_of=plan.end.isoformat(),
    )
    columns = (_text("week", "Week"), TableColumn(name="chance", label="Chance", role="metric", unit="ratio"))
    rows: tuple[tuple[Cell, ...], ...] = tuple((label, float(share)) for label, share in chance.by_week)
    slots: Slots = {
        "threshold": _money(threshold, found, "plan.threshold"),
        "value": Figure(figures.headline(lead.value, "ratio"), "headline.value"),
        "start": Figure(figures.day(plan.start), "plan.start"),
        "end": Figure(figures.day(plan.end), "plan.end"),
    }
    words = (*_days(plan), figures.headline(threshold, _unit(found)), *(label for label, _ in chance.by_week))
    total = (f"For the period as a whole the chance is {figures.headline(chance.in_total, 'ratio')}.",)
    return _View(lead, _table(columns, rows), fill(TEMPLATES["chance"], slots), periods=words, notes=total)


def _late(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """Open documents that will more likely than not be paid after their due date."""
    late = sorted(found.late, key=lambda d: (-d.amount, d.document_id))
    amount = sum((d.amount for d in late), Decimal(0))
    lead = _figure(f"{METRIC}_late", "Probably paid late", amount, _unit(found), plan)
    columns = (
        _text("invoice", "Invoice"), _text("supplier", "Supplier"),
        TableColumn(name="amount", label="Amount", role="metric", unit=_unit(found)),
        TableColumn(name="due", label="Due", role="dimension", unit="date"),
        TableColumn(name="chance", label="Chance of being late", role="metric", unit="ratio"),
        TableColumn(name="expected", label="Expected payment", role="dimension", unit="date"),
        _text("state", "State"),
    )  # fmt: skip
    rows = tuple(
        (
            clean(d.number),
            clean(d.supplier),
            json_cell(d.amount, _unit(found)),
            d.due.isoformat(),
            float(d.chance),
            _iso(d.expected),
            d.state,
        )
        for d in late
    )
    slots: Slots = {
        "count": Figure(figures.exact(len(late), "count"), "table.row_count"),
        "value": _money(amount, found, "headline.value"),
    }
    text = fill(TEMPLATES["late"] if late else TEMPLATES["none late"], slots)
    return _View(lead, _table(columns, rows), text, periods=(figures.exact(len(late), "count"),))


def _run(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """One payment run: that of a day, or the next one."""
    named = plan.start == plan.end
    ahead = [run for run in found.runs if run.start >= plan.start]
    run = next((r for r in ahead if not named or r.start == plan.start), None)
    if run is None:
        days = ", ".join(figures.day(r.start) for r in ahead[:3])
        raise IndexError(f"No payment run is expected on {figures.day(plan.start)}; the next ones are on {days}.")
    lead = _headline(plan, found, run.cash, worst=plan.worst).model_copy(
        update={"label": "Payment run", "period": run.start.isoformat(), "as_of": run.start.isoformat()}
    )
    return _View(
        lead,
        _periods(ahead[:6], found.currency),
        _first(lead, run.cash, found, plan.start),
        terms=("Payment run",),
        periods=_days(plan),
    )


def _accruals(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """Received but not yet recognised at the first month end of the period, by buying entity."""
    ends = sorted({row.month_end for row in found.accruals})
    end = next((day for day in ends if day >= plan.end), ends[-1] if ends else plan.end)
    rows = sorted((r for r in found.accruals if r.month_end == end), key=lambda r: -r.amount)
    amount = sum((r.amount for r in rows), Decimal(0))
    lead = _figure(f"{METRIC}_accruals", "Expected accruals", amount, _unit(found), plan)
    lead = lead.model_copy(update={"period": end.isoformat(), "as_of": end.isoformat()})
    columns = (
        _text("buying_entity", "Buying entity"),
        TableColumn(name="amount", label="Amount", role="metric", unit=_unit(found)),
        TableColumn(name="documents", label="Documents", role="metric", unit="count"),
    )
    cells = tuple((clean(r.buying_entity), json_cell(r.amount, _unit(found)), r.documents) for r in rows)
    slots: Slots = {"value": _money(amount, found, "headline.value"), "end": Figure(figures.day(end), "headline.as_of")}
    return _View(lead, _table(columns, cells), fill(TEMPLATES["accruals"], slots), periods=(figures.day(end),))


def _week(plan: OutflowPlan, found: OutflowForecast) -> _View:
    """What one week holds: its layers, and the documents with the largest expected payments."""
    content = found.week(plan.week or 1)
    lead = _headline(plan, found, content.week.cash, worst=plan.worst).model_copy(
        update={
            "label": f"{LABEL}, {content.week.label}",
            "period": content.week.end.isoformat(),
            "as_of": content.week.end.isoformat(),
        }
    )
    columns = (
        _text("invoice", "Invoice"), _text("supplier", "Supplier"),
        TableColumn(name="amount", label="Amount", role="metric", unit=_unit(found)),
        TableColumn(name="due", label="Due", role="dimension", unit="date"),
        TableColumn(name="chance", label="Chance of payment", role="metric", unit="ratio"),
    )  # fmt: skip
    rows = tuple(
        (clean(d.number), clean(d.supplier), json_cell(d.amount, _unit(found)), _iso(d.due), float(d.chance))
        for d in content.documents
    )
    bars = tuple((clean(layer.name, 24), layer.cash) for layer in content.layers)
    slots: Slots = {
        "start": Figure(figures.day(content.week.start), "week.start"),
        "end": Figure(figures.day(content.week.end), "week.end"),
    }
    text = joined((_first(lead, content.week.cash, found, content.week.start), fill(TEMPLATES["week"], slots)))
    words = (figures.day(content.week.start), figures.day(content.week.end))
    return _View(lead, _table(columns, rows), text, terms=(lead.label,), periods=words, bars=bars)


_VIEWS = {"cash": _cash, "chance": _chance, "late": _late, "run": _run, "accruals": _accruals, "week": _week}

TEMPLATES = {
    "first": "{label} comes to {value} on {when}, with a range ({band}) from {low} to {high}.",
    "period": "{label} comes to {value} from {start} to {when}, with a range ({band}) from {low} to {high}.",
    "largest week": "The {direction} week is that of {week}, with {value} on average.",
    "largest group": "The {direction} part is {name}, with {value} on average.",
    "chance": "The chance that a week between {start} and {end} goes beyond {threshold} is {value}.",
    "late": "{count} open invoices, {value} in all, will probably be paid after their due date.",
    "none late": "No open invoice will probably be paid after its due date.",
    "accruals": "Received but not yet recognised at {end}: {value} is to be expected.",
    "week": "It runs from {start} to {end}; the table lists the documents that will probably be paid in it.",
}
"""Every sentence about cash ahead, by situation."""


def _first(lead: Headline, band: Band, found: OutflowForecast, start: date) -> Prose:
    """The figure from a day to another one, with its range."""
    slots: Slots = {
        "start": Figure(figures.day(start), "plan.start"),
        "label": Term(lead.label),
        "value": Figure(figures.headline(lead.value, lead.unit), "headline.value"),
        "when": Figure(key_words(lead.as_of), "headline.as_of"),
        "band": Figure(BAND, "forecast.paths"),
        "low": _money(band.low, found, "headline.low"),
        "high": _money(band.high, found, "headline.high"),
    }
    return fill(TEMPLATES["first" if lead.label == "Payment run" else "period"], slots)


def _largest_group(rows: Sequence[GroupCash], found: OutflowForecast) -> Prose:
    if len(rows) < 2:
        return Prose()
    top = max(rows, key=lambda row: row.cash.mean)
    return fill(
        TEMPLATES["largest group"],
        {
            "direction": Direction("largest", "largest"),
            "name": Name(name_of(clean(top.name))),
            "value": _money(top.cash.mean, found, "table.mean"),
        },
    )


def _headline(plan: OutflowPlan, found: OutflowForecast, band: Band, *, worst: bool) -> Headline:
    value = band.high if worst else band.median
    label = f"{LABEL}, worst case" if worst else LABEL
    lead = _figure(METRIC, label, value, _unit(found), plan)
    return lead.model_copy(update={"low": json_cell(band.low, lead.unit), "high": json_cell(band.high, lead.unit)})


def _figure(metric: str, label: str, value: Decimal, unit: str, plan: OutflowPlan) -> Headline:
    cell = json_cell(value, unit)
    assert not isinstance(cell, bool)  # noqa: S101 - a Decimal never becomes one
    period = period_key(Period(plan.start, plan.end))
    return Headline(metric=metric, label=label, value=cell, unit=unit, period=period, as_of=plan.end.isoformat())


def _periods(rows: Sequence[PeriodCash], currency: str) -> Table:
    unit = f"money:{currency}"
    columns = (_text("week", "Period"), _date("from", "From"), _date("to", "To"), *_band_columns(unit))
    return _table(
        columns, tuple((_label(r), r.start.isoformat(), r.end.isoformat(), *_band(r.cash, unit)) for r in rows)
    )


def _label(row: PeriodCash) -> str:
    return row.label.removeprefix("run of ") if row.label.startswith("run of ") else row.label


def _groups(rows: Sequence[GroupCash], by: str, currency: str) -> Table:
    unit = f"money:{currency}"
    share = TableColumn(name="share", label="Share of the mean", role="share", unit="ratio")
    columns = (_text(by, by.replace("_", " ").capitalize()), *_band_columns(unit), share)
    return _table(columns, tuple((clean(r.name), *_band(r.cash, unit), float(r.share)) for r in rows))


def _band_columns(unit: str) -> tuple[TableColumn, ...]:
    names = (("mean", "Mean"), ("p10", "P10"), ("p50", "Median"), ("p90", "P90"))
    return tuple(TableColumn(name=name, label=label, role="metric", unit=unit) for name, label in names)


def _band(band: Band, unit: str) -> tuple[Cell, ...]:
    return tuple(json_cell(value, unit) for value in (band.mean, band.low, band.median, band.high))


def _table(columns: tuple[TableColumn, ...], rows: tuple[tuple[Cell, ...], ...]) -> Table:
    return Table(columns=columns, rows=rows, row_count=len(rows), truncated=False)


def _text(name: str, label: str) -> TableColumn:
    return TableColumn(name=name, label=label, role="dimension", unit="text")


def _date(name: str, label: str) -> TableColumn:
    return TableColumn(name=name, label=label, role="dimension", unit="date")


def _money(value: Value, found: OutflowForecast, source: str) -> Figure:
    return Figure(figures.headline(value, _unit(found)), source)


def _unit(found: OutflowForecast) -> str:
    return f"money:{found.currency}"


def _week_words(week: PeriodCash) -> str:
    return figures.day(week.start)


def _days(plan: OutflowPlan) -> tuple[str, ...]:
    return (figures.day(plan.start), figures.day(plan.end))


def _iso(day: object) -> str | None:
    return None if day is None else str(day)
