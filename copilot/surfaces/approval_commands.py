"""`tenor approvals`: recommendations proposed, decided by others, and followed until they are in Coupa."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.errors import CopilotError, GovernanceError
from copilot.governance.actions import Outreach, OutsideCoupa, PaymentRunFile
from copilot.governance.casebook import Case
from copilot.governance.outcomes import Approved, Deciding, Proposed, Proposing, Refused, Rejected, StillNeeds, Voided
from copilot.surfaces.command_parts import MirrorOption, TodayOption, plain_errors, settings_of
from copilot.surfaces.governance_parts import AsOption, Chambers, chambers, granted

if TYPE_CHECKING:
    from copilot.opportunities.discount_outcomes import DiscountPlan, EarlyPayment
    from copilot.opportunities.recommendation import Recommendation

approvals_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Propose, decide, and follow what goes to Coupa."
)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `tenor approvals list` shows it.")]
SHOWN = "%Y-%m-%d %H:%M UTC"
NAMES = ("number", "supplier")
"""Text of others in a payment run's list, which a spreadsheet must not run."""


@approvals_app.command()
def propose(
    invoices: Annotated[
        list[str] | None, typer.Argument(metavar="[INVOICE]...", help="Numbers; without any, the next run's.")
    ] = None,
    *,
    most: Annotated[int, typer.Option("--most", min=1, help="At most so many.")] = 20,
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Propose recommended early payments under the policy in force; other people decide.

    Example: tenor approvals propose BW-2026-0117

    Exit code: 0 all proposed, 1 error, 4 something was refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        outcomes = [_say(title, outcome) for title, outcome in _propose(here, invoices or [], most)]
        if not outcomes:
            typer.echo("No early payment is recommended now; `tenor discounts` says why.")
        raise typer.Exit(4 if any(isinstance(outcome, Refused) for outcome in outcomes) else 0)


@approvals_app.command(name="list")
def list_cases(
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that are settled, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """List open proposals, with who must decide and until when.

    Example: tenor approvals list
    """
    with plain_errors(), chambers(settings_of(mirror), today=today) as here:
        here.desk.expire()
        cases = here.desk.cases(open_only=not every)
        if as_json:
            typer.echo(json.dumps([plain_case(case) for case in cases], indent=2, ensure_ascii=False))
            return
        for case in cases:
            typer.echo(_summary(case))
        if not cases:
            typer.echo("Nothing waits for a decision." if not every else "Nothing was proposed yet.")


@approvals_app.command()
def show(
    key: IdArgument,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON, the evidence included.")] = False,
    mirror: MirrorOption = None,
) -> None:
    """Show a proposal whole: why, what exactly would be sent, who decided, and what became of it.

    Example: tenor approvals show 1a2b3c4d5e6f7a8b
    """
    with plain_errors(), chambers(settings_of(mirror)) as here:
        case = here.desk.case(key)
        typer.echo(json.dumps(plain_case(case), indent=2, ensure_ascii=False) if as_json else "\n".join(_whole(case)))


@approvals_app.command()
def approve(
    key: IdArgument,
    *,
    seen: Annotated[str, typer.Option("--hash", help="The hash you saw: refused if what is stored differs.")] = "",
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Say yes to what somebody else proposed.

    Example: tenor approvals approve 1a2b3c4d5e6f7a8b --hash 5f0c2c0e

    Exit code: 0 decided, 1 error, 4 refused or void.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        _decided(here.desk.approve(key, here.actor, payload_hash=seen))


@approvals_app.command()
def reject(
    key: IdArgument,
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why, for its maker and for the record.")] = "",
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Say no to what somebody else proposed.

    Example: tenor approvals reject 1a2b3c4d5e6f7a8b --reason "cash is short that week"

    Exit code: 0 decided, 1 error, 4 refused or void.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        _decided(here.desk.reject(key, here.actor, reason))


@approvals_app.command()
def withdraw(
    key: IdArgument, *, acting_as: AsOption = None, today: TodayOption = None, mirror: MirrorOption = None
) -> None:
    """Take back what you proposed yourself.

    Example: tenor approvals withdraw 1a2b3c4d5e6f7a8b

    Exit code: 0 taken back, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        _decided(here.desk.withdraw(key, here.actor))


@approvals_app.command(name="hand-out")
def hand_out(
    key: IdArgument,
    *,
    folder: Annotated[Path, typer.Option("--to", help="Folder for the files.")] = Path(),
    acting_as: AsOption = None,
    today: TodayOption = None,
    mirror: MirrorOption = None,
) -> None:
    """Write the drafts and lists of an approved proposal as files; nothing is sent.

    Example: tenor approvals hand-out 1a2b3c4d5e6f7a8b --to approved

    Exit code: 0 written, 1 error, 4 refused.
    """
    with plain_errors(), chambers(settings_of(mirror), acting_as, today) as here:
        folder.mkdir(parents=True, exist_ok=True)
        files = granted(here.desk.hand_out(key, here.actor))
        for number, file in enumerate(files, start=1):
            typer.echo(f"Written: {_write(file, folder, f'{key}-{number}')}")
        if not files:
            typer.echo("It holds no draft and no list: everything in it goes to Coupa.")


def plain_case(case: Case) -> dict[str, Any]:
    """A proposal with all that happened to it, as plain values."""
    return {
        "id": case.id,
        "state": case.state,
        "maker": case.maker,
        "made_at": case.made_at.isoformat(),
        "expires_at": case.expires_at.isoformat(),
        "payload_hash": case.payload_hash,
        "evidence_hash": case.proposal.evidence_hash(),
        "needs": list(case.needs),
        "decisions": [{**vars(one), "decided_at": one.decided_at.isoformat()} for one in case.decisions],
        "effects": [vars(one) for one in case.effects],
        "deliveries": [delivery.plain() for delivery in case.proposal.deliveries()],
        "proposal": case.proposal.plain(),
    }


def _propose(here: Chambers, numbers: Sequence[str], most: int) -> list[tuple[str, Proposing]]:
    """Computes the choice of discounts under the policy in force, and proposes what was asked for."""
    from copilot.governance.early_payments import early_payment, savings_on  # noqa: PLC0415 (numpy and the solver)
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (as above)
    from copilot.opportunities.discount_outcomes import DiscountPlan  # noqa: PLC0415 (as above)
    from copilot.opportunities.discount_plan import plan_discounts  # noqa: PLC0415 (as above)
    from copilot.opportunities.offer_reading import read_inputs  # noqa: PLC0415 (as above)

    version = here.register.in_force()
    if version is None:
        raise GovernanceError("No policy is in force yet. Propose one with `tenor policy propose FILE`.")
    layer = open_layer(here.settings)
    plan = plan_discounts(read_inputs(layer), version.policy.treasury, currency=here.settings.reporting_currency)
    if not isinstance(plan, DiscountPlan):
        raise CopilotError(getattr(plan, "reason", "") or f"No choice can be made: {getattr(plan, 'missing', '')}.")
    outcomes: list[tuple[str, Proposing]] = []
    project = version.policy.targets.savings_project
    for found in _chosen(plan, numbers)[:most]:
        with here.store.reading() as connection:
            savings = savings_on(connection, project or 0)
        proposal = early_payment(found, plan, version, layer.mirror_version, savings)
        outcomes.append((proposal.title, here.desk.propose(proposal, here.actor)))
    return outcomes


def _chosen(plan: DiscountPlan, numbers: Sequence[str]) -> list[Recommendation[EarlyPayment]]:
    """The recommendations of these invoices, or of the next run. Raises GovernanceError for one that is not there."""
    if not numbers:
        return [one for one in plan.taken if plan.runs and one.payload.pay_on == plan.runs[0][0]]
    known = {name: one for one in plan.taken for name in (one.payload.number, str(one.payload.document_id))}
    for number in numbers:
        if number not in known:
            raise GovernanceError(
                f"Paying {number!r} early is not recommended; `tenor discounts --why {number}` says why."
            )
    return [known[number] for number in numbers]


def _say(title: str, outcome: Proposing | Deciding) -> Proposing | Deciding:
    match outcome:
        case Proposed():
            needs = " and ".join(outcome.offices)
            typer.echo(f"{outcome.id}  {title}: waits for {needs} (hash {outcome.payload_hash[:12]})")
        case Approved():
            by = "by the policy's standing decision" if outcome.by_policy else "now"
            queued = f"{len(outcome.keys)} actions are queued for Coupa" if outcome.keys else "nothing goes to Coupa"
            files = f"; {outcome.files} files to hand out" if outcome.files else ""
            typer.echo(f"{outcome.id}  {title}: approved {by}; {queued}{files}")
        case StillNeeds():
            typer.echo(f"{outcome.id}  {title}: your yes counts; {' and '.join(outcome.offices)} must still decide")
        case Rejected():
            typer.echo(f"{outcome.id}  {title}: rejected; nothing is sent")
        case Voided():
            typer.echo(f"{outcome.id}  {title}: void, since {outcome.why}")
        case Refused():
            typer.echo(f"Refused ({outcome.control}) {title}: {outcome.why}", err=True)
    return outcome


def _decided(outcome: Deciding) -> None:
    if isinstance(_say("Decision", outcome), Refused | Voided):
        raise typer.Exit(4)


def _summary(case: Case) -> str:
    proposal = case.proposal
    money = f"{proposal.amount:,.2f} {proposal.currency}, worth {proposal.benefit:,.2f}"
    if case.state == "open":
        return f"{case.id}  {proposal.title} ({money}): {' and '.join(case.needs)} by {case.expires_at:{SHOWN}}"
    states = ", ".join(f"{effect.kind} {effect.state}" for effect in case.effects)
    return f"{case.id}  {proposal.title} ({money}): {case.state}{f'; {states}' if states else ''}"


def _whole(case: Case) -> list[str]:
    proposal = case.proposal
    lines = [
        _summary(case),
        f"Proposed by {case.maker}, {case.made_at:{SHOWN}}, under version {proposal.policy} of the policy",
        f"Payload {case.payload_hash}",
        f"Evidence {proposal.evidence_hash()}",
        *(f"- {reason}" for reason in proposal.rationale),
        "Exactly this goes to Coupa:",
    ]
    for delivery in proposal.deliveries():
        body = json.dumps(dict(delivery.request.body), ensure_ascii=False)
        lines.append(f"  {delivery.request.method} /api/{delivery.request.path} {body}")
    lines += [
        f"{one.verdict} by {one.checker} as {one.office}"
        f"{f' for {one.on_behalf_of}' if one.on_behalf_of else ''}, {one.decided_at:{SHOWN}} {one.reason}".rstrip()
        for one in case.decisions
    ]
    for effect in case.effects:
        remote = f", id {effect.remote_id} in Coupa" if effect.remote_id else ""
        trouble = f": {effect.trouble}" if effect.trouble else ""
        lines.append(f"{effect.kind} on {effect.object}: {effect.state}{remote}{trouble}")
    return lines


def _write(file: OutsideCoupa, folder: Path, name: str) -> Path:
    from copilot.rendering.table_file import disarmed  # noqa: PLC0415 (needed here only)

    match file:
        case Outreach():
            path = folder / f"{name}.txt"
            path.write_text(f"To: {file.supplier}\nSubject: {file.subject}\n\n{file.text}\n", encoding="utf-8")
        case PaymentRunFile():
            path = folder / f"{name}.csv"
            with path.open("w", newline="", encoding="utf-8") as stream:
                rows = [line.model_dump(mode="json") for line in file.lines]
                writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(
                    {**row, "number": disarmed(row["number"]), "supplier": disarmed(row["supplier"])} for row in rows
                )
    return path
