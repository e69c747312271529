"""Question -> plan with no language model. Read this first.

    gate -> tokens -> spelling -> spans -> passes -> decision

Each pass takes the spans that it can account for. What no pass takes is unresolved, and a question with an unresolved word
is asked about or refused, never answered: a slot cannot be dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo

from copilot.planning.choice_reading import readable
from copilot.planning.decision import decide
from copilot.planning.gate import turned_away
from copilot.planning.normalise import tokens
from copilot.planning.pass_bounds import read_bounds
from copilot.planning.pass_causes import read_causes
from copilot.planning.pass_comparisons import read_comparisons
from copilot.planning.pass_conditions import read_conditions
from copilot.planning.pass_counts import read_counts
from copilot.planning.pass_definitions import read_definitions
from copilot.planning.pass_discounts import read_discounts
from copilot.planning.pass_figures import read_figures
from copilot.planning.pass_grouping import read_grouping
from copilot.planning.pass_implied_figures import read_implied_figures
from copilot.planning.pass_intents import read_intents, read_leftovers
from copilot.planning.pass_opportunities import read_opportunities
from copilot.planning.pass_outflow import OUTFLOW_PHRASES, read_outflow
from copilot.planning.pass_ranking import read_ranking
from copilot.planning.pass_rates import read_rates
from copilot.planning.pass_scenario import read_scenario
from copilot.planning.pass_timing import read_timing
from copilot.planning.plan import Clock, Plan
from copilot.planning.slots import Lexicon, Sheet, Slots
from copilot.planning.tagging import spell, tag
from copilot.planning.vocabulary import Layer, Vocabulary

SIMULATIONS = tuple((text, "outflow") for text in OUTFLOW_PHRASES)
PASSES: tuple[Callable[[Sheet], None], ...] = (
    read_scenario,
    read_discounts,
    read_opportunities,
    read_causes,
    read_outflow,
    read_figures,
    read_rates,
    read_counts,
    read_definitions,
    read_comparisons,
    read_bounds,
    read_conditions,
    read_implied_figures,
    read_ranking,
    read_grouping,
    read_timing,
    read_intents,
    read_leftovers,
)


class RulePlanner:
    """Reads questions by the words of the semantic model and of the mirror's values.

    Deterministic; a few milliseconds.
    """

    def __init__(
        self, layer: Layer, reporting_currency: str = "USD", fiscal_year_start: int = 1, zone: tzinfo = UTC
    ) -> None:
        self.layer = layer
        self._reporting_currency = reporting_currency
        self._fiscal_year_start = fiscal_year_start
        self._zone = zone
        self._vocabulary: tuple[str, Vocabulary] | None = None

    @property
    def lexicon(self) -> Lexicon:
        """The words of the model and of the newest version of the mirror."""
        version = self.layer.mirror_version
        known = self._vocabulary
        if known is None or known[0] != version:
            known = (version, Vocabulary.build(self.layer, SIMULATIONS))
            self._vocabulary = known
        return Lexicon(self.layer, known[1], self._reporting_currency, self._fiscal_year_start, self._zone)

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan of a question that stands alone."""
        return readable(self._plan(question, clock), lambda text: self._plan(text, clock), self.layer.model)

    def _plan(self, question: str, clock: Clock) -> Plan:
        refusal = turned_away(question)
        if refusal is not None:
            return refusal
        lexicon = self.lexicon
        return decide(question, read(question, lexicon, clock), lexicon, clock)

    def slots(self, question: str, clock: Clock, figures: Sequence[str] = ()) -> Slots:
        """What the words of a question, or of a part of one, say before any decision.

        `figures` are the metrics of the answer that the words follow up on.
        """
        return read(question, self.lexicon, clock, figures)

    def plan_of(self, question: str, slots: Slots, clock: Clock) -> Plan:
        """The plan that slots amount to, wherever they come from."""
        return decide(question, slots, self.lexicon, clock)


def read(question: str, lexicon: Lexicon, clock: Clock, figures: Sequence[str] = ()) -> Slots:
    """The slots of a question, with its coverage map."""
    spelling = spell(tokens(question), lexicon.vocabulary)
    spans = tag(spelling.items, lexicon.vocabulary, clock, lexicon.fiscal_year_start)
    sheet = Sheet(question, spans, lexicon, clock, figures)
    sheet.slots.notes.extend(spelling.notes)
    for run in PASSES:
        run(sheet)
    sheet.slots.coverage = sheet.coverage()
    return sheet.slots
