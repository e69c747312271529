"""The sandbox over real HTTP, synced, against its raw pages read with nothing of ours."""

import asyncio
import io
import time
from collections import Counter, defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
import stamina
from rich.console import Console

from sync.client import CoupaClient, open_http
from sync.console import TerminalProgress, show_report
from sync.errors import MirrorBusyError
from sync.pagination import Window
from sync.publish import open_published, read_manifest
from sync.rate_limit import RateLimiter
from sync.reconcile_command import show_differences
from sync.reconciliation import Reconciliation, reconcile_with
from sync.resources import BY_NAME
from sync.run import Source, SyncReport
from sync.sandbox import running
from sync.sandbox.app import create_app
from sync.sandbox.faults import Faults
from sync.settings import Settings
from sync.worker import sync_once
from sync.writer_lock import only_writer

PATHS = {
    "invoices": "/api/invoices",
    "suppliers": "/api/suppliers",
    "purchase_orders": "/api/purchase_orders",
    "receiving_transactions": "/api/receiving_transactions",
    "coupa_pay_payments": "/api/coupa_pay/payments",
    "contracts": "/api/contracts",
    "payment_terms": "/api/payment_terms",
    "currencies": "/api/currencies",
    "users": "/api/users",
    "commodities": "/api/commodities",
    "account_types": "/api/account_types",
}


@pytest.fixture(scope="module")
def raw(sandbox: Any) -> dict[str, list[dict[str, Any]]]:
    """Every record of every list, read page by page by offset, whole, with plain httpx and json."""
    with httpx.Client(base_url=sandbox.url, trust_env=False, headers={"Accept": "application/json"}) as http:
        form = {"grant_type": "client_credentials", "client_id": "tenor-demo", "client_secret": "tenor-demo-secret"}
        http.headers["Authorization"] = f"Bearer {http.post('/oauth2/token', data=form).json()['access_token']}"
        return {name: list(_by_offset(http, path)) for name, path in PATHS.items()}


def _by_offset(http: httpx.Client, path: str) -> Any:
    offset = 0
    while page := http.get(path, params={"offset": offset, "limit": 50}).json():
        yield from page
        offset += len(page)


@pytest.fixture(scope="module")
def synced(sandbox: Any, kit: Any, tmp_path_factory: Any) -> tuple[Settings, SyncReport]:
    """A whole sync of the sandbox."""
    settings = sandbox.settings.model_copy(update={"mirror": tmp_path_factory.mktemp("trip") / "mirror"})
    return settings, run_sync(settings, kit)


def run_sync(settings: Settings, kit: Any) -> SyncReport:
    """One sync with the clock at the sandbox's today."""
    return asyncio.run(sync_once(settings, Source(settings.coupa_url or ""), lambda: kit.now, kit.Watcher()))


@pytest.fixture
def published(synced: tuple[Settings, SyncReport]) -> Any:
    """The published version, read-only."""
    with open_published(synced[0].mirror_folder) as connection:
        yield connection


def test_every_record_is_there_and_none_was_set_aside(
    raw: Any, synced: tuple[Settings, SyncReport], published: duckdb.DuckDBPyConnection
) -> None:
    """Ids, one by one, and children by count."""
    assert synced[1].rejected == ()
    for name, records in raw.items():
        found = [row[0] for row in published.execute(f'SELECT id FROM "{name}" ORDER BY id').fetchall()]
        assert found == sorted(record["id"] for record in records), name
    for table, parent, attribute in (
        ("invoice_lines", "invoices", "invoice-lines"),
        ("invoice_payments", "invoices", "payments"),
        ("purchase_order_lines", "purchase_orders", "order-lines"),
        ("coupa_pay_payment_details", "coupa_pay_payments", "payment-details"),
    ):
        expected = sorted(child["id"] for record in raw[parent] for child in record[attribute])
        assert [row[0] for row in published.execute(f'SELECT id FROM "{table}" ORDER BY id').fetchall()] == expected, (
            table
        )


@pytest.mark.parametrize(
    ("documents", "lines", "table"),
    [
        ("invoices", "invoice-lines", "invoice_line_allocations"),
        ("purchase_orders", "order-lines", "purchase_order_line_allocations"),
    ],
)
def test_allocations_hang_on_their_lines_and_documents(
    raw: Any, published: duckdb.DuckDBPyConnection, documents: str, lines: str, table: str
) -> None:
    """Two levels down: every part of every line, with the ids of both, and the parts of a line add up to it."""
    expected = sorted(
        (part["id"], record["id"], line["id"], Decimal(part["amount"]), Decimal(part["pct"]), part["account"]["code"])
        for record in raw[documents]
        for line in record[lines]
        for part in line["account-allocations"]
    )
    assert len(expected) > 100
    document, line = documents.removesuffix("s") + "_id", table.removesuffix("_allocations")
    columns = f"id, {document}, {line}_id, amount, percent, account_code"
    assert published.execute(f"SELECT {columns} FROM {table} ORDER BY id").fetchall() == expected
    apart = f"""SELECT l.id FROM {line}s l JOIN {table} a ON a.{line}_id = l.id
        GROUP BY l.id, l.total HAVING sum(a.amount) <> l.total OR sum(a.percent) <> 100"""
    assert published.execute(apart).fetchall() == []


