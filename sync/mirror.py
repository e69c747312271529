"""The private work file: every batch is staged, merged by key, and bookmarked in one transaction.

Merging is idempotent and does not depend on order: a row is replaced by a version that is not older, its children with
it, and the replaced versions become history. Full reloads also remove what is gone. Nothing is half done after a crash:
either the batch and its bookmark are in the file, or neither.
"""

import contextlib
import datetime as dt
import threading
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from importlib import resources as package_files
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
from pydantic import SecretStr

from sync import history, schema, state
from sync.encryption import attach_new
from sync.errors import EmptyReloadError, MirrorUnreadableError, SourceChangedError
from sync.pages import decode_record
from sync.resources import Child, Resource
from sync.rows import Batch, Rejected
from sync.staging import staged_rows
from sync.state import Bookmark
from sync.work_file import Room, open_work_file


@dataclass(frozen=True)
class RunRecord:
    """One resource's share of one run, as `sync_runs` keeps it; `table` is the resource's own table.

    `repeated` records were served twice, and taken once.
    """

    run_id: str
    resource: str
    table: schema.Table
    started_at: dt.datetime
    finished_at: dt.datetime
    read: int
    changed: int
    pages: int
    repeated: int = 0


@dataclass(frozen=True)
class Merging:
    """How a batch is merged: its rows are known from `known_at`, the start of the run.

    `whole` says that the batch is all there is of a resource: rows that are not in it are removed. `latest` says that
    it was asked for by id just now, so that it stands whatever its times say; `gone` are ids that were asked for and
    that Coupa no longer has.
    """

    known_at: dt.datetime
    whole: bool = False
    latest: bool = False
    gone: Collection[int] = ()


