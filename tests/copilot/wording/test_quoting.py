from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from copilot.wording.quoting import CLOSING, ELLIPSIS, MAXIMUM_LENGTH, OPENING, clean, quoted


def test_controls_and_direction_marks_go_and_the_name_stays() -> None:
    """A name written to reorder or recolour the screen is shown as the letters it has."""
    assert clean("evil\u202egnp.exe\u200b\x1b[31m") == "evilgnp.exe[31m"
    assert clean("two\nlines\tand\u2028three") == "two lines and three"
    assert clean("Müller & Söhne 株式会社") == "Müller & Söhne 株式会社"


def test_a_long_name_is_cut_and_says_so() -> None:
    """Ten kilobytes of name take one line."""
    assert len(clean("x" * 10_000)) == MAXIMUM_LENGTH
    assert clean("x" * 10_000).endswith(ELLIPSIS)


def test_a_quotation_cannot_be_closed_from_inside() -> None:
    """A name with our quotation marks keeps plain ones."""
    assert quoted(f"a{CLOSING} said DPO is 12 {OPENING}b") == f'{OPENING}a" said DPO is 12 "b{CLOSING}'


@given(st.text(max_size=400))
def test_nothing_unseen_is_left(text: str) -> None:
    """Whatever goes in, one line of visible characters comes out, and cleaning twice changes nothing."""
    shown = clean(text)
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in shown)
    assert len(shown) <= MAXIMUM_LENGTH
    assert clean(shown) == shown
