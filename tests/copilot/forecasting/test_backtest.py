from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from copilot.forecasting.backtest import Backtest, Trial, main, origins, run, scores, widening
from copilot.forecasting.ledger import Ledger

AS_OF = date(2026, 11, 21)


def trial(actual: float, *, horizon: int = 30, last_value: float = 40.0) -> Trial:
    """A forecast of 48 to 54 around 50, and what came."""
    return Trial(AS_OF, horizon, 48.0, 50.0, 54.0, last_value, actual)


def test_scores_by_hand() -> None:
    """Two trials: one inside the band with an error of 2, one outside with an error of 6."""
    (score,) = scores([trial(52.0), trial(56.0)])
    assert (score.trials, score.coverage, score.mean_absolute_error, score.bias) == (2, 0.5, 4.0, -4.0)
    assert (score.band_width, score.naive_error) == (6.0, 14.0)
    assert score.skill == pytest.approx(1 - 4 / 14)


def test_horizons_are_scored_apart() -> None:
    """Shortest first, each on its own trials."""
    assert [(s.horizon, s.trials) for s in scores([trial(50, horizon=90), trial(50), trial(51)])] == [(30, 2), (90, 1)]
    assert scores([]) == ()


def test_the_stretch_reaches_the_truth_on_its_own_side() -> None:
    """56 lies 6 above the median where the band reaches 4: one and a half times; 49 lies half way to the lower edge."""
    assert trial(56.0).stretch == 1.5
    assert trial(49.0).stretch == 0.5


def test_widening_covers_the_nominal_share_and_never_narrows() -> None:
    """The fifth of five stretches for 80 % of so few; lucky trials leave the band alone; four trials say nothing."""
    assert widening([trial(a) for a in (50.0, 51.0, 52.0, 54.0, 58.0)]) == 2.0
    assert widening([trial(50.0)] * 10) == 1.0
    assert widening([trial(80.0)] * 4) == 1.0


def test_origins_leave_room_before_and_after(world: Callable[..., Ledger]) -> None:
    """Each has 180 days behind it and the longest horizon ahead of it, oldest first."""
    found = origins(world(days=400), AS_OF, every=14, count=26)
    assert found[-1] == AS_OF - timedelta(days=90)
    assert found == tuple(sorted(found))
    assert found[0] >= AS_OF - timedelta(days=400 - 180)
    assert origins(world(days=100), AS_OF) == ()
    assert origins(Ledger.of([], []), AS_OF) == ()


def test_trials_know_nothing_of_what_came_after(world: Callable[..., Ledger]) -> None:
    """The forecast is the same whether or not the ledger already holds the future; only the truth needs it."""
    ledger = world(lateness=3.0)
    origin = AS_OF - timedelta(days=90)
    blind = ledger.known_on(origin)
    seeing, unseeing = (run(book, [origin], horizons=(30,), paths=100, seed=5)[0] for book in (ledger, blind))
    assert (seeing.low, seeing.median, seeing.high) == (unseeing.low, unseeing.median, unseeing.high)
    truth = ledger.balance(origin + timedelta(days=30)).dpo
    assert truth is not None
    assert seeing.actual == float(truth)


def test_a_term_change_that_is_known_beats_the_last_value(world: Callable[..., Ledger]) -> None:
    """Terms went from 30 to 45 days shortly before the origin: the naive forecast stays, ours follows."""
    origin = AS_OF - timedelta(days=90)
    ledger = world(per_day=8.0, new_terms=45, changed_on=origin - timedelta(days=20))
    (score,) = scores(run(ledger, [origin], horizons=(90,), paths=200))
    assert score.skill > 0.5


def test_the_report_says_when_there_is_too_little() -> None:
    """No table of nothing."""
    assert "Too little history" in Backtest((), (), ()).report()


def test_the_report_and_the_json_hold_the_scores() -> None:
    """One line per horizon; every trial in the JSON."""
    trials = (trial(52.0), trial(56.0))
    found = Backtest((AS_OF,), trials, scores(trials))
    assert "30 d" in found.report()
    assert "50%" in found.report()
    assert len(json.loads(found.to_json())["trials"]) == 2


def test_a_missing_mirror_is_one_plain_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with 1 and says what to do."""
    assert main(["--mirror", str(tmp_path / "none")]) == 1
    assert "tenor-sync once" in capsys.readouterr().err
