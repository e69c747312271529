"""Draws by inverse tables on the reference problem: 100,000 open invoices, 1,000 paths, 50 delay curves, cash by day.

The figure of merit is the cash of days 30 to 60: its 95th percentile must agree with the one by convolution.
Beside it the plain form (one search per curve and path, measured on some paths) and the peak memory of the process.

    python benchmarks/forecast_draws.py [--open 100000] [--paths 1000]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from copilot.forecasting.closed_form import quantile_of_sum
from copilot.forecasting.inverse_tables import SIZE, tables

CURVES, SUPPORT, DAYS = 50, 90, 180
FIRST, LAST = 30, 60


def main() -> None:
    """Print seconds of processor time, memory and the two percentiles."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--paths", type=int, default=1_000)
    chosen = parser.parse_args()
    random = np.random.Generator(np.random.SFC64(1))
    amount = random.lognormal(7.5, 1.3, chosen.open)
    curve, due = random.integers(0, CURVES, chosen.open), random.integers(0, 90, chosen.open)
    chance = random.dirichlet(np.full(SUPPORT, 0.5), CURVES)
    start = time.process_time()
    # By curve, so that look-ups stay near each other; bytes, so that all tables fit the cache; no new arrays in the loop.
    order = np.argsort(curve, kind="stable")
    sorted_amount, offset, first = amount[order], curve[order] * SIZE, due[order] - 1
    table = tables(1.0 - np.cumsum(chance, axis=1), random).ravel().astype(np.uint8)
    pick, day = np.empty((2, chosen.open), dtype=np.int64)
    found = np.empty(chosen.open, dtype=np.uint8)
    cash = np.empty((chosen.paths, DAYS + 2))
    for path in range(chosen.paths):
        slices = random.integers(0, 2**64, -(-chosen.open // 4), dtype=np.uint64).view(np.uint16)[: chosen.open]
        np.add(slices >> 5, offset, out=pick)
        table.take(pick, out=found, mode="clip")
        np.add(found, first, out=day)
        cash[path] = np.bincount(day, weights=sorted_amount, minlength=DAYS + 2)[: DAYS + 2]
    drawn = cash[:, FIRST : LAST + 1].sum(axis=1)
    took = time.process_time() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{chosen.open:,} x {chosen.paths:,} by inverse tables {took:8.3f} s, peak memory {memory:.0f} MB")
    reached = np.concatenate([np.zeros((CURVES, 1)), np.cumsum(chance, axis=1)], axis=1)
    best = float("inf")
    for _ in range(3):
        start = time.process_time()
        low, high = (np.clip(edge - due, 0, SUPPORT) for edge in (FIRST, LAST + 1))
        paid = reached[curve, high] - reached[curve, low]
        exact = quantile_of_sum(amount, paid, 0.95)
        best = min(best, time.process_time() - start)
    print(f"by convolution {1000 * best:.1f} ms")
    print(f"95th percentile, simulated over convolved {float(np.quantile(drawn, 0.95)) / exact - 1:+.5f}")
    spread = float(np.sqrt((amount**2 * paid * (1 - paid)).sum()))
    print(f"standard deviation, simulated over exact {float(drawn.std()) / spread - 1:+.4f}")
    start = time.process_time()
    few = 10
    for _ in range(few):
        for code in range(CURVES):
            rows = np.flatnonzero(curve == code)
            day = due[rows] + np.searchsorted(reached[code, 1:], random.random(len(rows)))
            np.bincount(day, weights=amount[rows], minlength=DAYS)
    plain = (time.process_time() - start) / few * chosen.paths
    print(f"plain form {plain:.1f} s ({few} paths measured), ratio {plain / took:.1f}")


if __name__ == "__main__":
    main()
