"""A registered design held against what happened: the verdict, and everything that is checked before it is told.

The verdict is by intention to treat: whoever was drawn for the pilot counts as treated, whatever was done. It comes
once, when the last week is over. The first measure is the verdict; the others are looked at only where it found an
effect, and share its error, so that all of them together cry wolf in one pilot of twenty at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from math import erfc, isfinite, sqrt
from typing import Any

import numpy as np

from copilot.outcomes.assignment import FEWEST, redraws
from copilot.outcomes.design import Arm, Design
from copilot.outcomes.designing import AGAINST, PLACES, RATES, REHEARSALS, Books, level, parents, trimmed, two_sided
from copilot.outcomes.estimation import Estimate, Residuals, adjusted, estimate, within_both
from copilot.outcomes.funnel import Followed, funnel
from copilot.outcomes.guardrails import ALARM, COMPLAINTS, disputes, floor_breaches, late_payments
from copilot.outcomes.panel import Floats, Measure, Panel, monday, panels
from copilot.outcomes.power import Rehearsals
from copilot.outcomes.reliability import reliability
from copilot.outcomes.results import (
    EffectFound,
    Finding,
    Guardrail,
    Interval,
    Level,
    NoEffectFound,
    NotMeasured,
    NotYet,
    PilotResults,
    State,
)
from semantic_layer.results import Check

MISMATCH = 0.001
"""So rare must a split of suppliers be for it to be called a fault of the assignment."""
NO_HURDLE = "no hurdle rate was set in the design, so that time has no price"
TOO_FEW = "fewer than {fewest} suppliers have something to measure both before and since the start"
BLIND = "the design said beforehand that it could not see an effect of any size"
GATE = "it is looked at only where the first measure finds an effect"


@dataclass(frozen=True, eq=False)
class Happened:
    """What is known beside the books: proposals to pay early, cash balances and the floor they are held against."""

    proposals: tuple[Followed, ...] = ()
    balances: tuple[tuple[Any, ...], ...] = ()
    floor: Decimal = Decimal(0)
    stopped_on: date | None = None
    kept_away: frozenset[str] | None = None
    """Suppliers that the policy in force refuses proposals for, being held out; None where no policy is in force."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """One measure ready to be judged."""

    panel: Panel
    assigned: Floats
    others: Floats
    rehearsed: Floats
    plain: Residuals = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plain", within_both(self.panel))

    def estimate(self, alpha: float) -> Estimate:
        return estimate(self.plain, self.assigned, self.others, alpha)

    def adjusted(self, alpha: float) -> Estimate:
        return estimate(adjusted(self.panel), self.assigned, self.others, alpha)

    def could_see(self, alpha: float, power: float) -> float | None:
        return Rehearsals(self.plain, self.rehearsed, self.others[:AGAINST], alpha).least_effect(power)


def evaluate(
    design: Design, books: Books, happened: Happened | None = None, *, rehearsal: bool = False
) -> PilotResults:
    """The results as of the books. `rehearsal` says that nobody was treated and all of it is past."""
    happened = happened or Happened()
    weeks = max(0, min(design.weeks, (monday(books.data_date + timedelta(days=1)) - design.start).days // 7))
    state = _state(design, weeks, happened, rehearsal=rehearsal)
    found = panels(books.documents, books.payments, design.schedule(weeks), parents(design.units), design.hurdle)
    measured = {
        measure: one for measure in design.measures if (one := _measured(design, found.get(measure))) is not None
    }
    inside = [p for p in happened.proposals if design.start <= p.day <= design.end]
    documents = {one.id: one for one in books.documents}
    checks = (
        _sample_ratio(design, found[design.measures[0]], weeks),
        _untouched(design, inside),
        _kept_away(design, happened, over=rehearsal or weeks == design.weeks),
    )
    findings = _findings(design, measured, found, state, sound=checks[0].passed)
    until = design.start + timedelta(weeks=weeks, days=-1)
    findings = _with_money(findings, design, books, inside, until)
    return PilotResults(
        pilot=design.id, name=design.name, sha256=design.sha256(), state=state, start=design.start, end=design.end,
        through=until if weeks else None, weeks=weeks, weeks_planned=design.weeks,
        pilot_suppliers=len(design.side("pilot")), holdout_suppliers=len(design.side("holdout")), findings=findings,
        levels=_levels(design, found), guardrails=_guardrails(design, books, measured, happened, until),
        funnel=funnel(inside, documents, books.data_date, _verified(findings)),
        reliability=reliability(inside, documents, books.data_date),
        checks=checks, as_of=books.data_date, currency=design.currency, confidence=design.confidence,
        mirror_version=books.mirror_version,
    )  # fmt: skip


def _state(design: Design, weeks: int, happened: Happened, *, rehearsal: bool) -> State:
    if rehearsal:
        return "rehearsed"
    if happened.stopped_on is not None and happened.stopped_on <= design.end:
        return "stopped"
    return "not started" if not weeks else "running" if weeks < design.weeks else "complete"


def _measured(design: Design, panel: Panel | None) -> _Measured | None:
    """None where the panel cannot be judged."""
    if panel is None or not panel.post.any():
        return None
    kept, known = trimmed(panel)
    pilot = np.array([one.arm == "pilot" for one in design.units], dtype=np.float64)[known]
    if len(pilot) < FEWEST or not 0 < pilot.sum() < len(pilot):
        return None
    matching = design.matching()
    others, rehearsed = (
        two_sided(redraws(matching, len(known), draws, design.seed + shift)[:, known].astype(np.float64))
        for draws, shift in ((design.draws, 3), (REHEARSALS, 4))
    )
    return _Measured(kept, pilot, others, rehearsed)


def _findings(
    design: Design,
    measured: Mapping[Measure, _Measured],
    found: Mapping[Measure, Panel],
    state: State,
    *,
    sound: bool,
) -> tuple[Finding, ...]:
    """One for each measure. The first decides whether the others are looked at."""
    blind = {one.measure for one in design.detectable if one.least is None}
    told: list[Finding] = []
    for measure in design.measures:
        if measure not in found:
            told.append(NotMeasured(measure, NO_HURDLE))
        elif state in {"not started", "running"}:
            told.append(NotYet(measure, design.end + timedelta(days=1)))
        elif state == "stopped":
            told.append(NotMeasured(measure, "the pilot was stopped before its end"))
        elif not sound:
            told.append(NotMeasured(measure, "the sides are not those that were drawn: see the sample ratio"))
        elif told and not isinstance(told[0], EffectFound):
            told.append(NotMeasured(measure, GATE))
        elif measure in blind:
            told.append(NotMeasured(measure, BLIND))
        elif measure not in measured:
            told.append(NotMeasured(measure, TOO_FEW.format(fewest=FEWEST)))
        else:
            told.append(_finding(design, measure, measured[measure]))
    return tuple(told)


def _finding(design: Design, measure: Measure, one: _Measured) -> Finding:
    alpha = level(measure, float(1 - design.confidence))
    plain = one.estimate(alpha)
    if not plain.found:
        could = one.could_see(alpha, float(design.power))
        seen = None if could is None or (measure in RATES and could > 1) else _rounded(could)
        low, high = _rounded(plain.low), _rounded(plain.high)
        return NoEffectFound(measure, seen, low, high, plain.clusters, plain.method)
    return EffectFound(measure, _interval(plain), _interval(one.adjusted(alpha)))


def _interval(found: Estimate) -> Interval:
    return Interval(
        effect=_rounded(found.effect), low=_rounded(found.low), high=_rounded(found.high), error=_rounded(found.error),
        p=_rounded(found.p), suppliers=found.clusters, method=found.method,
    )  # fmt: skip


def _rounded(value: float) -> Decimal:
    return Decimal(repr(value)).quantize(PLACES) if isfinite(value) else Decimal(repr(value))


def _sample_ratio(design: Design, panel: Panel, weeks: int) -> Check:
    """Whether about as many suppliers of each side are still seen as were drawn (chi-square, one degree of freedom)."""
    name = "sample ratio"
    if not weeks:
        return Check(name, passed=True, detail="the pilot has not started")
    seen = panel.weight[:, panel.post].sum(axis=1) > 0
    pilot = np.array([one.arm == "pilot" for one in design.units])
    total, inside = int(seen.sum()), int((seen & pilot).sum())
    share = pilot.mean()
    chance = erfc(sqrt((inside - total * share) ** 2 / (total * share * (1 - share)) / 2)) if total else 1.0
    detail = (
        f"{inside} of {int(pilot.sum())} pilot and {total - inside} of {int((~pilot).sum())} holdout suppliers are seen"
    )
    return Check(name, passed=chance >= MISMATCH, detail=detail)


def _untouched(design: Design, proposals: Iterable[Followed]) -> Check:
    """Whether nothing was approved for a supplier of the holdout."""
    held = {name for one in design.side("holdout") for name in one.suppliers}
    wrong = [one for one in proposals if one.supplier in held and one.state == "approved"]
    return Check("holdout left alone", not wrong, f"{len(wrong)} approved proposals for suppliers of the holdout")


def _kept_away(design: Design, happened: Happened, *, over: bool) -> Check:
    """Whether the policy in force refuses proposals for every supplier that is held out."""
    name = "policy keeps the holdout"
    if over or happened.kept_away is None:
        return Check(
            name, passed=True, detail="its weeks are over" if over else "no policy, so that nothing is proposed"
        )
    held = {one for unit in design.side("holdout") for one in unit.suppliers}
    open_to = sorted(held - happened.kept_away)
    way = "" if not open_to else f", such as {open_to[0]!r}: put `tenor pilot show --policy` into the policy"
    return Check(name, not open_to, f"{len(open_to)} of {len(held)} held-out suppliers could be proposed for{way}")


def _levels(design: Design, found: Mapping[Measure, Panel]) -> tuple[Level, ...]:
    told = []
    for measure, panel in found.items():
        for arm in ("pilot", "holdout"):
            side = np.array([one.arm == arm for one in design.units])
            told.append(Level(measure, _arm(arm), *(_ratio(panel, side, weeks) for weeks in (~panel.post, panel.post))))
    return tuple(told)


def _arm(arm: str) -> Arm:
    return "pilot" if arm == "pilot" else "holdout"


def _ratio(panel: Panel, side: np.ndarray[Any, Any], weeks: np.ndarray[Any, Any]) -> Decimal | None:
    weight = panel.weight[np.ix_(side, weeks)]
    whole = float(weight.sum())
    return _rounded(float((panel.value[np.ix_(side, weeks)] * weight).sum()) / whole) if whole else None


def _guardrails(
    design: Design, books: Books, measured: Mapping[Measure, _Measured], happened: Happened, until: date
) -> tuple[Guardrail, ...]:
    late = measured.get("late rate")
    others = two_sided(redraws(design.matching(), len(design.units), design.draws, design.seed + 5).astype(np.float64))
    return (
        late_payments(late.estimate(ALARM) if late else None, TOO_FEW.format(fewest=FEWEST)),
        disputes(design, books.documents, others, until),
        floor_breaches(happened.balances, happened.floor, design.start, until),
        COMPLAINTS,
    )


def _with_money(
    findings: Sequence[Finding], design: Design, books: Books, proposals: Sequence[Followed], until: date
) -> tuple[Finding, ...]:
    """Effects of money in money, and what they are per what was treated."""
    inside = {one.parent for one in design.side("pilot")}
    approved = {one.invoice for one in proposals if one.state == "approved"}
    ended = [
        one
        for one in books.documents
        if one.parent in inside and one.window_end is not None and design.start <= one.window_end <= until
    ]
    offered = sum((one.offered for one in ended), Decimal(0))
    treated = sum((one.offered for one in ended if one.id in approved), Decimal(0))
    paid = sum((p.amount for p in books.payments if p.parent in inside and design.start <= p.day <= until), Decimal(0))
    base = {"discount capture": offered, "cash effect": paid}

    def told(one: Finding) -> Finding:
        if not isinstance(one, EffectFound):
            return one
        money = (one.interval.effect * base[one.measure]).quantize(Decimal("0.01")) if one.measure in base else None
        share = treated / offered if offered and one.measure == "discount capture" else Decimal(0)
        per_treated = (one.interval.effect / share).quantize(PLACES) if share else None
        return EffectFound(one.measure, one.interval, one.adjusted, money, per_treated)

    return tuple(told(one) for one in findings)


def _verified(findings: Sequence[Finding]) -> Decimal | None:
    """What beats the holdout, in money: nothing where no effect, or one for the worse, was found."""
    first = findings[0]
    if isinstance(first, EffectFound):
        return first.money
    return Decimal(0) if isinstance(first, NoEffectFound) else None
