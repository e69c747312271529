"""Discount selection on invented books: how near to its bound, how fast, and what rules of thumb leave behind.

    python -m benchmarks.opportunity_selection [--large]

Offers have up to four run dates, amounts have heavy tails, and cash above the floor admits about an eighth of the
positive value. Times are processor time, side by side in one run.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from copilot.opportunities.problem import Problem
from copilot.opportunities.selection import Selection, loss_of_rules, select

HURDLE = 0.08


def invented(offers: int, days: int, seed: int, room: float = 0.04) -> Problem:
    """Two runs a week; half of the offers fall on a cliff, half on a slide; the room is a share of all amounts."""
    draw = np.random.default_rng(seed)
    runs = np.array([day for day in range(days) if day % 7 in (1, 3)])
    amount = np.minimum(np.exp(draw.normal(9.2, 1.6, offers)), 5e6)
    until = runs[draw.integers(len(runs) // 4, len(runs), offers)]
    ready = draw.integers(0, np.maximum(until - 14, 1))
    yearly = draw.lognormal(np.log(0.14), 0.6, offers)
    slides = draw.random(offers) < 0.5
    columns: dict[str, list[int]] = {"offer": [], "pay": [], "until": [], "cash": [], "gross": []}
    for number in range(offers):
        dates = runs[(runs >= ready[number]) & (runs < until[number])]
        dates = dates[:4] if slides[number] else dates[:1]
        first = dates[0] if len(dates) else 0
        for day in dates.tolist():
            span = until[number] - (day if slides[number] else first)
            saved = amount[number] * min(0.04, yearly[number] * span / 365)
            columns["offer"].append(number)
            columns["pay"].append(day)
            columns["until"].append(int(until[number]))
            columns["cash"].append(int((amount[number] - saved) * 100))
            columns["gross"].append(int(amount[number] * 100))
    arrays = {name: np.array(values, dtype=np.int64) for name, values in columns.items()}
    saved_cents = arrays["gross"] - arrays["cash"]
    cost = arrays["cash"] * ((1 + HURDLE) ** ((arrays["until"] - arrays["pay"]) / 365) - 1)
    wave = 1.0 + 0.6 * np.sin(np.arange(days) / 9.0)
    return Problem(
        offers=offers,
        **arrays,
        value=(saved_cents - cost) / 100,
        pools=np.zeros((len(cost), 1), dtype=np.int64),
        room=(amount.sum() * 100 * room * wave).astype(np.int64)[None, :],
        caps=np.zeros((len(cost), 0), dtype=np.int64),
        limit=np.zeros(0, dtype=np.int64),
    )


def main() -> None:
    """Print one line for each size, then the table of what rules of thumb leave behind."""
    sizes = [(1_000, 60), (1_000, 90), (10_000, 60), (10_000, 90)]
    if "--large" in sys.argv:
        sizes.append((100_000, 90))
    lost: dict[str, list[float]] = {}
    print(f"{'offers':>8} {'days':>5} {'options':>8} {'seconds':>8} {'gap %':>7} {'taken':>7}  method")
    for offers, days in sizes:
        problem = invented(offers, days, seed=offers + days)
        started = time.process_time()
        found = select(problem)
        took = time.process_time() - started
        if not isinstance(found, Selection) or not problem.fits(found.taken):
            raise SystemExit("The choice breaks a floor.")
        print(
            f"{offers:8} {days:5} {len(problem):8} {took:8.2f} {100 * found.gap:7.3f} {len(found.taken):7}"
            f"  {found.method}"
        )
        for name, loss in loss_of_rules(problem, found).items():
            lost.setdefault(name, []).append(100 * loss / found.value)
    print("\nleft behind by a rule of thumb, % of the value found")
    for name, shares in lost.items():
        print(f"{name:>24} " + " ".join(f"{share:7.1f}" for share in shares))


if __name__ == "__main__":
    main()
