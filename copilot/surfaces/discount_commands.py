"""`tenor discounts` and `tenor missed-discounts`: which to take, and why others were missed."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from copilot.errors import CopilotError
from copilot.surfaces.command_parts import MirrorOption, plain_errors, settings_of
from copilot.surfaces.simulate_commands import REFUSED, JsonOption, SeedOption, plain

if TYPE_CHECKING:
    from copilot.opportunities.discount_outcomes import DiscountPlan, EarlyPayment, LeftOut, RankedOffers
    from copilot.opportunities.missed_discounts import MissedTree
    from copilot.opportunities.treasury_policy import TreasuryPolicy

SHOWN = 50


def discounts(
    *,
    above: Annotated[str | None, typer.Option("--above", help="Only offers of this yearly yield, such as 12%.")] = None,
    hurdle: Annotated[str | None, typer.Option("--hurdle", help="Hurdle rate a year, such as 8%.")] = None,
    floor: Annotated[str | None, typer.Option("--floor", help="Cash that the company keeps.")] = None,
    policy_file: Annotated[Path | None, typer.Option("--policy", help="Treasury's policy (YAML).")] = None,
    why: Annotated[str | None, typer.Option("--why", help="Say why this invoice is in or out.")] = None,
    as_json: JsonOption = False,
    seed: SeedOption = 1,
    mirror: MirrorOption = None,
) -> None:
    """Choose early-payment discounts under the cash floors, with the proof and the reason of each.

    Example: tenor discounts --hurdle 8% --floor 5000000

    Exit code: 0 chosen or ranked, 1 error, 4 refused (no hurdle rate, a floor that breaks by itself).
    """
    from copilot.governance.treasury import treasury_policy  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (numpy and the solver; other commands need neither)
    from copilot.opportunities.discount_outcomes import DiscountsRefused, RankedOffers  # noqa: PLC0415
    from copilot.opportunities.discount_plan import plan_discounts  # noqa: PLC0415
    from copilot.opportunities.offer_reading import read_inputs  # noqa: PLC0415
    from copilot.opportunities.treasury_policy import load_policy  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        policy = _with_options(load_policy(policy_file) if policy_file else treasury_policy(settings), hurdle, floor)
        layer = open_layer(settings)
        found = plan_discounts(
            read_inputs(layer),
            policy,
            currency=settings.reporting_currency,
            least_yield=None if above is None else _rate(above),
            withheld="you see a part of the payables, and cash pays for all of them" if layer.viewer.rows else "",
            seed=seed,
        )
        if isinstance(found, DiscountsRefused):
            typer.echo(found.reason, err=True)
            raise typer.Exit(REFUSED)
        if as_json:
            content = {"kind": type(found).__name__, **plain(found), "mirror_version": layer.mirror_version}
            typer.echo(json.dumps(content, default=str, indent=2, ensure_ascii=False))
            return
        if why is not None:
            typer.echo(_why(found, why))
            return
        lines = _ranked_lines(found) if isinstance(found, RankedOffers) else _plan_lines(found)
        typer.echo("\n".join(lines))


def missed_discounts(
    *,
    start: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    end: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")] = None,
    stages_only: Annotated[bool, typer.Option("--stages-only", help="Name no approver.")] = False,
    as_json: JsonOption = False,
    mirror: MirrorOption = None,
) -> None:
    """Say why discounts were missed: reasons that add to the whole, down to approval stage and approver.

    Example: tenor missed-discounts --from 2026-07-01 --to 2026-09-30

    Without days: the last calendar quarter. Exit code: 0 told, 1 error.
    """
    from copilot.governance.treasury import treasury_policy  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415 (numpy and the solver; other commands need neither)
    from copilot.opportunities.missed_reading import last_quarter, read_missed  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        layer = open_layer(settings)
        first, last = last_quarter(layer.data_date)
        first, last = (start.date() if start else first), (end.date() if end else last)
        if first > last:
            raise CopilotError(f"The first day {first} is after the last day {last}; exchange them.")
        policy = treasury_policy(settings)
        currency = settings.reporting_currency
        found = read_missed(layer, policy, first, last, currency=currency, names=not stages_only)
        if as_json:
            content = {**plain(found), "approvers": plain(found.approvers), "mirror_version": layer.mirror_version}
            typer.echo(json.dumps(content, default=str, indent=2, ensure_ascii=False))
            return
        typer.echo("\n".join(_tree_lines(found)))


def _tree_lines(found: MissedTree) -> list[str]:
    lines = [
        f"Discounts missed {found.start} to {found.end}: {found.total:,.2f} {found.currency} on {found.offers} offers;"
    ]
    lines[0] += f" {found.lost:,.2f} of it without a decision"
    for branch in found.branches:
        kind = " (a decision, not a loss)" if branch.decision else ""
        lines.append(f"{branch.amount:>14,.2f}  {branch.share:>7.2%}  {branch.offers:>5}  {branch.reason}{kind}")
        lines += [
            f"{stage.amount:>14,.2f}           {stage.offers:>5}    {stage.stage} {_plain(stage.approver)}"
            for stage in branch.stages[:SHOWN]
        ]
    return lines


def _with_options(policy: TreasuryPolicy, hurdle: str | None, floor: str | None) -> TreasuryPolicy:
    """The policy with what the command line says instead."""
    if hurdle is not None:
        policy = policy.model_copy(update={"hurdle_percent": {"*": _rate(hurdle) * 100}})
    if floor is not None:
        floors = policy.floors.model_copy(update={"company": _amount(floor)})
        policy = policy.model_copy(update={"floors": floors})
    return policy


def _rate(text: str) -> Decimal:
    """As in "8%" or "0.08": a fraction."""
    value = _amount(text.removesuffix("%"))
    return value / 100 if text.endswith("%") or value > 1 else value


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text.strip().replace(",", "").replace("_", ""))
    except InvalidOperation:
        raise CopilotError(f"{text!r} is no number; write rates like 8% and amounts like 5000000.") from None
    if not value.is_finite() or value < 0:
        raise CopilotError(f"{text!r} cannot be: rates and floors are zero or more.")
    return value


def _rows(payments: list[tuple[EarlyPayment, str]]) -> list[str]:
    return [
        f"{p.pay_on}  {p.cash:>14,.2f}  saves {p.saved:>10,.2f}  {p.yearly_yield:>7.1%} a year"
        f"  (else {p.otherwise_on})  {route:16}  {p.number}, {_plain(p.supplier)}"
        for p, route in payments[:SHOWN]
    ]


def _plan_lines(found: DiscountPlan) -> list[str]:
    lines = [
        (
            f"Discounts to take as known on {found.as_of}, in {found.currency}: {len(found.taken)} invoices save"
            f" {found.saved:,.2f} for {found.cash:,.2f} of cash, worth {found.value:,.2f} after the hurdle"
        ),
        *_rows([(item.payload, item.route) for item in found.taken]),
        (
            f"At most {found.bound:,.2f} by any choice ({found.method}, gap {found.gap:.2%}); cash stays"
            f" {found.lowest_room:,.2f} above the floor, nearest on {found.lowest_day}"
        ),
        *(price.sentence for price in found.prices),
    ]
    if found.more_cash is not None:
        lines.append(f"With {found.more_cash.extra:,.0f} more cash: {found.more_cash.gain:,.2f} more")
    if found.method != "all fit":
        lines += [f"Rule of thumb, {name}: {loss:,.2f} less" for name, loss in found.lost_by_rule.items()]
    return [*lines, *_left(found.left_out)]


def _ranked_lines(found: RankedOffers) -> list[str]:
    return [
        f"No optimum: {found.missing}. {len(found.offers)} offers by their yearly yield, in {found.currency}:",
        *_rows([(offer, "no choice") for offer in found.offers]),
        *_left(found.left_out),
    ]


def _left(left: tuple[LeftOut, ...]) -> list[str]:
    return [
        f"Left out: {item.number}, {_plain(item.supplier)} ({item.saved:,.2f}): {item.reason}; {item.detail}"
        for item in left[:SHOWN]
    ]


def _why(found: DiscountPlan | RankedOffers, number: str) -> str:
    """The reason of one invoice, by its number or id. Raises CopilotError when there is no open offer of it."""
    for item in getattr(found, "taken", ()):
        if number in {item.payload.number, str(item.payload.document_id)}:
            return f"Taken ({item.route}): {'; '.join(item.rationale)}."
    for left in found.left_out:
        if number in {left.number, str(left.document_id)}:
            return f"Left out, {left.reason}: {left.detail}."
    raise CopilotError(f"There is no open discount offer on {number!r}; `tenor discounts` lists them.")


def _plain(name: str) -> str:
    from copilot.wording.quoting import clean  # noqa: PLC0415 (with the rest of the answer)

    return clean(name, 60)
