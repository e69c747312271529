"""Cash that is left once suppliers are paid, as an answer: at the end of a period, at its lowest, the chance of less.

Pure, like `composition`: the engine runs the forecast and reads the feed, this tells them.
"""

from __future__ import annotations

from copilot.answer import Answer, Assumption, Cell, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.charts import fan_chart
from copilot.composition import Turn, compose_refusal, grounded
from copilot.forecasting.cash_feed import NoCashFeed
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Figure, Prose, Slots, Term, fill, joined
from copilot.narration.retelling import told
from copilot.narration.template_narrator import BAND
from copilot.planning.plan import Choice, OutflowPlan, Refuse
from copilot.simulations.cash_ahead import CashAhead, CashDay
from copilot.simulations.outflow_outcomes import OutflowForecast
from copilot.tabulation import json_cell, path_table
from copilot.wording import figures
from copilot.wording.period_words import key_words
from semantic_layer.results import Value

METRIC = "cash_ahead"
CHANCE = "Chance that cash falls short of {floor}"
LABELS = {
    "balance": "Cash after supplier payments",
    "after_run": "Cash after the next payment run",
    "floor": "Lowest cash after supplier payments",
}
DEFINITION = (
    "Cash on the accounts, plus the movements that treasury expects, less the payments to suppliers that are forecast, "
    "day by day over simulated paths."
)
SOURCES = (
    "cash_positions.closing_balance",
    "cash_forecasts.amount",
    "invoices.total-with-taxes",
    "invoices.net-due-date",
)
TEMPLATES = {
    "level": "{label} comes to {value} on {when}, with a range ({band}) from {low} to {high}.",
    "chance": "The chance that it does not reach {floor} on some day between {start} and {end} is {chance}.",
    "chance_on": "The chance that it does not reach {floor} on {end} is {chance}.",
    "first": "In the middle case it begins on {day}.",
    "none": "In the middle case it never happens.",
}
"""Every sentence about the cash that is left, by situation."""


def compose_cash_ahead(turn: Turn, plan: OutflowPlan, outflow: OutflowForecast, found: CashAhead) -> Answer:
    """The answer about the cash that is left, for a plan that shows one of `CASH_AHEAD`."""
    unit = f"money:{outflow.currency}"
    day = found.last if plan.shows in {"balance", "after_run"} else found.lowest
    level, table = _headline(plan, day, unit), _table(found, unit)
    lead = _chance(found, unit) if plan.shows == "shortfall" else level
    prose = _prose(level, found, unit, chance_first=plan.shows == "shortfall")
    days = (found.days[0].day, found.last.day, found.lowest.day, *([found.first_below] if found.first_below else []))
    money = ((cell, unit) for cell in (level.value, level.low, level.high, json_cell(found.floor, unit)))
    support = support_of(
        lead,
        table,
        periods=(BAND, *(figures.day(d) for d in days)),
        terms=(lead.label, level.label),
        inputs=(*money, (json_cell(found.below, "ratio"), "ratio")),
    )
    stray = unsupported(prose.text, support)
    checks = (
        *(CheckResult(name=c.name, passed=c.passed, detail=c.detail) for c in outflow.checks),
        grounded([piece.words for piece in stray]),
    )
    path = [(d.day, d.cash.low, d.cash.median, d.cash.high) for d in found.days]
    return Answer(
        status="answered",
        question=turn.question,
        reading=f"{lead.label}; {figures.day(plan.start)} to {figures.day(found.last.day)}; in {outflow.currency}; "
        f"floor {figures.headline(json_cell(found.floor, unit), unit)}",
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(prose, turn.language),
        chart=fan_chart(path_table(path, unit), level) if len(path) > 1 else None,
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=tuple(dict.fromkeys((*plan.notes, *_no_floor(plan, found), outflow.coverage.sentence))),
        assumptions=tuple(
            Assumption(name=a.name, value=a.value, source=a.source) for a in (*found.assumptions, *outflow.assumptions)
        ),
        lineage=(LineageEntry(metric=METRIC, definition=DEFINITION, fields=SOURCES),),
        freshness=turn.freshness,
        follow_ups=tuple(text for text in _FOLLOW_UPS if text != turn.question),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )


_FOLLOW_UPS = (
    "When do we fall below the floor?",
    "How much cash will we have at the end of the quarter?",
    "AP outflow for 13 weeks",
    "Which discounts should we take this week?",
)


def _no_floor(plan: OutflowPlan, found: CashAhead) -> tuple[str, ...]:
    """That nobody has named a floor."""
    named = plan.threshold is not None or found.floor
    return () if named else ("The treasury policy names no cash floor: held against zero.",)


def refuse_cash_ahead(turn: Turn, plan: OutflowPlan, feed: NoCashFeed) -> Answer:
    """Without the cash position there is nothing to count from."""
    choice = Choice(label="AP outflow for 13 weeks", question="AP outflow for 13 weeks")
    message = f"Cash needs the treasury's cash position: {feed.missing}."
    refused = Refuse(reason="NEEDS_EXTERNAL_DATA", message=message, choices=(choice,), coverage=plan.coverage)
    return compose_refusal(turn, refused)


def _headline(plan: OutflowPlan, day: CashDay, unit: str) -> Headline:
    def number(value: Value) -> Cell:
        return json_cell(value, unit)

    shown = day.cash.low if plan.worst else day.cash.median
    return Headline.model_validate(
        {
            "metric": METRIC,
            "label": f"{LABELS.get(plan.shows, LABELS['floor'])}{', worst case' if plan.worst else ''}",
            "value": number(shown),
            "unit": unit,
            "period": day.day.isoformat(),
            "as_of": day.day.isoformat(),
            "low": number(day.cash.low),
            "high": number(day.cash.high),
        }
    )


def _chance(found: CashAhead, unit: str) -> Headline:
    floor, end = figures.headline(json_cell(found.floor, unit), unit), found.last.day.isoformat()
    return Headline.model_validate(
        {
            "metric": METRIC,
            "label": CHANCE.format(floor=floor),
            "value": json_cell(found.below, "ratio"),
            "unit": "ratio",
            "period": end,
            "as_of": end,
        }
    )


def _prose(lead: Headline, found: CashAhead, unit: str, *, chance_first: bool) -> Prose:
    floor = Figure(figures.headline(json_cell(found.floor, unit), unit), "plan.threshold")
    level: Slots = {
        "label": Term(lead.label),
        "value": Figure(figures.headline(lead.value, unit), "headline.value"),
        "when": Figure(key_words(lead.as_of), "table.day"),
        "band": Figure(BAND, "forecast.paths"),
        "low": Figure(figures.headline(lead.low, unit), "headline.low"),
        "high": Figure(figures.headline(lead.high, unit), "headline.high"),
    }
    chance: Slots = {
        "floor": floor,
        "start": Figure(figures.day(found.days[0].day), "plan.start"),
        "end": Figure(figures.day(found.last.day), "plan.end"),
        "chance": Figure(figures.headline(json_cell(found.below, "ratio"), "ratio"), "forecast.paths"),
    }
    first = found.first_below
    when = (
        fill(TEMPLATES["first"], {"day": Figure(figures.day(first), "forecast.paths")})
        if first
        else Prose(TEMPLATES["none"])
    )
    several = "chance" if len(found.days) > 1 else "chance_on"
    sentences = [fill(TEMPLATES[several], chance), when]
    sentences.insert(2 if chance_first else 0, fill(TEMPLATES["level"], level))
    return joined(sentences)


def _table(found: CashAhead, unit: str) -> Table:
    names = (("mean", "Mean"), ("p10", "P10"), ("p50", "Median"), ("p90", "P90"))
    columns = (
        TableColumn(name="day", label="End of", role="dimension", unit="date"),
        *(TableColumn(name=name, label=label, role="metric", unit=unit) for name, label in names),
        TableColumn(name="below", label="Chance below the floor", role="metric", unit="ratio"),
    )
    rows = tuple(_row(day, unit) for day in found.weeks())
    return Table(columns=columns, rows=rows, row_count=len(rows), truncated=False)


def _row(day: CashDay, unit: str) -> tuple[Cell, ...]:
    cash = day.cash
    cells = (json_cell(value, unit) for value in (cash.mean, cash.low, cash.median, cash.high))
    return (day.day.isoformat(), *cells, json_cell(day.below, "ratio"))
