"""What a question says, slot by slot, and the sheet on which the passes mark what they have read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, tzinfo
from decimal import Decimal
from typing import Literal

from copilot.planning.plan import Clock, Covered, OpportunityView, ProposalState
from copilot.planning.tagging import Span
from copilot.planning.time_reading import TimeReading
from copilot.planning.vocabulary import Layer, Meaning, Vocabulary
from copilot.simulations.levers import Lever
from semantic_layer.model import SemanticModel
from semantic_layer.periods import Grain, Period
from semantic_layer.query import Comparison, Filter, Having, Window

SHORTEST_YEAR = 360
"""Days: a period at least as long is a year."""

OutflowView = Literal[
    "cash", "chance", "late", "run", "accruals", "week", "balance", "floor", "shortfall", "after_run", "position"
]
Signal = Literal["trend", "top", "share", "define", "forecast", "change", "list", "why", "level", "scenario"]


THEN = "that time a year ago"
"""What "same quarter last year" covers where it stands alone."""


@dataclass(frozen=True)
class Unclear:
    """Words that fit several values, days or doings: where they stand, and what each reading would be written as."""

    words: str
    start: int
    end: int
    meanings: tuple[Meaning, ...] = ()
    days: tuple[str, ...] = ()
    doings: tuple[tuple[str, str], ...] = ()
    """(as it would be written, what was done) each."""


@dataclass(frozen=True)
class DiscountAsk:
    """A choice of discounts, or why some were missed: what is shown of it, the least yearly yield (a fraction), and whether for the next run."""

    shows: Literal["choice", "cash", "missed"] = "choice"
    least_yield: Decimal | None = None
    next_run: bool = False


@dataclass(frozen=True)
class OpportunityAsk:
    """What to do beside discounts: a net term that is named, or an approval step and the days it should take."""

    shows: OpportunityView
    net_days: int | None = None
    stage: int | None = None
    within_days: int | None = None
    state: ProposalState | None = None


@dataclass
class Slots:
    """What the passes collect. `unresolved` are content words that nothing accounts for."""

    metrics: list[str] = field(default_factory=list)
    externals: list[str] = field(default_factory=list)
    vague: list[str] = field(default_factory=list)
    """Terms with several figures behind them."""
    group_by: list[str] = field(default_factory=list)
    filters: list[Filter] = field(default_factory=list)
    having: list[Having] = field(default_factory=list)
    unclear: list[Unclear] = field(default_factory=list)
    bound_on_group: tuple[str, Comparison, Decimal] | None = None
    """A bound that may hold for each invoice or for each group: (words, operator, value)."""
    absent: list[tuple[str, str]] = field(default_factory=list)
    """(dimension, value) of values people know but the mirror does not hold."""
    wrong_currency: str | None = None
    period: TimeReading | None = None
    until: str = ""
    """The word by which the period runs up to the day that is named ("due by Friday")."""
    extra_periods: list[str] = field(default_factory=list)
    compare: TimeReading | None = None
    compare_grain: Grain | None = None
    """Compared with the bucket before (month over month), or for "year" with a year earlier."""
    same_back: tuple[str, Period] | None = None
    """The unit of "same quarter last year" where nothing says what it is held against, and that time."""
    time_role: str | None = None
    limit: int | None = None
    limit_per: list[str] = field(default_factory=list)
    """Groupings within each of which the limit holds ("in each region")."""
    focus: tuple[str, str] | None = None
    """(dimension, value) of the group whose share is asked for."""
    known_on: date | None = None
    """The day of knowledge: later arrivals and corrections do not count."""
    documents: bool = False
    """Invoices are named as what is counted or listed."""
    rolling: Window | None = None
    ranked_by: str | None = None
    """The figure that orders the rows where several are shown ("top 4 by overdue")."""
    uncounted: str = ""
    """A figure in money or percent of which a number of documents is asked."""
    largest_of: str = ""
    """The link of "of our top 20 suppliers" beside a figure that does not say who is large."""
    asker: Literal["", "who", "where"] = ""
    """A question word of which it is not said what there should be a row of."""
    by_age_or_money: str = ""
    """Ranking words that can mean days or money ("most overdue")."""
    either: tuple[str, str] | None = None
    """Two conditions on different things that are joined by "or"."""
    descending: bool | None = None
    by_direction: Literal["best", "worst"] | None = None
    levers: list[Lever] = field(default_factory=list)
    """What a what-if changes."""
    out_of_range: list[str] = field(default_factory=list)
    discounts: DiscountAsk | None = None
    """Which discounts to take."""
    opportunity: OpportunityAsk | None = None
    """What to do beside discounts."""
    outflow: OutflowView | None = None
    """What is asked about cash ahead."""
    threshold: Decimal | None = None
    weeks: int | None = None
    run_day: date | None = None
    week_number: int | None = None
    """A week of the forecast that a follow-up opens: 1 is the first whole week ahead."""
    worst: bool = False
    other: str | None = None
    """A second figure that the first is told apart from, by name; it may be one that needs outside data."""
    claimed: Literal["up", "down"] | None = None
    """Which way the asker says the figure went."""
    currency: str | None = None
    target: Decimal | None = None
    signals: set[Signal] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    coverage: tuple[Covered, ...] = ()
    unresolved: list[tuple[str, str]] = field(default_factory=list)
    """(words, the word before them)."""

    def coverage_of(self, slot: str) -> str:
        """The words of the question that one slot took first; empty where none did."""
        return next((covered.words for covered in self.coverage if covered.slot == slot), "")

    @property
    def deadline(self) -> date | None:
        """The day that "by year end" means, which lies ahead as "by the end of the year" does; None for other words."""
        reading = self.period
        if reading is None or reading.ahead is None or self.until != "by" or not reading.end_only:
            return None
        return reading.ahead.end if reading.ahead.days >= SHORTEST_YEAR else None

    @property
    def share_asked(self) -> bool:
        """Whether shares of a whole are wanted."""
        return "share" in self.signals

    def add_filter(self, new: Filter) -> None:
        """A filter beside those that are there; several values of one dimension on the same side widen it."""
        wider = {"=": "in", "in": "in", "!=": "not in", "not in": "not in"}
        for index, old in enumerate(self.filters):
            if old.field == new.field and old.op in wider and wider.get(new.op) == wider[old.op]:
                values = tuple(dict.fromkeys((*old.values, *new.values)))
                op = wider[old.op] if len(values) > 1 else old.op
                update = {"op": op, "values": values, "words": f"{old.words}, {new.words}"}
                self.filters[index] = Filter.model_validate(old.model_dump() | update)
                return
        self.filters.append(new)

    def group(self, name: str) -> None:
        """One more grouping, once."""
        if name not in self.group_by:
            self.group_by.append(name)


@dataclass(frozen=True)
class Lexicon:
    """What words are read against: the layer, the vocabulary built from it, and the company's conventions."""

    layer: Layer
    vocabulary: Vocabulary
    reporting_currency: str = "USD"
    fiscal_year_start: int = 1
    zone: tzinfo = UTC
    """In which the company's days end."""


