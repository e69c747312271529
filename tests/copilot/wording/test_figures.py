from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.wording import figures


@pytest.mark.parametrize(
    ("value", "unit", "short", "exact"),
    [
        ("12431220.15", "money:USD", "USD 12.4m", "USD 12,431,220.15"),
        ("999950", "money:USD", "USD 1.0m", "USD 999,950.00"),
        ("999949.99", "money:USD", "USD 999.9k", "USD 999,949.99"),
        ("1000", "money:EUR", "EUR 1.0k", "EUR 1,000.00"),
        ("950.005", "money:USD", "USD 950.01", "USD 950.01"),
        ("-1234567", "money:USD", "-USD 1.2m", "-USD 1,234,567.00"),
        ("-0.004", "money:USD", "USD 0.00", "USD 0.00"),
        ("2500000000", "money:USD", "USD 2.5bn", "USD 2,500,000,000.00"),
        ("1234567.8", "money:JPY", "JPY 1.2m", "JPY 1,234,568"),
        ("1.2345", "money:KWD", "KWD 1.235", "KWD 1.235"),
        ("47.25", "days", "47.3 days", "47.3 days"),
        ("1", "days", "1.0 days", "1.0 days"),
        ("-0.04", "days", "0.0 days", "0.0 days"),
        ("0.1815", "ratio", "18.2%", "18.2%"),
        ("-0.5", "ratio", "-50.0%", "-50.0%"),
        ("1204", "count", "1,204", "1,204"),
        ("0", "count", "0", "0"),
    ],
)
def test_numbers_read_as_people_write_them(value: str, unit: str, short: str, exact: str) -> None:
    """Money short in sentences and exact in tables, days and percent with one decimal, always rounded half up."""
    assert figures.headline(Decimal(value), unit) == short
    assert figures.exact(value, unit) == exact


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        ("1.8", "days", "+1.8 days"),
        ("-1.8", "days", "-1.8 days"),
        ("0.04", "days", "0.0 days"),
        ("-0.119", "ratio", "-11.9 percentage points"),
        ("-568779.85", "money:USD", "-USD 568.8k"),
        ("568779.85", "money:USD", "+USD 568.8k"),
        ("12", "count", "+12"),
    ],
)
def test_changes_carry_their_sign_and_zero_carries_none(value: str, unit: str, text: str) -> None:
    """A change that rounds to zero claims no direction."""
    assert figures.change(value, unit) == text
    assert figures.is_level(value, unit) == (text[0] not in "+-")


@pytest.mark.parametrize(("value", "unit"), [(None, "days"), ("n/a", "days"), (True, "count"), ("NaN", "ratio")])
def test_what_is_not_a_number_shows_as_nothing(value: str | bool | None, unit: str) -> None:
    """Missing, unreadable and boolean cells never become a number."""
    assert figures.headline(value, unit) == figures.NOTHING


def test_cells_under_a_head_carry_no_unit() -> None:
    """The head names currency and days; the cell holds the number alone."""
    assert figures.cell("-174.11", "money:USD") == "-174.11"
    assert figures.cell_change("174.11", "money:USD") == "+174.11"
    assert figures.cell_change("-1.25", "days") == "-1.3"
    assert figures.cell(0.182, "ratio") == "18.2%"


def test_dates_and_other_cells() -> None:
    """Dates read 30 Sep 2026 from both a date and its ISO text; booleans are words."""
    assert figures.day(date(2026, 9, 30)) == figures.exact("2026-09-30", "date") == "30 Sep 2026"
    assert figures.exact(value=True, unit="text") == "yes"
    assert figures.exact("not a date", "date") == "not a date"


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**18), max_value=10**18))
def test_money_survives_to_the_cent(amount: Decimal) -> None:
    """Amounts far beyond what a float can hold come back exactly from their table text."""
    text = figures.exact(amount, "money:USD")
    assert Decimal(text.replace("USD ", "").replace(",", "")) == amount


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**12), max_value=10**12))
def test_short_money_is_never_off_by_more_than_its_last_digit(amount: Decimal) -> None:
    """Rounding up to the next scale (999,950 to 1.0m) does not lose a factor of a thousand."""
    found = re.fullmatch(r"(-?)USD ([\d,.]+)(k|m|bn)?", figures.headline(amount, "money:USD"))
    assert found is not None
    scale = {"k": 10**3, "m": 10**6, "bn": 10**9, None: 1}[found[3]]
    size = Decimal(found[2].replace(",", "")) * scale
    assert abs(size - abs(amount)) <= Decimal("0.05") * scale
