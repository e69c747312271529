"""Whole pilots on a simulated company: no effect where there is none, a planted one found with the power that was stated."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from copilot.advice.pilot_told import tell_pilot
from copilot.advice.telling import lines_of
from copilot.errors import PilotError
from copilot.outcomes import evaluation
from copilot.outcomes.design import Design
from copilot.outcomes.designing import Books, Wish, design
from copilot.outcomes.evaluation import Happened, evaluate
from copilot.outcomes.funnel import Followed
from copilot.outcomes.reporting import plain_results
from copilot.outcomes.results import EffectFound, NoEffectFound, NotMeasured, NotYet
from tests.copilot.outcomes.simulated_company import START, Company

BEFORE, AFTER = 12, 8
LIFT = 0.12
TRIALS = 20
WISH = Wish("simulated", START, AFTER, BEFORE, 1, Decimal("0.08"))


def treated(found: Design) -> frozenset[str]:
    """The suppliers of the pilot side."""
    return frozenset(one.parent for one in found.side("pilot"))


def finds(drawn: Design, books: Books) -> bool:
    """Whether a pilot finds an effect on any measure."""
    return any(isinstance(one, EffectFound) for one in evaluate(drawn, books).findings)


def test_two_hundred_pilots_without_an_effect_find_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least 95 of 100 say so, all measures together; each has a draw of its own, ten share the same weeks."""
    monkeypatch.setattr(evaluation, "REHEARSALS", 10)  # what a pilot could have seen is not looked at here, and slow
    company = Company(44, a_week=1.2)
    false_alarms = 0
    for history in range(20):
        books = company.books(2000 + history, BEFORE, AFTER)
        false_alarms += sum(finds(company.drawn(10 * history + seed, BEFORE, AFTER), books) for seed in range(10))
    assert false_alarms <= 10


def test_twelve_points_are_found_with_the_power_that_was_stated() -> None:
    """The design says before its start that it sees less than twelve points with power 80 %; planted, it does."""
    company = Company(80, a_week=2.5, spread=0.3)
    stated = design(company.books(7, BEFORE + AFTER, 0), WISH).detectable[0]
    assert stated.least is not None
    assert Decimal("0.10") < stated.least < Decimal(str(LIFT))
    found = 0
    for seed in range(TRIALS):
        drawn = company.drawn(seed, BEFORE, AFTER)
        found += finds(drawn, company.books(1000 + seed, BEFORE, AFTER, treated(drawn), LIFT))
    expected, error = 0.8 * TRIALS, (0.8 * 0.2 * TRIALS) ** 0.5
    assert found >= expected - 2 * error, found


@pytest.fixture(scope="module")
def company() -> Company:
    """Suppliers enough to see twelve points almost surely."""
    return Company(80, a_week=4.0)


@pytest.fixture(scope="module")
def drawn(company: Company) -> Design:
    """A draw of all of them."""
    return company.drawn(3, BEFORE, AFTER)


@pytest.fixture(scope="module")
def lifted(company: Company, drawn: Design) -> Books:
    """Books in which the pilot side gives twelve points more."""
    return company.books(5, BEFORE, AFTER, treated(drawn), LIFT)


def approved(books: Books, drawn: Design, held: bool = False) -> tuple[Followed, ...]:
    """A proposal for every third offer of a side, approved and written."""
    side = {one.parent for one in drawn.side("holdout" if held else "pilot")}
    return tuple(
        Followed(one.id, one.supplier, one.offered, datetime(2026, 3, 3, tzinfo=UTC), START, "approved", 1, 1, 0)
        for one in books.documents
        if one.parent in side and one.window_end is not None and one.window_end >= START and one.id % 3 == 0
    )


def test_a_planted_effect_is_told_with_interval_money_and_footnote(drawn: Design, lifted: Books) -> None:
    """The interval holds the truth; money is the effect on what was offered; per treated it is larger."""
    found = evaluate(drawn, lifted, Happened(proposals=approved(lifted, drawn)))
    first = found.findings[0]
    assert isinstance(first, EffectFound)
    assert first.interval.low < Decimal(str(LIFT)) < first.interval.high
    assert first.adjusted.low < Decimal(str(LIFT)) < first.adjusted.high
    assert first.treated is not None
    assert first.treated > 2 * first.interval.effect
    ended = [one for one in lifted.documents if one.parent in treated(drawn) and (one.window_end or START) >= START]
    offered = sum(one.offered for one in ended if one.window_end is not None)
    assert first.money == (first.interval.effect * offered).quantize(Decimal("0.01"))
    assert found.funnel.verified == min(first.money, found.funnel.taken)
    text = "\n".join(lines_of(tell_pilot(found)))
    assert "discount capture changed by +" in text
    assert "Footnote: per discount that was really approved" in text
    assert all(check.passed for check in found.checks)


def test_where_the_interval_holds_zero_no_number_is_an_effect(company: Company, drawn: Design) -> None:
    """Neither sentence nor JSON has a size of an effect, or the word for it; the other measures are not looked at."""
    found = evaluate(drawn, company.books(6, BEFORE, AFTER))
    first = found.findings[0]
    assert isinstance(first, NoEffectFound)
    assert first.low < 0 < first.high
    assert first.could_see is not None
    assert all(isinstance(one, NotMeasured) for one in found.findings[1:])
    advice = tell_pilot(found)
    assert advice.value is None
    assert advice.prose.text.startswith("No effect on discount capture was found; the pilot could have seen ")
    plain = json.dumps(plain_results(found))
    assert '"effect"' not in plain
    assert "uplift" not in plain + "\n".join(lines_of(advice)).lower()
    assert found.funnel.verified == 0


