"""Question -> plan, with no language model.

    gate -> tokens -> spelling -> spans -> slots -> decision

Every content word ends in a slot, in the stop list, or in a question back: a plan with a word left over is never run.
"""

from __future__ import annotations

from copilot.planning.plan import Clock, Plan
from copilot.reading.decision import decide
from copilot.reading.gate import turned_away
from copilot.reading.segmentation import segment, spell
from copilot.reading.slots import Slots, fill
from copilot.reading.vocabulary import Layer, Vocabulary
from copilot.reading.words import tokens


class RulePlanner:
    """Reads questions by the words of the semantic model and of the mirror's values. Deterministic; a few milliseconds."""

    def __init__(self, layer: Layer, reporting_currency: str = "USD", fiscal_year_start: int = 1) -> None:
        self.layer = layer
        self._reporting_currency = reporting_currency
        self._fiscal_year_start = fiscal_year_start
        self._vocabulary: tuple[str, Vocabulary] | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        """The words of the model and of the mirror's newest version."""
        version = self.layer.mirror_version
        if self._vocabulary is None or self._vocabulary[0] != version:
            self._vocabulary = (version, Vocabulary.build(self.layer))
        return self._vocabulary[1]

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan of a question that stands alone."""
        refusal = turned_away(question)
        if refusal is not None:
            return refusal
        return decide(question, self.slots(question, clock), self.layer, clock, self._fiscal_year_start)

    def slots(self, question: str, clock: Clock) -> Slots:
        """What the words of a question say, before any decision."""
        vocabulary = self.vocabulary
        spelling = spell(tokens(question), vocabulary)
        spans = segment(spelling.items, vocabulary, clock, self._fiscal_year_start)
        if any(span.one("ambiguous") for span in spans) and any(
            span.one("metric") or span.one("external") for span in spans
        ):
            spans = segment(spelling.items, vocabulary, clock, self._fiscal_year_start, ambiguous=False)
        slots = fill(spans, self.layer.model, self._reporting_currency)
        slots.notes = [*spelling.notes, *slots.notes]
        return slots
