"""Feed files that fit a seeded company: what its treasury, its banks and its ledger would send.

The same preset, seed and day always make the same files, byte by byte. Bank statements of the last days come in the
format of each country's banks (BAI2, MT940, camt.053, CSV), older balances as one CSV file.
"""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sync.sandbox import market
from sync.sandbox.arrays import IntArray
from sync.sandbox.company.company import Company, build_company
from sync.sandbox.company.parts import Parts
from sync.sandbox.company.reference import CURRENCIES, ENTITIES
from sync.sandbox.ledger import complete_months, home_currency, ledger_totals
from sync.sandbox.statements import Statement, as_bai2, as_camt053, as_mt940
from sync.sandbox.zone import day_number, day_of

HISTORY_DAYS = 400
STATEMENT_DAYS = 5
FORECAST_WEEKS = 26
_BANKS = {"US": "Harborline Bank", "CA": "Harborline Bank", "GB": "Thames & Tyne Bank", "BR": "Banco Serra Azul"}
_ECB_TERMS = ("3M", "6M", "1Y", "2Y", "5Y", "10Y")
_HURDLES = {"USD": "8.00", "EUR": "6.25", "GBP": "7.50", "CAD": "7.00", "INR": "10.50", "JPY": "2.75", "BRL": "14.50"}
_DEPOSITS = {"USD": "3.90", "EUR": "1.90", "GBP": "3.75", "CAD": "2.40", "INR": "5.75", "JPY": "0.40", "BRL": "13.25"}


@dataclass(frozen=True)
class _Account:
    """A bank account with its balance at the end of each day of the history, in hundredths."""

    number: str
    entity: int
    currency: str
    bank: str
    balances: IntArray


def write_feeds(
    folder: Path, preset: str, seed: int, today: dt.date, time_zone: str = "America/New_York"
) -> tuple[Path, ...]:
    """Writes the feed files of the company with these arguments into the folder, and answers their paths."""
    return write_company_feeds(folder, build_company(preset, seed, today, time_zone))


def write_company_feeds(folder: Path, company: Company) -> tuple[Path, ...]:
    """Writes the feed files of a company into the folder, and answers their paths."""
    parts = company.parts
    accounts = _accounts(company)
    files: dict[str, str] = {
        "bank_accounts.csv": _bank_accounts(parts, accounts),
        "cash_positions/history.csv": _history(parts, accounts),
        **_recent(parts, accounts),
        "cash_forecasts.csv": _forecasts(company),
        "capital_rates.csv": _capital_rates(parts),
        **_market(parts),
        "supplier_risk.csv": _risk(company),
        "erp_totals.csv": _erp(company),
    }
    paths = []
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
        paths.append(path)
    return tuple(paths)


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return out.getvalue()


def money(hundredths: int) -> str:
    """An amount of hundredths as text, exactly."""
    sign, whole = "-" if hundredths < 0 else "", abs(hundredths)
    return f"{sign}{whole // 100}.{whole % 100:02d}"


def _accounts(company: Company) -> tuple[_Account, ...]:
    """One account per entity in its home currency, and a second in dollars for those abroad that invoice in them."""
    parts = company.parts
    random = parts.frame.stream("cash")
    monthly = _monthly_costs(company)
    found = []
    for entity, fact in enumerate(ENTITIES):
        home = CURRENCIES[home_currency(entity)].code
        bank = _BANKS.get(fact.country, "Meridian Handelsbank")
        level = monthly[entity]
        found.append(_Account(f"{fact.code}{home}0001", entity, home, bank, _path(random, level)))
        if home != "USD":
            rate = CURRENCIES[home_currency(entity)].dollars
            found.append(_Account(f"{fact.code}USD0002", entity, "USD", bank, _path(random, level * rate * 0.15)))
    return tuple(found)


def _monthly_costs(company: Company) -> list[float]:
    """A month's cost of goods sold of each entity, in hundredths of its home currency."""
    totals = [0.0] * len(ENTITIES)
    months = len(complete_months(company.parts))
    for total in ledger_totals(company):
        if total.account_class == "cogs":
            totals[total.entity] += total.amount / months
    return totals


