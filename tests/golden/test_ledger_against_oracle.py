"""The days of the balance sheet against the ledger's own file, month by month and entity by entity."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from oracle.books import Books
from oracle.ledger import LEDGER_FIGURES, Ledger, read_ledger

from semantic_layer import MetricQuery, Period, SemanticLayer
from sync.sandbox.feeds import write_feeds

NAMES = tuple(LEDGER_FIGURES)
Pages = Mapping[str, Sequence[Mapping[str, Any]]]
CLOSE = Decimal("0.000001")


@pytest.fixture(scope="module")
def ledger(books: Books, company_today: date, tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """The file that the tiny company's ledger sent."""
    folder = tmp_path_factory.mktemp("feeds")
    paths = write_feeds(folder, "tiny", 7, company_today)
    return read_ledger(next(path for path in paths if path.name == "erp_totals.csv"), books.rates)


@pytest.fixture(scope="module")
def charts(raw_pages: Pages) -> Mapping[str, Mapping[str, str]]:
    """What each chart of accounts is called by dimension."""
    return {
        raw["name"]: {"buying_entity": raw["legal-entity-name"], "country": raw["primary-address"]["country"]["code"]}
        for raw in raw_pages["account_types"]
    }


def alike(ours: object, oracle: Decimal | None) -> bool:
    """Equal to a millionth of a day, or both without a figure."""
    return ours is oracle if oracle is None else isinstance(ours, Decimal) and abs(ours - oracle) <= CLOSE


@pytest.mark.parametrize("metric", NAMES)
def test_by_month(layer: SemanticLayer, ledger: Ledger, metric: str, company_today: date) -> None:
    """Every month of the data, those without twelve months behind them too, and the month in progress."""
    last = company_today - timedelta(days=1)
    query = MetricQuery(metrics=(metric,), group_by=("month",), period=Period(date(2024, 8, 1), last))
    shown = {str(row["month"]): row[metric] for row in layer.query(query).records()}
    figure = LEDGER_FIGURES[metric]
    for label, ours in shown.items():
        year, month = map(int, label.split("-"))
        end = min(date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1), last)
        assert alike(ours, figure(ledger, ledger.entities, end)), f"{metric} in {label}"
    assert len(shown) == 28
    assert sum(value is not None for value in shown.values()) >= 15


@pytest.mark.parametrize("metric", NAMES)
def test_by_entity(layer: SemanticLayer, ledger: Ledger, charts: Mapping[str, Mapping[str, str]], metric: str) -> None:
    """Each buying entity, under the name that its invoices carry."""
    day = date(2026, 6, 30)
    query = MetricQuery(metrics=(metric,), group_by=("buying_entity",), period=Period(day, day))
    shown = {str(row["buying_entity"]): row[metric] for row in layer.query(query).records()}
    expected = {
        charts[chart]["buying_entity"]: LEDGER_FIGURES[metric](ledger, [chart], day) for chart in ledger.entities
    }
    assert shown.keys() == {name for name, value in expected.items() if value is not None}
    assert all(alike(value, expected[name]) for name, value in shown.items())
