"""The feeds as data: columns and their rules, the table and key, how rows are dated, and the formats they come in.

A feed's columns are those of its own CSV; the other formats are brought into the same columns. `docs/feeds.md` shows
this table to people, and a test keeps the two alike.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from sync.feeds import cells
from sync.feeds.cells import Cell, Kind

Row = Mapping[str, Cell | None]
Rule = Callable[[Row, dt.date], tuple[str, str] | None]
"""A rule over a whole row, given today: None, or the column at fault and what is wrong."""


@dataclass(frozen=True)
class FeedColumn:
    """One column: its name, its kind, what it means; whether a cell may be empty, and what an absent one means."""

    name: str
    kind: Kind
    about: str
    required: bool = True
    default: str = ""
    in_table: bool = True


@dataclass(frozen=True)
class Feed:
    """One feed. `key` names the columns that tell rows apart; `dated_by` the column that dates them.

    `looks_up` names what is filled in from elsewhere in the
    mirror when a file does not have it: "entity" from bank accounts, "supplier_id" from suppliers.
    """

    name: str
    about: str
    table: str
    columns: tuple[FeedColumn, ...]
    key: tuple[str, ...]
    dated_by: str
    formats: tuple[str, ...] = ("csv",)
    rules: tuple[Rule, ...] = ()
    looks_up: str | None = None

    @cached_property
    def stored(self) -> tuple[str, ...]:
        """Names of the columns that the table has, in order; the days of a term are added where there is one."""
        names = tuple(column.name for column in self.columns if column.in_table)
        return (*names, "tenor_days") if "tenor" in names else names


BALANCE_TYPES: Final = (
    "closing_booked",
    "closing_available",
    "opening_booked",
    "forward_available",
    "interim_booked",
)
RATE_KINDS: Final = (
    "wacc",
    "cost_of_debt",
    "revolver",
    "deposit",
    "hurdle",
    "minimum_apr",
    "liquidity_premium",
    "policy",
)
ACCOUNT_CLASSES: Final = ("cogs", "revenue", "inventory", "receivables", "ap_control", "purchases")


def _not_after_today(column: str) -> Rule:
    """What is stated as a fact has happened already; a bank's forward balance is the exception."""

    def rule(row: Row, today: dt.date) -> tuple[str, str] | None:
        day = row[column]
        if isinstance(day, dt.date) and day > today and row.get("balance_type") != "forward_available":
            return column, f"lies after today ({today})"
        return None

    return rule


def _bounds_enclose(row: Row, _today: dt.date) -> tuple[str, str] | None:
    """Bounds, where they are given, enclose the amount."""
    low, amount, high = row["low"], row["amount"], row["high"]
    if low is not None and low > amount:  # type: ignore[operator] # all three are Decimal by their kind
        return "low", "is above the amount"
    if high is not None and high < amount:  # type: ignore[operator] # as above
        return "high", "is below the amount"
    return None


def _forecast_looks_ahead(row: Row, _today: dt.date) -> tuple[str, str] | None:
    """A forecast is of days not before it was made."""
    if row["forecast_date"] < row["as_of_date"]:  # type: ignore[operator] # both are dates by their kind
        return "forecast_date", "lies before the day on which the forecast was made (as_of_date)"
    return None


_ENTITY: Final = FeedColumn("entity", cells.text, "name of the buying entity, as its chart of accounts in Coupa")
_CURRENCY: Final = FeedColumn("currency", cells.currency, "ISO 4217 code")
_BANK: Final = FeedColumn("bank", cells.text, "name of the bank", required=False)

BANK_ACCOUNTS: Final = Feed(
    "bank_accounts",
    "which entity a bank account belongs to, since when; needed by bank statements, which name accounts only",
    "feed_bank_accounts",
    (
        FeedColumn("account", cells.text, "account number or IBAN, as the bank's statements write it"),
        _ENTITY,
        _CURRENCY,
        _BANK,
        FeedColumn("valid_from", cells.date, "first day on which this holds"),
    ),
    key=("account", "valid_from"),
    dated_by="valid_from",
)

CASH_POSITIONS: Final = Feed(
    "cash_positions",
    "balances of bank accounts",
    "feed_cash_positions",
    (
        _ENTITY,
        FeedColumn("account", cells.text, "account number or IBAN"),
        _CURRENCY,
        FeedColumn("position_date", cells.date, "day of the balance"),
        FeedColumn("balance_type", cells.one_of(*BALANCE_TYPES), "which balance", default="closing_booked"),
        FeedColumn("amount", cells.money, "balance; an overdraft is negative"),
        _BANK,
    ),
    key=("account", "currency", "position_date", "balance_type"),
    dated_by="position_date",
    formats=("csv", "camt053", "bai2", "mt940"),
    rules=(_not_after_today("position_date"),),
    looks_up="entity",
)

