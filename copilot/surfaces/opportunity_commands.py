"""`tenor terms`, `several-terms`, `term-mismatches`, `segments`: what to do beside discounts."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.errors import CopilotError
from copilot.surfaces.command_parts import MirrorOption, plain_errors, settings_of
from copilot.surfaces.simulate_commands import REFUSED, JsonOption, plain
from copilot.wording.quoting import clean

if TYPE_CHECKING:
    from copilot.planning.plan import OpportunityPlan, OpportunityView
    from semantic_layer.query import Filter

CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write all rows to this file.")]
WhereOption = Annotated[
    list[str] | None, typer.Option("--where", help="Keep to documents such as supplier_country=FR; may be repeated.")
]
PolicyOption = Annotated[Path | None, typer.Option("--policy", help="Treasury's policy (YAML).")]


def terms(
    *,
    where: WhereOption = None,
    net: Annotated[int | None, typer.Option("--net", help="Ask for this many net days.", min=1, max=365)] = None,
    policy_file: PolicyOption = None,
    csv_file: CsvOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Find suppliers to ask for longer terms, with peers, law, vetoes, cash, the supplier's cost and a score.

    Example: tenor terms --where region=EMEA

    Exit code: 0 told, 1 error, 4 refused (no hurdle rate, a term that law does not allow).
    """
    from copilot.planning.plan import OpportunityPlan  # noqa: PLC0415 (other commands start faster without)

    run(
        OpportunityPlan(shows="terms", filters=_filters(where), net_days=net),
        policy_file,
        csv_file,
        mirror,
        as_json=as_json,
    )


