"""The mirror written without HTTP equals the mirror that a sync over HTTP publishes."""

import datetime as dt
import json
from pathlib import Path

import duckdb
import pytest

from sync.sandbox.direct import write_mirror
from sync.sandbox.errors import SandboxError

TODAY = dt.date(2026, 11, 22)
OWN = {"mirror_manifest", "sync_bookmarks", "sync_runs", "countries", "feed_supplier_risk"}
"""Tables that a sync keeps for itself, ships, or fills from feeds."""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny company's mirror, written directly."""
    path = tmp_path_factory.mktemp("direct") / "company.duckdb"
    write_mirror(path, "tiny", 7, TODAY)
    return path


def test_both_mirrors_hold_the_same(written: Path, mirror_folder: Path) -> None:
    """Every table of the contract, every column but raw, every row, in both directions."""
    synced = mirror_folder / json.loads((mirror_folder / "current.json").read_text(encoding="utf-8"))["file"]
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{synced}' AS a (READ_ONLY)")
        connection.execute(f"ATTACH '{written}' AS b (READ_ONLY)")
        query = "SELECT table_name FROM duckdb_tables() WHERE database_name = 'b' ORDER BY ALL"
        tables = [name for (name,) in connection.execute(query).fetchall() if name not in OWN]
        assert len(tables) == 52  # every table and its past
        for table in tables:
            columns = connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'a' AND table_name = ?",
                [table],
            ).fetchall()
            chosen = ", ".join(f'"{name}"' for name, _ in columns if name != "raw")
            for left, right in (("a", "b"), ("b", "a")):
                only = f"SELECT {chosen} FROM {left}.{table} EXCEPT ALL SELECT {chosen} FROM {right}.{table}"
                assert connection.execute(only).fetchall() == [], (table, left)
            kinds = connection.execute(
                "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'b' AND table_name = ?",
                [table],
            ).fetchall()
            assert kinds == columns, table


def test_the_manifest_says_when_the_data_ends(written: Path) -> None:
    """Midnight of today in the company's zone, as an instant."""
    with duckdb.connect(str(written), read_only=True) as connection:
        row = connection.execute("SELECT epoch(data_as_of), company_time_zone FROM mirror_manifest").fetchall()
    assert row == [(dt.datetime(2026, 11, 22, 5, tzinfo=dt.UTC).timestamp(), "America/New_York")]


def test_a_file_is_never_overwritten(written: Path) -> None:
    """An existing file is named in the refusal."""
    with pytest.raises(SandboxError, match=written.name):
        write_mirror(written, "tiny", 7, TODAY)
