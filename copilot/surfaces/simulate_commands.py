"""`tenor simulate`: cash out, projected DPO and what-ifs from the terminal."""

from __future__ import annotations

import json
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from copilot.errors import CopilotError
from copilot.surfaces.command_parts import MirrorOption, fail, plain_errors, settings_of

if TYPE_CHECKING:
    from copilot.settings import Settings
    from copilot.simulations.levers import Lever, SavedScenario
    from copilot.simulations.outflow_outcomes import Chance, OutflowForecast
    from copilot.simulations.scenarios import Scenario, ScenarioOutcome

REFUSED = 4
DayOption = Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"])]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random numbers.")]

simulate_app = typer.Typer(
    name="simulate",
    help="Forecast cash out, and try changes before making them.\n\nExample: tenor simulate outflow --weeks 13",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@simulate_app.command()
def outflow(  # noqa: PLR0913 (the options of a command)
    *,
    weeks: Annotated[int, typer.Option("--weeks", help="Whole weeks ahead, 1 to 26.")] = 13,
    by: Annotated[str | None, typer.Option("--by", help="Break down by buying_entity, currency or supplier.")] = None,
    above: Annotated[str | None, typer.Option("--above", help="Chance of needing more than this in a week.")] = None,
    start: DayOption = None,
    end: DayOption = None,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the days for the treasury system.")] = None,
    as_json: JsonOption = False,
    late: Annotated[bool, typer.Option("--late", help="List invoices that will probably be paid late.")] = False,
    seed: SeedOption = 1,
    mirror: MirrorOption = None,
) -> None:
    """Cash that will probably leave for suppliers, week by week, with bands.

    Example: tenor simulate outflow --weeks 13 --above 40000000 --start 2026-12-01 --end 2026-12-31

    Exit code: 0 forecast, 1 error, 4 too little to go on.
    """
    from copilot.forecasting.book_reading import read_book  # noqa: PLC0415 (numpy; other commands need not)
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.simulations.backtest_report import backtest_file, load_calibration  # noqa: PLC0415
    from copilot.simulations.outflow import GROUPS, OutflowSettings, forecast_outflow  # noqa: PLC0415
    from copilot.simulations.outflow_outcomes import OutflowForecast  # noqa: PLC0415

    with plain_errors():
        if by is not None and by not in GROUPS:
            raise CopilotError(f"There is no breakdown {by!r}; choose one of {', '.join(GROUPS)}.")
        settings = settings_of(mirror)
        layer = open_layer(settings)
        calibration = load_calibration(backtest_file(settings.mirror))
        chosen = OutflowSettings(
            seed=seed,
            currency=settings.reporting_currency,
            groups=(by,) if by else (),
            mirror_version=layer.mirror_version,
        )
        found = forecast_outflow(
            read_book(layer), layer.data_date, weeks=weeks, settings=chosen, calibration=calibration
        )
        if not isinstance(found, OutflowForecast):
            missing = getattr(found, "reason", None) or "; ".join(getattr(found, "missing", ()))
            _refuse(f"No forecast: {missing}")
            return
        chance = _chance(found, above, start, end)
        if csv_file is not None:
            csv_file.write_text(found.to_csv(), encoding="utf-8")
        typer.echo(found.to_json() if as_json else "\n".join(_outflow_lines(found, by, chance, late=late)))


def _chance(found: OutflowForecast, above: str | None, start: datetime | None, end: datetime | None) -> Chance | None:
    if above is None:
        return None
    try:
        threshold = Decimal(above.replace(",", "").replace("_", ""))
        return found.chance_above(threshold, _day(start), _day(end))
    except InvalidOperation:
        raise CopilotError(f"{above!r} is no amount; write it like 40000000.") from None
    except IndexError as error:
        raise CopilotError(str(error)) from None


def _outflow_lines(found: OutflowForecast, by: str | None, chance: Chance | None, *, late: bool) -> list[str]:
    lines = [f"Cash out in {found.currency}, as known on {found.as_of}: expected, and the band of eight cases in ten"]
    rows = [(f"{week.start} to {week.end}", week.cash) for week in found.weeks]
    rows.append(("all together", found.total))
    rows += [(f"  {layer.name}", layer.cash) for layer in found.layers]
    if by is not None:
        rows += [(f"  {group.name}", group.cash) for group in found.groups[by]]
    width = max(len(label) for label, _ in rows)
    lines += [f"{label:{width}}  {cash.mean:>16,.0f}  {cash.low:>16,.0f}  {cash.high:>16,.0f}" for label, cash in rows]
    if chance is not None:
        lines.append(
            f"More than {chance.threshold:,.0f}: in at least one week from {chance.start} to {chance.end}"
            f" {chance.in_any_week:.1%}; in all of them together {chance.in_total:.1%}"
        )
    if late:
        lines.append("Probably late:")
        lines += [
            f"  {row.number}  {row.supplier}  {row.amount:,.2f}  due {row.due}  expected {row.expected or 'later'}"
            f"  {row.chance:.0%}"
            for row in found.late
        ]
    return [*lines, found.coverage.sentence]


@simulate_app.command()
def scenario(  # noqa: PLR0913 (the options of a command)
    *,
    add_days: Annotated[int | None, typer.Option("--add-days", help="Terms longer by so many days.")] = None,
    net_days: Annotated[int | None, typer.Option("--net-days", help="Terms of so many days.")] = None,
    top: Annotated[int, typer.Option("--top", help="Only the n largest suppliers.")] = 0,
    country: Annotated[list[str] | None, typer.Option("--country", help="Only suppliers of this country.")] = None,
    supplier: Annotated[list[str] | None, typer.Option("--supplier", help="Only this supplier.")] = None,
    category: Annotated[list[str] | None, typer.Option("--category", help="Only this category.")] = None,
    acceptance: Annotated[float, typer.Option("--acceptance", help="Share of suppliers that agree.")] = 1.0,
    ramp_days: Annotated[int, typer.Option("--ramp-days", help="Days until all have moved.")] = 0,
    run_days: Annotated[str | None, typer.Option("--run-days", help="Payment runs, such as Tue,Thu.")] = None,
    faster_approval: Annotated[float | None, typer.Option("--faster-approval", help="Such as 0.5.")] = None,
    stop_early: Annotated[int | None, typer.Option("--stop-early", help="Days before due still allowed.")] = None,
    capture: Annotated[float | None, typer.Option("--capture", help="Take offers above this yearly yield.")] = None,
    growth: Annotated[float | None, typer.Option("--growth", help="Spend growth, such as 0.1.")] = None,
    hurdle: Annotated[
        float | None, typer.Option("--hurdle", help="What a year of cash is worth: hurdle or revolver rate.")
    ] = None,
    floor: Annotated[str | None, typer.Option("--cash-floor", help="Cash to keep, with --capture.")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="A saved scenario (JSON) instead of options.")] = None,
    save: Annotated[str | None, typer.Option("--save", help="Save it under a name, or as a .json file.")] = None,
    days: Annotated[int, typer.Option("--days", help="Horizon in days, 7 to 366.")] = 182,
    as_json: JsonOption = False,
    seed: SeedOption = 1,
    mirror: MirrorOption = None,
) -> None:
    """Try a change: what happens to DPO and cash, which lever causes what, and what binds it.

    Example: tenor simulate scenario --net-days 60 --top 20 --acceptance 0.8

    Exit code: 0 simulated, 1 error, 4 refused (a legal limit, missing input).
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415 (only where levers are built)

    from copilot.simulations.levers import Lever, SavedScenario, range_sentence  # noqa: PLC0415
    from copilot.simulations.saved_scenarios import save_scenario  # noqa: PLC0415
    from copilot.simulations.scenarios import ScenarioOutcome  # noqa: PLC0415

    given = _levers(
        {
            "suppliers": supplier or [],
            "categories": category or [],
            "supplier_countries": [code.upper() for code in country or []],
            "top_suppliers": top,
        },
        add_days=add_days, net_days=net_days, acceptance=acceptance, ramp_days=ramp_days, run_days=run_days,
        faster=faster_approval, stop_early=stop_early, capture=capture, growth=growth, hurdle=hurdle, floor=floor,
    )  # fmt: skip
    with plain_errors():
        unused = _without_effect(
            given,
            file,
            selected=bool(top or country or supplier or category),
            paced=acceptance != 1.0 or ramp_days != 0,
        )
        if unused is not None:
            raise CopilotError(unused)
        try:
            if file is not None:
                saved = SavedScenario.model_validate_json(file.read_bytes())
            else:
                adapter: TypeAdapter[Lever] = TypeAdapter(Lever)
                levers = tuple(adapter.validate_python(item) for item in given)
                name = Path(save).stem if save is not None else "scenario"
                saved = SavedScenario(name=name, levers=levers, horizon_days=days, seed=seed)
        except ValidationError as error:
            raise CopilotError(f"{range_sentence(error)}.") from None
        settings = settings_of(mirror)
        (found,), version = _run([saved], settings)
        if not isinstance(found, ScenarioOutcome):
            _refuse(found.reason)
            return
        if save is not None:
            kept = save_scenario(saved, save, settings.mirror)
            typer.echo(f"Saved as {kept}; compare it with `tenor simulate compare {saved.name} OTHER`", err=True)
        typer.echo(_scenario_json(found, version) if as_json else "\n".join(_scenario_lines(found)))


def _run(scenarios: list[SavedScenario], settings: Settings) -> tuple[list[Scenario], str]:
    """The outcome of each scenario on one reading of the mirror, and the mirror's version."""
    from copilot.forecasting.book_reading import read_book  # noqa: PLC0415 (numpy; other commands need not)
    from copilot.forecasting.cash_feed import read_cash  # noqa: PLC0415
    from copilot.governance.treasury import treasury_policy  # noqa: PLC0415
    from copilot.layer_opening import open_layer  # noqa: PLC0415
    from copilot.opportunities.kept_terms import read_kept_terms  # noqa: PLC0415
    from copilot.simulations.lever_effects import floor_of  # noqa: PLC0415
    from copilot.simulations.scenarios import simulate  # noqa: PLC0415

    layer = open_layer(settings)
    book = read_book(layer)
    kept = read_kept_terms(layer, treasury_policy(settings))
    cash = read_cash(layer) if any(floor_of(one.levers) is not None for one in scenarios) else None
    found = [
        simulate(
            book,
            layer.data_date,
            one.levers,
            horizon_days=one.horizon_days,
            seed=one.seed,
            currency=settings.reporting_currency,
            cash=cash,
            kept=kept,
        )
        for one in scenarios
    ]
    return found, layer.mirror_version


