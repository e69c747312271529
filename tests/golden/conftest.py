"""The oracle's side of the comparison: the same company, read raw over HTTP."""

import sys
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company

_TESTS = str(Path(__file__).parents[1])
if _TESTS not in sys.path:
    sys.path.append(_TESTS)

from oracle.books import Books, open_books  # noqa: E402
from oracle.pages import read_company  # noqa: E402

SEED = 7
"""As in tests/conftest.py: another seed would be another company, and nothing would agree."""

Pages = Mapping[str, Sequence[Mapping[str, Any]]]


@pytest.fixture(scope="session")
def raw_pages(company_today: date) -> Pages:
    """The tiny company's records by resource, as Coupa writes them."""
    return read_company(create_app(build_company("tiny", SEED, company_today), rate_limit=False))


@pytest.fixture(scope="session")
def books(raw_pages: Pages, company_today: date) -> Books:
    """The tiny company's books up to yesterday."""
    return open_books(raw_pages, company_today - timedelta(days=1))


@pytest.fixture(scope="session")
def sister_books(raw_pages: Pages, company_today: date) -> Books:
    """What figures leave out by default: documents of intercompany suppliers, alone."""
    return open_books(raw_pages, company_today - timedelta(days=1), intercompany=True)
