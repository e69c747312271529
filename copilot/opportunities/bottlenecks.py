"""Where invoices wait, and what it would bring if a stage took less: discounts regained, late approvals avoided.

Marginal: one stage is cut for each invoice, all others stay, and eligibility is worked out again. A regained offer is
one that was approved too late for its window and would have been in time for a run; what of those is really taken is
what the company takes of eligible offers today. Stages overlap: their gains must not be added, so they never are.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import floor

from copilot.opportunities.missed_discounts import APPROVED_TOO_LATE, NOT_SHOWN, MissedOffer
from copilot.opportunities.process_log import PAYING, STEP, StageTime, Variant, Way, variants_of
from copilot.opportunities.recommendation import Benefit, Confidence, Recommendation
from copilot.opportunities.supplier_profile import nearest_rank
from semantic_layer.results import Check

CENT, PART = Decimal("0.01"), Decimal("0.0001")
LEAST_CASES = 20
"""Fewer invoices tell nothing about a stage."""
WITHIN, SLOW = 2, 3
EVERY = "every approval step"
VALID_DAYS = 90
Runs = Mapping[str, Sequence[date]]


@dataclass(frozen=True)
class Wait:
    """One stage over many invoices: days (median, nine of ten, the quicker quarter), and the money that passed it.

    `share_of_days` is of all days from receipt to approval; zero for the way to payment, which due dates decide.
    """

    stage: str
    cases: int
    amount: Decimal
    median: Decimal
    p90: Decimal
    p25: Decimal
    share_of_days: Decimal


@dataclass(frozen=True)
class Faster:
    """What it brings when a stage takes at most `within` days, over the period: offers regained and money in time.

    `regained` is all that would be in time, `expected` what of it is taken by today's habit; both in the reporting
    currency. `days_saved` is the mean over all invoices of the stage; `late_avoided` counts invoices that were
    approved after their due date and would not have been, `late_amount` their money.
    """

    stage: str
    actor: str
    within: Decimal
    cases: int
    slower: int
    days_saved: Decimal
    regained: Decimal
    expected: Decimal
    offers: int
    late_avoided: int
    late_amount: Decimal


@dataclass(frozen=True)
class WaitReport:
    """Stages with their waits, the longest share of all days first; what each brings; who waits; the usual ways."""

    start: date
    end: date
    currency: str
    ways: int
    waits: tuple[Wait, ...]
    actors: tuple[tuple[str, str, int, Decimal], ...]
    variants: tuple[Variant, ...]
    rejected: int
    failed: int
    actions: tuple[Recommendation[Faster], ...]
    habit: Decimal
    median: Decimal
    """Days from receipt to approval that half of the invoices take at most."""
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Book:
    """What a report is made of: ways of invoices, offers missed (by document), runs by entity, habit and policy."""

    ways: tuple[Way, ...]
    missed: Mapping[int, MissedOffer]
    runs: Runs
    habit: Decimal
    start: date
    end: date
    currency: str
    version: str


def wait_report(book: Book, stage: str = "", within: Decimal | None = None) -> WaitReport:
    """The report; `stage` and `within` make that one action, else every stage is cut to its quicker quarter."""
    waits = _waits(book.ways)
    known = [wait for wait in waits if wait.stage != PAYING and wait.cases >= LEAST_CASES]
    if stage:
        actions = [faster(book, stage, within if within is not None else Decimal(WITHIN))]
    else:
        actions = [faster(book, wait.stage, wait.p25) for wait in known]
        actions += [faster(book, wait.stage, Decimal(WITHIN)) for wait in known if wait.stage.startswith(STEP)]
        actions += [faster(book, STEP, usual, actor) for actor, usual in slow_approvers(book.ways)]
    order = sorted(actions, key=lambda a: (-a.expected, -a.late_amount, a.stage, a.within))
    return WaitReport(
        start=book.start,
        end=book.end,
        currency=book.currency,
        ways=len(book.ways),
        waits=waits,
        actors=_actors(book.ways),
        variants=variants_of((way.variant, way.amount) for way in book.ways),
        rejected=sum("rejected" in way.variant for way in book.ways),
        failed=sum("tolerance failed" in way.variant for way in book.ways),
        actions=tuple(_recommendation(book, action) for action in order),
        habit=book.habit,
        median=_median([way.days for way in book.ways]),
        checks=_checks(book, waits),
    )


def faster(book: Book, stage: str, within: Decimal, actor: str = "") -> Faster:
    """One stage at most so many days for every invoice, or the steps of one approver; all else as it was."""
    cases = slower = offers = late = 0
    saved, regained, late_amount = Decimal(0), Decimal(0), Decimal(0)
    for way in book.ways:
        parts = [part.days for part in way.stages if _meant(part, stage, actor)]
        cut = sum((max(Decimal(0), days - within) for days in parts), Decimal(0))
        cases += bool(parts)
        if cut <= 0:
            continue
        slower += 1
        saved += cut
        day = approved_after(way, cut)
        if _in_time(book, way, day):
            offers += 1
            regained += book.missed[way.document].missed
        if way.due is not None and way.approved_day > way.due >= day:
            late += 1
            late_amount += way.amount
    mean = (saved / cases).quantize(CENT) if cases else Decimal(0)
    return Faster(
        stage=EVERY if stage == STEP else stage, actor=actor, within=within.quantize(CENT), cases=cases,
        slower=slower, days_saved=mean,
        regained=regained.quantize(CENT), expected=(regained * book.habit).quantize(CENT), offers=offers,
        late_avoided=late, late_amount=late_amount.quantize(CENT),
    )  # fmt: skip


def _meant(part: StageTime, stage: str, actor: str) -> bool:
    """Whether a part is of the stage (STEP: of any approval step) and of the approver, if one is named."""
    mine = part.stage == stage or (stage == STEP and part.stage.startswith(STEP))
    return mine and (not actor or part.actor == actor)


def approved_after(way: Way, cut: Decimal) -> date:
    """The day of approval when so many days are cut; part days count down to the day in which they end."""
    return way.approved_day - timedelta(days=floor(cut))


def _in_time(book: Book, way: Way, day: date) -> bool:
    """Whether an offer that was approved too late has a run from that day to its window's end."""
    offer = book.missed.get(way.document)
    if offer is None or offer.reason != APPROVED_TOO_LATE or day > offer.window_end:
        return False
    runs = book.runs.get(way.entity, ())
    at = bisect_left(runs, day)
    return at < len(runs) and runs[at] <= offer.window_end


