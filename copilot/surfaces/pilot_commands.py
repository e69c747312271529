"""`tenor pilot`: design and register a pilot, show it, rehearse one on past weeks, and say what it came to."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.errors import PilotError
from copilot.settings import Settings
from copilot.state.store import open_store
from copilot.surfaces.command_parts import MirrorOption, TodayOption, plain_errors, settings_of
from copilot.surfaces.governance_parts import AsOption, chambers, granted
from copilot.surfaces.simulate_commands import JsonOption

if TYPE_CHECKING:
    from copilot.opportunities.treasury_policy import TreasuryPolicy
    from copilot.outcomes.design import Design
    from copilot.outcomes.designing import Books, Wish
    from copilot.outcomes.register import Registered

pilot_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Does following Tenor pay? A pilot, held against a holdout."
)
StartOption = Annotated[datetime, typer.Option("--start", formats=["%Y-%m-%d"], help="A Monday.")]
WeeksOption = Annotated[int, typer.Option("--weeks", min=4, max=104, help="How long it runs.")]
BaselineOption = Annotated[
    int, typer.Option("--baseline-weeks", min=4, max=104, help="Weeks before the start that it is compared with.")
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="The draw: who is in the pilot.")]
HurdleOption = Annotated[
    float | None, typer.Option("--hurdle", min=0, max=100, help="Percent a year that time is worth; else the policy's.")
]
NameOption = Annotated[str, typer.Option("--name", help="What to call it.")]
LISTED = 40
BLIND = "Note: it could not see an effect on its first measure, however large, and will tell of none. Take more weeks."
IdArgument = Annotated[str | None, typer.Argument(metavar="[ID]", help="Without it the latest.")]


@pilot_app.command()
def design(
    *,
    start: StartOption,
    weeks: WeeksOption = 12,
    baseline_weeks: BaselineOption = 26,
    name: NameOption = "early payment",
    seed: SeedOption = 1,
    hurdle: HurdleOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Draw pilot and holdout, and say what such a pilot could see. Nothing is kept: `register` does that.

    Example: tenor pilot design --start 2026-11-23 --weeks 12 --json > pilot.json

    Exit code: 0 drawn, 1 error (too few suppliers or weeks).
    """
    from copilot.outcomes.design import checked_start  # noqa: PLC0415 (with numpy; other commands need none)

    with plain_errors():
        wish = _wish(name, start.date(), weeks, baseline_weeks, seed, hurdle)
        books, policy = _read(settings_of(mirror))
        checked_start(wish.start, books.data_date)
        found = _designed(books, policy, wish)
        typer.echo(
            json.dumps(found.plain(), indent=2, ensure_ascii=False) if as_json else "\n".join(design_lines(found))
        )


@pilot_app.command()
def register(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="As `tenor pilot design --json` wrote it.")],
    *,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Take a design into the register, before it starts. From then on it cannot be changed without showing.

    Example: tenor pilot register pilot.json

    Exit code: 0 registered, 1 error (it has begun, or its sides are not those of its seed), 4 refused.
    """
    from copilot.outcomes.design import read_design  # noqa: PLC0415 (with numpy)

    with plain_errors():
        settings = settings_of(mirror)
        found = read_design(file)
        with chambers(settings, acting_as, today) as here:
            row = granted(_register(here.store, settings).register(found, here.actor))
            typer.echo(f"Pilot {row.design.id} is registered by {row.registered_by}: {row.design.sha256()}")
            if found.blind:
                typer.echo(BLIND, err=True)


@pilot_app.command()
def show(
    key: IdArgument = None,
    *,
    policy: Annotated[bool, typer.Option("--policy", help="Print the `pilot` entry for the policy, as YAML.")] = False,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Show a registered design: who is in it, what it could see, and that it is what was registered.

    Example: tenor pilot show --policy
    """
    import yaml  # noqa: PLC0415 (for one option)

    from copilot.outcomes.register import pilot, supplier_lists  # noqa: PLC0415 (with numpy)

    with plain_errors(), open_store(settings_of(mirror)) as store:
        row = pilot(store, key)
        if policy:
            inside, held = supplier_lists(row.design)
            entry = {"pilot": {"suppliers": list(inside), "holdout": list(held)}}
            typer.echo(yaml.safe_dump(entry, sort_keys=False, allow_unicode=True), nl=False)
        elif as_json:
            typer.echo(json.dumps({**plain_row(row), "design": row.design.plain()}, indent=2, ensure_ascii=False))
        else:
            typer.echo("\n".join([*design_lines(row.design), *_register_lines(row)]))


