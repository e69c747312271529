"""How long an outflow forecast takes, on an invented open book of a given size.

The figure that matters is the 13-week outflow of 100,000 open invoices on 2,000 paths; beside it the same draws in the
plain NumPy form (one search per invoice and path), so that the ratio does not depend on the machine.

    python benchmarks/forecast_speed.py [--open 100000] [--paths 2000] [--refit 1000000]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal

import numpy as np

from copilot.forecasting.book import Book, Names
from copilot.forecasting.cash_paths import learn_model, open_survival, paid_chances, simulate_cash
from copilot.forecasting.closed_form import quantile_of_sum
from copilot.forecasting.payment_timing import fit

AS_OF = date(2026, 11, 21)
DAYS = 91


def invented(invoices: int, open_share: float, seed: int = 1) -> Book:
    """A book of `invoices` over 500 days (of which `open_share` unpaid), nine entities, heavy-tailed amounts."""
    random = np.random.default_rng(seed)
    today = AS_OF.toordinal()
    opened = int(invoices * open_share)
    age = np.concatenate([random.integers(0, 45, opened), random.integers(46, 500, invoices - opened)])
    received = today - age
    due = received + random.choice([30, 45, 60], invoices)
    amount = np.round(random.lognormal(7.5, 1.6, invoices), 2)
    settled = np.arange(opened, invoices)
    paid_day = np.minimum(due[settled] + random.integers(-3, 12, len(settled)), today)
    paid_day = np.maximum(
        np.where(paid_day % 7 < 4, paid_day - paid_day % 7 + 2, paid_day - paid_day % 7 + 4), received[settled] + 1
    )
    suppliers = tuple(f"S{n}" for n in range(3_000))
    entities = tuple(f"E{n}" for n in range(9))

    def names(values: tuple[str, ...]) -> Names:
        return Names(random.integers(0, len(values), invoices), values)

    zeros = np.zeros(invoices, dtype=np.int64)
    return Book(
        document_id=np.arange(1, invoices + 1),
        numbers=(),
        supplier=names(suppliers),
        category=names(("Goods", "Services")),
        supplier_country=names(("US", "DE")),
        buying_entity=names(entities),
        entity_country=Names(zeros, ("US",)),
        currency=names(("USD", "EUR")),
        status=Names(zeros, ("approved",)),
        is_credit_note=zeros.astype(np.bool_),
        invoice_day=received,
        received_day=received,
        recognised_day=received,
        due_day=due,
        discount_day=zeros,
        discount_rate=zeros.astype(np.float64),
        gross=amount,
        paid_row=settled,
        paid_day=np.minimum(paid_day, today),
        paid=amount[settled],
        discount_row=zeros[:0],
        discount_taken_day=zeros[:0],
        discount_taken=amount[:0],
    )


def timed(what: str, run: Callable[[], object], rounds: int = 3) -> float:
    """The best of some rounds, in seconds of processor time (others may be using the machine), printed."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    print(f"{what:60} {best:8.3f} s")
    return best


def plain_form(book: Book, invoices: int, paths: int) -> float:
    """Seconds for some invoices the plain way: one search in the curve per invoice and path."""
    model = learn_model(book, AS_OF)
    random = np.random.default_rng(1)
    cash, done, start = np.zeros((paths, DAYS + 1)), 0, time.process_time()
    for part, survival in open_survival(model, DAYS):
        for row, curve in zip(part.tolist(), survival, strict=True):
            day = np.searchsorted(1.0 - curve, random.random(paths), side="right")
            np.add.at(cash, (np.arange(paths), day), model.ledger.gross[row])
        done += len(part)
        if done >= invoices:
            break
    return (time.process_time() - start) / done


def main() -> None:
    """Print the timings."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--paths", type=int, default=2_000)
    parser.add_argument("--refit", type=int, default=1_000_000)
    chosen = parser.parse_args()
    book = invented(chosen.open * 4, 0.25)
    model = learn_model(book, AS_OF)
    took = timed(
        f"13-week outflow, {chosen.open:,} open invoices x {chosen.paths:,} paths (warm)",
        lambda: simulate_cash(model, DAYS, chosen.paths, 1),
    )
    each = plain_form(book, 512, chosen.paths)
    print(f"{'the open invoices alone in plain NumPy form (512 measured)':60} {each * chosen.open:8.3f} s")
    print(f"{'ratio':60} {each * chosen.open / took:8.1f}")
    print(f"{'peak memory so far':60} {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB")
    rows, chances = paid_chances(model, DAYS)
    amount, paid = model.ledger.open_amount[rows], chances[:, :28].sum(axis=1)
    timed("95th percentile of four weeks by convolution", lambda: quantile_of_sum(amount, paid, 0.95))
    exact = quantile_of_sum(amount, paid, 0.95)
    drawn = float(np.quantile(simulate_cash(model, DAYS, chosen.paths, 1).before_slip[:, :28].sum(axis=1), 0.95))
    print(f"{'simulated over convolved':60} {Decimal(drawn / exact - 1).quantize(Decimal('0.00001')):>8}")
    large = invented(chosen.refit, 0.05)
    ledger = large.ledger
    timed(f"refit of payment timing on {chosen.refit:,} invoices", lambda: fit(ledger, AS_OF, large.countries), 2)


if __name__ == "__main__":
    main()
