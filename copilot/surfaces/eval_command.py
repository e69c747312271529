"""`tenor eval`: how well the questions of a bank are read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, day_of, plain_errors, settings_of

if TYPE_CHECKING:
    from copilot.evaluation.bank import Bank
    from copilot.evaluation.whole_answers import AnswerScores
    from copilot.settings import Settings

BANK = Path("benchmarks/questions.yml")


def evaluate_bank(
    *,
    bank: Annotated[Path, typer.Option("--bank", help="The questions and their plans, as YAML.")] = BANK,
    vary: Annotated[bool, typer.Option(help="Put every question in other words, too.")] = True,
    repeats: Annotated[int, typer.Option("--repeats", min=0, max=1000, help="Read each question so often again.")] = 0,
    answers: Annotated[bool, typer.Option("--answers", help="Run whole answers, too: prose, checks, time.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all scores and failures as JSON.")] = False,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with the failures by cause.")] = None,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Score how well questions are read: a figure read wrongly costs two points, a needless question a quarter.

    Example: tenor eval --today 2026-11-22 --repeats 20 --answers --report questions.html

    Exit code: 0 no figure was read wrongly, 1 error, or at least one was.
    """
    from copilot.evaluation.bank import load_bank  # noqa: PLC0415 (only this command needs the planner and the bank)
    from copilot.evaluation.report import Extras, lines, page  # noqa: PLC0415
    from copilot.evaluation.report import as_json as scores_of  # noqa: PLC0415
    from copilot.evaluation.scoring import Verdict, evaluate, repeat_stability  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.planning.plan import Clock  # noqa: PLC0415
    from copilot.planning.planner import budget_of, planner_for  # noqa: PLC0415
    from copilot.verified.questions import load  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        layer = open_layer(settings)
        day = day_of(today) or datetime.now(UTC).astimezone(settings.time_zone()).date()
        clock = Clock(today=day, data_date=layer.data_date)
        known = [question.words({}) for question in load(settings.verified)]
        questions, planner = load_bank(bank), planner_for(layer, settings, known)
        turns = evaluate(questions, planner, layer.model, clock, vary=vary)
        tokens = getattr(planner, "tokens_used", (0, 0))
        extras = Extras(
            repeats=repeats or None,
            repeat_stability=repeat_stability(questions, planner, clock, repeats) if repeats else None,
            answers=_answered(questions, settings, day) if answers else None,
            tokens_in=tokens[0],
            tokens_out=tokens[1],
            cost=budget_of(settings).cost(*tokens),
        )
        if report is not None:
            report.write_text(page(turns, extras), encoding="utf-8")
        shown = json.dumps(scores_of(turns, extras), indent=2, default=str) if as_json else None
        typer.echo(shown or "\n".join(lines(turns, extras)))
    raise typer.Exit(ERROR if any(t.verdict is Verdict.WRONG for t in turns) else 0)


def _answered(bank: Bank, settings: Settings, day: date) -> AnswerScores:
    """Whole answers in a state store of their own, gone afterwards."""
    from copilot.engine import Engine  # noqa: PLC0415 (loads the whole product)
    from copilot.evaluation.whole_answers import answer_all, answer_scores  # noqa: PLC0415

    with TemporaryDirectory() as folder:
        apart = settings.model_copy(update={"state_url": f"sqlite:///{folder}/state.db"})
        engine = Engine.open(apart, today=day)
        try:
            return answer_scores(*answer_all(bank, engine))
        finally:
            engine.close()
