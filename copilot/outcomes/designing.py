"""From what the mirror holds to a design: who can be in it, who is held out, and what it could see."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np

from copilot.errors import PilotError
from copilot.outcomes.assignment import FEWEST, Matching, draw, match, redraws, with_deciles
from copilot.outcomes.design import Assigned, Design, Detectable
from copilot.outcomes.estimation import adjusted, within_both
from copilot.outcomes.panel import MEASURES, Document, Floats, Measure, Panel, Payment, Weeks, monday, panels
from copilot.outcomes.power import Rehearsals

LEAST_OFFERS = 2
"""A supplier that offered less often in the baseline can hardly show a change of what is taken."""
REHEARSALS, AGAINST = 300, 399
PLACES = Decimal("0.0001")
RATES: tuple[Measure, ...] = ("discount capture", "late rate")
"""Measures that cannot change by more than the whole."""


@dataclass(frozen=True, eq=False)
class Books:
    """What a pilot is designed and judged from, as of `data_date`, the last complete day.

    `places` gives (category, region) of each document's supplier parent; `barred` why a parent is not paid early.
    """

    data_date: date
    mirror_version: str
    currency: str
    documents: tuple[Document, ...]
    payments: tuple[Payment, ...]
    places: Mapping[int, tuple[str, str]]
    names: Mapping[str, tuple[str, ...]]
    barred: Mapping[str, str]


@dataclass(frozen=True)
class Wish:
    """What whoever designs a pilot chooses."""

    name: str
    start: date
    weeks: int
    baseline_weeks: int
    seed: int
    hurdle: Decimal | None
    holdout_share: Decimal = Decimal("0.30")
    power: Decimal = Decimal("0.80")
    confidence: Decimal = Decimal("0.95")
    largest: int = 20

    def at(self, hurdle: Decimal | None) -> Wish:
        """The same with another hurdle rate."""
        return replace(self, hurdle=hurdle)


def design(books: Books, wish: Wish) -> Design:
    """The design. Raises PilotError when the data are too few or too short for one."""
    before = learning_weeks(books, wish)
    rows, left_out = _eligible(books, before)
    if len(rows) < FEWEST:
        raise PilotError(
            f"Only {len(rows)} supplier parents offered discounts at least {LEAST_OFFERS} times from {before.start} to"
            f" {before.end}, and a pilot needs {FEWEST}; take a longer baseline with --baseline-weeks."
        )
    units = with_deciles(rows)
    matching = match(units, wish.holdout_share, wish.largest)
    pilot = draw(units, matching, wish.seed)
    sets = {place: number for number, members in enumerate(matching.sets) for place in members}
    assigned = tuple(
        Assigned(
            parent=unit.parent, suppliers=books.names[unit.parent], spend=unit.spend, decile=unit.decile,
            category=unit.category, region=unit.region, matched=sets[place], arm="pilot" if pilot[place] else "holdout",
        )
        for place, unit in enumerate(units)
    )  # fmt: skip
    names = [unit.parent for unit in units]
    past = Weeks(before.first, wish.baseline_weeks, wish.weeks)
    return Design(
        name=wish.name, start=wish.start, weeks=wish.weeks, baseline_weeks=wish.baseline_weeks,
        confidence=wish.confidence, power=wish.power, holdout_share=wish.holdout_share, largest=wish.largest,
        seed=wish.seed, currency=books.currency, hurdle=wish.hurdle, data_date=books.data_date,
        mirror_version=books.mirror_version, left_out=left_out, units=assigned,
        detectable=detectable(panels(books.documents, books.payments, past, names, wish.hurdle), matching, wish),
    )  # fmt: skip


def learning_weeks(books: Books, wish: Wish) -> Weeks:
    """The weeks before the start, as many as baseline and pilot have together, all of them in the data.

    Raises PilotError when the data begin later than that.
    """
    end = min(wish.start, monday(books.data_date + timedelta(days=1)))
    count = wish.baseline_weeks + wish.weeks
    first = end - timedelta(weeks=count)
    begin = min((one.day for one in books.documents), default=books.data_date)
    if begin > first:
        reach = max((end - begin).days // 7, 0)
        raise PilotError(
            f"The data begin on {begin}: {reach} weeks before {end}, and {wish.baseline_weeks} weeks of baseline and"
            f" {wish.weeks} of rehearsal are needed; take fewer with --baseline-weeks or --weeks."
        )
    return Weeks(first, 0, count)


def _eligible(books: Books, weeks: Weeks) -> tuple[list[tuple[str, Decimal, str, str]], dict[str, int]]:
    """(parent, spend, category, region) of who can be in a pilot, and how many cannot, by reason."""
    inside = [one for one in books.documents if weeks.first <= one.day <= weeks.end]
    offers = Counter(
        one.parent
        for one in books.documents
        if one.offered > 0 and one.window_end is not None and weeks.first <= one.window_end <= weeks.end
    )
    spend: dict[str, Decimal] = defaultdict(Decimal)
    places: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
    for one in inside:
        spend[one.parent] += one.amount
        places[one.parent][books.places[one.id]] += int(one.amount)
    rows, left = [], Counter[str]()
    for parent in sorted(spend):
        why = books.barred.get(parent) or _too_few(offers[parent])
        if why:
            left[why] += 1
            continue
        category, region = max(places[parent].items(), key=lambda item: (item[1], item[0]))[0]
        rows.append((parent, spend[parent].quantize(Decimal("0.01")), category, region))
    return rows, dict(sorted(left.items()))


def _too_few(offers: int) -> str:
    if not offers:
        return "no discount offered"
    return f"fewer than {LEAST_OFFERS} discounts offered" if offers < LEAST_OFFERS else ""


def detectable(found: Mapping[Measure, Panel], matching: Matching, wish: Wish) -> tuple[Detectable, ...]:
    """For each measure the least effect that would be seen, rehearsed on the panel's weeks."""
    alpha = float(1 - wish.confidence)
    return tuple(
        _detectable(measure, found[measure], matching, wish, level(measure, alpha))
        for measure in MEASURES
        if measure in found
    )


