"""Writes a company straight into a DuckDB file with a mirror's tables, without HTTP: for benchmarks and large books.

The values are those that a sync over HTTP would store, except `raw`, which is null. Columns go from numpy to DuckDB
as integers (days, seconds, hundredths) and become dates, times and decimals there by exact casts.
"""

import datetime as dt
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from sync.sandbox.arrays import AnyArray, IntArray
from sync.sandbox.columns import Booleans, Codes, Column, Days, Decimals, Floats, Integers, Moments, Texts
from sync.sandbox.company.company import Company, build_company
from sync.sandbox.company.reference import COUNTRIES
from sync.sandbox.errors import SandboxError
from sync.sandbox.mirror_layout import DUCKDB_TYPES, MIRROR_TABLES, MirrorColumn, MirrorTable
from sync.sandbox.projection import render
from sync.sandbox.tables import Attribute, CustomFields, Table, ToMany, ToOne
from sync.sandbox.zone import DAY

_SEPARATOR = "\x1f"
_NULL = "\x1e"
STORAGE_VERSION = "v1.5.0"
SCHEMA_VERSION = 1
_REGIONS = {"US": "North America", "CA": "North America", "MX": "LATAM", "BR": "LATAM"} | dict.fromkeys(
    ("IN", "JP", "CN", "SG"), "APAC"
)


def write_mirror(path: Path, preset: str, seed: int, today: dt.date, time_zone: str = "America/New_York") -> None:
    """Draws a company and writes its mirror to `path`, which must not exist yet."""
    write_company(path, build_company(preset, seed, today, time_zone))


def write_company(path: Path, company: Company, only: Collection[str] = ()) -> None:
    """Writes the mirror of a company to a new file, all tables of records unless some are named.

    Raises SandboxError when the file exists.
    """
    if path.exists():
        raise SandboxError(f"{path} exists already; remove it or name another file.")
    # without a place of its own, a database in memory spills into the working directory
    with duckdb.connect(config={"temp_directory": f"{path}.tmp", "max_temp_directory_size": "20GB"}) as connection:
        target = str(path).replace("'", "''")
        connection.execute(f"ATTACH '{target}' AS mirror (STORAGE_VERSION '{STORAGE_VERSION}')")
        connection.execute("USE mirror")
        connection.execute("BEGIN")
        for layout in MIRROR_TABLES:
            if not only or layout.name in only:
                _write_table(connection, company, layout)
        _write_countries(connection)
        # empty, as in a mirror without feeds: segments look for it
        connection.execute(
            "CREATE TABLE feed_supplier_risk (supplier_id BIGINT, source VARCHAR, measure VARCHAR, score_date DATE,"
            " score DECIMAL(32, 4), band VARCHAR)"
        )
        _write_bookkeeping(connection, company)
        connection.execute("COMMIT")
        connection.execute("USE memory")
        connection.execute("DETACH mirror")


@dataclass
class _Draft:
    """What one CREATE TABLE statement reads: numpy columns, and texts handed over as one joined string each.

    DuckDB turns a numpy array of Python strings into text one object at a time, which is slow without pandas; one
    string that it splits itself is some hundred times faster.
    """

    arrays: dict[str, AnyArray] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    vocabularies: dict[str, str] = field(default_factory=dict)

    def add(self, key: str, values: AnyArray) -> str:
        """Adds a numpy column; answers how SQL names it."""
        self.arrays[key] = values
        return key

    def add_texts(self, key: str, values: Sequence[str | None]) -> str:
        """Adds one text for each row; answers the SQL that reads them."""
        self.texts[key] = _joined(values)
        return f"nullif({key}, chr({ord(_NULL)}))"

    def add_codes(self, key: str, codes: AnyArray, words: Sequence[str | None]) -> str:
        """Adds texts of a small vocabulary by code, -1 for null; a list's element 0 is null in DuckDB."""
        self.arrays[key] = codes + 1
        self.vocabularies[f"{key}w"] = _joined(words)
        return f"nullif(string_split(${key}w, chr({ord(_SEPARATOR)}))[{key}], chr({ord(_NULL)}))"

    def source(self) -> str:
        """The FROM clause; rows of both halves are matched by position."""
        if not self.texts:
            return "drawn"
        split = ", ".join(f"unnest(string_split(${key}, chr({ord(_SEPARATOR)}))) AS {key}" for key in self.texts)
        return f"drawn POSITIONAL JOIN (SELECT {split})"


def _joined(values: Sequence[str | None]) -> str:
    return _SEPARATOR.join(_NULL if value is None else value for value in values)


