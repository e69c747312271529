"""The cache of results: bounded, safe between threads, nothing kept that failed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date

import pytest

from semantic_layer import Column, Period, ResultSet
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
