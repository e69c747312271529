"""Writes a mirror of any number of invoices straight into the published tables, in seconds: 10 million take about a minute.

    python -m benchmarks.wide_mirror /tmp/wide.duckdb [--invoices 10000000]

No sync and no sandbox: one statement per table over `range()`, every value a hash of the row's number, so the same size
is always the same mirror. Three years of invoices of 20,000 suppliers and 8 buying entities in 4 countries and 4
currencies, in the order of their dates, as Coupa numbers them; approvals; payments that are late, in two instalments or
still to come; exchange rates of each day. No raw records.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import duckdb

from sync.schema import COUPA_TABLES, OWN_TABLES

LIMITS: dict[str, str | int | float | list[str]] = {
    "threads": 2,
    "memory_limit": "6GB",
    "max_temp_directory_size": "10GB",
}
"""Of every connection of these benchmarks that writes; spill files lie beside the mirror, as `<file>.tmp`."""

TABLES = """
INSERT INTO countries BY NAME SELECT * FROM (VALUES ('US', 'United States', 'North America'), ('DE', 'Germany', 'EMEA'),
  ('IN', 'India', 'APAC'), ('BR', 'Brazil', 'LATAM')) AS t(code, name, region);
INSERT INTO payment_terms BY NAME SELECT 1 AS id, 'Net 30' AS code, 30 AS days_for_net_payment;
INSERT INTO payment_terms BY NAME SELECT 2 AS id, '2/10 Net 30' AS code, 30 AS days_for_net_payment,
  10 AS days_for_discount_payment, 2 AS discount_rate;
INSERT INTO exchange_rates BY NAME SELECT row_number() OVER () AS id, c AS from_currency, 'USD' AS to_currency,
    CAST(base * (1 + (hash(d, c) % 400) / 10000.0) AS DECIMAL(30, 9)) AS rate, CAST(d AS DATE) AS rate_date
  FROM (VALUES ('EUR', 1.08), ('INR', 0.0119), ('BRL', 0.18)) AS t(c, base),
    generate_series(DATE '2023-11-01', DATE '2026-11-21', INTERVAL 1 DAY) AS s(d);
INSERT INTO suppliers BY NAME SELECT i AS id, 'Supplier ' || i AS name, ['US', 'DE', 'IN', 'BR'][1 + i % 4] AS country_code,
    i % 200 = 0 AS is_intercompany, 'Category ' || (i % 25) AS commodity_name, 'active' AS status,
    CASE WHEN i % 7 = 0 THEN 'Group ' || (i % 300) END AS parent_name FROM range(1, 20001) t(i);
INSERT INTO invoices BY NAME
  WITH r AS (SELECT i, CAST(hash(i) // 4 AS BIGINT) AS h FROM range(1, {n} + 1) t(i)), d AS (
    SELECT i, h, DATE '2023-11-21' + CAST(LEAST(i * 1096 // {n} + (h // 7) % 9, 1096) AS INTEGER) AS day,
      CAST(100 + (h // 11) % 1000000 / 100 AS DECIMAL(18, 2)) AS gross, (h // 13) % 8 AS entity FROM r)
  SELECT i AS id, 'INV-' || i AS invoice_number,
    CASE WHEN h % 50 = 0 THEN 'voided' WHEN h % 41 = 0 THEN 'pending_approval' ELSE 'approved' END AS status,
    'Invoice' AS document_type, FALSE AS is_credit_note, 1 + h % 20000 AS supplier_id, entity AS account_type_id,
    'Chart ' || entity AS account_type_name, 'Entity ' || entity AS legal_entity_name,
    ['US', 'DE', 'IN', 'BR'][1 + entity % 4] AS entity_country_code, ['USD', 'EUR', 'INR', 'BRL'][1 + entity % 4] AS currency_code,
    1 + (h // 3) % 2 AS payment_term_id, ['Net 30', '2/10 Net 30'][1 + (h // 3) % 2] AS payment_term_code, day AS invoice_date,
    day AS received_date, day AS created_date, CAST(day AS TIMESTAMPTZ) AS created_at, day + 30 AS net_due_date,
    gross AS total_with_taxes, CAST(gross * 0.1 AS DECIMAL(18, 2)) AS tax_amount,
    day + 20 + CAST((h // 17) % 40 AS INTEGER) <= DATE '2026-11-21' AND h % 9 > 0 AS paid FROM d;
INSERT INTO approvals BY NAME SELECT id, 'InvoiceHeader' AS approvable_type, id AS approvable_id, 'approved' AS status,
    invoice_date + CAST(id % 7 AS INTEGER) AS approval_date, CAST(invoice_date + CAST(id % 7 AS INTEGER) AS TIMESTAMPTZ) AS approval_at,
    CAST(invoice_date AS TIMESTAMPTZ) AS created_at, invoice_date AS created_date FROM invoices WHERE status = 'approved';
CREATE TEMP TABLE paid AS SELECT id, total_with_taxes AS gross, hash(id) % 10 = 0 AS in_two,
    CAST(total_with_taxes / 2 AS DECIMAL(18, 2)) AS half, payment_term_id = 2 AND hash(id) % 3 = 0 AS early,
    invoice_date + 20 + CAST((CAST(hash(id) // 4 AS BIGINT) // 17) % 40 AS INTEGER) AS day
  FROM invoices WHERE paid AND status = 'approved';
INSERT INTO invoice_payments BY NAME SELECT id * 2 AS id, id AS invoice_id, day AS payment_date,
    CASE WHEN in_two THEN half WHEN early THEN gross - ROUND(gross * 0.02, 2) ELSE gross END AS amount_paid FROM paid;
INSERT INTO invoice_payments BY NAME SELECT id * 2 + 1 AS id, id AS invoice_id, day AS payment_date, gross - half AS amount_paid
  FROM paid WHERE in_two;
INSERT INTO mirror_manifest BY NAME SELECT 'wide-{n}' AS mirror_version, TIMESTAMPTZ '2026-11-22 00:00:00+00' AS data_as_of,
  TIMESTAMPTZ '2026-11-22 00:00:00+00' AS published_at, 'UTC' AS company_time_zone;
"""


def write_wide_mirror(file: Path, invoices: int) -> None:
    """Write the mirror to a new file. Nothing is left of it when it cannot be finished."""
    spill = file.with_name(f"{file.name}.tmp")
    try:
        with duckdb.connect(str(file), config={**LIMITS, "temp_directory": str(spill)}) as connection:
            connection.execute("SET preserve_insertion_order = true")
            for table in (*COUPA_TABLES, *OWN_TABLES):
                connection.execute(table.ddl())
            connection.execute(TABLES.replace("{n}", str(invoices)))
    except BaseException:
        file.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(spill, ignore_errors=True)


def main() -> None:
    """Write one mirror and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--invoices", type=int, default=10_000_000)
    chosen = parser.parse_args()
    start = time.perf_counter()
    write_wide_mirror(chosen.file, chosen.invoices)
    size = chosen.file.stat().st_size / 2**20
    print(f"{chosen.invoices:,} invoices in {time.perf_counter() - start:.0f} s, {size:,.0f} MB")


if __name__ == "__main__":
    main()
