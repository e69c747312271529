"""Array types and the two index tricks that every columnar table here needs."""

from typing import Any

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = npt.NDArray[Any]


def starts_of(parents: IntArray, parent_count: int) -> IntArray:
    """Where each parent's children begin, for children sorted by parent.

    `parents` holds the parent row of every child, ascending. The answer has `parent_count + 1` entries, so the
    children of row `p` are `answer[p]` up to, not including, `answer[p + 1]`.
    """
    counts = np.bincount(parents, minlength=parent_count)
    return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts, dtype=np.int64)))


def ranges(starts: IntArray, ends: IntArray) -> IntArray:
    """The integers of every half-open range `[starts[i], ends[i])`, one range after the other."""
    counts = ends - starts
    total = int(counts.sum())
    if total == 0:
        return np.zeros(0, dtype=np.int64)
    shift = np.repeat(starts - np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(counts)[:-1])), counts)
    return np.asarray(np.arange(total, dtype=np.int64) + shift)
