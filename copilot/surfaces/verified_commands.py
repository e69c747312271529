"""`tenor verified`: questions whose plans somebody has checked and stands for."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import TypeAdapter
from rich.console import Console
from rich.table import Table
from rich.text import Text

from copilot.errors import VerifiedQuestionError
from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, day_of, plain_errors, settings_of

FileOption = Annotated[
    Path | None, typer.Option("--file", help="The company's own questions; else the setting TENOR_VERIFIED.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
NameArgument = Annotated[str, typer.Argument(metavar="ID", help="A verified question, as `tenor verified` lists it.")]

verified_app = typer.Typer(rich_markup_mode=None, no_args_is_help=False)


@verified_app.callback(invoke_without_command=True)
def verified(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List verified questions, run one with other slots, make one of an answer, check all.

    Example: tenor verified run spend_by_region --set period="Q2 2026"
    """
    if context.invoked_subcommand is None:
        list_questions(as_json=as_json)


@verified_app.command(name="list")
def list_questions(*, file: FileOption = None, as_json: JsonOption = False, today: TodayOption = None) -> None:
    """List every verified question with its owner and the day it expires.

    Example: tenor verified list --json
    """
    from copilot.verified.questions import load  # noqa: PLC0415 (loads the planner; other commands need not)

    with plain_errors():
        day, questions = _day(today), load(file or settings_of(None).verified)
    if as_json:
        body = [q.model_dump(mode="json", exclude_defaults=True) | {"in_force": q.in_force(day)} for q in questions]
        typer.echo(json.dumps(body, indent=2))
        return
    grid = Table(box=None, pad_edge=False)
    for title in ("Id", "Question", "Owner", "Until"):
        grid.add_column(title, overflow="fold", no_wrap=title in {"Id", "Until"})
    for question in sorted(questions, key=lambda q: q.id):
        until = f"{question.expires_on}{'' if question.in_force(day) else ' (expired)'}"
        grid.add_row(*(Text(text) for text in (question.id, question.question, question.owner, until)))
    Console(highlight=False).print(grid)


