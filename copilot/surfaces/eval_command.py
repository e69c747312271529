"""`tenor eval`: how well the questions of a bank are read."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, day_of, plain_errors, settings_of

BANK = Path("benchmarks/questions.yml")


def evaluate_bank(
    *,
    bank: Annotated[Path, typer.Option("--bank", help="The questions and their plans, as YAML.")] = BANK,
    vary: Annotated[bool, typer.Option(help="Put every question in other words, too.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print all scores and failures as JSON.")] = False,
    report: Annotated[Path | None, typer.Option("--report", help="Write a page with the failures by cause.")] = None,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Score how well questions are read: a figure read wrongly costs two points, a needless question a quarter.

    Example: tenor eval --today 2026-11-22 --report questions.html

    Exit code: 0 no figure was read wrongly, 1 error, or at least one was.
    """
    from copilot.evaluation.bank import load_bank  # noqa: PLC0415 (only this command needs the planner and the bank)
    from copilot.evaluation.report import as_json as scores_of  # noqa: PLC0415
    from copilot.evaluation.report import lines, page  # noqa: PLC0415
    from copilot.evaluation.scoring import Verdict, evaluate  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.planning.plan import Clock  # noqa: PLC0415
    from copilot.planning.planner import planner_for  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        layer = open_layer(settings)
        day = day_of(today) or datetime.now(UTC).astimezone(settings.time_zone()).date()
        clock = Clock(today=day, data_date=layer.data_date)
        turns = evaluate(load_bank(bank), planner_for(layer, settings), layer.model, clock, vary=vary)
        if report is not None:
            report.write_text(page(turns), encoding="utf-8")
        typer.echo(json.dumps(scores_of(turns), indent=2, default=str) if as_json else "\n".join(lines(turns)))
    raise typer.Exit(ERROR if any(t.verdict is Verdict.WRONG for t in turns) else 0)