class Sheet:
    """The spans of one question. A pass looks at free spans and takes those it can account for."""

    def __init__(
        self, question: str, spans: Sequence[Span], lexicon: Lexicon, clock: Clock, figures: Sequence[str] = ()
    ) -> None:
        self._context = tuple(figures)
        self.question = question
        self.spans = tuple(spans)
        self.layer = lexicon.layer
        self.model: SemanticModel = lexicon.layer.model
        self.vocabulary = lexicon.vocabulary
        self.clock = clock
        self.fiscal_year_start = lexicon.fiscal_year_start
        self.reporting_currency = lexicon.reporting_currency
        self.slots = Slots()
        self._taken: list[Covered | None] = [None] * len(self.spans)
        self._heads: set[int] = set()

    @property
    def figures(self) -> tuple[str, ...]:
        """The metrics of the question, else those of the answer that a follow-up is about."""
        return tuple(self.slots.metrics) or self._context

    def __len__(self) -> int:
        return len(self.spans)

    def span(self, at: int) -> Span | None:
        """The span at a place, or None beyond the ends."""
        return self.spans[at] if 0 <= at < len(self.spans) else None

    def text(self, at: int) -> str:
        """Folded words at a place; empty beyond the ends."""
        return self.spans[at].text if 0 <= at < len(self.spans) else ""

    def word(self, at: int) -> str:
        """Stem of a plain word at a place; empty for everything else."""
        return self.spans[at].stem if 0 <= at < len(self.spans) else ""

    def is_free(self, at: int) -> bool:
        """Whether the place exists and nothing has accounted for it yet."""
        return 0 <= at < len(self.spans) and self._taken[at] is None

    def slot(self, at: int) -> str:
        """The slot that took a place; empty when it is free or beyond the ends."""
        covered = self._taken[at] if 0 <= at < len(self.spans) else None
        return covered.slot if covered else ""

    def free(self) -> tuple[int, ...]:
        """The places nothing has accounted for."""
        return tuple(at for at in range(len(self.spans)) if self._taken[at] is None)

    def meaning(self, at: int, slot: str) -> str | None:
        """What a place that a slot took was read as; None when another slot took it, or none."""
        covered = self._taken[at] if 0 <= at < len(self.spans) else None
        return covered.meaning if covered and covered.slot == slot else None

    def covered(self, at: int) -> str:
        """The words that one slot took at a place; empty where nothing did."""
        covered = self._taken[at] if 0 <= at < len(self.spans) else None
        return covered.words if covered else ""

    def amount(self, at: int) -> bool:
        """Whether a number stands at a place."""
        return 0 <= at < len(self.spans) and self.spans[at].amount is not None

    def take(self, at: int, slot: str, meaning: str = "", count: int = 1) -> None:
        """Account for `count` spans from a place with one slot."""
        words = self.question[self.spans[at].start : self.spans[at + count - 1].end]
        for place in range(at, at + count):
            self._taken[place] = Covered(words=words, slot=slot, meaning=meaning)
        self._heads.add(at)

    def left(self, at: int, skipping: Collection[str] = ()) -> int:
        """The nearest place to the left whose word is not skipped; -1 when there is none."""
        place = at - 1
        while place >= 0 and self.word(place) in skipping and self.word(place):
            place -= 1
        return place

    def coverage(self) -> tuple[Covered, ...]:
        """What became of every piece of the question, in its order."""
        return tuple(taken for at, taken in enumerate(self._taken) if taken is not None and at in self._heads)

    def has_value(self, dimension: str, value: str) -> bool:
        """Whether the mirror holds a value."""
        return Meaning("value", dimension, value) in self.vocabulary.frequency
