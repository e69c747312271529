"""SQL that somebody else wrote, over the entities as one viewer may see them.

Each entity of the model is a view: its rows under the viewer's policy, without the columns that show a hidden field.
A statement passes the guard, its size is estimated by the engine, and it runs in a process that can be killed
(child.py), which holds nothing but these views, no secrets and no way to a file.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlglot import exp

from semantic_layer.errors import ExecutionError, TimeLimitError, TooLargeError
from semantic_layer.fragments import Bindings, condition, entities_of, literal, parse, source, tables_of
from semantic_layer.guard import guard_foreign
from semantic_layer.model import SemanticModel
from semantic_layer.provenance import entity_statement, hidden_origins, origins_of
from semantic_layer.query import Filter
from semantic_layer.resolver import join_path, typed_filter
from semantic_layer.viewer import Viewer

REFERENCE_TABLES = frozenset({"countries", "currencies", "exchange_rates", "payment_terms"})
"""Tables that tell nothing about any document: open to every viewer."""
CATALOG = "mirror"
CHILD = Path(__file__).with_name("child.py")
GRACE = 3.0
"""Seconds that the process gets beyond its time limit, to start and to end by itself, before it is killed."""

READERS: Mapping[str, Callable[[str], Any]] = {
    "decimal": Decimal,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "time": time.fromisoformat,
    "float": float,
    "text": str,
}
Columns = Mapping[str, frozenset[str]]
"""Columns of the mirror's tables by table."""


@dataclass(frozen=True)
class Limits:
    """What one exploratory statement may use."""

    seconds: float = 20.0
    rows: int = 10_000
    estimated_rows: int = 200_000_000
    """The most rows that the engine may expect of any step."""
    memory: str = "1GB"
    threads: int = 2
    characters: int = 20_000_000
    """Size of all that comes back."""


