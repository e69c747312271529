"""Entities cut down to what a statement reads keep their rows."""

from __future__ import annotations

from datetime import date

import pytest

from semantic_layer import SemanticLayer
from semantic_layer.fragments import Bindings, entity_body, with_dependencies
from semantic_layer.layer import shipped_model
from semantic_layer.pruning import pruned

KEYS = {"f": frozenset({"id"}), "g": frozenset({"owner", "day"})}
JOINED = "SELECT f.id, f.amount, g.name FROM base AS f LEFT JOIN g ON "
MODEL = shipped_model()
WITHOUT_FEEDS = sorted(
    name for name in MODEL.entities if not name.startswith(("ledger", "cash", "average", "late", "statutory"))
)


def cut(body: str, reads: str) -> str:
    """The body of `e` as a statement that reads those columns has it."""
    ((_, text),) = pruned([("e", body)], KEYS, [f"SELECT {reads} FROM e"])
    return text


def test_a_join_that_nothing_is_read_from_is_left_out() -> None:
    """A LEFT JOIN on the whole key of an entity gives no more and no fewer rows, so without its columns it goes."""
    whole_key = f"{JOINED}g.owner = f.id AND g.day = f.day"
    assert cut(whole_key, "e.amount") == "SELECT f.amount FROM base AS f"
    assert "JOIN g" in cut(whole_key, "e.amount, e.name")


@pytest.mark.parametrize(
    "body",
    [
        f"{JOINED}g.owner = f.id",
        f"{JOINED}g.owner = f.id AND g.day <= f.day",
        f"{JOINED}g.owner = f.id AND g.day = g.other",
        f"{JOINED}g.owner = f.id AND g.day = f.day WHERE g.name > 'm'",
        f"{JOINED.replace('LEFT ', '')}g.owner = f.id AND g.day = f.day",
        "SELECT f.id, f.amount FROM base AS f LEFT JOIN (SELECT x FROM g) AS g ON g.x = f.id",
        "SELECT f.id, amount FROM base AS f LEFT JOIN g ON g.owner = f.id AND g.day = f.day",
    ],
    ids=["part of key", "inequality", "own column", "filtered", "inner", "no key", "column of unknown table"],
)
def test_a_join_that_may_change_rows_stays(body: str) -> None:
    """A join whose key is not unique, that filters, or that a column may come from is left as it is."""
    assert "JOIN" in cut(body, "e.id, e.amount")


@pytest.mark.parametrize(
    "body",
    [
        "SELECT DISTINCT f.id, f.amount FROM f",
        "SELECT SUM(f.amount) AS amount, 1 AS id FROM f",
        "SELECT f.id, UNNEST(f.list) AS amount FROM f",
        "SELECT f.id, f.amount FROM f GROUP BY 1, 2",
        "SELECT f.id, f.amount FROM f UNION SELECT g.id, g.amount FROM g",
    ],
    ids=["distinct", "aggregate", "unfolded", "by place", "union of sets"],
)
def test_columns_that_decide_the_rows_stay(body: str) -> None:
    """Where the columns say how many rows there are, none is left out."""
    assert cut(body, "e.id") == body


def test_branches_of_a_union_lose_the_same_places() -> None:
    """The second branch knows its columns by place, not by name."""
    body = "SELECT f.id, f.amount, f.day FROM f UNION ALL SELECT g.owner, g.name, g.day FROM g"
    assert cut(body, "e.id, e.day") == "SELECT f.id, f.day FROM f UNION ALL SELECT g.owner, g.day FROM g"


@pytest.mark.parametrize("entity", WITHOUT_FEEDS)
def test_each_column_alone_is_as_in_the_whole_entity(layer: SemanticLayer, entity: str) -> None:
    """Read alone and beside its neighbour, each column of each shipped entity has the same values, as many times."""
    snapshot = layer.mirror.snapshot()
    bindings = Bindings("EUR", snapshot.data_date, f"CAST('{date(2026, 3, 31)}' AS DATE)")
    names = with_dependencies(MODEL, {entity})
    bodies = [(name, entity_body(MODEL.entities[name].sql, bindings)) for name in names]
    shown = snapshot.run(f"{_with(bodies)} SELECT * FROM {entity} LIMIT 0").columns
    for pair in zip(shown, shown[1:] + shown[:1], strict=True):
        reader = f"SELECT {', '.join(f'{entity}.{name}' for name in pair)} FROM {entity}"
        hashed = f"SELECT COUNT(*), SUM(CAST(HASH({', '.join(pair)}) AS HUGEINT)) FROM {entity}"
        whole = snapshot.run(f"{_with(bodies)} {hashed}").rows
        assert snapshot.run(f"{_with(pruned(bodies, MODEL.primary_keys, [reader]))} {hashed}").rows == whole, pair


def _with(bodies: list[tuple[str, str]]) -> str:
    return f"WITH {', '.join(f'{name} AS ({body})' for name, body in bodies)}"