def test_custom_fields_have_a_row_for_each_value(raw: Any, published: duckdb.DuckDBPyConnection) -> None:
    """Of invoices and orders, the lines of both, contracts and suppliers; what is null is no row."""
    expected: Counter[tuple[str, int, str, str]] = Counter()
    lines = {"invoices": ("invoice-lines", "invoice_lines"), "purchase_orders": ("order-lines", "purchase_order_lines")}
    for name in ("invoices", "suppliers", "purchase_orders", "contracts"):
        attribute, table = lines.get(name, ("", ""))
        for record in raw[name]:
            holders = [(name, record), *((table, line) for line in record.get(attribute, ()))]
            for kind, holder in holders:
                for field, value in (holder["custom-fields"] or {}).items():
                    if value not in (None, ""):
                        text = value["name"] if isinstance(value, dict) else value
                        shown = str(text).lower() if isinstance(text, bool) else str(text)
                        expected[kind, holder["id"], field, shown] += 1
    found = published.execute("SELECT record_type, record_id, field, value FROM custom_field_values").fetchall()
    assert len({kind for kind, *_ in found}) == 6
    assert Counter(found) == expected
    assert published.execute("SELECT count(*) FROM custom_field_values_past").fetchone() == (0,)


def test_money_agrees_to_the_cent_per_status_and_currency(raw: Any, published: duckdb.DuckDBPyConnection) -> None:
    """Sums in plain Python over the raw pages against sums in the mirror."""
    expected: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for record in raw["invoices"]:
        expected[record["status"], record["currency"]["code"]] += Decimal(record["total-with-taxes"] or 0)
    found = published.execute(
        "SELECT status, currency_code, sum(total_with_taxes) FROM invoices GROUP BY ALL"
    ).fetchall()
    assert {(status, code): total for status, code, total in found if total} == {
        key: total for key, total in expected.items() if total
    }

    paid = sum(
        (Decimal(payment["amount-paid"]) for record in raw["invoices"] for payment in record["payments"]), Decimal(0)
    )
    discounts = sum(
        (
            Decimal(detail["discount-total"])
            for record in raw["coupa_pay_payments"]
            for detail in record["payment-details"]
        ),
        Decimal(0),
    )
    assert published.execute("SELECT sum(amount_paid) FROM invoice_payments").fetchone() == (paid,)
    assert published.execute("SELECT sum(discount_total) FROM coupa_pay_payment_details").fetchone() == (discounts,)


def test_dates_and_flags_agree(raw: Any, published: duckdb.DuckDBPyConnection) -> None:
    """Local dates are the date part of Coupa's text; intercompany is the custom field; entities and terms are linked."""
    expected = Counter(
        (
            record["invoice-date"][:10],
            (record["net-due-date"] or "")[:10],
            (record["date-received"] or "")[:10],
            record["created-at"][:10],
            record["account-type"]["name"],
            (record["payment-term"] or {}).get("code"),
        )
        for record in raw["invoices"]
    )
    found = published.execute(
        "SELECT invoice_date::VARCHAR, coalesce(net_due_date::VARCHAR, ''), coalesce(received_date::VARCHAR, ''), "
        "created_date::VARCHAR, account_type_name, payment_term_code FROM invoices",
    ).fetchall()
    assert Counter(found) == expected
    intercompany = {
        record["id"]
        for record in raw["suppliers"]
        if (record["custom-fields"] or {}).get("intercompany") in {True, "true"}
    }
    assert intercompany
    assert {
        row[0] for row in published.execute("SELECT id FROM suppliers WHERE is_intercompany").fetchall()
    } == intercompany


def test_the_manifest_says_up_to_when(synced: tuple[Settings, SyncReport], kit: Any) -> None:
    """Complete up to the first moment of today."""
    manifest = read_manifest(synced[0].mirror_folder)
    assert manifest.data_as_of == kit.now
    assert manifest.source == synced[0].coupa_url