def _path(random: np.random.Generator, level: float) -> IntArray:
    """Daily balances that wander around one and a half months of costs, with a wave through each month."""
    count = HISTORY_DAYS
    wander = np.zeros(count)
    steps = random.normal(0.0, 0.035, count)
    for place in range(1, count):
        wander[place] = wander[place - 1] * 0.97 + steps[place]
    wave = 0.18 * np.sin(np.arange(count) * 2 * np.pi / 30.4 + random.uniform(0, 6))
    whole = np.round(level * 1.5 * np.maximum(0.08, 1.0 + wander + wave) / 100.0).astype(np.int64)
    return np.asarray(whole * 100)


def _days(parts: Parts) -> list[tuple[int, dt.date]]:
    """Places of the weekdays in a balance's path, with their dates; the last one is the data's last weekday."""
    first = parts.frame.last_day - HISTORY_DAYS + 1
    found = [(place, day_of(first + place)) for place in range(HISTORY_DAYS)]
    return [(place, day) for place, day in found if day.weekday() < 5]


def _bank_accounts(parts: Parts, accounts: Sequence[_Account]) -> str:
    since = day_of(parts.frame.first_day)
    rows = [
        (account.number, ENTITIES[account.entity].name, account.currency, account.bank, since) for account in accounts
    ]
    return _csv(("account", "entity", "currency", "bank", "valid_from"), rows)


def _history(parts: Parts, accounts: Sequence[_Account]) -> str:
    header = ("entity", "account", "currency", "position_date", "balance_type", "amount", "bank")
    rows = [
        (
            ENTITIES[account.entity].name,
            account.number,
            account.currency,
            day,
            "closing_booked",
            money(int(account.balances[place])),
            account.bank,
        )
        for account in accounts
        for place, day in _days(parts)[:-STATEMENT_DAYS]
    ]
    return _csv(header, rows)


def _recent(parts: Parts, accounts: Sequence[_Account]) -> dict[str, str]:
    """The statements of the last days, one file per day and format."""
    days = _days(parts)
    files = {}
    for before, (place, day) in zip(days[-STATEMENT_DAYS - 1 :], days[-STATEMENT_DAYS:], strict=False):
        by_format: dict[str, list[Statement]] = {"bai2": [], "mt940": [], "camt053": [], "csv": []}
        for account in accounts:
            opening, closing = int(account.balances[before[0]]), int(account.balances[place])
            statement = Statement(account.number, account.currency, account.bank, day, before[1], opening, closing)
            by_format[_bank_format(ENTITIES[account.entity].country)].append(statement)
        names = {account.number: ENTITIES[account.entity].name for account in accounts}
        files[f"cash_positions/{day}-north-america.bai2"] = as_bai2(by_format["bai2"], parts.frame.seed)
        files[f"cash_positions/{day}-united-kingdom.sta"] = as_mt940(by_format["mt940"])
        files[f"cash_positions/{day}-euro.xml"] = as_camt053(by_format["camt053"])
        rows = [
            (names[found.account], found.account, found.currency, day, money(found.closing), found.bank)
            for found in by_format["csv"]
        ]
        header = ("entity", "account", "currency", "position_date", "amount", "bank")
        files[f"cash_positions/{day}-others.csv"] = _csv(header, rows)
    return files


def _bank_format(country: str) -> str:
    if country in {"US", "CA"}:
        return "bai2"
    if country == "GB":
        return "mt940"
    return "camt053" if country in {"DE", "FR"} else "csv"


def _forecasts(company: Company) -> str:
    """Customer receipts by week, payroll and taxes by month, as forecast on each of the last four Mondays."""
    parts = company.parts
    random = parts.frame.stream("cash forecasts")
    monthly = _monthly_costs(company)
    last = day_of(parts.frame.last_day)
    monday = last - dt.timedelta(days=last.weekday())
    rows: list[tuple[object, ...]] = []
    for made in (monday - dt.timedelta(weeks=back) for back in (3, 2, 1, 0)):
        for entity, fact in enumerate(ENTITIES):
            currency = CURRENCIES[home_currency(entity)].code
            for week in range(1, FORECAST_WEEKS + 1):
                friday = made + dt.timedelta(days=7 * week - 3)
                width = 0.04 + 0.006 * week
                receipts = monthly[entity] * 1.5 * 12 / 52 * random.normal(1.0, 0.06)
                about = (fact.name, currency, made, friday)
                rows.append(_forecast(*about, "inflow", "customer receipts", receipts, width))
                if friday.day <= 7:
                    payroll = monthly[entity] * 0.22
                    rows.append(_forecast(*about, "outflow", "payroll", payroll, 0.01))
    header = ("entity", "currency", "as_of_date", "forecast_date", "direction", "category", "amount", "low", "high")
    return _csv(header, rows)