def several_terms(
    *,
    where: WhereOption = None,
    csv_file: CsvOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """List supplier families that bill on several payment terms.

    Example: tenor several-terms --csv families.csv
    """
    from copilot.planning.plan import OpportunityPlan  # noqa: PLC0415 (other commands start faster without)

    run(OpportunityPlan(shows="several_terms", filters=_filters(where)), None, csv_file, mirror, as_json=as_json)


def term_mismatches(
    *,
    where: WhereOption = None,
    policy_file: PolicyOption = None,
    csv_file: CsvOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """List suppliers whose invoices carry shorter terms than their order, contract or master.

    Example: tenor term-mismatches --where buying_entity="Quellmark UK Ltd"
    """
    from copilot.planning.plan import OpportunityPlan  # noqa: PLC0415 (other commands start faster without)

    run(
        OpportunityPlan(shows="term_mismatches", filters=_filters(where)),
        policy_file,
        csv_file,
        mirror,
        as_json=as_json,
    )


def segments(
    *,
    movers: Annotated[bool, typer.Option("--movers", help="Who is in another segment than before.")] = False,
    since: Annotated[
        datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="Moves after this day.")
    ] = None,
    csv_file: CsvOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Say which segment each supplier is in and why, or who moved since a day (by default thirty days ago).

    Example: tenor segments --movers --since 2026-09-30
    """
    from copilot.planning.plan import OpportunityPlan  # noqa: PLC0415 (other commands start faster without)

    first = None if since is None else since.date() + timedelta(days=1)
    run(OpportunityPlan(shows="movers" if movers else "segments", start=first), None, csv_file, mirror, as_json=as_json)


def duplicates(
    *,
    where: WhereOption = None,
    csv_file: CsvOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """List invoices that were probably sent twice, with the evidence.

    Example: tenor duplicates --csv twice.csv
    """
    from copilot.planning.plan import OpportunityPlan  # noqa: PLC0415 (other commands start faster without)

    run(OpportunityPlan(shows="duplicates", filters=_filters(where)), None, csv_file, mirror, as_json=as_json)


def waits(
    *,
    where: WhereOption = None,
    start: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day of approval.")
    ] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day of approval.")] = None,
    stage: Annotated[int | None, typer.Option("--stage", help="An approval step to make faster.", min=1)] = None,
    within: Annotated[int | None, typer.Option("--within", help="Days that the step takes at most.", min=0)] = None,
    csv_file: CsvOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Say where invoices wait between receipt and approval, and what a faster stage would bring.

    Example: tenor waits --stage 2 --within 2

    Without days: approvals of the last 365 days. Exit code: 0 told, 1 error, 4 refused (no such step).
    """
    from copilot.planning.plan import OpportunityPlan  # noqa: PLC0415 (other commands start faster without)

    shows: OpportunityView = "waits" if stage is None and within is None else "faster_stage"
    plan = OpportunityPlan(
        shows=shows, filters=_filters(where), stage=stage, within_days=within,
        start=start.date() if start else None, end=end.date() if end else None,
    )  # fmt: skip
    run(plan, None, csv_file, mirror, as_json=as_json)


def pack(
    supplier: Annotated[str | None, typer.Argument(help="Name or id of the supplier.")] = None,
    *,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the page to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page as HTML to this file.")] = None,
    due: Annotated[bool, typer.Option("--due", help="List suppliers whose contract ends in one to two weeks.")] = False,
    policy_file: PolicyOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Prepare a talk about terms with one supplier: one page with facts, peers, range, ways to deal, risks.

    Example: tenor pack "Acme Ltd" --html acme.html
    """
    from copilot.advice.pack_pages import pack_html, pack_markdown  # noqa: PLC0415 (other commands start faster without)
    from copilot.governance.treasury import treasury_policy  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.opportunities.pack_reading import read_pack, read_renewals  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        if policy_file is not None:
            settings = settings.model_copy(update={"treasury_policy": policy_file, "people": None})
        layer = open_layer(settings)
        if due or supplier is None:
            if not due:
                raise CopilotError("Name a supplier, or list whose contracts end soon with --due.")
            typer.echo(
                "\n".join(f"{end}  {clean(name, 60)} ({key})" for end, name, key in read_renewals(layer)) or "None."
            )
            return
        found = read_pack(layer, treasury_policy(settings), supplier, settings.reporting_currency)
        if as_json:
            content = {**plain(found), "mirror_version": layer.mirror_version}
            typer.echo(json.dumps(content, default=str, indent=2, ensure_ascii=False))
            return
        for path, text in ((markdown, pack_markdown(found)), (html, pack_html(found))):
            if path is not None:
                path.write_text(text, encoding="utf-8")
                typer.echo(f"Written to {path}")
        if markdown is None and html is None:
            typer.echo(pack_markdown(found))


def run(
    plan: OpportunityPlan, policy_file: Path | None, csv_file: Path | None, mirror: Path | None, *, as_json: bool
) -> None:
    """Carry a plan out and print it: lines, JSON of the typed outcome, or CSV to a file."""
    from copilot.advice.advising import advise  # noqa: PLC0415 (with numpy and the solver)
    from copilot.advice.telling import csv_of, lines_of  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.opportunities.term_outcomes import OpportunityRefused  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        if policy_file is not None:
            settings = settings.model_copy(update={"treasury_policy": policy_file, "people": None})
        layer = open_layer(settings)
        for item in plan.filters:
            if item.field not in layer.model.dimensions:
                raise CopilotError(f"--where {item.field}: there is no such dimension; `tenor metrics` lists them.")
        found = advise(layer, settings, plan)
        if isinstance(found, OpportunityRefused):
            typer.echo(found.reason, err=True)
            raise typer.Exit(REFUSED)
        if csv_file is not None:
            csv_file.write_text(csv_of(found), encoding="utf-8", newline="")
            typer.echo(f"{len(found.rows)} rows written to {csv_file}")
        elif as_json:
            content = {"kind": plan.shows, **plain(found.outcome), "mirror_version": layer.mirror_version}
            typer.echo(json.dumps(content, default=str, indent=2, ensure_ascii=False))
        else:
            typer.echo("\n".join(lines_of(found)))


def _filters(where: list[str] | None) -> tuple[Filter, ...]:
    """As in ["supplier_country=FR", "region!=EMEA"]. Raises CopilotError for what has no sign between."""
    from semantic_layer.query import Filter  # noqa: PLC0415 (with pydantic)

    found = []
    for text in where or ():
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise typer.BadParameter(f"{text!r}: write a dimension, = and a value, such as supplier_country=FR")
        op = "!=" if name.endswith("!") else "="
        found.append(Filter.model_validate({"field": name.rstrip("!").strip(), "op": op, "values": (value.strip(),)}))
    return tuple(found)
