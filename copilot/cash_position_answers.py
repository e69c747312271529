"""Cash on the accounts now, as the treasury's feed has it: in all, and by buying entity or currency. Pure."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from copilot.answer import Answer, CheckResult, Headline, LineageEntry, Table, TableColumn
from copilot.composition import Turn, grounded
from copilot.forecasting.cash_feed import STALE_DAYS, CashFeed, NoCashFeed
from copilot.narration.grounding import support_of, unsupported
from copilot.narration.prose import Figure, Slots, Term, fill
from copilot.narration.retelling import told
from copilot.opportunities.offer_reading import CashBooks
from copilot.planning.plan import OutflowPlan
from copilot.tabulation import json_cell
from copilot.wording import figures
from copilot.wording.quoting import clean

METRIC, LABEL = "cash_position", "Cash position"
DEFINITION = "Booked closing balances of the bank accounts, each with its latest one, in the reporting currency."
TEMPLATES = {"level": "{label}: {value} on {accounts} bank accounts, as booked on {day}."}
"""Every sentence about the cash on the accounts."""
SOURCES = ("cash_positions.closing_balance", "exchange_rates.rate")
KINDS = {"buying_entity": ("entity", "Buying entity"), "currency": ("currency", "Currency")}


def compose_cash_position(
    turn: Turn, plan: OutflowPlan, found: CashFeed, books: CashBooks, as_of: date, currency: str
) -> Answer:
    """The answer for a plan that shows `position`; the parts are of the same accounts and add up to it."""
    unit = f"money:{currency}"
    lead = Headline(
        metric=METRIC,
        label=LABEL,
        value=_amount(found.balance, unit),
        unit=unit,
        period=found.position_day.isoformat(),
        as_of=found.position_day.isoformat(),
    )
    table, parts = _table(plan, books, as_of, unit)
    slots: Slots = {
        "label": Term(LABEL),
        "value": Figure(figures.headline(lead.value, unit), "headline.value"),
        "accounts": Figure(figures.headline(found.accounts, "count"), "outcome.accounts"),
        "day": Figure(figures.day(found.position_day), "outcome.position_day"),
    }
    prose = fill(TEMPLATES["level"], slots)
    support = support_of(
        lead, table, periods=(figures.day(found.position_day),), terms=(LABEL,), inputs=((found.accounts, "count"),)
    )
    stray = unsupported(prose.text, support)
    checks = (
        CheckResult(
            name="ties_to_total",
            passed=parts == found.balance,
            detail="the parts add up to the balance of all accounts",
        ),
        grounded([piece.words for piece in stray]),
    )
    return Answer(
        status="answered",
        question=turn.question,
        reading=f"{LABEL} by {KINDS[_by(plan)][1].lower()}; in {currency}",
        plan=plan.model_dump(mode="json"),
        headline=lead,
        table=table,
        narrative="" if stray else told(prose, turn.language),
        trust="governed" if all(check.passed for check in checks) else "exploratory",
        checks=checks,
        caveats=(*plan.notes, f"An account counts with its latest balance of the last {STALE_DAYS} days."),
        lineage=(
            LineageEntry(metric=METRIC, definition=DEFINITION, fields=SOURCES),
        ),
        freshness=turn.freshness,
        follow_ups=("How much cash will we have at the end of the quarter?", "When do we fall below the floor?"),
        evidence_id="",
        thread=turn.thread,
        took_ms=0,
    )  # fmt: skip


def _by(plan: OutflowPlan) -> str:
    return plan.by if plan.by in KINDS else "buying_entity"


def _table(plan: OutflowPlan, books: CashBooks, as_of: date, unit: str) -> tuple[Table, Decimal]:
    """A row for each pool that has a balance, the largest first; and their sum."""
    kind, label = KINDS[_by(plan)]
    place = 0 if kind == "entity" else 1
    names = sorted({str(row[place]) for row in books.balances})
    pools = {name: books.pool(kind, name, as_of) for name in names}
    amounts = {name: pool.balance for name, pool in pools.items() if not isinstance(pool, NoCashFeed)}
    rows = sorted(amounts.items(), key=lambda item: (-item[1], item[0]))
    columns = (
        TableColumn(name=_by(plan), label=label, role="dimension", unit="text"),
        TableColumn(name=METRIC, label=LABEL, role="metric", unit=unit),
    )
    cells = tuple((clean(name, 80), _amount(amount, unit)) for name, amount in rows)
    return Table(columns=columns, rows=cells, row_count=len(cells), truncated=False), sum(amounts.values(), Decimal(0))


def _amount(value: Decimal, unit: str) -> str | float | int | None:
    cell = json_cell(value, unit)
    return None if isinstance(cell, bool) else cell
