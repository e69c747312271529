"""Keys of time in sentences become words; numbers that only look like them stay."""

from __future__ import annotations

import pytest

from copilot.wording.dates_in_words import dates_in_words


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("figures run to 2026-11-21.", "figures run to 21 Nov 2026."),
        (
            "No time was named: 2026-10 against the month before.",
            "No time was named: Oct 2026 against the month before.",
        ),
        ("2026-Q3 is over; from 2026-07-01 to 2026-09-30", "Q3 2026 is over; from 1 Jul 2026 to 30 Sep 2026"),
        ("2026-02-30", "2026-02-30"),
        ("INV-2026-10, PO 2026-1004, 2026-10-2 and 12026-10", "INV-2026-10, PO 2026-1004, 2026-10-2 and 12026-10"),
        ("reports/2026-10-01", "reports/2026-10-01"),
    ],
)
def test_keys_become_words(text: str, told: str) -> None:
    """Days, months and quarters only."""
    assert dates_in_words(text) == told
