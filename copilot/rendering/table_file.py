"""The table of an answer as a CSV file: exact amounts, units in the head, nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

from copilot.answer import Answer, Table

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def table_csv(answer: Answer) -> str:
    """The table as CSV with unit in the head; text that a spreadsheet would run as a formula is disarmed."""
    return "" if answer.table is None else csv_of_table(answer.table)


def csv_of_table(table: Table) -> str:
    """The same of a table alone."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow([disarmed(f"{c.label} ({c.unit})" if c.unit != "text" else c.label) for c in table.columns])
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        writer.writerow([disarmed(v) if isinstance(v, str) and c.role == "dimension" else v for v, c in cells])
    return out.getvalue()


def disarmed(value: str) -> str:
    """Text that a spreadsheet does not run."""
    return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