class Mirror:
    """The open work file. One at a time per file; safe to call from several threads."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, folder: Path, key: SecretStr | None = None) -> None:
        self._connection = connection
        self._spool = folder
        self._key = key
        self._busy = threading.RLock()
        self._room = Room(connection)

    @classmethod
    def open(cls, path: Path, source: str, key: SecretStr | None = None) -> Self:
        """Opens or makes the work file of `source`, encrypted when there is a key.

        Raises MirrorBusyError, MirrorUnreadableError, EncryptionError, or SourceChangedError when the file mirrors
        another source.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = path.parent / "spool"
        folder.mkdir(exist_ok=True, mode=0o700)
        for leftover in folder.glob("*.ndjson"):
            leftover.unlink()
        mirror = cls(open_work_file(path, key), folder, key)
        try:
            mirror._migrate(path)
            mirror._claim(path, source)
            mirror._load_countries()
            mirror._room.stay_small()
        except BaseException:
            mirror.close()
            raise
        return mirror

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends after the batch that is being merged, if any."""
        with self._busy:
            self._connection.close()

    @property
    def key(self) -> SecretStr | None:
        """What the file, and every copy of it, is encrypted with; None when they are plain."""
        return self._key

    def bookmark(self, resource: str) -> Bookmark:
        """The bookmark of a resource; an empty one if it was never read."""
        with self._busy:
            return state.load(self._connection).get(resource, Bookmark(resource))

    def bookmarks(self) -> dict[str, Bookmark]:
        """All bookmarks."""
        with self._busy:
            return state.load(self._connection)

    def save_bookmark(self, bookmark: Bookmark) -> None:
        """Writes a bookmark by itself."""
        with self._transaction():
            state.save(self._connection, bookmark)

    def merge(self, batch: Batch, bookmark: Bookmark | None, run_id: str, at: dt.datetime, how: Merging) -> int:
        """Merges a batch and writes the bookmark, in one transaction; returns how many records changed.

        Without a bookmark, the one that is there stays: what was read lies beside the window in progress.
        """

        def merged() -> int:
            with self._transaction():
                changed = self._merge_rows(batch, how) if batch.read or how.whole or how.gone else 0
                self._keep_rejected(batch, run_id, at)
                if bookmark is not None:
                    state.save(self._connection, bookmark)
            return changed

        with self._busy:
            return self._room.enough_for(merged)

    def retry_rejected(self, resource: Resource, run_id: str, at: dt.datetime) -> int:
        """Types the records set aside again, as a newer program may know better; returns how many came good."""
        batch = Batch(resource)
        for bad in self.rejected():
            if bad.resource == resource.name:
                batch.add(decode_record(bad.raw))
        batch.rejected.clear()  # they are set aside already
        if not batch.lines:
            return 0
        self.merge(batch, None, run_id, at, Merging(at))
        return len(batch.lines[resource.table.name])

    def finish(self, bookmark: Bookmark, run: RunRecord) -> Bookmark:
        """Ends a window: counts the rows, writes the bookmark and the run, in one transaction."""
        with self._transaction():
            ended = replace(bookmark, row_count=self.count(run.table))
            state.save(self._connection, ended)
            self._connection.execute(
                "INSERT INTO sync_runs BY NAME SELECT $run_id AS run_id, $started_at AS started_at, "
                "$finished_at AS finished_at, $resource AS resource, $read AS records_read, "
                "$changed AS records_changed, $pages AS pages, $repeated AS records_repeated",
                {name: value for name, value in vars(run).items() if name != "table"},
            )
        return ended

    def count(self, table: schema.Table) -> int:
        """How many rows a table has now."""
        counted = self.query(f'SELECT count(*) FROM "{table.name}"')[0][0]  # noqa: S608
        return counted if isinstance(counted, int) else 0

    def complete(self, at: dt.datetime) -> None:
        """Notes the end of a complete sync. From the end of the first one on, the mirror knows what it knew."""
        with self._transaction():
            self._connection.execute("UPDATE sync_source SET known_since = ? WHERE known_since IS NULL", [at])

    def known_since(self) -> dt.datetime | None:
        """Since when history is complete; None before the end of the first complete sync."""
        found = self.query("SELECT known_since FROM sync_source")
        moment = found[0][0] if found else None
        return moment if isinstance(moment, dt.datetime) else None

    def drift(self) -> tuple[dt.datetime | None, int | None, str | None]:
        """When the mirror was last compared with others, how many totals differed then, and which, in a sentence."""
        rows = self.query(
            "SELECT max(checked_at), sum(differing)::INTEGER, string_agg(summary, '; ' ORDER BY against) "
            "FROM (FROM reconciliations QUALIFY row_number() OVER (PARTITION BY against ORDER BY checked_at DESC) = 1)",
        )
        moment, differing, summary = rows[0]
        return (
            moment if isinstance(moment, dt.datetime) else None,
            differing if isinstance(differing, int) else None,
            str(summary) if summary else None,
        )

    def forget_before(self, moment: dt.datetime) -> int:
        """Forgets the versions that were replaced before a moment, and with them all knowledge before it."""
        with self._transaction():
            forgotten = history.prune(self._connection, schema.COUPA_TABLES, moment)
            self._connection.execute("UPDATE sync_source SET known_since = ? WHERE known_since < ?", [moment, moment])
        return forgotten

    def rejected(self) -> tuple[Rejected, ...]:
        """The records that are set aside, in order."""
        with self._busy:
            rows = self._connection.execute(
                "SELECT resource, record_id, field, problem, raw FROM rejected_records ORDER BY ALL",
            ).fetchall()
        return tuple(Rejected(*row) for row in rows)

    @contextlib.contextmanager
    def writing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction on the work file, for what is kept beside Coupa's records (the feeds)."""
        with self._busy, self._room.taken(), self._transaction():
            yield self._connection

    def query(self, sql: str, parameters: list[object] | dict[str, object] | None = None) -> list[tuple[object, ...]]:
        """Rows of a read-only question, for reconciliation and tests."""
        with self._busy:
            return self._room.enough_for(lambda: self._connection.execute(sql, parameters or []).fetchall())

    def copy_to(self, path: Path) -> None:
        """Writes all tables to a new file in the storage format that DuckDB 1.5 and 2 both read."""
        with self._busy:
            self._connection.execute("CHECKPOINT")
            self._room.enough_for(lambda: self._copy_to(path))

    def _copy_to(self, path: Path) -> None:
        attach_new(self._connection, path, self._key, "copy")
        try:
            try:
                self._connection.execute(f'COPY FROM DATABASE "{self._name()}" TO copy')
                self._connection.execute("CHECKPOINT copy")
            finally:
                self._connection.execute("DETACH copy")
        except duckdb.OutOfMemoryException:
            path.unlink()  # a part of a copy, in the way of the whole one
            raise

    def _name(self) -> str:
        found = self._connection.execute("SELECT current_database()").fetchone()
        return str(found[0]) if found else ""

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._busy:
            self._connection.execute("BEGIN")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def _migrate(self, path: Path) -> None:
        """Brings the layout up to this program's version, one numbered step at a time."""
        found = self._connection.execute(
            "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'sync_source'",
        ).fetchone()
        version = 0
        if found and found[0]:
            held = self._connection.execute("SELECT schema_version FROM sync_source").fetchone()
            version = held[0] if held else 0
        if version > schema.SCHEMA_VERSION:
            raise MirrorUnreadableError(
                f"{path} was written by a newer Tenor (layout {version}, this one knows {schema.SCHEMA_VERSION}); "
                "upgrade Tenor, or name another folder with --mirror.",
            )
        with self._transaction():
            for step in schema.MIGRATIONS[version:]:
                for statement in step:
                    self._connection.execute(statement)
            if 0 < version < schema.SCHEMA_VERSION:
                self._retype(path)
            self._connection.execute("UPDATE sync_source SET schema_version = ?", [schema.SCHEMA_VERSION])

    def _retype(self, path: Path) -> None:
        """Gives the numbers of an older layout their types of today."""
        found = self._connection.execute("SELECT table_name, column_name, data_type FROM duckdb_columns()").fetchall()
        try:
            for statement in schema.retyped({(table, column): kind for table, column, kind in found}):
                self._connection.execute(statement)
        except duckdb.ConversionException as error:
            raise MirrorUnreadableError(
                f"{path} holds an amount of 100,000,000,000,000 or more, which is beyond the layout of this version; "
                "delete it and sync again: such records are then set aside with their reason.",
            ) from error

    def _claim(self, path: Path, source: str) -> None:
        """A work file belongs to one Coupa: two would mix their ids."""
        held = self._connection.execute("SELECT source FROM sync_source").fetchone()
        if held is None:
            self._connection.execute(
                "INSERT INTO sync_source BY NAME SELECT ? AS source, ? AS schema_version",
                [source, schema.SCHEMA_VERSION],
            )
        elif held[0] != source:
            raise SourceChangedError(
                f"{path} mirrors {held[0]}, not {source}; name another folder with --mirror, or move {path.parent} "
                "away to start afresh.",
            )

    def _load_countries(self) -> None:
        """Countries and their regions come with the program, not from Coupa."""
        source = package_files.files("sync") / "reference" / "countries.csv"
        with package_files.as_file(source) as path, self._transaction():
            self._connection.execute("DELETE FROM countries")
            self._connection.execute(
                "INSERT INTO countries SELECT code, name, region FROM read_csv(?, header = true, delim = ',', "
                "quote = '\"', columns = {'code': 'VARCHAR', 'name': 'VARCHAR', 'region': 'VARCHAR'}) ORDER BY code",
                [str(path)],
            )

    def _merge_rows(self, batch: Batch, how: Merging) -> int:
        """Stages and merges the batch's own rows, then its children's; returns how many records changed."""
        connection, resource, table = self._connection, batch.resource, batch.resource.table
        if not how.whole and not how.gone and self._is_new(table, batch) and not self._was_rejected(batch):
            return self._add(batch, how.known_at)
        self._stage(table, batch, newest=not how.latest)
        stage = _stage_name(table)
        if table.has("updated_at") and not how.latest:
            connection.execute(
                f'DELETE FROM {stage} s USING "{table.name}" t WHERE t.id = s.id AND t.updated_at > s.updated_at',  # noqa: S608
            )
        removed = self._remove_absent(batch, stage, how.known_at) if how.whole else 0
        known = history.overlap(connection, table, stage)
        changed = history.put(connection, table, stage, how.known_at)
        for child in resource.children:
            if child.attribute not in batch.hidden:
                self._merge_children(child, batch, stage, how.known_at, known=known)
        if how.gone:
            removed += self._remove(resource, how.gone, how.known_at)
        connection.execute(
            f"DELETE FROM rejected_records r USING {stage} s WHERE r.resource = ? AND r.record_id = s.id",  # noqa: S608
            [resource.name],
        )
        connection.execute(f"DROP TABLE {stage}")
        return changed + removed

    def _add(self, batch: Batch, at: dt.datetime) -> int:
        """Adds records that the mirror does not hold: nothing has to be compared, but for children it holds already."""
        for child in batch.resource.children:
            if batch.lines.get(child.table.name) and child.attribute not in batch.hidden:
                if self._is_new(child.table, batch):
                    self._append(child.table, batch, at)
                else:
                    self._merge_children(child, batch, "", at, known=False)
        return self._append(batch.resource.table, batch, at)

    def _append(self, table: schema.Table, batch: Batch, at: dt.datetime) -> int:
        """Adds the batch's rows of one table, none of which it holds."""
        with staged_rows(table, batch, self._spool, self._key) as rows:
            return history.add(self._connection, table, rows, at)

    def _is_new(self, table: schema.Table, batch: Batch) -> bool:
        """Whether the batch holds each id of a table once, and the table none of them."""
        ids = batch.ids[table.name]
        if not ids or table.name in batch.repeated:
            return False
        among, values = f'FROM "{table.name}" WHERE id BETWEEN ? AND ?', (min(ids), max(ids))
        if not self._found(among, values):
            return True
        theirs = str(sorted(ids))  # a list would be bound number by number, which takes a hundred times as long
        return not self._found(f"{among} AND id IN (SELECT unnest(CAST(? AS BIGINT[])))", (*values, theirs))

    def _was_rejected(self, batch: Batch) -> bool:
        """Whether records near those of the batch are set aside, which might be good now."""
        ids = batch.ids[batch.resource.table.name]
        among = "FROM rejected_records WHERE resource = ? AND record_id BETWEEN ? AND ?"
        return self._found(among, (batch.resource.name, min(ids), max(ids)))

    def _found(self, among: str, values: tuple[object, ...]) -> bool:
        found = self._connection.execute(f"SELECT EXISTS ({among})", values).fetchone()
        return bool(found and found[0])

    def _merge_children(self, child: Child, batch: Batch, parents: str, at: dt.datetime, *, known: bool) -> None:
        """Replaces the children of the staged parents, some of which are `known` already, by those that came now.

        Without the name of the parents' stage they are all of the batch, and none is known.
        """
        came = bool(batch.lines.get(child.table.name))
        if not came and not known:
            return  # parents that are new, and have none
        name, key, stage = child.table.name, child.table.parent_key, _stage_name(child.table) if came else ""
        if came:
            only = f"_seq IN (SELECT p._seq FROM {parents} p)" if parents else "true"  # noqa: S608
            self._stage(child.table, batch, only=only)
        theirs = f"EXISTS (SELECT 1 FROM {parents} p WHERE p.id = t.{key})"  # noqa: S608
        if child.parent_type is not None:
            theirs = (
                f"t.approvable_type = '{child.parent_type}' AND EXISTS (SELECT 1 FROM {parents} p "  # noqa: S608
                f"WHERE p.id = t.{key} AND NOT coalesce(t.updated_at > p.updated_at, false))"
            )
            if came:
                self._connection.execute(
                    f'DELETE FROM {stage} c USING "{name}" t WHERE t.id = c.id AND t.updated_at > c.updated_at',  # noqa: S608
                )
        if known:
            history.remove(self._connection, child.table, theirs, at, unless_in=stage)
        if came:
            history.put(self._connection, child.table, stage, at)
            self._connection.execute(f"DROP TABLE {stage}")

    def _remove_absent(self, batch: Batch, stage: str, at: dt.datetime) -> int:
        """Removes rows that a full reload no longer has; records set aside keep their last good row."""
        table = batch.resource.table
        count = self._connection.execute(f'SELECT count(*) FROM "{table.name}"').fetchone()  # noqa: S608
        if batch.read == 0 and count and count[0]:
            raise EmptyReloadError(
                f"Coupa answers no {batch.resource.name!r} at all, though the mirror holds {count[0]}; they are kept. "
                f"Check that the client still has the scope {batch.resource.scope!r}.",
            )
        kept = [rejected.record_id for rejected in batch.rejected if rejected.record_id is not None]
        condition = f"t.id NOT IN ({_numbers(kept)})" if kept else "true"
        return history.remove(self._connection, table, condition, at, unless_in=stage)

    def _remove(self, resource: Resource, ids: Collection[int], at: dt.datetime) -> int:
        """Removes records that Coupa no longer has, with their children."""
        for child in resource.children:
            own = f" AND t.approvable_type = '{child.parent_type}'" if child.parent_type else ""
            history.remove(self._connection, child.table, f"t.{child.table.parent_key} IN ({_numbers(ids)}){own}", at)
        self._connection.execute(
            f"DELETE FROM rejected_records WHERE resource = ? AND record_id IN ({_numbers(ids)})",  # noqa: S608
            [resource.name],
        )
        return history.remove(self._connection, resource.table, f"t.id IN ({_numbers(ids)})", at)

    def _stage(
        self, table: schema.Table, batch: Batch, *, key: str = "id", only: str = "true", newest: bool = True
    ) -> None:
        """A temporary table with the batch's rows of one table that satisfy `only`, one version of each key.

        It is the newest by `updated_at`, or, unless `newest`, the one that was read last.
        """
        one = ""
        if key != "id" or table.name in batch.repeated:
            order = "updated_at DESC NULLS LAST, _seq DESC" if newest and table.has("updated_at") else "_seq DESC"
            one = f"QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY {order}) = 1 ORDER BY {key}"
        with staged_rows(table, batch, self._spool, self._key) as rows:
            self._connection.execute(
                f"CREATE TEMP TABLE {_stage_name(table)} AS FROM ({rows}) WHERE {only} {one}",
            )

    def _keep_rejected(self, batch: Batch, run_id: str, at: dt.datetime) -> None:
        """Sets the batch's bad records aside, each id once."""
        if not batch.rejected:
            return
        table = schema.REJECTED_RECORDS
        batch.lines[table.name] = [bad.line(number, run_id, at) for number, bad in enumerate(batch.rejected)]
        self._stage(table, batch, key="coalesce(CAST(record_id AS VARCHAR), raw)")
        stage = _stage_name(table)
        self._connection.execute(
            f"DELETE FROM {table.name} r USING {stage} s WHERE r.resource = s.resource "  # noqa: S608
            "AND r.record_id IS NOT DISTINCT FROM s.record_id AND (s.record_id IS NOT NULL OR r.raw = s.raw)",
        )
        self._connection.execute(f"INSERT INTO {table.name} BY NAME SELECT * EXCLUDE (_seq) FROM {stage}")  # noqa: S608
        self._connection.execute(f"DROP TABLE {stage}")


def _numbers(ids: Collection[int]) -> str:
    """Ids as SQL, for a condition `IN (...)`; there must be some."""
    return ", ".join(str(int(number)) for number in ids)


def _stage_name(table: schema.Table) -> str:
    return f'"stage_{table.name}"'