def test_there_is_no_verdict_before_the_end(drawn: Design, lifted: Books) -> None:
    """After six of eight weeks both sides, guardrails and funnel are shown; the verdict has its day."""
    early = replace(lifted, data_date=START + timedelta(weeks=6))
    found = evaluate(drawn, early, Happened(proposals=approved(lifted, drawn)))
    assert (found.state, found.weeks) == ("running", 6)
    assert set(found.findings) == {NotYet(measure, drawn.end + timedelta(days=1)) for measure in drawn.measures}
    assert found.funnel.verified is None
    assert found.funnel.stages[0].count > 0
    assert tell_pilot(found).prose.text.startswith("6 of 8 weeks are over; the verdict comes on 27 Apr 2026.")


def test_a_stopped_pilot_has_no_verdict(drawn: Design, lifted: Books) -> None:
    """However good it looked when it was stopped."""
    found = evaluate(drawn, lifted, Happened(stopped_on=START + timedelta(weeks=3)))
    assert found.state == "stopped"
    assert not any(isinstance(one, EffectFound | NoEffectFound) for one in found.findings)


def test_sides_that_are_not_those_drawn_have_no_verdict(drawn: Design, lifted: Books) -> None:
    """Where most of the holdout is no longer seen, the sample ratio says so, and nothing is told as an effect."""
    lost = {one.parent for one in drawn.side("holdout")[2:]}
    kept = tuple(
        one
        for one in lifted.documents
        if one.parent not in lost or (one.window_end is not None and one.window_end < START)
    )
    found = evaluate(drawn, replace(lifted, documents=kept))
    assert not found.checks[0].passed
    assert isinstance(found.findings[0], NotMeasured)


def test_a_touched_holdout_shows(drawn: Design, lifted: Books) -> None:
    """Approved proposals for suppliers that are held out fail a check by name."""
    found = evaluate(drawn, lifted, Happened(proposals=approved(lifted, drawn, held=True)))
    assert [check.name for check in found.checks if not check.passed] == ["holdout left alone"]


def test_more_late_payments_are_an_alarm_at_any_time(drawn: Design, lifted: Books) -> None:
    """Half way through, with no verdict yet, a pilot that is paid late is told."""
    side = treated(drawn)
    worse = tuple(
        replace(one, paid_on=one.due + timedelta(days=5))
        if one.parent in side and one.due is not None and one.due >= START and one.id % 3
        else one
        for one in lifted.documents
    )
    found = evaluate(drawn, replace(lifted, documents=worse, data_date=START + timedelta(weeks=6)))
    rails = {one.name: one for one in found.guardrails}
    assert rails["late payments"].breached is True
    assert rails["disputes"].breached is False
    calm = evaluate(drawn, replace(lifted, data_date=START + timedelta(weeks=6)))
    assert next(one for one in calm.guardrails if one.name == "late payments").breached is False


def test_more_disputes_are_an_alarm(drawn: Design, lifted: Books) -> None:
    """Where every fourth invoice of the pilot is disputed and hardly one of the holdout."""
    side = treated(drawn)
    worse = tuple(
        replace(one, disputed=one.disputed or (one.parent in side and one.id % 4 == 0)) for one in lifted.documents
    )
    rails = {one.name: one for one in evaluate(drawn, replace(lifted, documents=worse)).guardrails}
    assert rails["disputes"].breached is True


def test_days_below_the_floor_are_counted(drawn: Design, lifted: Books) -> None:
    """Two accounts together; a day on which one of them is missing is not judged."""
    days = [START + timedelta(days=n) for n in range(4)]
    balances = [("*", "USD", account, day, Decimal(60)) for day in days for account in ("one", "two")]
    balances[2] = ("*", "USD", "one", days[1], Decimal(20))
    del balances[7]
    rails = {
        one.name: one
        for one in evaluate(drawn, lifted, Happened(balances=tuple(balances), floor=Decimal(100))).guardrails
    }
    assert rails["cash floor"].breached is True
    assert rails["cash floor"].detail == "1 of 3 days with known cash were below 100, first 2026-03-03"


def test_without_a_hurdle_time_has_no_price(drawn: Design, lifted: Books) -> None:
    """The cash effect is then not measured, and says why."""
    free = Design.model_validate({**drawn.plain(), "hurdle": None})
    last = evaluate(free, lifted).findings[-1]
    assert isinstance(last, NotMeasured)
    assert last.measure == "cash effect"
    assert "hurdle" in last.why


def test_a_side_that_was_not_drawn_is_no_design(drawn: Design) -> None:
    """Moving one supplier to the other side by hand is refused by name."""
    plain = drawn.plain()
    plain["units"][0]["arm"] = "holdout" if plain["units"][0]["arm"] == "pilot" else "pilot"
    with pytest.raises(ValueError, match="not on the side that it was drawn for"):
        Design.model_validate(plain)
    assert Design.model_validate(json.loads(json.dumps(drawn.plain()))) == drawn


def test_a_company_too_small_or_too_young_gets_no_design() -> None:
    """The message says what is missing and the way out."""
    with pytest.raises(PilotError, match="a pilot needs 12"):
        design(Company(10).books(1, BEFORE + AFTER, 0), WISH)
    with pytest.raises(PilotError, match=r"needed; take fewer with --baseline-weeks"):
        design(Company(30).books(1, 8, 0), WISH)
    assert date(2026, 3, 2) == START