@verified_app.command()
def run(
    name: NameArgument,
    *,
    slots: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fill a slot; others keep their defaults.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")] = False,
    file: FileOption = None,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Run a verified question; no language model reads it.

    Example: tenor verified run top_suppliers_by_spend --set limit=5 --set period="Q3 2026"
    """
    from copilot.engine import Engine  # noqa: PLC0415 (loads the whole product)
    from copilot.rendering.terminal import render  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        if file is not None:
            settings = settings.model_copy(update={"verified": file})
        engine = Engine.open(settings, today=day_of(today))
        try:
            answer = engine.ask(engine.verified_words(name, _said(slots or [])))
        finally:
            engine.close()
    if as_json:
        typer.echo(answer.to_json(indent=2))
    else:
        Console(highlight=False).print(render(answer))
    raise typer.Exit({"answered": 0, "clarify": 3, "refused": 4}[answer.status])


@verified_app.command()
def add(  # noqa: PLR0913 (one argument for each option)
    evidence_id: Annotated[str, typer.Argument(metavar="EVIDENCE", help="The evidence id at the foot of an answer.")],
    *,
    name: Annotated[str, typer.Option("--id", help="What the question is called: lower case, underscores.")],
    owner: Annotated[str, typer.Option("--owner", help="The role that looks after it.")],
    by: Annotated[str, typer.Option("--by", help="The role that has checked it.")],
    question: Annotated[str | None, typer.Option("--question", help="Its words, where they differ.")] = None,
    slots: Annotated[
        list[str] | None, typer.Option("--slot", help="What may change: period, limit, or a dimension of a condition.")
    ] = None,
    paraphrases: Annotated[list[str] | None, typer.Option("--paraphrase", help="Other exact words for it.")] = None,
    expires: Annotated[
        datetime | None, typer.Option("--expires", formats=["%Y-%m-%d"], help="Its last day; else half a year on.")
    ] = None,
    file: FileOption = None,
    today: TodayOption = None,
) -> None:
    """Make a verified question of the plan behind an answer.

    Example: tenor verified add 5f0c2c0e --id missed_ytd --owner treasury --by "financial controller" --slot period
    """
    from copilot.evidence import load as load_pack  # noqa: PLC0415 (other commands need no state store)
    from copilot.evidence import require_own  # noqa: PLC0415
    from copilot.planning.plan import MetricPlan, Plan  # noqa: PLC0415
    from copilot.state.store import open_store  # noqa: PLC0415
    from copilot.verified.questions import of_file, save  # noqa: PLC0415
    from copilot.verified.upkeep import LASTS_DAYS, Signature, question_of  # noqa: PLC0415
    from copilot.viewers import private_suffix, viewer_of  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(None)
        with open_store(settings) as store:
            pack = load_pack(store, evidence_id)
        require_own(pack, private_suffix(viewer_of(settings)))
        plan: Plan = TypeAdapter[Plan](Plan).validate_python(pack.plan)
        if not isinstance(plan, MetricPlan):
            raise VerifiedQuestionError("Only an answer that ran a metric can become a verified question.")
        day = _day(today)
        until = expires.date() if expires else day + timedelta(days=LASTS_DAYS)
        new = question_of(name, question or pack.question, plan, slots or [], Signature(owner, by, day, until))
        new = new.model_copy(update={"paraphrases": tuple(paraphrases or ())})
        path = file or settings.verified
        known = [q for q in of_file(path) if q.id != name]
        save(path, [*known, new])
    typer.echo(f"{name} is in {path} until {until}: {new.question}")


@verified_app.command()
def expire(name: NameArgument, *, file: FileOption = None, today: TodayOption = None) -> None:
    """Take a question out of force from today on; it stays in the file for the record.

    Example: tenor verified expire missed_this_year
    """
    from copilot.verified.questions import load, of_file, save  # noqa: PLC0415 (loads the planner)

    with plain_errors():
        path = file or settings_of(None).verified
        found = next((q for q in load(path) if q.id == name), None)
        if found is None:
            raise VerifiedQuestionError(f"There is no verified question {name!r}; `tenor verified` lists them.")
        last = _day(today) - timedelta(days=1)
        begun = min(found.verified_on, last)
        ended = found.model_copy(update={"expires_on": last, "verified_on": begun})
        save(path, [*(q for q in of_file(path) if q.id != name), ended])
    typer.echo(f"{name} is out of force since {_day(today)}; {path} says so.")


@verified_app.command()
def check(
    *,
    file: FileOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Check that every stored plan still fits the metrics, and, where there is a mirror, that its slots can be filled.

    Example: tenor verified check --file verified.yml

    Exit code: 0 sound (warnings allowed), 1 errors.
    """
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (loads the model)
    from copilot.planning.plan import Clock  # noqa: PLC0415
    from copilot.surfaces.metrics_commands import is_mirror  # noqa: PLC0415
    from copilot.verified.library import Library  # noqa: PLC0415
    from copilot.verified.questions import load  # noqa: PLC0415
    from copilot.verified.upkeep import findings, findings_on_mirror  # noqa: PLC0415
    from semantic_layer.loader import load_model  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        questions = load(file or settings.verified)
        found = list(findings(questions, load_model(), _day(today)))
        if mirror is not None or is_mirror(settings.mirror):
            layer = open_layer(settings)
            clock = Clock(today=_day(today), data_date=layer.data_date)
            found += findings_on_mirror(Library(questions, layer, settings.fiscal_year_start), clock)
    errors = [finding for finding in found if finding.level == "error"]
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in found], indent=2))
    else:
        for finding in found:
            typer.echo(str(finding))
        typer.echo(f"{len(questions)} verified questions, {len(errors)} errors, {len(found) - len(errors)} warnings.")
    raise typer.Exit(ERROR if errors else 0)


def _said(pairs: list[str]) -> dict[str, str]:
    """NAME=VALUE pairs as a mapping."""
    found: dict[str, str] = {}
    for pair in pairs:
        name, sign, value = pair.partition("=")
        if not sign or not value.strip():
            raise VerifiedQuestionError(f"{pair[:80]!r} is no NAME=VALUE pair.")
        found[name.strip()] = value.strip()
    return found


def _day(today: Any) -> date:
    """The day of the option, else of the company's calendar."""
    return day_of(today) or datetime.now(UTC).astimezone(settings_of(None).time_zone()).date()
