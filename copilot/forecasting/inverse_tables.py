"""Drawing days from survival curves by table look-up: one 11-bit random number, one look-up per draw.

Each curve becomes a row of SIZE entries, the day for each of SIZE equal slices of chance. Where a slice straddles two
days a random offset per row decides, so that every day keeps its exact chance on average.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
SIZE = 2_048


def tables(survival: Floats, generator: np.random.Generator) -> NDArray[np.uint16]:
    """`[row, SIZE]`: the day (1 = first column) of each slice; the number of columns plus 1 stands for "later"."""
    rows, days = survival.shape
    edge = np.empty((rows, days + 2), dtype=np.int64)
    edge[:, 0] = 0
    edge[:, 1:-1] = np.floor((1.0 - survival) * SIZE + generator.random((rows, 1)))
    edge[:, -1] = SIZE
    np.minimum(edge, SIZE, out=edge)
    day = np.tile(np.arange(1, days + 2, dtype=np.uint16), rows)
    return np.repeat(day, np.diff(edge, axis=1).ravel()).reshape(rows, SIZE)


def draw(table: NDArray[np.uint16], draws: int, generator: np.random.Generator) -> NDArray[np.uint16]:
    """`[row, draw]`: days drawn independently from each row of a table."""
    rows = len(table)
    pick = generator.integers(0, SIZE, (rows, draws), dtype=np.uint16).astype(np.int32)
    pick += np.arange(rows, dtype=np.int32)[:, None] * SIZE
    return table.ravel()[pick]


def draw_each(survival: Floats, row: Ints, generator: np.random.Generator) -> Ints:
    """One day for each entry of `row` (rows of `survival`, which may repeat): 1 = first column, columns + 1 = later."""
    rows, days = survival.shape
    sorted_chance = ((1.0 - survival) + np.arange(rows)[:, None] * 2.0).ravel()
    chance = generator.random(len(row)) + row * 2.0
    found = np.searchsorted(sorted_chance, chance, side="right") - row * days
    day: Ints = np.clip(found, 0, days) + 1
    return day