def _forecast(
    entity: str, currency: str, made: dt.date, day: dt.date, direction: str, category: str, amount: float, width: float
) -> tuple[object, ...]:
    bounds = [round(amount * factor / 10_000) * 10_000 for factor in (1.0, 1.0 - width, 1.0 + width)]
    return (entity, currency, made, day, direction, category, *(money(bound) for bound in bounds))


def _capital_rates(parts: Parts) -> str:
    """Group-wide rates since the beginning of the history, some changed since; one entity borrows at home."""
    first = day_of(parts.frame.first_day)
    year = day_of(parts.frame.last_day).replace(month=1, day=1)
    rows: list[tuple[object, ...]] = [
        ("*", "*", "wacc", first, "8.80", "board paper of the first year"),
        ("*", "*", "wacc", year, "8.40", "board paper of this year"),
        ("*", "*", "liquidity_premium", first, "0.50", ""),
        ("*", "USD", "revolver", first, "6.10", "drawn margin included"),
        ("*", "EUR", "revolver", first, "4.20", "drawn margin included"),
    ]
    india = next(fact.name for fact in ENTITIES if fact.country == "IN")
    rows.append((india, "INR", "cost_of_debt", first, "9.60", "working capital loan"))
    for currency, hurdle in _HURDLES.items():
        rows.append(("*", currency, "hurdle", first, hurdle, "treasury policy"))
        rows.append(("*", currency, "deposit", first, _DEPOSITS[currency], ""))
    rows.append(("*", "USD", "hurdle", year, "7.50", "treasury policy, revised"))
    return _csv(("entity", "currency", "rate_kind", "valid_from", "rate_percent", "note"), rows)


def _market(parts: Parts) -> dict[str, str]:
    """The two public sources, as somebody would have saved them."""
    seed, last = parts.frame.seed, day_of(parts.frame.last_day)
    start = last - dt.timedelta(days=HISTORY_DAYS)
    files = {
        f"market_yields/us_treasury_par-{year}.csv": market.treasury_table(seed, year, last)
        for year in range(start.year, last.year + 1)
    }
    spots = market.spot_series(_ECB_TERMS)
    files["market_yields/ecb_aaa_spot.csv"] = market.ecb_table(seed, "YC", spots, start, last)
    files["market_yields/ecb_estr.csv"] = market.ecb_table(seed, "EST", market.overnight_series(), start, last)
    return files


def _risk(company: Company) -> str:
    """A score from 0 (safe) to 100 for every supplier and month of the last year; a few grow worse."""
    parts = company.parts
    random = parts.frame.stream("supplier risk")
    ids = company.tables["suppliers"].ids
    start = random.beta(2.2, 5.0, len(ids)) * 100
    drift = np.where(random.random(len(ids)) < 0.06, random.uniform(2, 5, len(ids)), random.normal(0, 0.3, len(ids)))
    firsts = np.array([day_number(day) for day in _month_firsts(parts)], dtype=np.int64)
    scores = np.clip(start[:, None] + drift[:, None] * np.arange(len(firsts)), 0, 100).round(1)
    rows = [
        (identifier, "demo_ratings", "risk_score", day_of(first), f"{score:.1f}", _band(score))
        for identifier, line in zip(ids.tolist(), scores.tolist(), strict=True)
        for first, score in zip(firsts.tolist(), line, strict=True)
    ]
    return _csv(("supplier_id", "source", "measure", "score_date", "score", "band"), rows)


def _month_firsts(parts: Parts) -> list[dt.date]:
    last = day_of(parts.frame.last_day)
    counts = [last.year * 12 + last.month - 1 - back for back in range(11, -1, -1)]
    return [dt.date(count // 12, count % 12 + 1, 1) for count in counts]


def _band(score: float) -> str:
    if score >= 80:
        return "critical"
    if score >= 60:
        return "high"
    return "medium" if score >= 35 else "low"


def _erp(company: Company) -> str:
    rows = [
        (
            ENTITIES[total.entity].name,
            f"{day_of(total.month):%Y-%m}",
            total.account_class,
            CURRENCIES[total.currency].code,
            money(total.amount),
        )
        for total in ledger_totals(company)
    ]
    return _csv(("entity", "period_month", "account_class", "currency", "amount"), rows)
