from __future__ import annotations

from datetime import date

import pytest

from copilot.wording.period_words import bucket_periods, key_words, period_key, period_words, when
from semantic_layer.periods import Period


@pytest.mark.parametrize(
    ("start", "end", "key", "words", "with_preposition"),
    [
        ((2026, 9, 30), (2026, 9, 30), "2026-09-30", "30 Sep 2026", "on 30 Sep 2026"),
        ((2026, 10, 1), (2026, 10, 31), "2026-10", "Oct 2026", "in Oct 2026"),
        ((2026, 7, 1), (2026, 9, 30), "2026-Q3", "Q3 2026 (Jul–Sep)", "in Q3 2026 (Jul–Sep)"),
        ((2026, 1, 1), (2026, 12, 31), "2026", "2026", "in 2026"),
        ((2026, 11, 16), (2026, 11, 22), "2026-W47", "16 to 22 Nov 2026", "from 16 to 22 Nov 2026"),
        ((2026, 1, 1), (2026, 11, 21), "2026-01-01/2026-11-21", "1 Jan to 21 Nov 2026", "from 1 Jan to 21 Nov 2026"),
        (
            (2025, 11, 22),
            (2026, 11, 21),
            "2025-11-22/2026-11-21",
            "22 Nov 2025 to 21 Nov 2026",
            "from 22 Nov 2025 to 21 Nov 2026",
        ),
    ],
)
def test_periods_have_a_key_and_words(
    start: tuple[int, int, int], end: tuple[int, int, int], key: str, words: str, with_preposition: str
) -> None:
    """Whole calendar periods go by name, other ranges by their days."""
    period = Period(date(*start), date(*end))
    assert period_key(period) == key
    assert period_words(period) == words
    assert when(period) == with_preposition


def test_fiscal_quarters_and_years_name_their_months() -> None:
    """With a year that starts in July, Q1 2027 is July to September 2026."""
    quarter = Period(date(2026, 7, 1), date(2026, 9, 30))
    assert period_words(quarter, fiscal_year_start=7) == "Q1 2027 (Jul–Sep)"
    year = Period(date(2026, 7, 1), date(2027, 6, 30))
    assert period_words(year, fiscal_year_start=7) == "FY 2027 (Jul 2026–Jun 2027)"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("2026-Q3", "Q3 2026"),
        ("2026-10", "Oct 2026"),
        ("2026-13", "2026-13"),
        ("2026-W47", "week 47 of 2026"),
        ("2026", "2026"),
        ("2026-09-30", "30 Sep 2026"),
        ("2026-01-01/2026-11-21", "1 Jan to 21 Nov 2026"),
        ("anything\u202e else", "anything else"),
    ],
)
def test_keys_read_back_as_words(key: str, words: str) -> None:
    """What the JSON carries can be shown without knowing the plan; what is no key is cleaned."""
    assert key_words(key) == words


def test_buckets_are_found_by_label_and_by_first_day() -> None:
    """A row may carry either; a bucket that the period cuts is known by the bucket's own first day, too."""
    found = bucket_periods(Period(date(2026, 10, 15), date(2026, 11, 21)), "month")
    assert (
        found["2026-10"]
        == found["2026-10-01"]
        == found["2026-10-15"]
        == Period(date(2026, 10, 15), date(2026, 10, 31), "2026-10")
    )
    assert found["2026-11"].end == date(2026, 11, 21)
