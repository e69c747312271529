"""The daily payables snapshot: every open document at the end of each day, kept as runs of days.

A document that does not change from one snapshot to the next costs nothing: its row says `first_date` and goes on
until `end_date` (exclusive; null: it still stands). So the payables of a day are the rows with

    first_date <= day AND (end_date IS NULL OR day < end_date)

for a day that `payables_snapshot_days` lists; a day on which nothing was read is not listed, and nothing is carried
over to it in silence. The first sync after midnight (company time) takes the snapshot of the day that just ended;
later ones leave it alone. Snapshots outlive the history of versions, and serve trends over years.
"""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo

from sync.mirror import Mirror
from sync.schema import TOTAL

# Documents that are never paid; the others count from the day they arrive.
DEAD: Final = "'voided', 'rejected', 'abandoned', 'invalid'"

_FACTS: Final = (
    "invoice_id",
    "status",
    "supplier_id",
    "account_type_name",
    "currency_code",
    "invoice_date",
    "net_due_date",
    "discount_due_date",
    "total_with_taxes",
    "paid_amount",
)

_OPEN_NOW: Final = f"""
CREATE OR REPLACE TEMP TABLE open_now AS
SELECT i.id AS invoice_id, i.status, i.supplier_id, i.account_type_name, i.currency_code, i.invoice_date,
       i.net_due_date, i.discount_due_date, i.total_with_taxes,
       CAST(coalesce(p.paid, 0) AS {TOTAL}) AS paid_amount
FROM invoices i
LEFT JOIN (SELECT invoice_id, sum(amount_paid) AS paid FROM invoice_payments GROUP BY invoice_id) p
  ON p.invoice_id = i.id
WHERE i.paid IS NOT TRUE AND i.status NOT IN ({DEAD})
"""  # noqa: S608

_SAME: Final = " AND ".join(f"s.{name} IS NOT DISTINCT FROM o.{name}" for name in _FACTS)


def take_snapshot(mirror: Mirror, data_as_of: dt.datetime, zone: str, at: dt.datetime) -> dt.date | None:
    """Takes the snapshot of the last complete day, unless it has one; returns the day, or None.

    data_as_of: up to when the mirror is complete, exclusive; zone: the company's; at: now.
    """
    day = data_as_of.astimezone(ZoneInfo(zone)).date() - dt.timedelta(days=1)
    with mirror.writing() as connection:
        last = connection.execute("SELECT max(snapshot_date) FROM payables_snapshot_days").fetchone()
        if last and last[0] is not None and last[0] >= day:
            return None
        connection.execute(_OPEN_NOW)
        connection.execute(
            "UPDATE payables_snapshots s SET end_date = ? WHERE end_date IS NULL "  # noqa: S608
            f"AND NOT EXISTS (SELECT 1 FROM open_now o WHERE {_SAME})",
            [day],
        )
        connection.execute(
            "INSERT INTO payables_snapshots BY NAME SELECT o.*, CAST(? AS DATE) AS first_date FROM open_now o "  # noqa: S608
            f"WHERE NOT EXISTS (SELECT 1 FROM payables_snapshots s WHERE s.end_date IS NULL AND {_SAME})",
            [day],
        )
        connection.execute(
            "INSERT INTO payables_snapshot_days SELECT CAST(? AS DATE), CAST(? AS TIMESTAMPTZ), count(*) FROM open_now",
            [day, at],
        )
        connection.execute("DROP TABLE open_now")
    return day


def forget_snapshots(mirror: Mirror, before: dt.date) -> None:
    """Removes the snapshots of the days before a day."""
    with mirror.writing() as connection:
        connection.execute("DELETE FROM payables_snapshot_days WHERE snapshot_date < ?", [before])
        connection.execute("DELETE FROM payables_snapshots WHERE end_date <= ?", [before])
