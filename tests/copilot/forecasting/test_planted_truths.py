from __future__ import annotations

import json
from datetime import date, timedelta
from typing import Any

import duckdb
import numpy as np
import pytest

from copilot.forecasting.behaviour import Habit, habits, read_slow_approvers, suppliers_with_changed_terms
from copilot.forecasting.book_reading import read_book
from copilot.forecasting.cash_paths import Model, learn_model
from copilot.forecasting.current_terms import current_due_days
from copilot.forecasting.payment_timing import cells_of
from copilot.forecasting.terms_change import terms_change
from semantic_layer import SemanticLayer
from sync.sandbox import write_truth
from sync.sandbox.direct import write_mirror

TODAY = date(2026, 11, 22)
SEED = 11


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[SemanticLayer, dict[str, Any]]:
    """The small company and the truths that its generator planted; the names of the suppliers of its terms policy."""
    folder = tmp_path_factory.mktemp("planted")
    write_mirror(folder / "small.duckdb", "small", SEED, TODAY)
    write_truth(folder / "truth.json", "small", SEED, TODAY)
    truths = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(folder / "small.duckdb"), read_only=True) as connection:
        rows = connection.execute("SELECT id, name FROM suppliers").fetchall()
        entities = connection.execute(
            "SELECT DISTINCT account_type_id, COALESCE(legal_entity_name, account_type_name) FROM invoices"
        ).fetchall()
        login = truths["slow_approver"]["login"]
        users = connection.execute("SELECT login, fullname FROM users").fetchall()
    names, by_id, people = dict(rows), dict(entities), dict(users)
    truths["cohort"] = {names[key] for key in truths["terms_policy"]["supplier_ids"]}
    truths["early"] = by_id[truths["early_paying_entity"]["account_type_id"]]
    truths["dressing"] = by_id[truths["quarter_end_window_dressing"]["account_type_id"]]
    truths["slow"] = people[login]
    return SemanticLayer.load(folder / "small.duckdb"), truths


@pytest.fixture(scope="module")
def model(planted: tuple[SemanticLayer, dict[str, Any]]) -> Model:
    """What the forecast learns from it."""
    layer, _ = planted
    return learn_model(read_book(layer), layer.data_date)


def of_kind(model: Model, kind: str) -> list[Habit]:
    """What stands out, of one kind."""
    return [habit for habit in habits(model) if habit.kind == kind]


def test_the_entity_that_pays_early_is_found_and_forecast_early(
    planted: tuple[SemanticLayer, dict[str, Any]], model: Model
) -> None:
    """It alone stands out; and what it owes is forecast at least ten days before what others owe, against due dates."""
    _, truths = planted
    (found,) = of_kind(model, "early payment")
    assert found.name == truths["early"]
    assert found.value == pytest.approx(truths["early_paying_entity"]["days_beyond_terms"], abs=4.0)
    ledger, cells = model.ledger, cells_of(model.ledger)
    rows = np.flatnonzero((ledger.recognised_day <= ledger.due_day) & (ledger.invoice_day > model.today - 365))
    unpaid = model.timing.survival(
        model.rows[rows], cells.anchor[rows], cells.entry[rows], 200, ledger.buying_entity[rows]
    )
    against = cells.entry[rows] + unpaid.sum(axis=1) - ledger.due_day[rows]
    early = ledger.buying_entity[rows] == ledger.buying_entities.index(found.name)
    assert float(np.median(against[early])) < float(np.median(against[~early])) - 10.0


def test_the_entity_that_dresses_its_quarter_ends_is_found(
    planted: tuple[SemanticLayer, dict[str, Any]], model: Model
) -> None:
    """The one that holds payments back in the last days of quarters leads the list."""
    _, truths = planted
    found = of_kind(model, "thinned quarter end")
    assert found[0].name == truths["dressing"]
    assert found[0].value < 0.65 * found[0].usual


def test_the_change_of_terms_is_found(planted: tuple[SemanticLayer, dict[str, Any]], model: Model) -> None:
    """Superseded terms are mostly those of the policy's suppliers, and its first day lies between old and new."""
    _, truths = planted
    found = suppliers_with_changed_terms(model)
    assert len(found) >= 10
    assert len(found & truths["cohort"]) / len(found) >= 0.6
    assert len(truths["cohort"]) / len(model.ledger.suppliers) < 0.3
    ledger = model.ledger
    moved = np.flatnonzero(current_due_days(ledger) != ledger.due_day)
    last = np.zeros(len(ledger.suppliers), dtype=np.int64)
    np.maximum.at(last, ledger.supplier[moved], ledger.invoice_day[moved])
    policy = date.fromisoformat(truths["terms_policy"]["from"]).toordinal()
    mine = [code for code, name in enumerate(ledger.suppliers) if last[code] and name in truths["cohort"]]
    after = [ledger.invoice_day[(ledger.supplier == code) & (ledger.invoice_day > last[code])].min() for code in mine]
    around = [last[code] < policy <= first for code, first in zip(mine, after, strict=True)]
    assert float(np.mean(around)) >= 0.7
    (changed,) = of_kind(model, "changed terms")
    assert changed.value > 5.0


def test_the_day_and_the_size_of_the_change_of_terms_are_found(
    planted: tuple[SemanticLayer, dict[str, Any]], model: Model
) -> None:
    """Month 18: the planted day lies in the days that are named, within ten days of their middle; 15 days more, to one."""
    _, truths = planted
    found = terms_change(model.ledger)
    assert found is not None
    policy = date.fromisoformat(truths["terms_policy"]["from"])
    assert found.first <= policy <= found.last
    assert abs((found.middle - policy).days) <= 10
    assert abs(found.days - 15.0) <= 1.0
    before = learn_model(model.book, policy - timedelta(days=1))
    assert terms_change(before.ledger) is None  # nothing of it is known before


def test_the_slow_approver_is_found(planted: tuple[SemanticLayer, dict[str, Any]]) -> None:
    """The one who takes several times as long as all others leads the list."""
    layer, truths = planted
    found = read_slow_approvers(layer)
    assert found[0].name == truths["slow"]
    assert found[0].value > 2.0 * found[0].usual