CASH_FORECASTS: Final = Feed(
    "cash_forecasts",
    "the treasury's forecast of inflows (and of outflows that are not payables)",
    "feed_cash_forecasts",
    (
        _ENTITY,
        _CURRENCY,
        FeedColumn("as_of_date", cells.date, "day on which the forecast was made"),
        FeedColumn("forecast_date", cells.date, "day on which the cash is expected to move"),
        FeedColumn("direction", cells.one_of("inflow", "outflow"), "which way", default="inflow"),
        FeedColumn("category", cells.text, "what it is, such as customer receipts"),
        FeedColumn("amount", cells.amount_not_negative, "expected amount, without a sign"),
        FeedColumn("low", cells.amount_not_negative, "lower bound", required=False),
        FeedColumn("high", cells.amount_not_negative, "upper bound", required=False),
    ),
    key=("entity", "currency", "as_of_date", "forecast_date", "direction", "category"),
    dated_by="as_of_date",
    rules=(_not_after_today("as_of_date"), _bounds_enclose, _forecast_looks_ahead),
)

CAPITAL_RATES: Final = Feed(
    "capital_rates",
    "cost of capital and policy rates, each in force from a day until the next one",
    "feed_capital_rates",
    (
        FeedColumn("entity", cells.word_or(cells.text, cells.ANY), "name of the entity, or * for all"),
        FeedColumn("currency", cells.currency_or_any, "ISO 4217 code, or * for all"),
        FeedColumn("rate_kind", cells.one_of(*RATE_KINDS), "which rate"),
        FeedColumn("valid_from", cells.date, "first day on which it holds"),
        FeedColumn("rate_percent", cells.percent, "percent per year: 4.25 is 4.25 %"),
        FeedColumn("note", cells.text, "who decided it, or why", required=False),
    ),
    key=("entity", "currency", "rate_kind", "valid_from"),
    dated_by="valid_from",
)

MARKET_YIELDS: Final = Feed(
    "market_yields",
    "yields of government curves and money markets, as a central bank and a treasury publish them",
    "feed_market_yields",
    (
        FeedColumn("curve", cells.text, "US_TREASURY_PAR, ECB_AAA_SPOT, ECB_ALL_SPOT, ECB_ESTR, or one of yours"),
        _CURRENCY,
        FeedColumn("quote_date", cells.date, "day of the quote"),
        FeedColumn("tenor", cells.tenor, "term as an ISO 8601 duration: P1D, P3M, P10Y"),
        FeedColumn("yield_percent", cells.published_percent, "percent per year, kept to six decimals"),
        FeedColumn(
            "convention",
            cells.one_of("bond_equivalent", "continuous", "money_market", "annual"),
            "how the yield compounds",
            default="annual",
        ),
    ),
    key=("curve", "tenor", "quote_date"),
    dated_by="quote_date",
    formats=("csv", "ecb-csv", "ecb-json", "treasury-csv", "treasury-xml"),
    rules=(_not_after_today("quote_date"),),
)

SUPPLIER_RISK: Final = Feed(
    "supplier_risk",
    "scores of suppliers, from Coupa's inbound risk feed or a vendor",
    "feed_supplier_risk",
    (
        FeedColumn("supplier_id", cells.identifier, "Coupa's id of the supplier; empty: found by supplier_number"),
        FeedColumn("supplier_number", cells.text, "the supplier's number in Coupa", required=False, in_table=False),
        FeedColumn("source", cells.text, "whose score it is"),
        FeedColumn("measure", cells.text, "which score, such as risk_score or number_field_01"),
        FeedColumn("score_date", cells.date, "day of the score"),
        FeedColumn("score", cells.money, "the score, on its source's own scale"),
        FeedColumn("band", cells.one_of("low", "medium", "high", "critical"), "its band, if any", required=False),
    ),
    key=("supplier_id", "source", "measure", "score_date"),
    dated_by="score_date",
    formats=("csv", "coupa-risk-json", "coupa-risk-csv"),
    rules=(_not_after_today("score_date"),),
    looks_up="supplier_id",
)

ERP_TOTALS: Final = Feed(
    "erp_totals",
    "totals of the general ledger by entity and month: cost of goods sold, revenue, inventory, receivables, payables",
    "feed_erp_totals",
    (
        _ENTITY,
        FeedColumn("period_month", cells.month, "the month, as 2026-10 or as any day of it"),
        FeedColumn("account_class", cells.one_of(*ACCOUNT_CLASSES), "what the total is of"),
        _CURRENCY,
        FeedColumn("amount", cells.money, "flow of the month, or balance at its end; positive in the normal case"),
    ),
    key=("entity", "period_month", "account_class", "currency"),
    dated_by="period_month",
    rules=(_not_after_today("period_month"),),
)

FEEDS: Final = (
    BANK_ACCOUNTS,
    CASH_POSITIONS,
    CASH_FORECASTS,
    CAPITAL_RATES,
    MARKET_YIELDS,
    SUPPLIER_RISK,
    ERP_TOTALS,
)
"""All feeds, in the order in which a folder's files are loaded: what others look up comes first."""