@pilot_app.command(name="list")
def list_pilots(*, mirror: MirrorOption = None) -> None:
    """List the pilots that were registered.

    Example: tenor pilot list
    """
    from copilot.outcomes.register import registered  # noqa: PLC0415 (with numpy)

    with plain_errors(), open_store(settings_of(mirror)) as store:
        rows = registered(store)
        for row in rows:
            over = f", stopped {row.stopped_at.date()}: {row.stop_reason}" if row.stopped_at else ""
            typer.echo(f"{row.design.id}  {row.design.start} to {row.design.end}  {row.design.name}{over}")
        if not rows:
            typer.echo("There is none. Draw one with: tenor pilot design --start DATE")


@pilot_app.command()
def stop(
    key: Annotated[str, typer.Argument(metavar="ID", help="As `tenor pilot list` shows it.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it is kept.")],
    *,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """End a pilot before its time; there is no verdict on it then.

    Example: tenor pilot stop 5f0c2c0e0d6e --reason "the supplier master was rebuilt"

    Exit code: 0 stopped, 1 error, 4 refused.
    """
    from copilot.outcomes.register import pilot  # noqa: PLC0415 (with numpy)

    with plain_errors():
        settings = settings_of(mirror)
        with chambers(settings, acting_as, today) as here:
            found = pilot(here.store, key).design.id
            granted(_register(here.store, settings).stop(found, here.actor, reason))
            typer.echo(f"Pilot {found} is stopped; no verdict will be told of it.")


@pilot_app.command()
def results(
    key: IdArgument = None,
    *,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write the report to this file.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write the report as HTML to this file.")] = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Say what a pilot came to: the verdict once its weeks are over, guardrails and funnel at any time.

    Example: tenor pilot results --html review.html

    Exit code: 0 told, 1 error (no pilot, or one that was changed).
    """
    from copilot.advice.pilot_pages import pilot_html, pilot_markdown  # noqa: PLC0415 (with the answers)
    from copilot.outcomes.reporting import report  # noqa: PLC0415 (with numpy)

    with plain_errors():
        found = report(settings_of(mirror), key)
        for path, text in ((markdown, pilot_markdown), (html, pilot_html)):
            if path is not None:
                path.write_text(text(found), encoding="utf-8")
                typer.echo(f"Written to {path}")
        if as_json or (markdown is None and html is None):
            _show_results(found, as_json=as_json)


@pilot_app.command()
def rehearse(
    *,
    start: StartOption,
    weeks: WeeksOption = 12,
    baseline_weeks: BaselineOption = 26,
    seed: SeedOption = 1,
    hurdle: HurdleOption = None,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Try a design on past weeks, in which nobody was treated: it should find no effect.

    Example: tenor pilot rehearse --start 2026-08-24 --weeks 12

    Exit code: 0 told, 1 error (the weeks are not over, or too few suppliers).
    """
    from copilot.outcomes.design import monday_only  # noqa: PLC0415 (with numpy)
    from copilot.outcomes.evaluation import evaluate  # noqa: PLC0415 (as above)

    with plain_errors():
        wish = _wish("rehearsal", monday_only(start.date()), weeks, baseline_weeks, seed, hurdle)
        books, policy = _read(settings_of(mirror))
        end = wish.start + timedelta(weeks=weeks, days=-1)
        if books.data_date < end:
            raise PilotError(f"The data end on {books.data_date}, before {end}; take an earlier --start.")
        found = _designed(books, policy, wish)
        _show_results(evaluate(found, books, rehearsal=True), as_json=as_json)


def design_lines(found: Design) -> list[str]:
    """A design on a terminal: what it could see comes first."""
    from copilot.advice.pilot_told import detectable_line  # noqa: PLC0415 (with the answers)

    inside, held = found.side("pilot"), found.side("holdout")
    lines = [
        f"Pilot {found.id}, {found.name}: {found.start} to {found.end}, baseline of {found.baseline_weeks} weeks",
        f"Question: {found.question}",
        f"It could see, with power {found.power:.0%} at confidence {found.confidence:.0%}:",
        *(f"  {detectable_line(one)}" for one in found.detectable),
        f"{len(inside)} supplier parents in the pilot, {len(held)} held out, drawn with seed {found.seed}:",
        *(
            f"  {one.arm:8}{_name(one.parent)}  ({one.category}, {one.region}, decile {one.decile})"
            for one in found.units
        ),
    ]
    if found.hurdle is None:
        lines.insert(3 + len(found.detectable), "  cash effect: not measured without a hurdle rate; see --hurdle")
    if found.blind:
        lines.append(BLIND)
    return [*lines, *(f"Left out, {why}: {count}" for why, count in found.left_out.items())]


def plain_row(row: Registered) -> dict[str, Any]:
    """Who registered and who stopped, as plain values."""
    return {
        "id": row.design.id,
        "sha256": row.design.sha256(),
        "registered_by": row.registered_by,
        "registered_at": row.registered_at.isoformat(),
        "stopped_at": None if row.stopped_at is None else row.stopped_at.isoformat(),
        "stop_reason": row.stop_reason,
    }


def _register_lines(row: Registered) -> list[str]:
    when = row.registered_at.astimezone(UTC)
    lines = [f"Registered {when:%Y-%m-%d %H:%M UTC} by {row.registered_by}; unchanged since: {row.design.sha256()}"]
    if row.stopped_at is not None:
        lines.append(f"Stopped {row.stopped_at:%Y-%m-%d %H:%M UTC} by {row.stopped_by}: {row.stop_reason}")
    return lines


def _show_results(found: Any, *, as_json: bool) -> None:
    from copilot.advice.pilot_told import stage_words, tell_pilot  # noqa: PLC0415 (with the answers)
    from copilot.advice.telling import lines_of  # noqa: PLC0415 (as above)
    from copilot.outcomes.reporting import plain_results  # noqa: PLC0415 (with numpy)

    if as_json:
        typer.echo(json.dumps(plain_results(found), indent=2, ensure_ascii=False))
        return
    lines = lines_of(tell_pilot(found))
    lines += [f"Funnel, {stage_words(one, found.currency)}" for one in found.funnel.stages]
    lines += [f"Check, {one.name}: {one.detail}" for one in found.checks if one.passed]
    typer.echo("\n".join(lines))


def _wish(name: str, start: date, weeks: int, baseline: int, seed: int, hurdle: float | None) -> Wish:
    from copilot.outcomes.designing import Wish  # noqa: PLC0415 (with numpy)

    rate = None if hurdle is None else Decimal(str(hurdle)) / 100
    return Wish(name=name, start=start, weeks=weeks, baseline_weeks=baseline, seed=seed, hurdle=rate)


def _read(settings: Settings) -> tuple[Books, TreasuryPolicy]:
    from copilot.outcomes.reporting import read_all  # noqa: PLC0415 (with numpy)

    return read_all(settings)


def _designed(books: Books, policy: TreasuryPolicy, wish: Wish) -> Design:
    from copilot.outcomes.designing import design as designed  # noqa: PLC0415 (with numpy)

    return designed(books, wish if wish.hurdle is not None else wish.at(policy.hurdle("*", books.currency)))


def _register(store: Any, settings: Settings) -> Any:
    from copilot.governance.people import read_people  # noqa: PLC0415 (with the register)
    from copilot.outcomes.register import PilotRegister  # noqa: PLC0415 (with numpy)

    return PilotRegister(store, read_people(settings.people), settings.time_zone())


def _name(name: str) -> str:
    from copilot.wording.quoting import clean  # noqa: PLC0415 (with the rest of the answer)

    return clean(name, 60)
