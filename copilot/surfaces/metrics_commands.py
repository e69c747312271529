"""`tenor metrics`: for people who read, write and review metric definitions."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from copilot.errors import CopilotError
from copilot.surfaces.command_parts import ERROR, MirrorOption, TodayOption, day_of, plain_errors, settings_of
from semantic_layer.errors import QueryError, did_you_mean
from semantic_layer.loader import load_model
from semantic_layer.model import SemanticModel

FolderOption = Annotated[
    Path | None,
    typer.Option("--folder", help="Metric files (models/*.yml, metrics/*.yml) other than the shipped ones."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]


class _NamesOrCommands(TyperGroup):
    """`tenor metrics NAME` is short for `tenor metrics show NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((arg for arg in args if not arg.startswith("-")), None)
        if first is not None and first not in self.commands:
            args = ["show", *args]
        return list(super().parse_args(ctx, args))


metrics_app = typer.Typer(cls=_NamesOrCommands, rich_markup_mode=None, no_args_is_help=False)


@metrics_app.callback(invoke_without_command=True)
def metrics(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List the metrics, explain one, check the definitions, see what a change moves.

    Example: tenor metrics dpo_purchases
    """
    if context.invoked_subcommand is None:
        list_metrics(as_json=as_json)


@metrics_app.command(name="list")
def list_metrics(*, as_json: JsonOption = False) -> None:
    """List every metric with its unit and definition.

    Example: tenor metrics list --json
    """
    with plain_errors():
        model = load_model()
    rows = [(m.name, m.label, m.unit, m.definition) for m in sorted(model.metrics.values(), key=lambda m: m.name)]
    if as_json:
        names = ("name", "label", "unit", "definition")
        typer.echo(json.dumps([dict(zip(names, row, strict=True)) for row in rows], indent=2))
        return
    grid = Table(box=None, pad_edge=False)
    for title in ("Name", "Label", "Unit", "Definition"):
        grid.add_column(title, overflow="fold", no_wrap=title in ("Name", "Unit"))
    for row in rows:
        grid.add_row(*(Text(text) for text in row))
    Console(highlight=False).print(grid)


@metrics_app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A metric, by its name or by what people call it.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Explain one metric: definition, formula, fields, owner.

    Example: tenor metrics show dpo_purchases
    """
    from copilot.composition import Turn, compose_definition  # noqa: PLC0415 (only this command draws an answer)
    from copilot.planning.plan import Clock, DefinePlan  # noqa: PLC0415
    from copilot.rendering.terminal import render  # noqa: PLC0415

    with plain_errors():
        model = load_model()
        metric = named(model, name)
        if as_json:
            typer.echo(model.metrics[metric].model_dump_json(indent=2))
            return
        today = datetime.now().astimezone().date()
        turn = Turn(question=name, thread="", clock=Clock(today=today, data_date=today))
        Console(highlight=False).print(render(compose_definition(turn, DefinePlan(metric=metric), model)))


def named(model: SemanticModel, name: str) -> str:
    """The metric of that name, label or synonym; raises CopilotError with the nearest names."""
    called = {word.lower(): m.name for m in model.metrics.values() for word in (*m.synonyms, m.label)}
    found = called.get(name.lower(), name)
    if found in model.metrics:
        return found
    outside = {word.lower(): m for m in model.external_metrics.values() for word in (m.name, m.label, *m.synonyms)}
    if name.lower() in outside:
        external = outside[name.lower()]
        raise CopilotError(f"{external.label} needs {external.needs}. Nearest: {', '.join(external.nearest)}.")
    near = did_you_mean(name, model.metrics)
    hint = f"Did you mean {', '.join(near)}?" if near else "`tenor metrics` lists them."
    raise CopilotError(f"There is no metric {name!r}. {hint}")


@metrics_app.command()
def why(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A metric.")],
    *,
    by: Annotated[list[str] | None, typer.Option("--by", help="A dimension or time grain to group by.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="A dimension to filter by.")] = None,
    mirror: MirrorOption = None,
) -> None:
    """Say why a metric can or cannot be asked that way, and what would work.

    Example: tenor metrics why spend --by ageing_bucket

    Exit code: 0 it can be asked, 1 it cannot.
    """
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (the list and the definitions need no mirror)
    from semantic_layer import Filter, MetricQuery  # noqa: PLC0415

    with plain_errors():
        layer = open_layer(settings_of(mirror))
        metric = named(layer.model, name)
        filters = tuple(Filter(field=field, op="is not empty") for field in where or ())
        query = MetricQuery(metrics=(metric,), group_by=tuple(by or ()), filters=filters)
        try:
            layer.explain(query)
        except QueryError as error:
            typer.echo(f"{error.reason}: {error}")
            if error.choices:
                typer.echo(f"Instead: {', '.join(error.choices)}")
            raise typer.Exit(ERROR) from None
        legal = sorted(n for n in layer.legal_dimensions(metric) if layer.model.dimensions[n].groupable)
    typer.echo(f"{metric} can be asked like that. It may be grouped by {', '.join(legal)}, and by time.")


@metrics_app.command()
def check(
    *,
    folder: FolderOption = None,
    definitions_only: Annotated[bool, typer.Option("--definitions-only", help="Do not look at a mirror.")] = False,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Check every definition and, against the mirror, keys, orphans and every metric by every legal dimension.

    Example: tenor metrics check --folder my-metrics

    Exit code: 0 sound (warnings allowed), 1 errors, each with its file and line.
    """
    from copilot.verified.questions import load as load_verified  # noqa: PLC0415 (loads the planner)
    from copilot.verified.upkeep import findings  # noqa: PLC0415
    from semantic_layer.checking import check as look  # noqa: PLC0415 (the other commands do not run metrics)
    from semantic_layer.definitions import read_definitions  # noqa: PLC0415

    with plain_errors():
        definitions = read_definitions(folder)
        settings = settings_of(mirror)
        layer = None
        if not definitions_only and (mirror is not None or is_mirror(settings.mirror)):
            layer = _layer_of(definitions.model, mirror)
        now = _now(today, settings.time_zone())
        found = look(definitions, layer, now, progress=_progress)
        kept = load_verified(settings.verified)
        misfits = [] if folder else [f for f in findings(kept, definitions.model, now.date()) if f.level == "error"]
    if as_json:
        typer.echo(json.dumps([vars(finding) for finding in (*found.findings, *misfits)], indent=2))
    else:
        for finding in found.findings:
            typer.echo(str(finding))
        for misfit in misfits:
            typer.echo(str(misfit))
        valid = "are valid" if found.sound else "were read"
        ran = f"; {found.queries} queries ran" if layer is not None else "; no mirror was looked at"
        typer.echo(f"{found.metrics} metrics over {found.dimensions} dimensions {valid}{ran}.")
    raise typer.Exit(0 if found.sound and not misfits else ERROR)


def _progress(text: str) -> None:
    """What is looked at now, on one line of a terminal that changes."""
    console = Console(stderr=True, highlight=False)
    if console.is_terminal:
        console.print(f"\r{text:<60}", end="\r")


def _now(today: datetime | None, zone: Any) -> datetime:
    """The moment that age and expiry are judged by."""
    day: date | None = day_of(today)
    return datetime.now(UTC) if day is None else datetime(day.year, day.month, day.day, tzinfo=zone)


def is_mirror(path: Path) -> bool:
    """Whether there is something to open."""
    return path.is_file() or (path / "current.json").is_file()


def _layer_of(model: SemanticModel, mirror: Path | None) -> Any:
    """A layer with that model over the mirror of the settings."""
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from semantic_layer import SemanticLayer  # noqa: PLC0415

    shipped = open_layer(settings_of(mirror))
    return SemanticLayer(model, shipped.mirror, shipped.reporting_currency, shipped.fiscal_year_start)


@metrics_app.command()
def diff(
    other: Annotated[Path, typer.Argument(metavar="FOLDER", help="The changed metric files.")],
    *,
    folder: FolderOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Say which definitions and which numbers a change of the metric files moves.

    Example: tenor metrics diff my-metrics

    Exit code: 0 no number moves, 1 at least one does, or an error.
    """
    from semantic_layer.difference import definition_changes, number_changes  # noqa: PLC0415

    with plain_errors():
        before, after = load_model(folder), load_model(other)
        changes = list(definition_changes(before, after))
        moved = list(number_changes(_layer_of(before, mirror), _layer_of(after, mirror))) if changes else []
    if as_json:
        document = {"definitions": [vars(c) for c in changes], "numbers": [vars(n) for n in moved]}
        typer.echo(json.dumps(document, indent=2, default=str))
    else:
        for change in changes:
            fields = f": {', '.join(change.fields)}" if change.fields else ""
            typer.echo(f"{change.section}: {change.name} {change.change}{fields}")
        for number in moved:
            typer.echo(f"{number.metric}, {number.group}: {number.before} -> {number.after}")
        typer.echo(f"{len(changes)} definitions differ, {len(moved)} numbers move.")
    raise typer.Exit(ERROR if moved else 0)


@metrics_app.command()
def export(
    *,
    folder: FolderOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the model in the Open Semantic Interchange format (Apache Ossie), as YAML.

    Example: tenor metrics export > model.yml
    """
    from semantic_layer.interchange import export as document_of  # noqa: PLC0415

    with plain_errors():
        document = document_of(load_model(folder))
    text = json.dumps(document, indent=2) + "\n" if as_json else yaml.safe_dump(document, sort_keys=False, width=110)
    typer.echo(text, nl=False)


@metrics_app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A document of the Open Semantic Interchange format.")],
) -> None:
    """Print a metric file made from the core of an Open Semantic Interchange document; say what was left out.

    Example: tenor metrics import model.yml > my-metrics/metrics/imported.yml
    """
    from semantic_layer.interchange import read_document  # noqa: PLC0415

    with plain_errors():
        try:
            found = read_document(yaml.safe_load(file.read_text(encoding="utf-8")))
        except yaml.YAMLError as error:
            raise CopilotError(f"{file} is not YAML: {error}") from error
        sections = {section: list(entries) for section, entries in found.sections.items()}
        typer.echo(yaml.safe_dump(sections, sort_keys=False, width=110), nl=False)
        for line in found.left_out:
            typer.echo(f"left out: {line}", err=True)


@metrics_app.command(name="editor-schema")
def editor_schema() -> None:
    """Print the JSON Schema of metric files, for editors.

    Example: tenor metrics editor-schema > metrics.schema.json
    """
    from semantic_layer.editor_schema import editor_schema_text  # noqa: PLC0415

    typer.echo(editor_schema_text(), nl=False)
