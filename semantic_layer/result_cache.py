"""Results kept by what they depend on: the plan, the mirror's version and what the asker may see. Bounded; thread-safe.

A result is the same for the same key by construction (the text of a plan is deterministic and a published version never
changes), so nothing ever goes stale: a new version has new keys, and the oldest unused results make room.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable

from semantic_layer.results import ResultSet

MAX_RESULTS = 256
MAX_CELLS = 200_000
"""Larger results are not kept: they are rare, and few of them would fill the memory."""


class ResultCache:
    """The results used last, at most `size` of them."""

    def __init__(self, size: int = MAX_RESULTS) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, ResultSet] = OrderedDict()
        self.hits = 0
        self.misses = 0

    def get(self, key: Hashable, make: Callable[[], ResultSet]) -> ResultSet:
        """The result of that key, made when it is not kept. What `make` raises is not kept.

        Two threads that miss at the same time both make it: no thread waits for the query of another, which may be
        interrupted.
        """
        with self._lock:
            if key in self._kept:
                self.hits += 1
                self._kept.move_to_end(key)
                return self._kept[key]
            self.misses += 1
        made = make()
        if len(made.rows) * max(len(made.columns), 1) <= MAX_CELLS:
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        return made

    def __len__(self) -> int:
        return len(self._kept)
