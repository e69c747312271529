"""A company whose suppliers differ much in size and habit, with an effect on discount capture that can be planted."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from copilot.outcomes.assignment import draw, match, with_deciles
from copilot.outcomes.design import Assigned, Design
from copilot.outcomes.designing import Books
from copilot.outcomes.panel import Document, Payment

START = date(2026, 3, 2)
RATE = Decimal("0.02")
CATEGORIES, REGIONS = ("MRO", "Packaging", "Logistics"), ("EMEA", "North America")


class Company:
    """Suppliers with sizes and habits of their own; `seed` fixes them, `books` plays their weeks."""

    def __init__(self, suppliers: int, seed: int = 1, a_week: float = 2.5, spread: float = 0.8) -> None:
        random = np.random.default_rng(seed)
        self.names = [f"Supplier {place:03}" for place in range(suppliers)]
        self.size = np.exp(random.normal(9, spread, suppliers))
        self.habit = random.beta(4, 6, suppliers)
        self.often = random.gamma(4, a_week / 4, suppliers) + 0.3
        self.place = [(CATEGORIES[int(random.integers(3))], REGIONS[int(random.integers(2))]) for _ in range(suppliers)]

    def books(
        self, seed: int, before: int, after: int, treated: frozenset[str] = frozenset(), effect: float = 0.0
    ) -> Books:
        """`before` weeks up to the start and `after` weeks from it; `effect` is added to the habit of the treated."""
        random = np.random.default_rng(seed)
        first = START - timedelta(weeks=before)
        drift = np.zeros(len(self.names))
        documents, payments = [], []
        for week in range(before + after):
            drift = 0.6 * drift + random.normal(0, 0.05, len(self.names))
            season = random.normal(0, 0.03)
            for place, name in enumerate(self.names):
                lift = effect if name in treated and week >= before else 0.0
                chance = min(max(self.habit[place] + drift[place] + season + lift, 0.0), 1.0)
                for _ in range(int(random.poisson(self.often[place]))):
                    amount = Decimal(round(float(self.size[place] * np.exp(random.normal(0, 0.5)))))
                    end = first + timedelta(weeks=week, days=int(random.integers(7)))
                    document = _document(len(documents), name, end, amount, taken=bool(random.random() < chance))
                    late = int(random.integers(-6, 4))
                    document, payment = _paid(document, late)
                    documents.append(document)
                    payments.append(payment)
        return Books(
            data_date=START + timedelta(weeks=after, days=-1) if after else START - timedelta(days=1),
            mirror_version="simulated",
            currency="USD",
            documents=tuple(documents),
            payments=tuple(payments),
            places={one.id: self.place[self.names.index(one.parent)] for one in documents},
            names={name: (name,) for name in self.names},
            barred={},
        )

    def drawn(self, seed: int, before: int, after: int) -> Design:
        """A design of all suppliers without its rehearsals, which most tests need not wait for."""
        rows = [
            (name, Decimal(round(float(size))), *place)
            for name, size, place in zip(self.names, self.size * self.often, self.place, strict=True)
        ]
        units = with_deciles(rows)
        matching = match(units, Decimal("0.30"))
        pilot = draw(units, matching, seed)
        sets = {place: number for number, members in enumerate(matching.sets) for place in members}
        return Design(
            name="simulated",
            start=START,
            weeks=after,
            baseline_weeks=before,
            seed=seed,
            draws=399,
            currency="USD",
            hurdle=Decimal("0.08"),
            data_date=START - timedelta(days=1),
            mirror_version="simulated",
            detectable=(),
            left_out={},
            units=tuple(
                Assigned(
                    parent=unit.parent,
                    suppliers=(unit.parent,),
                    spend=unit.spend,
                    decile=unit.decile,
                    category=unit.category,
                    region=unit.region,
                    matched=sets[place],
                    arm="pilot" if pilot[place] else "holdout",
                )
                for place, unit in enumerate(units)
            ),
        )


def _document(number: int, name: str, end: date, amount: Decimal, *, taken: bool) -> Document:
    offered = (amount * RATE).quantize(Decimal("0.01"))
    day = end - timedelta(days=10)
    return Document(
        id=number,
        parent=name,
        supplier=name,
        day=day,
        amount=amount,
        offered=offered,
        window_end=end,
        taken=offered if taken else Decimal(0),
        due=day + timedelta(days=30),
        paid_on=None,
        disputed=number % 50 == 0,
    )


def _paid(document: Document, late: int) -> tuple[Document, Payment]:
    assert document.window_end is not None
    assert document.due is not None
    on = document.window_end if document.taken else document.due + timedelta(days=late)
    days = (on - document.day).days
    paid = Payment(document.parent, on, document.amount - document.taken, days, document.taken)
    return replace(document, paid_on=on), paid
