"""What must not get worse while a pilot runs. Looked at every week, so that the bar is high: one alarm in a hundred."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np

from copilot.outcomes.design import Design
from copilot.outcomes.estimation import Estimate
from copilot.outcomes.panel import Document, Floats
from copilot.outcomes.results import Guardrail

ALARM = 0.01
"""How often chance alone may raise an alarm at one look."""


def late_payments(found: Estimate | None, why: str = "") -> Guardrail:
    """From the estimate of the late rate at the level of an alarm."""
    name = "late payments"
    if found is None:
        return Guardrail(name, None, why)
    if found.low > 0:
        return Guardrail(
            name, breached=True, detail=f"the late rate of the pilot rose by {100 * found.effect:.1f} points more than"
            f" the holdout's ({100 * found.low:.1f} to {100 * found.high:.1f})",
        )  # fmt: skip
    return Guardrail(name, breached=False, detail="no rise against the holdout was found")


def disputes(design: Design, documents: Sequence[Document], others: Floats, until: date) -> Guardrail:
    """Invoices of the pilot's weeks that are disputed now, against the holdout's; by `[draw, unit]` other draws."""
    name = "disputes"
    places = {one.parent: place for place, one in enumerate(design.units)}
    count, disputed = np.zeros(len(places)), np.zeros(len(places))
    for one in documents:
        place = places.get(one.parent)
        if place is not None and design.start <= one.day <= until:
            count[place] += 1
            disputed[place] += one.disputed
    pilot = np.array([one.arm == "pilot" for one in design.units], dtype=np.float64)
    if not count @ pilot or not count @ (1 - pilot):
        return Guardrail(name, None, "no invoices on one of the sides yet")

    def gap(assigned: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = (assigned @ disputed) / (assigned @ count), ((1 - assigned) @ disputed) / ((1 - assigned) @ count)
        found: Floats = np.nan_to_num(rates[0] - rates[1])
        return found

    seen = float(gap(pilot[None, :])[0])
    chance = (1 + int((gap(others) >= seen - 1e-12).sum())) / (1 + len(others))
    told = ", ".join(
        f"{int(disputed @ side)} of {int(count @ side)} invoices {words}"
        for side, words in ((pilot, "of the pilot"), (1 - pilot, "of the holdout"))
    )
    return Guardrail(name, breached=seen > 0 and chance <= ALARM, detail=told)


def floor_breaches(balances: Sequence[tuple[Any, ...]], floor: Decimal, start: date, until: date) -> Guardrail:
    """Days on which cash was below the company's floor. `balances`: (entity, currency, account, day, amount).

    A day without the balance of every account that is known by then is not judged.
    """
    name = "cash floor"
    if not balances or floor <= 0:
        return Guardrail(name, None, "no cash positions are loaded" if not balances else "no floor is set")
    by_day: Mapping[date, dict[tuple[str, str], Decimal]] = defaultdict(dict)
    for _, currency, account, day, amount in balances:
        if start <= day <= until:
            by_day[day][account, currency] = Decimal(amount)
    accounts = max((len(found) for found in by_day.values()), default=0)
    whole = {day: sum(found.values(), Decimal(0)) for day, found in by_day.items() if len(found) == accounts}
    if not whole:
        return Guardrail(name, None, "no cash positions of these weeks are loaded")
    below = sorted(day for day, amount in whole.items() if amount < floor)
    detail = f"{len(below)} of {len(whole)} days with known cash were below {floor:,.0f}"
    return Guardrail(name, breached=bool(below), detail=detail + (f", first {below[0]}" if below else ""))


COMPLAINTS = Guardrail("supplier complaints", None, "nothing in Coupa tells of them; ask procurement")