def test_reconciliation_agrees_and_notices_a_lost_invoice(synced: tuple[Settings, SyncReport], tmp_path: Path) -> None:
    """Counts and money per status; a row that is missing or changed is named."""
    settings, report = synced
    manifest = read_manifest(settings.mirror_folder)
    console = Console(record=True, width=150, quiet=True)
    with open_published(settings.mirror_folder) as published:
        result = asyncio.run(
            reconcile_with(settings, lambda sql: published.execute(sql).fetchall(), manifest.data_as_of)
        )
    assert result.agrees
    assert len({line.month for line in result.comparisons}) > 20
    assert {line.name for line in result.comparisons} >= {
        "invoice_line_allocations", "invoice_payments", "invoice_lines", "invoices custom fields",
        "purchase_order_line_allocations", "purchase_order_lines", "contracts custom fields"
    }  # fmt: skip
    show_differences(console, result)

    damaged = tmp_path / "damaged.duckdb"
    damaged.write_bytes(report.path.read_bytes())
    with duckdb.connect(str(damaged)) as connection:
        lost = connection.execute("SELECT min(id) FROM invoices").fetchone()
        connection.execute("DELETE FROM invoices WHERE id = (SELECT min(id) FROM invoices)")
        connection.execute(
            "DELETE FROM invoice_line_allocations WHERE id = (SELECT max(id) FROM invoice_line_allocations)"
        )
        result = asyncio.run(
            reconcile_with(settings, lambda sql: connection.execute(sql).fetchall(), manifest.data_as_of)
        )
    assert lost is not None
    assert result.missing["invoices"] == (lost[0],)
    assert {line.name for line in result.differing} >= {"invoices", "invoice_lines", "invoice_line_allocations"}


def test_a_look_back_leaves_nothing_to_differ(small_sandbox: Any, kit: Any, tmp_path: Path) -> None:
    """What is older than the period is not missing; what came all the same, or has grown old, is not gone."""
    settings = small_sandbox.settings.model_copy(update={"mirror": tmp_path / "mirror", "lookback_months": 2})
    report = run_sync(settings, kit)
    as_of = report.manifest.data_as_of
    with duckdb.connect(str(report.path), read_only=True) as connection:

        def compared(months: int) -> Reconciliation:
            held = settings.model_copy(update={"lookback_months": months})
            return asyncio.run(reconcile_with(held, lambda sql: connection.execute(sql).fetchall(), as_of))

        assert compared(2).summary == ""
        assert compared(1).summary == ""
        assert any(compared(24).missing.values())


def test_trouble_on_the_way_changes_nothing(small_company: Any, small_sandbox: Any, kit: Any, tmp_path: Path) -> None:
    """Tokens that expire, 429, 503 and HTML errors in between: the same mirror comes out, with the product's six tries."""
    stamina.set_testing(testing=True, attempts=Settings.model_fields["attempts"].default)
    faults = Faults.of(
        "expired_token uses=40", "too_many_calls every=17", "unavailable every=29", "html_error every=41"
    )
    calm = small_sandbox.settings.model_copy(update={"mirror": tmp_path / "calm"})
    expected = run_sync(calm, kit)
    with running(create_app(small_company, rate_limit=False, faults=faults)) as address:
        settings = kit.sandbox_settings(address.url, mirror=tmp_path / "mirror", page_size=7)
        report = run_sync(settings, kit)

    assert [(outcome.resource, outcome.rows) for outcome in report.outcomes] == [
        (outcome.resource, outcome.rows) for outcome in expected.outcomes
    ]
    totals = "SELECT count(*), sum(total_with_taxes), sum(hash(raw)) FROM invoices"
    with open_published(settings.mirror_folder) as shaken, open_published(calm.mirror_folder) as other:
        assert shaken.execute(totals).fetchone() == other.execute(totals).fetchone()


def test_the_sandboxs_own_rate_limit_is_kept(company: Any, kit: Any, tmp_path: Path) -> None:
    """With the limiter on, Coupa never has to say 429."""
    with running(create_app(company, rate_limit=True)) as address:
        settings = kit.sandbox_settings(address.url, mirror=tmp_path / "mirror", requests_per_second=20)
        watcher = kit.Watcher()
        started = time.monotonic()

        async def read_users() -> int:
            async with open_http(settings, time.monotonic) as http:
                client = CoupaClient(http, RateLimiter(20, time.monotonic), page_size=2, on_trouble=watcher.trouble)
                return sum([len(page.records) async for page in client.pages(BY_NAME["users"], Window())])

        read = asyncio.run(read_users())
    assert watcher.sentences == []
    assert time.monotonic() - started >= (read / 2 - 1) / 20


def test_a_second_writer_is_refused_and_the_terminal_shows_the_first(
    synced: tuple[Settings, SyncReport], kit: Any
) -> None:
    """One sentence for the second; a table with counts for the first."""
    settings, report = synced
    with only_writer(settings.work_folder, kit.now), pytest.raises(MirrorBusyError, match="is writing into"):
        run_sync(settings, kit)

    console = Console(record=True, width=120, force_terminal=True, file=io.StringIO())
    with TerminalProgress(console) as progress:
        progress.page("invoices", 50, 1)
        progress.page("invoices", 50, 0)
        progress.trouble("Coupa is in trouble.")
        progress.finished(report.outcomes[0])
        progress.publishing()
    show_report(console, report)
    text = console.export_text()
    assert "1 set aside" in text
    assert "Coupa is in trouble. Trying again." in text
    assert f"Read {sum(outcome.read for outcome in report.outcomes):,} records" in text