@simulate_app.command()
def compare(
    names: Annotated[list[str], typer.Argument(help="Saved scenarios: names, or .json files.")],
    *,
    as_json: JsonOption = False,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="One seed for all [default: the first's].")] = None,
    mirror: MirrorOption = None,
) -> None:
    """Run saved scenarios on the same data, horizon and random numbers, side by side.

    Example: tenor simulate compare net-60 tuesdays

    Exit code: 0 compared, 1 error, 4 one of them is refused.
    """
    from copilot.simulations.saved_scenarios import load_scenario, side_by_side  # noqa: PLC0415 (numpy)
    from copilot.simulations.scenarios import ScenarioOutcome  # noqa: PLC0415

    with plain_errors():
        settings = settings_of(mirror)
        saved = [load_scenario(name, settings.mirror) for name in names]
        same = {"horizon_days": saved[0].horizon_days, "seed": saved[0].seed if seed is None else seed}
        saved = [one.model_copy(update=same) for one in saved]
        found, version = _run(saved, settings)
        outcomes = []
        for one, outcome in zip(saved, found, strict=True):
            if not isinstance(outcome, ScenarioOutcome):
                _refuse(f"{one.name}: {outcome.reason}")
                return
            outcomes.append((one.name, outcome))
        if as_json:
            content = [{"name": name, **plain(outcome)} for name, outcome in outcomes]
            typer.echo(json.dumps({"mirror_version": version, "scenarios": content}, default=str, indent=2))
        else:
            typer.echo("\n".join(side_by_side(outcomes)))