def _write_table(connection: duckdb.DuckDBPyConnection, company: Company, layout: MirrorTable) -> None:
    table, draft = company.tables[layout.source], _Draft()
    selected = []
    for place, column in enumerate(layout.columns):
        expression = _load(company, layout, column, f"c{place}", draft)
        selected.append(f'CAST({expression} AS {DUCKDB_TYPES[column.kind]}) AS "{column.name}"')
    if not draft.arrays:
        draft.add("nothing", table.ids)
    rows = f"FROM {draft.source()} LIMIT {len(table)}"
    if table.live is not None:
        rows = f"FROM (SELECT * {rows}) WHERE {draft.add('alive', table.live)}"
    selected.append("$known::TIMESTAMPTZ AS known_from")
    statement = f'CREATE TABLE "{layout.name}" AS SELECT {", ".join(selected)} {rows}'
    connection.register("drawn", draft.arrays)
    connection.execute(statement, draft.texts | draft.vocabularies | {"known": _end_of(company)})
    connection.unregister("drawn")
    connection.execute(
        f'CREATE TABLE "{layout.name}_past" AS FROM "{layout.name}" SELECT *, NULL::TIMESTAMPTZ AS known_to LIMIT 0'
    )


def _load(company: Company, layout: MirrorTable, column: MirrorColumn, key: str, draft: _Draft) -> str:
    """Adds the column's values to the draft under `key` and answers the SQL that reads them."""
    table = company.tables[layout.source]
    if column.kind == "RAW":
        return "NULL"
    if column.path.startswith("^"):
        return draft.add(key, _owner_ids(company, layout, len(table), column.path.count("^")))
    if column.kind == "CUSTOM":
        return _load_custom(table, key, draft)
    found, rows = _follow(table, column.path)
    return "NULL" if (rows < 0).all() else _load_column(found, column.kind, rows, key, draft)


def _load_column(found: Column, kind: str, rows: IntArray, key: str, draft: _Draft) -> str:
    """Values of a column at the given rows, -1 for null."""
    gone = rows < 0
    if isinstance(found, Codes | Texts):
        return _load_text(found, rows, key, draft)
    if not isinstance(found, Integers | Floats | Booleans | Decimals | Moments | Days):
        raise SandboxError(f"Columns of type {type(found).__name__} cannot be written to a mirror.")
    present = np.where(gone, 0, rows)
    expression = _load_values(found, kind, present, key, draft)
    null = gone if found.null is None else gone | found.null[present]
    if not null.any():
        return expression
    return f"CASE WHEN {draft.add(f'{key}n', null)} THEN NULL ELSE {expression} END"


def _follow(table: Table, path: str) -> tuple[Column, IntArray]:
    """The column at the end of a path, and for every row of the table the column's row, -1 where a link is empty."""
    rows = np.arange(len(table), dtype=np.int64)
    names: Mapping[str, Attribute] = table.attributes
    for step in path.split("."):
        attribute = names[step]
        if isinstance(attribute, Column):
            return attribute, rows
        if isinstance(attribute, CustomFields):
            names = attribute.columns
        elif isinstance(attribute, ToOne):
            rows = np.where(rows >= 0, attribute.index[rows], -1)
            names = attribute.table.attributes
    raise SandboxError(f"The path {path} does not end at a column.")


def _load_text(column: Codes | Texts, rows: IntArray, key: str, draft: _Draft) -> str:
    """Texts by code where they repeat, one by one where every row has its own."""
    gone = rows < 0
    if isinstance(column, Codes):
        return draft.add_codes(key, np.where(gone, -1, column.codes[rows]), column.words)
    if column.size < len(rows):
        return draft.add_codes(key, rows, column.make(np.arange(column.size, dtype=np.int64)))
    texts = column.make(np.where(gone, 0, rows))
    return draft.add_texts(key, [None if out else text for out, text in zip(gone.tolist(), texts, strict=True)])


def _load_values(
    column: Integers | Floats | Booleans | Decimals | Moments | Days, kind: str, rows: IntArray, key: str, draft: _Draft
) -> str:
    """Values of rows as numbers, and the expression that makes them the column's DuckDB type."""
    if isinstance(column, Moments):
        return _load_moments(column, kind, rows, key, draft)
    values = column.values[rows]
    if isinstance(column, Days):
        return f"DATE '1970-01-01' + {draft.add(key, values)}::INTEGER"
    if isinstance(column, Decimals):
        unit = f"CAST('{10**-column.places:.{column.places}f}' AS DECIMAL({column.places + 1},{column.places}))"
        return f"({draft.add(key, values)}::DECIMAL(18,0) * {unit})"
    return draft.add(key, values)


