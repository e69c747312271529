"""Why an offer that is worth something is left out, and what cash is worth on the days on which it is short."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from copilot.opportunities.cash_room import Room
from copilot.opportunities.discount_outcomes import CashPrice, LeftOut
from copilot.opportunities.options import Option
from copilot.opportunities.problem import Flags, Floats, Ints, Problem
from copilot.opportunities.selection import Selection

CENT = Decimal("0.01")
SHOWN_PRICES = 6


def left_by_choice(
    options: Sequence[Option], problem: Problem, found: Selection, room: Room, as_of: date
) -> tuple[LeftOut, ...]:
    """Offers with an option that the choice leaves, the most valuable first: which cash or cap they would need."""
    taken = {options[row].payment.document_id for row in found.taken.tolist()}
    best: dict[int, int] = {}
    for row, option in enumerate(options):
        key = option.payment.document_id
        if key not in taken and (key not in best or option.value > options[best[key]].value):
            best[key] = row
    slack, spare = problem.slack(found.taken), problem.spare(found.taken)
    cost = found.prices.cost(problem)
    rows = sorted(best.values(), key=lambda row: (-options[row].value, row))
    return tuple(_left(options[row], row, problem, slack, spare, cost, room, as_of) for row in rows)


def _left(
    option: Option, row: int, problem: Problem, slack: Ints, spare: Ints, cost: Floats, room: Room, as_of: date
) -> LeftOut:
    payment = option.payment
    reason, detail = _shortage(row, problem, slack, spare, room, as_of)
    price = float(cost[row])
    if price > option.value:
        detail += f"; the cash it needs earns {price:,.2f} in other offers, more than its {payment.net_value:,.2f}"
    return LeftOut(
        document_id=payment.document_id,
        number=payment.number,
        supplier=payment.supplier,
        amount=payment.amount,
        saved=payment.saved,
        reason=reason,
        detail=detail,
        net_value=payment.net_value,
        yearly_yield=payment.yearly_yield,
    )


def _shortage(row: int, problem: Problem, slack: Ints, spare: Ints, room: Room, as_of: date) -> tuple[str, str]:
    cash = int(problem.cash[row])
    begin, end = int(problem.pay[row]), min(int(problem.until[row]), problem.days)
    worst: tuple[int, int, int] | None = None
    for pool in problem.pools[row].tolist():
        if pool >= 0:
            day = begin + int(slack[pool, begin:end].argmin())
            short = cash - int(slack[pool, day])
            if worst is None or short > worst[0]:
                worst = short, pool, day
    if worst is not None and worst[0] > 0:
        short, pool, place = worst
        day_named = as_of + timedelta(days=place + 1)
        missing = (Decimal(short) / 100).quantize(CENT)
        return "cash is short", f"{missing:,.2f} more above the floor of {room.pools[pool].label} on {day_named}"
    full = [cap for cap in problem.caps[row].tolist() if cap >= 0 and spare[cap] < cash]
    if full:
        return "a cap is reached", "the cap of treasury's policy on that run or supplier is used up"
    return "not chosen", "another choice of about the same value was taken"


def prices_in_words(found: Selection, room: Room, as_of: date) -> tuple[CashPrice, ...]:
    """Runs of days on which cash has a price, the dearest first.

    A price of one day is what one unit more on that day alone would earn; times 365 it is a yearly rate.
    """
    spans: list[CashPrice] = []
    for place, pool in enumerate(room.pools):
        price = found.prices.cash[place] * 100.0 if len(found.prices.cash) > place else np.zeros(0)
        for first, last in _spans(price > 1e-9):
            whole = float(price[first : last + 1].sum())
            yearly = Decimal(whole / (last - first + 1) * 365.0).quantize(Decimal("0.0001"))
            begin, end = (as_of + timedelta(days=1 + day) for day in (first, last))
            when = f"on {begin}" if first == last else f"from {begin} to {end}"
            sentence = (
                f"A further 100,000 of cash of {pool.label} {when} would earn {whole * 100_000:,.0f}"
                f" ({yearly:.0%} a year for those days)."
            )
            spans.append(CashPrice(pool.label, begin, end, yearly, sentence))
    return tuple(sorted(spans, key=lambda span: (-span.yearly, span.first, span.pool))[:SHOWN_PRICES])


def _spans(flags: Flags) -> list[tuple[int, int]]:
    """(first, last) of each stretch of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return [(int(begin), int(end) - 1) for begin, end in zip(edges[::2], edges[1::2], strict=True)]