@simulate_app.command()
def saved(*, mirror: MirrorOption = None) -> None:
    """List the saved scenarios.

    Example: tenor simulate saved
    """
    from copilot.simulations.saved_scenarios import saved_scenarios  # noqa: PLC0415 (pydantic models of levers)

    with plain_errors():
        found = saved_scenarios(settings_of(mirror).mirror)
        for one in found:
            kinds = ", ".join(lever.kind.replace("_", " ") for lever in one.levers)
            typer.echo(f"{one.name}: {kinds}; {one.horizon_days} days, seed {one.seed}")
        if not found:
            typer.echo("No scenario is saved yet; save one with `tenor simulate scenario … --save NAME`.")


def _without_effect(given: list[dict[str, Any]], file: Path | None, *, selected: bool, paced: bool) -> str | None:
    """Which options would change nothing, so that nobody takes the outcome for theirs; None when all do."""
    kinds = {lever["kind"] for lever in given}
    if file is not None and (given or selected or paced):
        return "A saved scenario holds its own levers; give --file or levers, not both."
    if paced and "extend_terms" not in kinds:
        return "--acceptance and --ramp-days are about longer terms; give --add-days or --net-days with them."
    if selected and given and kinds <= WHOLE:
        return "A hurdle rate and a cash floor are of the whole company; leave out the choice of suppliers."
    return None


