"""What keeps a question from being answered as it stands, in the order in which it is asked about.

Each doubt asks one question back, or refuses and says what works.
"""

from __future__ import annotations

from collections.abc import Callable

from copilot.planning.doubts_of_conditions import (
    bound_on_group,
    contradiction,
    either,
    illegal,
    no_credit_notes,
    no_reasons,
    share_of_some,
    two_currencies,
    wrong_currency,
    wrong_status,
)
from copilot.planning.doubts_of_figures import (
    age_or_money,
    best_of_neutral,
    largest_by_what,
    no_figure,
    ranked_by_change,
    ranked_by_what,
    share_of_what,
    uncounted,
    who_or_where,
)
from copilot.planning.doubts_of_time import from_when, same_a_year_back, several_periods, two_grains
from copilot.planning.doubts_of_words import absent, external, unclear, unresolved
from copilot.planning.plan import Plan
from copilot.planning.slots import Lexicon, Slots

Doubt = Callable[[str, Slots, Lexicon], Plan | None]
DOUBTS: tuple[Doubt, ...] = (
    external, unresolved, either, contradiction, two_currencies, wrong_status, no_credit_notes, no_reasons, share_of_some, uncounted, from_when, same_a_year_back, largest_by_what, who_or_where, age_or_money, ranked_by_what, best_of_neutral, ranked_by_change, wrong_currency, unclear, no_figure, absent, bound_on_group, several_periods, two_grains, share_of_what, illegal,
)  # fmt: skip

OUTFLOW_DOUBTS: tuple[Doubt, ...] = (unresolved, either, wrong_currency, unclear, absent, several_periods)
"""What can keep a forecast of cash from being made; it has no metric that could be missing or illegal."""