def level(measure: Measure, alpha: float) -> float:
    """The first measure has all of alpha; the others, which are looked at after it, share it."""
    return alpha if measure == MEASURES[0] else alpha / (len(MEASURES) - 1)


def _detectable(measure: Measure, panel: Panel, matching: Matching, wish: Wish, alpha: float) -> Detectable:
    kept, known = trimmed(panel)
    suppliers = int(known.sum())
    before = _mean(kept)
    if suppliers < FEWEST:
        return Detectable(measure=measure, least=None, adjusted=None, suppliers=suppliers, before=before)
    rehearsed = redraws(matching, len(known), REHEARSALS, wish.seed + 1)[:, known].astype(np.float64)
    others = redraws(matching, len(known), AGAINST, wish.seed + 2)[:, known].astype(np.float64)
    rehearsed, others = two_sided(rehearsed), two_sided(others)
    least = [
        Rehearsals(rest, rehearsed, others, alpha).least_effect(float(wish.power))
        for rest in (within_both(kept), adjusted(kept))
    ]
    most = 1.0 if measure in RATES else float("inf")
    plain, better = (None if x is None or x > most else Decimal(repr(x)).quantize(PLACES) for x in least)
    return Detectable(measure=measure, least=plain, adjusted=better, suppliers=suppliers, before=before)


def trimmed(panel: Panel) -> tuple[Panel, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The panel of the units that are known before and after, and which they are."""
    known = panel.known()
    return Panel(panel.value[known], panel.weight[known], panel.post), known


def two_sided(draws: Floats) -> Floats:
    """Draws that have somebody on both sides among the units that are left."""
    inside = draws.sum(axis=1)
    found: Floats = draws[(inside > 0) & (inside < draws.shape[1])]
    return found


def _mean(panel: Panel) -> Decimal | None:
    whole = float(panel.weight.sum())
    return Decimal(repr(float((panel.value * panel.weight).sum()) / whole)).quantize(PLACES) if whole else None


def parents(units: Sequence[Assigned]) -> tuple[str, ...]:
    """Names in the order of the design."""
    return tuple(one.parent for one in units)