def _load_moments(column: Moments, kind: str, rows: IntArray, key: str, draft: _Draft) -> str:
    local = column.values[rows]
    if kind == "MOMENT":
        return f"make_timestamptz({draft.add(key, column.zone.utc(local) * 1_000_000)})"
    return f"DATE '1970-01-01' + {draft.add(key, local // DAY)}::INTEGER"


def _load_custom(table: Table, key: str, draft: _Draft) -> str:
    fields = table.attributes["custom-fields"]
    if isinstance(fields, CustomFields) and not fields.columns:
        return "'{}'"
    records = render(table, np.arange(len(table), dtype=np.int64), {"custom-fields": None})
    return draft.add_texts(key, [json.dumps(record["custom-fields"], separators=(",", ":")) for record in records])


def _owner_ids(company: Company, layout: MirrorTable, size: int, levels: int) -> IntArray:
    """For each nested record the id of its owner, or of the owner so many levels up."""
    first, *attributes = (layout.nested_in or "").split(".")
    tables, rows = [company.tables[first]], [np.zeros(0, dtype=np.int64)]
    for attribute in attributes:
        link = tables[-1].attributes[attribute]
        if not isinstance(link, ToMany):
            raise SandboxError(f"{layout.nested_in} is not a list of nested records.")
        owner = np.zeros(len(link.table), dtype=np.int64)
        places = np.arange(link.starts[-1]) if link.order is None else link.order
        owner[places] = np.repeat(np.arange(len(tables[-1]), dtype=np.int64), np.diff(link.starts))
        tables.append(link.table)
        rows.append(owner)
    found = np.arange(size, dtype=np.int64)
    for up in range(levels):
        found = rows[-1 - up][found]
    return tables[-1 - levels].ids[found]


def _write_countries(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("CREATE TABLE countries (code VARCHAR, name VARCHAR, region VARCHAR)")
    rows = [(fact.code, fact.name, _REGIONS.get(fact.code, "EMEA")) for fact in COUNTRIES]
    connection.executemany("INSERT INTO countries VALUES (?, ?, ?)", rows)


def _end_of(company: Company) -> dt.datetime:
    """The end of the company's data as an instant."""
    frame = company.parts.frame
    return dt.datetime.fromtimestamp(int(frame.zone.utc(np.array([frame.end_second], dtype=np.int64))[0]), tz=dt.UTC)


def _write_bookkeeping(connection: duckdb.DuckDBPyConnection, company: Company) -> None:
    """The manifest, bookmarks and runs that a sync leaves behind, all dated at the end of the data."""
    frame = company.parts.frame
    moment = _end_of(company)
    values: Mapping[str, object] = {
        "version": f"direct-{frame.preset.name}-{frame.seed}-{frame.today.isoformat()}",
        "moment": moment,
        "zone": frame.zone.name,
        "source": f"sandbox:{frame.preset.name}",
    }
    connection.execute(
        "CREATE TABLE mirror_manifest AS SELECT $version::VARCHAR AS mirror_version,"
        " $moment::TIMESTAMPTZ AS published_at, $moment::TIMESTAMPTZ AS data_as_of,"
        f" $zone::VARCHAR AS company_time_zone, $source::VARCHAR AS source,"
        f" {SCHEMA_VERSION}::INTEGER AS schema_version, $moment::TIMESTAMPTZ AS known_since,"
        " NULL::TIMESTAMPTZ AS reconciled_at, NULL::INTEGER AS drift, NULL::VARCHAR AS drift_summary",
        values,
    )
    connection.execute(
        "CREATE TABLE sync_bookmarks (resource VARCHAR PRIMARY KEY, last_id BIGINT, updated_through TIMESTAMPTZ,"
        " synced_at TIMESTAMPTZ, row_count BIGINT)"
    )
    rows = []
    for name, table in company.resources.items():
        ids = table.ids[table.live_rows()]
        rows.append((name, int(ids[-1]) if len(ids) else None, moment, moment, len(ids)))
    connection.executemany("INSERT INTO sync_bookmarks VALUES (?, ?, ?, ?, ?)", rows)
    connection.execute(
        "CREATE TABLE sync_runs (run_id VARCHAR, started_at TIMESTAMPTZ, finished_at TIMESTAMPTZ, resource VARCHAR,"
        " records_read BIGINT, records_changed BIGINT, pages BIGINT, records_repeated BIGINT)"
    )
