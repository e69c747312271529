"""The same exam on a company out of an accountant's bad dreams, synced over HTTP as any Coupa is."""

import os
import subprocess
import sys
from datetime import date

import pytest
from golden.comparison import BUT_AGEING, ageing_by, ageing_over, asked, by_dimension, by_time, compare
from oracle.books import Books, open_books
from oracle.hard_company import LAST_DAY, hard_pages, served
from oracle.pages import read_company
from oracle.periods import Span, last_days, months

from semantic_layer import Filter, SemanticLayer
from sync.sandbox import running

LAST_YEAR = last_days(365, LAST_DAY)
TO_APRIL = Span(date(2025, 9, 1), date(2026, 4, 20))
ALL_MONTHS = Span(date(2025, 9, 1), LAST_DAY)
DIMENSIONS = (
    "supplier",
    "parent",
    "category",
    "buying_entity",
    "region",
    "currency",
    "payment_term",
    "status",
    "has_discount",
)
LONG_PAST = ("supplier", "parent", "buying_entity", "currency", "status")
"""The tiny company is asked for the other dimensions on a past day."""


@pytest.fixture(scope="module")
def hard_books() -> Books:
    """The hard company's books, read over its own HTTP."""
    return open_books(read_company(served(hard_pages())), LAST_DAY)


@pytest.fixture(scope="module")
def hard_layer(tmp_path_factory: pytest.TempPathFactory) -> SemanticLayer:
    """The semantic layer over a mirror of the hard company."""
    home = tmp_path_factory.mktemp("hard")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TENOR_")}
    command = [sys.executable, "-m", "sync", "once", "--today", "2026-11-22", "--mirror", str(home / "mirror")]
    with running(served(hard_pages())) as address:
        environment |= {
            "TENOR_COUPA_URL": address.url,
            "TENOR_COUPA_CLIENT_ID": address.client_id,
            "TENOR_COUPA_CLIENT_SECRET": address.client_secret,
            "TENOR_TOKEN_SETTLE_SECONDS": "0",
            "TENOR_REQUESTS_PER_SECOND": "0",
            "TENOR_LOOKBACK_MONTHS": "0",
        }
        run = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    assert run.returncode == 0, f"the sync failed:\n{run.stdout}\n{run.stderr}"
    return SemanticLayer.load(home / "mirror")


def test_nothing_was_set_aside(hard_layer: SemanticLayer, hard_books: Books) -> None:
    """Every document that counts came through: as many, and as much money, on both sides."""
    compare(
        asked(hard_layer, ("invoice_count", "spend"), ALL_MONTHS, ("currency",)),
        by_dimension(hard_books, "currency", ALL_MONTHS),
    )


@pytest.mark.parametrize(
    ("dimension", "span"),
    [*((name, LAST_YEAR) for name in DIMENSIONS), *((name, TO_APRIL) for name in LONG_PAST)],
    ids=lambda one: one if isinstance(one, str) else f"to {one.end}",
)
def test_all_metrics_in_one_table(hard_layer: SemanticLayer, hard_books: Books, dimension: str, span: Span) -> None:
    """Each dimension, with its unassigned, on the last day, and some on a past one."""
    compare(asked(hard_layer, BUT_AGEING, span, (dimension,)), by_dimension(hard_books, dimension, span))


@pytest.mark.parametrize("dimension", ["supplier", "region", "payment_term"])
def test_ageing(hard_layer: SemanticLayer, hard_books: Books, dimension: str) -> None:
    """Buckets of each group on a past day, those without a due date too."""
    ours = asked(hard_layer, ("ap_ageing",), TO_APRIL, (dimension, "ageing_bucket"))
    compare(ours, ageing_by(hard_books, dimension, TO_APRIL))


def test_by_month(hard_layer: SemanticLayer, hard_books: Books) -> None:
    """All metrics from the first month on, through the months in which rates are missing."""
    buckets = months(ALL_MONTHS)
    compare(asked(hard_layer, BUT_AGEING, ALL_MONTHS, ("month",)), by_time(hard_books, buckets, ALL_MONTHS))
    compare(
        asked(hard_layer, ("ap_ageing",), ALL_MONTHS, ("month", "ageing_bucket")),
        ageing_over(hard_books, buckets, ALL_MONTHS),
    )


def test_a_name_full_of_quotes_filters_like_any_other(hard_layer: SemanticLayer, hard_books: Books) -> None:
    """Quotes, a percent sign and SQL in a supplier's name are just letters."""
    name = next(label for label in hard_books.by("supplier") if "DROP" in label)
    narrowed = hard_books.narrowed(lambda one: one.labels["supplier"] == name)
    condition = Filter(field="supplier", op="=", values=(name,))
    compare(
        asked(hard_layer, BUT_AGEING, LAST_YEAR, ("category",), (condition,)),
        by_dimension(narrowed, "category", LAST_YEAR),
    )
