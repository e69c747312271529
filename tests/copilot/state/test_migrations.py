"""The numbered steps, on both databases: up from every version with rows in it, down again, and from many at once."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect

from copilot.errors import StateStoreError
from copilot.state import store as store_module
from copilot.state.store import HEAD, MIGRATIONS, StateStore
from copilot.state.tables import metadata

VERSIONS = [f"{number:04}" for number in range(1, int(HEAD) + 1)]
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def config(**options: Any) -> Config:
    """Alembic over our steps."""
    made = Config(**options)
    made.set_main_option("script_location", str(MIGRATIONS))
    return made


def move(engine: sa.Engine, version: str, *, down: bool = False) -> None:
    """To a version, as a program of that version left the store."""
    with engine.connect() as connection, connection.begin():
        steps = config()
        steps.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(steps, version)


def value_for(column: sa.Column[Any], number: int) -> Any:
    """Something that the column takes; a key to another table is that of its only row."""
    samples: dict[type, Any] = {
        sa.JSON: {"ü": [number, None]},
        sa.Boolean: True,
        sa.Integer: number,
        sa.DateTime: NOON,
        sa.Date: date(2026, 11, 22),
        sa.String: f"words {number}",
    }
    kind = next(kind for kind in samples if isinstance(column.type, kind))
    return samples[kind]


def fill(engine: sa.Engine) -> dict[str, Any]:
    """One row in every table that has none, parents first; the rows of all of them."""
    reflected = sa.MetaData()
    reflected.reflect(engine)
    with engine.begin() as connection:
        for number, table in enumerate(reflected.sorted_tables):
            if table.name != "alembic_version" and connection.execute(table.select()).first() is None:
                row = {c.name: value_for(c, number) for c in table.columns}
                for c in table.columns:
                    for key in c.foreign_keys:
                        row[c.name] = connection.execute(sa.select(key.column)).scalar()
                connection.execute(table.insert().values(row))
        return rows_of(connection, reflected)


def rows_of(connection: sa.Connection, tables: sa.MetaData) -> dict[str, Any]:
    """Every row of every table but Alembic's own."""
    kept = [table for table in tables.sorted_tables if table.name != "alembic_version"]
    return {table.name: [dict(row) for row in connection.execute(table.select()).mappings()] for table in kept}


def test_migrations_make_the_tables_that_the_program_uses(state_url: str) -> None:
    """Alembic finds no difference between the migrated file and the table definitions."""
    StateStore.open(state_url).close()
    engine = create_engine(state_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        assert inspect(connection).has_table("alembic_version")
    engine.dispose()


def test_head_is_the_newest_migration() -> None:
    """The constant that spares loading Alembic on every start is the real head, and there is one head."""
    scripts = ScriptDirectory.from_config(config())
    assert scripts.get_heads() == [HEAD]
    assert sorted(step.revision for step in scripts.walk_revisions()) == VERSIONS


def test_the_same_migrations_render_for_postgresql() -> None:
    """One set of steps for both databases: the SQL for PostgreSQL has its own types and both tables."""
    out = io.StringIO()
    printing = config(output_buffer=out)
    printing.set_main_option("sqlalchemy.url", "postgresql://")
    command.upgrade(printing, "head", sql=True)
    sql = out.getvalue()
    assert "CREATE TABLE threads" in sql
    assert "created_at TIMESTAMP WITH TIME ZONE NOT NULL" in sql
    assert "FOREIGN KEY(thread_id) REFERENCES threads (id)" in sql


@pytest.mark.parametrize("version", VERSIONS)
def test_a_store_of_any_earlier_version_is_brought_up_with_its_rows(state_url: str, version: str) -> None:
    """A row in every table stays as it was; the tables end as the program defines them; it can be used at once."""
    StateStore.open(state_url).close()  # its folder too
    engine = create_engine(state_url)
    move(engine, "base", down=True)
    move(engine, version)
    before = fill(engine)
    assert before
    with StateStore.open(state_url) as store:
        store.threads.save("new", {})
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
        reflected = sa.MetaData()
        reflected.reflect(connection)
        after = rows_of(connection, reflected)
    assert [row["id"] for row in after["threads"]] == [*(row["id"] for row in before["threads"]), "new"]
    after["threads"] = after["threads"][:1]
    assert {name: after[name] for name in before} == before
    engine.dispose()


def test_the_steps_go_down_one_by_one_with_rows(state_url: str) -> None:
    """Each step takes away what it brought and leaves the rest; at the end nothing of ours is left."""
    StateStore.open(state_url).close()
    engine = create_engine(state_url)
    rows = fill(engine)
    assert set(rows) == set(metadata.tables)
    for version in [*reversed(VERSIONS[:-1]), "base"]:
        move(engine, version, down=True)
        left = fill(engine)
        assert left == {name: rows[name] for name in left}
    assert inspect(engine).get_table_names() == ["alembic_version"]
    engine.dispose()


def test_processes_that_start_at_once_migrate_once(state_url: str) -> None:
    """The page and Slack start together after an upgrade: none fails."""
    opening = (
        "import sys; from copilot.state.store import StateStore; StateStore.open(sys.argv[1]).close(); print('ready')"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", opening, state_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    for process in started:
        said, complained = process.communicate(timeout=60)
        assert (said, complained) == ("ready\n", "")


def test_who_migrates_a_server_is_alone_and_nobody_waits_for_ever(
    new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While another process is at it, the next one waits, for as long as for any writer, and then says so."""
    monkeypatch.setattr(store_module, "PATIENCE_MS", 50)
    url = new_database()
    engine = create_engine(url)
    with engine.connect() as other:
        other.execute(sa.text(f"SELECT pg_advisory_lock({store_module._MIGRATING})"))
        with pytest.raises(StateStoreError, match="Cannot open the state store"):
            StateStore.open(url)
    engine.dispose()
    StateStore.open(url).close()
