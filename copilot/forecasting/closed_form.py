"""Cash that leaves an open book by a day, without simulation: an exact distribution to hold the simulation against.

Each document is paid by then with a chance p of its own. The largest are convolved one by one on a grid; the rest is
so many small amounts that its sum is normal: mean sum(a p), variance sum(a^2 p (1 - p)).
"""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GRID = 4_096
LARGEST = 400


def quantile_of_sum(amount: Floats, chance: Floats, level: float) -> float:
    """The quantile of sum(amount x paid), documents independent; amounts may be negative (credit notes)."""
    if len(amount) > LARGEST:
        order = np.argpartition(-np.abs(amount), LARGEST)  # the largest in front; a full sort takes half of the time
        amount, chance = amount[order], chance[order]
    # A credit note that comes with chance p is its full amount, less it with chance 1 - p.
    shift = float(amount[amount < 0].sum())
    chance = np.where(amount < 0, 1.0 - chance, chance)
    amount = np.abs(amount)
    large, small = slice(0, LARGEST), slice(LARGEST, None)
    mean = float((amount[small] * chance[small]).sum())
    spread = sqrt(float((amount[small] ** 2 * chance[small] * (1.0 - chance[small])).sum()))
    top = max(float(amount[large].sum()) + 8.0 * spread, 1e-9)
    step = top / (GRID - 1)
    mass = _convolved(amount[large], chance[large], step)
    if spread > 0:
        mass = _blurred(mass, spread / step)
        mean -= ceil(4.0 * spread / step) * step
    reached = np.cumsum(mass)
    reached /= reached[-1]
    place = int(np.searchsorted(reached, level))
    before = float(reached[place - 1]) if place else 0.0
    inside = (level - before) / max(float(reached[place]) - before, 1e-12)
    return shift + mean + (place - 0.5 + inside) * step


def _convolved(amount: Floats, chance: Floats, step: float) -> Floats:
    """Chance of each grid point for the sum of the largest; an amount between two points is split so its mean stays."""
    mass = np.zeros(GRID)
    mass[0] = 1.0
    for value, paid in zip(amount.tolist(), chance.tolist(), strict=True):
        whole, part = divmod(value / step, 1.0)
        low = int(whole)
        moved = np.zeros(GRID)
        moved[low:] += mass[: GRID - low] * (1.0 - part)
        moved[low + 1 :] += mass[: max(0, GRID - low - 1)] * part
        mass = mass * (1.0 - paid) + moved * paid
    return mass


def _blurred(mass: Floats, sigma: float) -> Floats:
    """Convolved with a normal of `sigma` grid steps; the result starts 4 sigma before the grid."""
    half = ceil(4.0 * sigma)
    kernel = np.exp(-0.5 * (np.arange(-half, half + 1) / max(sigma, 1e-9)) ** 2)
    size = 1 << (len(mass) + len(kernel) - 2).bit_length()
    product = np.fft.irfft(np.fft.rfft(mass, size) * np.fft.rfft(kernel / kernel.sum(), size), size)
    blurred: Floats = np.maximum(product[: len(mass) + len(kernel) - 1], 0.0)
    return blurred