def _median(days: Sequence[Decimal]) -> Decimal:
    return Decimal(nearest_rank([int(value * 100) for value in days], Decimal("0.5"))) / 100 if days else Decimal(0)


def _waits(ways: Sequence[Way]) -> tuple[Wait, ...]:
    rows: dict[str, list[tuple[Decimal, Decimal]]] = defaultdict(list)
    for way in ways:
        for part in way.stages:
            rows[part.stage].append((part.days, way.amount))
        if way.paid is not None:
            rows[PAYING].append((Decimal((way.paid - way.approved_day).days), way.amount))
    until = [days for stage, found in rows.items() if stage != PAYING for days, _ in found]
    whole = sum(until, Decimal(0)) or Decimal(1)
    waits = []
    for stage, found in rows.items():
        days = [int(value * 100) for value, _ in found]
        p25, median, p90 = (Decimal(nearest_rank(days, Decimal(q))) / 100 for q in ("0.25", "0.5", "0.9"))
        total = sum((value for value, _ in found), Decimal(0)) if stage != PAYING else Decimal(0)
        amount = sum((money for _, money in found), Decimal(0)).quantize(CENT)
        waits.append(Wait(stage, len(found), amount, median, p90, p25, (total / whole).quantize(PART)))
    return tuple(sorted(waits, key=lambda wait: (-wait.share_of_days, wait.stage)))


def slow_approvers(ways: Sequence[Way]) -> tuple[tuple[str, Decimal], ...]:
    """(approver, median of all others) of those who take three times as long as the others, over all their steps."""
    steps = [(part.actor, int(part.days * 100)) for way in ways for part in way.stages if part.actor]
    own: dict[str, list[int]] = defaultdict(list)
    for actor, days in steps:
        own[actor].append(days)
    found = []
    for actor, mine in sorted(own.items()):
        others = [days for who, days in steps if who != actor]
        if len(mine) < LEAST_CASES or not others or actor == NOT_SHOWN:
            continue
        usual = nearest_rank(others, Decimal("0.5"))
        if nearest_rank(mine, Decimal("0.5")) > SLOW * max(usual, 1):
            found.append((actor, Decimal(usual) / 100))
    return tuple(found)


def _actors(ways: Sequence[Way]) -> tuple[tuple[str, str, int, Decimal], ...]:
    """(stage, whom it waited for, invoices, median days) with enough invoices, the slowest first."""
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for way in ways:
        for part in way.stages:
            if part.actor:
                rows[part.stage, part.actor].append(int(part.days * 100))
    found = [
        (stage, actor, len(days), Decimal(nearest_rank(days, Decimal("0.5"))) / 100)
        for (stage, actor), days in rows.items()
        if len(days) >= LEAST_CASES
    ]
    return tuple(sorted(found, key=lambda row: (-row[3], row[0], row[1])))


def _recommendation(book: Book, action: Faster) -> Recommendation[Faster]:
    seen = (Decimal(action.cases) / (action.cases + 8)).quantize(CENT)
    sure = Confidence(Decimal(1), book.habit.quantize(CENT), Decimal(1), seen)
    worth = action.expected > 0 or action.late_avoided > 0
    return Recommendation(
        payload=action,
        route="treasury review" if worth else "hold",
        benefit=Benefit(action.expected, Decimal(0).quantize(CENT), action.regained, book.currency),
        confidence=sure,
        rationale=(
            (
                f"{action.actor or action.stage} within {action.within} days: {action.slower} of {action.cases}"
                f" invoices took longer, {action.days_saved} days saved on average"
            ),
            f"{action.offers} offers of {action.regained:,.2f} would be in time; {book.habit:.0%} of such are taken",
            f"{action.late_avoided} invoices of {action.late_amount:,.2f} would be approved in time",
        ),
        documents=(),
        expires=book.end + timedelta(days=VALID_DAYS),
        policy_version=book.version,
        as_of=book.end,
    )


def _checks(book: Book, waits: Sequence[Wait]) -> tuple[Check, ...]:
    tiled = sum(abs(sum((part.days for part in way.stages), Decimal(0)) - way.days) > PART for way in book.ways)
    nothing = [faster(book, wait.stage, Decimal(100_000)) for wait in waits]
    everything = [faster(book, wait.stage, Decimal(0)) for wait in waits]
    late = sum((o.missed for o in book.missed.values() if o.reason == APPROVED_TOO_LATE), Decimal(0))
    bounded = all(action.regained <= late + CENT for action in everything)
    return (
        Check("stages_add_up", not tiled, f"{len(book.ways)} invoices, {tiled} not adding up"),
        Check(
            "no_change_no_gain",
            not any(a.slower or a.regained for a in nothing),
            "a stage without a limit changes nothing",
        ),
        Check("gain_within_what_was_missed", bounded, f"no stage regains more than the {late:,.2f} approved too late"),
    )
