"""Scenarios that people keep: one JSON file each, in a folder beside the mirror, and several of them side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from copilot.errors import CopilotError
from copilot.simulations.backtest_report import backtest_file
from copilot.simulations.levers import SavedScenario
from copilot.simulations.scenarios import ScenarioOutcome

FOLDER = "scenarios"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,60}")


def folder_of(mirror: Path) -> Path:
    """Where the scenarios of a mirror are kept."""
    return backtest_file(mirror).parent / FOLDER


def save_scenario(scenario: SavedScenario, name: str, mirror: Path) -> Path:
    """Write a scenario under a name, or to a file when the name ends in .json; raises CopilotError for a bad name."""
    if name.endswith(".json"):
        path = Path(name)
    elif NAME.fullmatch(name):
        path = folder_of(mirror) / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        raise CopilotError(f"{name!r} is no name for a scenario; use letters, digits, spaces, dots and dashes.")
    path.write_text(scenario.model_dump_json(indent=2), encoding="utf-8")
    return path


def load_scenario(name: str, mirror: Path) -> SavedScenario:
    """The scenario of a name or a .json file; raises CopilotError when there is none or it cannot be read."""
    path = Path(name) if name.endswith(".json") else folder_of(mirror) / f"{name}.json"
    if not path.is_file():
        known = ", ".join(one.name for one in saved_scenarios(mirror)) or "none yet"
        raise CopilotError(f"There is no saved scenario {name!r}; there are: {known}.")
    try:
        found = SavedScenario.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise CopilotError(f"{path.name} is no scenario: {first['msg']}. Save it again.") from None
    return found.model_copy(update={"name": path.stem})


def saved_scenarios(mirror: Path) -> tuple[SavedScenario, ...]:
    """All scenarios kept beside a mirror, by name; files that are none are passed over."""
    found = []
    for path in sorted(folder_of(mirror).glob("*.json")):
        try:
            found.append(SavedScenario.model_validate_json(path.read_bytes()).model_copy(update={"name": path.stem}))
        except ValidationError:
            continue
    return tuple(found)


def side_by_side(outcomes: Sequence[tuple[str, ScenarioOutcome]]) -> list[str]:
    """A column per scenario, the baseline first, as lines of text; all have the same baseline."""
    first = outcomes[0][1]
    rows: list[tuple[str, list[str]]] = [
        ("", ["as it is", *(name for name, _ in outcomes)]),
        ("DPO, days", [f"{first.dpo_baseline.median}", *(f"{one.dpo_scenario.median}" for _, one in outcomes)]),
        ("  change, mean", ["", *(f"{one.change_dpo.mean:+}" for _, one in outcomes)]),
        ("one-off cash", ["", *(f"{one.one_off_cash.mean:,.0f}" for _, one in outcomes)]),
        ("  in eight of ten cases from", ["", *(f"{one.one_off_cash.low:,.0f}" for _, one in outcomes)]),
        ("  to", ["", *(f"{one.one_off_cash.high:,.0f}" for _, one in outcomes)]),
        ("benefit a year", ["", *(f"{one.yearly_benefit:,.0f}" for _, one in outcomes)]),
        ("suppliers' cost a year", ["", *(f"{one.supplier_cost:,.0f}" for _, one in outcomes)]),
        (
            "paid late, by amount",
            [f"{first.late_share_baseline:.1%}", *(f"{one.late_share_scenario:.1%}" for _, one in outcomes)],
        ),
        ("limits that bind", ["", *(str(sum(guard.binding for guard in one.guards)) for _, one in outcomes)]),
    ]
    head = (
        f"At {first.horizon}, in {first.currency}, as known on {first.as_of}:"
        f" {first.paths} paths, the same random numbers (seed {first.seed}) in every column"
    )
    wide = max(len(label) for label, _ in rows)
    columns = [max(len(cells[place]) for _, cells in rows) for place in range(len(outcomes) + 1)]
    lines = [
        "  ".join([f"{label:{wide}}", *(f"{cell:>{size}}" for cell, size in zip(cells, columns, strict=True))]).rstrip()
        for label, cells in rows
    ]
    return [head, *lines]
