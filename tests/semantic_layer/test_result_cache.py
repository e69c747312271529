"""The cache of results: bounded, safe between threads, nothing kept that failed."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from semantic_layer import Column, Filter, MetricQuery, Period, ResultSet, SemanticLayer, database
from semantic_layer.result_cache import MAX_CELLS, ResultCache


def result(rows: int = 1) -> ResultSet:
    """A result of one column."""
    day = date(2026, 3, 1)
    return ResultSet(
        columns=(Column("x", "X", "metric", "count"),), rows=tuple((n,) for n in range(rows)), total={}, row_count=rows,
        truncated=False, sql=(), checks=(), caveats=(), lineage=(), period=Period(day, day), as_of=day, currency="USD",
    )  # fmt: skip


def test_the_least_recently_used_makes_room() -> None:
    """Of three results in a cache of two, the one not used for longest is made again."""
    cache = ResultCache(size=2)
    a = cache.get("a", result)
    cache.get("b", result)
    assert cache.get("a", result) is a
    cache.get("c", result)
    assert len(cache) == 2
    assert cache.get("a", result) is a
    assert (cache.hits, cache.misses) == (2, 3)
    cache.get("b", result)
    assert cache.misses == 4


def test_errors_and_giants_are_not_kept() -> None:
    """A failure is tried again; a result that would fill the memory is handed over and forgotten."""
    cache = ResultCache()

    def fails() -> ResultSet:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cache.get("a", fails)
    cache.get("big", lambda: result(MAX_CELLS + 1))
    assert len(cache) == 0


def test_threads_share_it() -> None:
    """Many threads over few keys: never more than the bound, always the right result."""
    cache = ResultCache(size=4)

    def use(n: int) -> bool:
        rows = n % 7 + 1
        return len(cache.get(rows, lambda: result(rows)).rows) == rows

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(use, range(2000)))
    assert len(cache) <= 4
    assert cache.hits + cache.misses == 2000


def test_what_no_grouping_changes_is_asked_once_for_each_version(
    books: Any, publish: Callable[[Any], SemanticLayer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a figure leaves out is summed once, whatever it is grouped by; a filter or a new version asks again."""
    asked: list[str] = []
    run = database.Snapshot.run

    def told(snapshot: database.Snapshot, sql: str, cap: int = 100_000, *, rollups: bool = False) -> database.Rows:
        asked.append(sql)
        return run(snapshot, sql, cap, rollups=rollups)

    def left_out(layer: SemanticLayer, **more: Any) -> tuple[str, int]:
        asked.clear()
        found = layer.query(
            MetricQuery(metrics=("late_rate",), period=Period(date(2026, 3, 1), date(2026, 3, 31)), **more)
        )
        return " ".join(str(caveat) for caveat in found.caveats), len(asked)

    books.invoice(1, "5000", dated="2026-03-01", due="2026-03-15", paid=[("2026-03-20", "5000")])
    books.invoice(2, "100", dated="2026-03-01", due=None, paid=[("2026-03-20", "100")])
    layer = publish(books)
    monkeypatch.setattr(database.Snapshot, "run", told)
    first, statements = left_out(layer)
    assert statements > 1
    assert "1 " in first
    assert left_out(layer, group_by=("currency",)) == (first, 1)
    assert left_out(layer, filters=(Filter(field="currency", op="=", values=("EUR",)),))[0] == ""
    books.invoice(3, "100", dated="2026-03-01", due=None, paid=[("2026-03-20", "100")])
    again, statements = left_out(publish(books))
    assert "2 " in again
    assert statements > 1


def test_single_rows_that_are_kept_are_bounded(
    books: Any, publish: Callable[[Any], SemanticLayer], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest makes room, whoever asks at once; a list is not kept."""
    monkeypatch.setattr(database, "MAX_KEPT", 4)
    snapshot = publish(books).mirror.snapshot()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: snapshot.once(f"SELECT {n % 9}").rows, range(400)))
    assert found == [((n % 9,),) for n in range(400)]
    assert len(snapshot._once) <= 4
    assert snapshot.once("SELECT unnest([1, 2])") is not snapshot.once("SELECT unnest([1, 2])")
    assert snapshot.once("SELECT 7") is snapshot.once("SELECT 7")
