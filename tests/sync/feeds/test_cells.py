import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.feeds import cells
from sync.feeds.cells import CellError
from sync.feeds.drafts import Notation

PLAIN = Notation()
GERMAN = Notation(decimal=",", thousands=".")
amounts = st.decimals(min_value=-(10**22), max_value=10**22, places=4, allow_nan=False, allow_infinity=False)


@given(amounts)
def test_money_keeps_every_digit(amount: Decimal) -> None:
    """What was written with four decimals is what is stored."""
    assert cells.money(f"{amount:f}", PLAIN) == amount


@given(amounts)
def test_money_reads_declared_commas_and_groups(amount: Decimal) -> None:
    """A German export means the same amount as an American one."""
    written = f"{amount:,.4f}".translate(str.maketrans(",.", ".,"))
    assert cells.money(written, GERMAN) == amount


@given(st.text(max_size=12))
def test_a_cell_is_a_finite_number_or_refused(written: str) -> None:
    """No text becomes infinite, not a number, or an error of another kind."""
    for notation in (PLAIN, GERMAN):
        try:
            assert cells.money(written, notation).is_finite()
        except CellError:
            continue


@pytest.mark.parametrize(
    "written",
    [
        "1e400",
        "1e5",
        "NaN",
        "inf",
        "-Infinity",
        "0x10",
        "1_000",
        "١٢٣",
        "(100)",
        "$5",
        "1,234",
        "1 234",
        "--1",
        "",
        "1.",
    ],
)
def test_numbers_of_other_kinds_are_refused(written: str) -> None:
    """Exponents, words, other scripts' digits, groups that were not declared: none of them is guessed."""
    with pytest.raises(CellError):
        cells.money(written, PLAIN)


def test_more_decimals_than_are_kept_are_refused_unless_they_are_zeros() -> None:
    """Nothing is rounded in silence."""
    with pytest.raises(CellError, match="more than 4 decimals"):
        cells.money("1.00005", PLAIN)
    assert cells.money("1.000100", PLAIN) == Decimal("1.0001")


def test_a_comma_in_place_of_a_point_names_the_way_out() -> None:
    """The message says what to declare."""
    with pytest.raises(CellError, match="--decimal"):
        cells.money("1234,56", PLAIN)


def test_amounts_beyond_the_columns_range_are_refused() -> None:
    """The table holds amounts below 10^23... and a cell beyond it never reaches the database."""
    with pytest.raises(CellError, match="too large"):
        cells.money("1" + "0" * 23, PLAIN)


@pytest.mark.parametrize(
    "written",
    ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "a\u202eb", "a\u200bb", "a\x00b", "a\tb", "\u2066x", "x" * 201, "a\u2028b"],
)
def test_hostile_text_is_refused(written: str) -> None:
    """Formulas, direction marks, zero-width marks and control characters do not enter."""
    with pytest.raises(CellError):
        cells.text(written, PLAIN)


@given(st.text(alphabet=st.characters(categories=("L", "Nd")), min_size=1, max_size=40))
def test_ordinary_text_stays_readable(written: str) -> None:
    """Letters and digits of any script pass, in composed form; typing them again changes nothing."""
    once = cells.text(written, PLAIN)
    assert cells.text(once, PLAIN) == once


@given(st.dates(dt.date(1990, 1, 1), dt.date(2100, 12, 31)))
def test_dates_round_trip_in_any_declared_form(day: dt.date) -> None:
    """A date is what its form says."""
    for form in ("%Y-%m-%d", "%d.%m.%Y", "%m/%d/%Y"):
        assert cells.date(day.strftime(form), Notation(date_format=form)) == day


@pytest.mark.parametrize("written", ["2026-02-30", "2026-1-5", "05.01.2026", " 2026-01-05", "1066-10-14", "9999-01-01"])
def test_other_dates_are_refused(written: str) -> None:
    """No such day, another form, or outside the years that make sense."""
    with pytest.raises(CellError):
        cells.date(written, PLAIN)


@pytest.mark.parametrize(("written", "first"), [("2026-10", 1), ("2026-10-31", 1), ("2026-10-01", 1)])
def test_a_month_is_its_first_day(written: str, first: int) -> None:
    """A month or any day of it."""
    assert cells.month(written, PLAIN) == dt.date(2026, 10, first)


def test_words_and_codes_suggest_what_was_meant() -> None:
    """A slip of the pen is named with its neighbour."""
    with pytest.raises(CellError, match="did you mean cogs"):
        cells.one_of("cogs", "revenue")("cog", PLAIN)
    with pytest.raises(CellError, match="did you mean EUR"):
        cells.currency("EURO", PLAIN)
    with pytest.raises(CellError):
        cells.currency("usd", PLAIN)


@pytest.mark.parametrize(("term", "days"), [("P1D", 1), ("P6W", 42), ("P3M", 91), ("P1Y", 365), ("P1Y6M", 547)])
def test_terms_have_days(term: str, days: int) -> None:
    """A year is 365 days and a month a twelfth of it."""
    assert cells.tenor_days(cells.tenor(term, PLAIN)) == days


@pytest.mark.parametrize("written", ["P", "3M", "PT1H", "P3", "p3m"])
def test_other_terms_are_refused(written: str) -> None:
    """Only ISO 8601 durations of days and longer."""
    with pytest.raises(CellError):
        cells.tenor(written, PLAIN)


@pytest.mark.parametrize("written", ["0", "-1", "1.0", "01", "9" * 19, "x"])
def test_only_ids_are_ids(written: str) -> None:
    """A whole number above zero that the column can hold."""
    with pytest.raises(CellError):
        cells.identifier(written, PLAIN)