WHOLE = frozenset({"hurdle_rate", "cash_floor"})
"""Levers of the whole company, which select no documents."""
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _levers(selection: dict[str, Any], **given: Any) -> list[dict[str, Any]]:
    """The levers that the options mean, as plain values."""
    found: list[dict[str, Any]] = []
    if given["add_days"] is not None or given["net_days"] is not None:
        terms = {"kind": "extend_terms", "acceptance": str(given["acceptance"]), "ramp_days": given["ramp_days"]}
        if given["add_days"] is not None:
            terms["add_days"] = given["add_days"]
        if given["net_days"] is not None:
            terms["net_days"] = given["net_days"]
        found.append(terms)
    if given["run_days"] is not None:
        words = [word.strip().lower()[:3] for word in given["run_days"].split(",") if word.strip()]
        unknown = [word for word in words if word not in WEEKDAYS]
        if unknown:
            fail(f"{unknown[0]!r} is no weekday; write them like Tue,Thu.")
        found.append({"kind": "run_days", "weekdays": [WEEKDAYS.index(word) for word in words]})
    simple = {
        "approval_speed": ("faster", given["faster"]),
        "stop_early_payment": ("tolerance_days", given["stop_early"]),
        "capture_discounts": ("hurdle", given["capture"]),
        "spend_growth": ("growth", given["growth"]),
        "hurdle_rate": ("rate", given["hurdle"]),
        "cash_floor": ("floor", None if given["floor"] is None else given["floor"].replace(",", "").replace("_", "")),
    }
    for kind, (name, value) in simple.items():
        if value is not None:
            found.append({"kind": kind, name: value if isinstance(value, int) else str(value)})
    return [lever if lever["kind"] in WHOLE else {**lever, "selection": selection} for lever in found]


def _scenario_lines(found: ScenarioOutcome) -> list[str]:
    cash = found.one_off_cash
    lines = [
        f"At {found.horizon}, against doing nothing ({found.paths} paths, the same random numbers in both):",
        (
            f"DPO {found.dpo_baseline.median} -> {found.dpo_scenario.median} days:"
            f" {found.change_dpo.mean:+} ({found.change_dpo.low:+} to {found.change_dpo.high:+})"
        ),
        f"One-off cash released: {cash.mean:,.0f} {found.currency} ({cash.low:,.0f} to {cash.high:,.0f})",
        (
            f"Benefit per year: {found.yearly_benefit:,.0f} {found.currency}, of it discounts"
            f" {found.discounts_won_a_year:,.0f}; suppliers' cost per year {found.supplier_cost:,.0f}"
        ),
        f"Paid late, by amount: {found.late_share_baseline:.1%} -> {found.late_share_scenario:.1%}",
        "By lever (exact Shapley split): days of DPO, one-off cash, benefit per year",
    ]
    lines += [
        f"  {share.kind:20}  {share.dpo:+8}  {share.one_off_cash:>16,.0f}  {share.yearly_benefit:>14,.0f}"
        for share in found.split
    ]
    if found.cash is not None:
        held = found.cash
        lines.append(
            f"Cash never below {held.floor:,.0f}? Lowest expected {held.lowest_baseline:,.0f} ->"
            f" {held.lowest_scenario:,.0f} on {held.lowest_day}; chance to fall below on any day"
            f" {held.chance_below_baseline:.0%} -> {held.chance_below_scenario:.0%}"
        )
    lines += [f"{'Binding' if guard.binding else 'Note'}: {guard.name}: {guard.detail}" for guard in found.guards]
    lines += [f"Assumed: {item.name}: {item.value} ({item.source})" for item in found.assumptions]
    failed = [check for check in found.checks if not check.passed]
    return lines + [f"Check {check.name} did not pass: {check.detail}" for check in failed]


def _scenario_json(found: ScenarioOutcome, version: str) -> str:
    content = {**plain(found), "mirror_version": version}
    return json.dumps(content, default=str, indent=2, ensure_ascii=False)


def plain(value: Any) -> Any:
    """Dataclasses, named tuples and pydantic models as plain values for JSON."""
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "_asdict"):
        return {name: plain(item) for name, item in value._asdict().items()}
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return value


def _refuse(sentence: str) -> None:
    typer.echo(sentence, err=True)
    raise typer.Exit(REFUSED)


def _day(value: datetime | None) -> date | None:
    return None if value is None else value.date()
