"""An engine double that gives hand-written answers: one of every kind, by words in the question."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from copilot.answer import (
    Answer,
    Assumption,
    CheckResult,
    Freshness,
    Headline,
    LineageEntry,
    Table,
    TableColumn,
)
from copilot.charts import chart_of, fan_chart
from copilot.errors import EvidenceMissingError
from copilot.evidence import EvidencePack, pack_of
from copilot.planning.plan import Choice, Clock

FRESHNESS = Freshness(data_as_of="2026-11-21T23:59:59-05:00", mirror_version="20261122T040512Z")
SQL = (
    "WITH balance AS (\n  SELECT d.day, SUM(e.amount) AS open_ap\n  FROM days AS d\n  JOIN payable_events AS e ON e.event_date <= d.day\n"
    "  WHERE e.population = 'recognised' AND NOT e.intercompany\n  GROUP BY d.day\n)\n"
    "SELECT AVG(b.open_ap) * 90 / NULLIF(SUM(p.purchases), 0) AS dpo_purchases\nFROM balance AS b\nCROSS JOIN purchases_90d AS p"
)
CHECKS = (
    CheckResult(name="ties_to_total", passed=True, detail="The parts add up to the total to the cent."),
    CheckResult(
        name="prose_grounded", passed=True, detail="Every number in the text comes from a cell of this answer."
    ),
)
ASSUMPTIONS = (
    Assumption(name="Purchases window", value="90 days", source="metric definition"),
    Assumption(name="Intercompany", value="excluded", source="default of the metric"),
    Assumption(name="Reporting currency", value="USD", source="setting TENOR_REPORTING_CURRENCY"),
)
LINEAGE = (
    LineageEntry(
        metric="dpo_purchases",
        definition="Days payable outstanding: average open payables over the window, divided by purchases of the window, times its days.",
        fields=(
            "invoices.total-with-taxes",
            "invoices.invoice-date",
            "invoices.payments.amount-paid",
            "invoices.payments.payment-date",
        ),
    ),
)


class ScriptedEngine:
    """Answers by words in the question; "slow" waits until cancelled, "broken" raises, "known trouble" raises ours."""

    def __init__(self, known_error: type[Exception] = RuntimeError) -> None:
        self._known_error = known_error
        self._stops: dict[str, threading.Event] = {}
        self._turns: dict[str, int] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.trail: list[tuple[str, str, dict[str, Any]]] = []
        self.packs: dict[str, EvidencePack] = {}

    def ask(self, question: str, thread: str | None) -> Answer:
        """One scripted answer."""
        key = thread or "none"
        self.asked.append((question, thread))
        self._turns[key] = self._turns.get(key, 0) + 1
        words = question.lower()
        if "slow" in words:
            self._wait_for_stop(key)
        if "broken" in words:
            raise ZeroDivisionError("secret detail that must not be shown")
        if "known trouble" in words:
            raise self._known_error("The mirror is missing. Run tenor-sync once, then ask again.")
        for word, build in SCRIPT:
            if word in words:
                return self._kept(build(question, key, f"{len(self.asked):08x}"))
        return self._kept(refused(question, key, f"{len(self.asked):08x}"))

    def _kept(self, answer: Answer) -> Answer:
        self.packs[answer.evidence_id] = pack_of(answer, Clock(today=date(2026, 11, 22), data_date=date(2026, 11, 21)))
        return answer

    def told(self, action: str, of: str, what: Mapping[str, Any]) -> None:
        """The audit trail."""
        self.trail.append((action, of, dict(what)))

    def version(self) -> str:
        """Always the same data."""
        return "one"

    def evidence_of(self, evidence_id: str) -> EvidencePack:
        """The pack of an answer that was given."""
        if evidence_id not in self.packs:
            raise EvidenceMissingError("no such answer")
        return self.packs[evidence_id]

    def cancel(self, thread: str) -> None:
        """Ends a slow question."""
        if thread in self._stops:
            self._stops[thread].set()

    def _wait_for_stop(self, key: str) -> None:
        stop = self._stops[key] = threading.Event()
        if stop.wait(timeout=8):
            raise InterruptedError("stopped")


def _answer(question: str, thread: str, evidence: str, **changes: Any) -> Answer:
    values: dict[str, Any] = {
        "status": "answered",
        "question": question,
        "reading": "DPO; as of 21 Nov 2026; purchases of the last 90 days; intercompany excluded",
        "plan": {"kind": "metric"},
        "narrative": "",
        "sql": (SQL,),
        "trust": "verified",
        "checks": CHECKS,
        "assumptions": ASSUMPTIONS,
        "lineage": LINEAGE,
        "freshness": FRESHNESS,
        "evidence_id": evidence,
        "thread": thread,
        "took_ms": 41,
    }
    return Answer(**(values | changes))


def value(question: str, thread: str, evidence: str) -> Answer:
    """A single figure with a baseline."""
    head = Headline(
        metric="dpo_purchases", label="DPO", value=47.3, unit="days", period="2026-11-21", as_of="2026-11-21",
        previous=45.5, delta=1.8, baseline="Q3 2026",
    )  # fmt: skip
    columns = (
        TableColumn(name="part", label="Part", role="dimension", unit="text"),
        TableColumn(name="amount", label="Amount", role="metric", unit="money:USD"),
    )
    rows = (("Average open payables", "38420118.55"), ("Purchases of the window", "73104220.10"))
    return _answer(
        question, thread, evidence, headline=head, table=Table(columns=columns, rows=rows, row_count=2, truncated=False),
        chart=chart_of(Table(columns=(TableColumn(name="dpo_purchases", label="DPO", role="metric", unit="days"),), rows=((47.3,),), row_count=1, truncated=False), head),
        narrative="DPO stood at 47.3 days as of 21 Nov 2026. That is up 1.8 days from 45.5 days in Q3 2026.",
        follow_ups=("DPO by region", "DPO trend last 12 months", "What is DPO?"),
    )  # fmt: skip


REGIONS = {
    "EMEA": (52.1, 51.4, 53.0, 54.2),
    "North America": (44.0, 43.1, 42.7, 44.9),
    "APAC": (39.5, 41.2, 40.3, 41.8),
    "LATAM": (33.8, 35.0, 36.1, 34.4),
}
QUARTERS = ("2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3")


def by_region(question: str, thread: str, evidence: str) -> Answer:
    """Time and groups: one line per region."""
    columns = (
        TableColumn(name="quarter", label="Quarter", role="dimension", unit="text"),
        TableColumn(name="region", label="Region", role="dimension", unit="text"),
        TableColumn(name="dpo_purchases", label="DPO", role="metric", unit="days"),
    )
    rows = tuple((q, region, REGIONS[region][i]) for i, q in enumerate(QUARTERS) for region in REGIONS)
    table = Table(columns=columns, rows=rows, row_count=len(rows), truncated=False)
    head = Headline(metric="dpo_purchases", label="DPO", value=47.3, unit="days", period="2026-Q3", as_of="2026-09-30")
    return _answer(
        question, thread, evidence, headline=head, table=table, chart=chart_of(table, head),
        reading="DPO by region and quarter; Q4 2025 to Q3 2026; intercompany excluded",
        narrative="DPO stood at 47.3 days as of 30 Sep 2026. In Q3 2026, EMEA is the largest with 54.2 days and LATAM the smallest with 34.4 days.",
        follow_ups=("DPO by region, last month", "DPO by buying entity", "Top 10 suppliers by open AP"),
    )  # fmt: skip


SUPPLIERS = (
    ("Nordvik Logistics AS", "184220.15"), ("Halden: Freight & Co", "151004.90"), ("Arroyo Packaging", "122871.00"), ("Kestrel_Steel*Works", "98310.44"),
    ("Brightwater Chemicals", "91775.20"), ("Oakfield Facilities", "76112.08"), ("Sunda Electronics", "70233.91"), ("Maritsa Tooling", "66120.75"),
    ("Tamsin Energy", "52988.30"), ("Ferro & Filho", "50417.62"),
)  # fmt: skip


def top_suppliers(question: str, thread: str, evidence: str) -> Answer:
    """A ranking with money."""
    columns = (
        TableColumn(name="supplier", label="Supplier", role="dimension", unit="text"),
        TableColumn(name="discount_missed", label="Missed discounts", role="metric", unit="money:USD"),
        TableColumn(name="discount_missed__share", label="Share", role="share", unit="ratio"),
    )
    total = sum(Decimal(amount) for _, amount in SUPPLIERS) * 2
    rows = tuple((name, amount, float(round(Decimal(amount) / total, 4))) for name, amount in SUPPLIERS)
    table = Table(columns=columns, rows=rows, row_count=214, truncated=True)
    head = Headline(
        metric="discount_missed", label=f"Missed discounts: {SUPPLIERS[0][0]}", value="184220.15", unit="money:USD",
        period="2026-01-01/2026-11-21", as_of="2026-11-21",
    )  # fmt: skip
    return _answer(
        question, thread, evidence, headline=head, table=table, chart=chart_of(table, head), trust="governed",
        reading="Missed discounts by supplier; 1 Jan to 21 Nov 2026; top 10; intercompany excluded",
        narrative="Missed discounts came to USD 184.2k from 1 Jan to 21 Nov 2026 for “Nordvik Logistics AS”, the largest of 214 groups by supplier. Next is “Halden: Freight & Co” with USD 151.0k.",
        caveats=("The period is in progress: data to 21 Nov 2026.",),
        follow_ups=("Same for last quarter", "Discount capture rate this year", "Missed discounts by category"),
    )  # fmt: skip


def projected(question: str, thread: str, evidence: str) -> Answer:
    """A projection with its range and fan."""
    start = date(2026, 11, 21)
    rows = []
    for i in range(0, 131, 5):
        day = start + timedelta(days=i)
        middle = 47.3 + 1.9 * i / 130
        rows.append(
            (
                day.isoformat(),
                round(middle - 2.6 * (i / 130) ** 0.5, 2),
                round(middle, 2),
                round(middle + 2.9 * (i / 130) ** 0.5, 2),
            )
        )
    columns = (
        TableColumn(name="date", label="Date", role="dimension", unit="date"),
        *(TableColumn(name=name, label=name.upper(), role="metric", unit="days") for name in ("p10", "p50", "p90")),
    )
    table = Table(columns=columns, rows=tuple(rows), row_count=len(rows), truncated=False)
    head = Headline(
        metric="dpo_projected", label="Projected DPO", value=49.2, unit="days", period="2027-Q1", as_of="2027-03-31",
        low=46.6, high=52.1, previous=47.3, delta=1.9, baseline="21 Nov 2026",
    )  # fmt: skip
    return _answer(
        question, thread, evidence, headline=head, table=table, chart=fan_chart(table, head), trust="governed",
        reading="Projected DPO at 31 Mar 2027; Q1 2027 (Jan\N{EN DASH}Mar)",
        narrative="Projected DPO is projected at 49.2 days for 31 Mar 2027, with a range (P10\N{EN DASH}P90) from 46.6 days to 52.1 days. That is up 1.9 days from 47.3 days on 21 Nov 2026; the largest driver is purchases (+1.2 days).",
        assumptions=(*ASSUMPTIONS, Assumption(name="Paths", value="2,000, seed 20261122", source="simulation default")),
        follow_ups=("What is our DPO?", "DPO trend last 12 months", "DPO by region"),
    )  # fmt: skip


def clarify(question: str, thread: str, evidence: str) -> Answer:
    """One question back."""
    choices = (
        Choice(label="Open AP past due", question="Past due AP"),
        Choice(label="Invoices paid late", question="On-time payment rate last quarter"),
    )
    return _answer(
        question, thread, evidence, status="clarify", reason="AMBIGUOUS_METRIC", reading="", sql=(), checks=(), assumptions=(), lineage=(),
        narrative="“Late” can mean two things. Which one do you want?", choices=choices,
    )  # fmt: skip


def refused(question: str, thread: str, evidence: str) -> Answer:
    """No, and what can be asked instead."""
    choices = (
        Choice(label="DPO", question="What's our DPO?"),
        Choice(label="Open AP by supplier", question="Top 10 suppliers by open AP"),
    )
    return _answer(
        question, thread, evidence, status="refused", reason="OUT_OF_SCOPE", reading="", sql=(), checks=(), assumptions=(), lineage=(),
        narrative="I can answer questions about payables, discounts and payment terms. This one is about something else.", choices=choices,
    )  # fmt: skip


SCRIPT = (
    ("late", clarify),
    ("projected", projected),
    ("supplier", top_suppliers),
    ("region", by_region),
    ("and ", by_region),
    ("dpo", value),
)