@dataclass(frozen=True)
class Exploration:
    """What came back. Never a certified figure: no metric stands behind it.

    `truncated` when more rows existed than are here; `estimated_rows` is the engine's own estimate before it ran.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    truncated: bool
    sql: str
    estimated_rows: int


@dataclass(frozen=True)
class Source:
    """The mirror to read: its file, its key if it is encrypted, its tables and the last complete day in it."""

    file: Path
    columns: Columns
    data_date: date
    key: SecretStr | None = None


def explore(
    sql: str,
    model: SemanticModel,
    reporting_currency: str,
    viewer: Viewer,
    mirror: Source,
    today: date,
    limits: Limits | None = None,
) -> Exploration:
    """Run a SELECT of somebody on the views that the viewer may see; `today` is what its clock reads.

    Raises GuardError (not such SQL), TooLargeError (it would read or make too much), TimeLimitError or ExecutionError.
    """
    limits = limits or Limits()
    views = view_definitions(model, mirror.data_date, reporting_currency, viewer, mirror.columns, qualified=False)
    text = guard_foreign(sql, views, today)
    used = {name.lower() for name in tables_of(text)}
    request = {
        "file": str(mirror.file),
        "key": mirror.key and mirror.key.get_secret_value(),
        "catalog": CATALOG,
        "views": {name: _qualified(body, mirror.columns) for name, body in views.items() if name in used},
        "sql": text,
        "seconds": limits.seconds,
        "rows": limits.rows,
        "estimated_rows": limits.estimated_rows,
        "memory": limits.memory,
        "threads": limits.threads,
        "characters": limits.characters,
    }
    return _result(_in_a_child(request, limits), text, limits)


def _in_a_child(request: Mapping[str, Any], limits: Limits) -> dict[str, Any]:
    """The answer of a process of its own, killed when it does not end in time. It inherits no environment."""
    command = [sys.executable, "-I", str(CHILD)]
    with subprocess.Popen(  # noqa: S603 (our own script; the statement travels by standard input)
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/", text=True
    ) as process:
        try:
            out, _ = process.communicate(json.dumps(request), timeout=limits.seconds + GRACE)
        except subprocess.TimeoutExpired:
            raise TimeLimitError(
                f"The statement took longer than {limits.seconds:g} s and its process was killed; ask for less."
            ) from None
        finally:
            process.kill()
    try:
        return dict(json.loads(out))
    except ValueError as error:
        raise ExecutionError(
            f"The process that ran the statement ended early (code {process.returncode}): it may have used more "
            f"than {limits.memory} of memory. Ask for less."
        ) from error


def _result(answer: Mapping[str, Any], text: str, limits: Limits) -> Exploration:
    match answer["outcome"]:
        case "rows":
            rows = tuple(tuple(_value(cell) for cell in row) for row in answer["rows"])
            return Exploration(
                tuple(answer["columns"]), rows, bool(answer["truncated"]), text, int(answer["estimated_rows"])
            )
        case "too large":
            raise TooLargeError(
                f"The engine expects {int(answer['estimated_rows']):,} rows in one step of this statement; at most "
                f"{limits.estimated_rows:,} may be. Join on keys, or filter before joining."
            )
        case "time":
            raise TimeLimitError(f"The statement took longer than {limits.seconds:g} s; ask for less.")
        case _:
            raise ExecutionError(f"DuckDB refused the statement: {answer['message']}")


def _value(cell: Any) -> Any:
    """A cell as it left the engine: see child.py for how it travels."""
    if isinstance(cell, list):
        return tuple(_value(item) for item in cell)
    if not isinstance(cell, dict):
        return cell
    kind, text = next(iter(cell.items()))
    return READERS[kind](text)


def view_definitions(
    model: SemanticModel,
    data_date: date,
    reporting_currency: str,
    viewer: Viewer,
    columns: Columns,
    *,
    qualified: bool = True,
) -> dict[str, str]:
    """The SQL of each view by name, over the tables of the catalogue `mirror`, or with their bare names.

    An entity in which the viewer's rows cannot be told apart is no view; neither is one that the mirror lacks a table
    or a column for.
    """
    viewer.check(model)
    bindings = Bindings(reporting_currency, data_date, literal(data_date))
    hidden = hidden_origins(model, viewer.hidden, bindings, columns)
    found: dict[str, str] = {}
    for name in sorted(model.entities):
        body = _view(model, name, viewer, bindings, columns, hidden)
        if body is not None:
            found[name] = _qualified(body, columns) if qualified else body
    return found


def _view(
    model: SemanticModel, name: str, viewer: Viewer, bindings: Bindings, columns: Columns, hidden: frozenset[str]
) -> str | None:
    """The SQL of one view; None when it cannot be shown."""
    bare = entity_statement(model, {name}, bindings)
    read = tables_of(f"{bare} SELECT * FROM {name}") - set(model.entities)
    if not read <= set(columns):
        return None
    shown = f"{name}.*"
    if hidden:
        origins = origins_of(model, name, bindings, columns)
        shown = ", ".join(f'{name}."{column}"' for column, reads in origins.items() if not reads & hidden)
    if not shown:
        return None
    if not viewer.rows or read <= REFERENCE_TABLES:
        return f"{bare} SELECT {shown} FROM {name}"
    rows = _rows_seen(model, name, viewer.rows, bindings)
    if rows is None:
        return None
    needed, tail = rows
    return f"{entity_statement(model, {name, *needed}, bindings)} SELECT {shown} {tail}"


def _rows_seen(
    model: SemanticModel, name: str, policy: tuple[Filter, ...], bindings: Bindings
) -> tuple[set[str], str] | None:
    """The entities that are needed, and FROM … WHERE …, to leave the rows that a policy allows; None when it cannot.

    Rows that lead to the policy's dimensions are tested themselves; others are seen when a visible row points to them.
    """
    own = _tested(model, name, policy, bindings)
    if own is not None:
        return own
    needed: set[str] = set()
    pointers: list[str] = []
    for child in sorted(model.entities):
        for relationship in model.entities[child].relationships:
            found = _tested(model, child, policy, bindings) if relationship.to == name else None
            if found is not None:
                needed |= {child, *found[0]}
                pointers.append(f"{name}.{relationship.to_key} IN (SELECT {child}.{relationship.key} {found[1]})")
    return (needed, f"FROM {name} WHERE {' OR '.join(pointers)}") if pointers else None


def _tested(
    model: SemanticModel, name: str, policy: tuple[Filter, ...], bindings: Bindings
) -> tuple[set[str], str] | None:
    filters = [typed_filter(item, model) for item in policy]
    if any(f.dimension.as_of or join_path(model, name, f.dimension.entity) is None for f in filters):
        return None
    conditions = [condition(item, bindings) for item in filters]
    needed = set(entities_of(*conditions)) - {name}
    joins = {step.to for goal in needed for step in join_path(model, name, goal) or ()}
    return joins, f"{source(model, name, needed)} WHERE {' AND '.join(conditions)}"


def _qualified(body: str, columns: Columns) -> str:
    """The body with the mirror's tables put in their catalogue, so that no view can be taken for one of them."""
    tree = parse(body).copy()
    ctes = {cte.alias for cte in tree.find_all(exp.CTE)}
    for table in tree.find_all(exp.Table):
        if table.name in columns and table.name not in ctes:
            table.set("db", exp.to_identifier("main"))
            table.set("catalog", exp.to_identifier(CATALOG))
    return tree.sql("duckdb")
