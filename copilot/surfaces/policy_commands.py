"""`tenor policy`: what was decided beforehand, in numbered versions, and the switch that stops everything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml

from copilot.errors import GovernanceError
from copilot.governance.policy import Policy, differences, unheld
from copilot.governance.register import Version
from copilot.governance.switches import ALL
from copilot.reviewed_files import read_reviewed
from copilot.surfaces.command_parts import MirrorOption, TodayOption, plain_errors, settings_of
from copilot.surfaces.governance_parts import AsOption, chambers, granted

policy_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="What was decided beforehand: versions, approval, kill switch."
)
NumberArgument = Annotated[int, typer.Argument(metavar="VERSION", help="As `tenor policy list` shows it.")]
FeatureArgument = Annotated[
    str, typer.Argument(metavar="[KIND]", help="One kind of action, such as saving; without it everything.")
]
SHOWN = "%Y-%m-%d %H:%M UTC"


@policy_app.command()
def show(
    number: Annotated[int | None, typer.Argument(metavar="[VERSION]", help="Without it the one in force.")] = None,
    *,
    mirror: MirrorOption = None,
) -> None:
    """Print the policy in force, or a version of it, as YAML; and what is stopped.

    Example: tenor policy show
    """
    with plain_errors(), chambers(settings_of(mirror)) as here:
        version = here.register.required() if number is None else here.register.version(number)
        typer.echo(f"# {_line(version)}")
        typer.echo(yaml.safe_dump(version.policy.plain(), sort_keys=False, allow_unicode=True), nl=False)
        for stop in here.switches.stops():
            typer.echo(f"# stopped: {stop.feature} since {stop.since:{SHOWN}} by {stop.actor}: {stop.reason}")


@policy_app.command(name="list")
def list_versions(*, mirror: MirrorOption = None) -> None:
    """List every version, with who proposed and who decided.

    Example: tenor policy list
    """
    with plain_errors(), chambers(settings_of(mirror)) as here:
        versions = here.register.versions()
        for version in versions:
            typer.echo(_line(version))
        if not versions:
            typer.echo("There is none. Propose one with: tenor policy propose FILE")


@policy_app.command()
def propose(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy, as YAML.")],
    *,
    effective_from: Annotated[
        datetime | None, typer.Option("--from", help="When it takes effect (UTC); without it with its approval.")
    ] = None,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Propose a new version; another policy owner approves it.

    Example: tenor policy propose policy.yml

    Exit code: 0 proposed, 1 error, 4 refused.
    """
    with plain_errors():
        policy = _read(file)
        starts = None if effective_from is None else effective_from.replace(tzinfo=UTC)
        with chambers(settings_of(mirror), acting_as, today) as here:
            before = here.register.in_force()
            version = granted(here.register.propose(policy, here.actor, starts))
            typer.echo(f"Version {version.number} is proposed. It changes:")
            for line in differences(before.policy if before else None, policy):
                typer.echo(f"  {line}")
            for office in unheld(policy, here.people):
                typer.echo(f"Note: nobody holds the office {office!r}, so nothing of its tier could be approved.")
            typer.echo(f"Another policy owner approves it with: tenor policy approve {version.number}")


@policy_app.command()
def approve(
    number: NumberArgument, *, acting_as: AsOption = None, today: TodayOption = None, mirror: MirrorOption = None
) -> None:
    """Bring a proposed version into force; not by the one who proposed it.

    Example: tenor policy approve 2

    Exit code: 0 approved, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        typer.echo(_line(granted(here.register.approve(number, here.actor))))


@policy_app.command()
def reject(
    number: NumberArgument, *, acting_as: AsOption = None, today: TodayOption = None, mirror: MirrorOption = None
) -> None:
    """Turn a proposed version down; not by the one who proposed it.

    Example: tenor policy reject 2

    Exit code: 0 rejected, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        typer.echo(_line(granted(here.register.reject(number, here.actor))))


@policy_app.command()
def diff(
    before: Annotated[int, typer.Argument(metavar="BEFORE", help="A version.")],
    after: Annotated[int, typer.Argument(metavar="AFTER", help="Another one.")],
    *,
    mirror: MirrorOption = None,
) -> None:
    """Say what differs between two versions, an entry a line.

    Example: tenor policy diff 1 2
    """
    with plain_errors(), chambers(settings_of(mirror)) as here:
        lines = differences(here.register.version(before).policy, here.register.version(after).policy)
        typer.echo("\n".join(lines) or "Nothing differs.")


@policy_app.command()
def stop(
    feature: FeatureArgument = ALL,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for everybody who meets it.")],
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Stop proposals, approvals and deliveries at once, all or one kind; reading goes on.

    Example: tenor policy stop --reason "figures look wrong"

    Exit code: 0 stopped, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        typer.echo(f"{_named(feature)}: {granted(here.switches.stop(here.actor, reason, feature))}.")


@policy_app.command()
def revive(
    feature: FeatureArgument = ALL,
    *,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Start again what was stopped: two people, each with this command.

    Example: tenor policy revive

    Exit code: 0 revived or asked for, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        change = granted(here.switches.revive(here.actor, feature))
        more = "; somebody else must say so, too" if change == "one more person" else ""
        typer.echo(f"{_named(feature)}: {'asked for' if more else change}{more}.")


def _read(file: Path) -> Policy:
    return read_reviewed(Policy, file, "The policy", GovernanceError)


def _line(version: Version) -> str:
    decided = "" if version.decided_by is None else f", {version.state} by {version.decided_by}"
    starts = "" if version.effective_from is None else f", from {version.effective_from:{SHOWN}}"
    number = f"version {version.number} ({version.policy.sha256()[:12]})"
    return f"{number}: {version.state}, proposed by {version.proposed_by}{decided}{starts}"


def _named(feature: str) -> str:
    return "Everything" if feature == ALL else json.dumps(feature, ensure_ascii=False)
