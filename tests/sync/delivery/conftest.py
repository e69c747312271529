"""A state store with an approved proposal, as the copilot leaves it, and a sandbox that takes writes."""

import datetime as dt
from pathlib import Path

import pytest

from sync.sandbox.company.company import Company, build_company
from tests.sync.delivery.post_office import PostOffice, approved_store, invoice_and_user


@pytest.fixture(scope="session")
def company() -> Company:
    """The tiny company of seed 7."""
    return build_company("tiny", 7, dt.date(2026, 11, 22))


@pytest.fixture(scope="session")
def approved(tmp_path_factory: pytest.TempPathFactory, company: Company) -> Path:
    """A state file in which one proposal of five actions was approved; tests copy it."""
    return approved_store(tmp_path_factory.mktemp("approved") / "state.db", *invoice_and_user(company))


@pytest.fixture
def office(approved: Path, company: Company, tmp_path: Path) -> PostOffice:
    """A copy of that file, and a sandbox of its own."""
    return PostOffice.over(approved, company, tmp_path)
