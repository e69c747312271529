"""Which planner reads a question, and what happens when two of them disagree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeGuard

from copilot.language_model import LanguageModel
from copilot.planning.description import describe
from copilot.planning.model_budget import Allowance, Budget, Ledger, MemoryLedger
from copilot.planning.model_planner import UNCLEAR, ModelPlanner, NoReading
from copilot.planning.model_values import Shield
from copilot.planning.plan import Choice, Clarify, Clock, MetricPlan, Plan, Refuse
from copilot.planning.rule_planner import RulePlanner
from copilot.planning.slots import Lexicon, Slots
from copilot.planning.sql_drafting import SqlDrafter
from copilot.planning.vocabulary import Layer
from copilot.settings import Settings

WIDENED = frozenset({"UNMAPPED_WORDS", "UNKNOWN_METRIC"})
"""Refusals of the rules for want of words: what a language model may know."""
ALONE = "The language model could not be asked, so the rules read this alone."


class Planner(Protocol):
    """Reads questions. Nothing that a person can type makes it raise."""

    @property
    def lexicon(self) -> Lexicon:
        """The words, the model and the company's conventions that plans are made with."""

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan of a question that stands alone."""

    def slots(self, question: str, clock: Clock, figures: Sequence[str] = ()) -> Slots:
        """What the words of a follow-up say; `figures` are the metrics of the answer before."""

    def plan_of(self, question: str, slots: Slots, clock: Clock) -> Plan:
        """The plan that slots amount to."""


class SecondOpinion:
    """The rules read first, a language model reads too.

    Where both read a figure and differ, the asker sees both readings. With `confirm`, a reading that only the model has
    is asked about before it runs.
    """

    def __init__(self, rules: RulePlanner, model: ModelPlanner, *, confirm: bool = True) -> None:
        self._rules = rules
        self._model = model
        self._confirm = confirm

    @property
    def lexicon(self) -> Lexicon:
        """The rules' lexicon."""
        return self._rules.lexicon

    @property
    def tokens_used(self) -> tuple[int, int]:
        """Tokens that the model has read and written since this planner was made."""
        return self._model.tokens_used

    def plan(self, question: str, clock: Clock) -> Plan:
        """The rules' plan where it stands, the model's where the rules lack words, a question where the two differ."""
        ours = self._rules.plan(question, clock)
        if not isinstance(ours, MetricPlan) and not _lacks_words(ours):
            return ours
        theirs = self._model.plan(question, clock)
        if isinstance(theirs, NoReading):
            return _noted(ours, theirs.why)
        if isinstance(ours, Refuse):
            return self._confirmed(ours, theirs, clock) if self._confirm else theirs
        if ours.query.identity() == theirs.query.identity():
            return ours
        return self._both(question, ours, theirs, clock)

    def slots(self, question: str, clock: Clock, figures: Sequence[str] = ()) -> Slots:
        """What the rules read."""
        return self._rules.slots(question, clock, figures)

    def plan_of(self, question: str, slots: Slots, clock: Clock) -> Plan:
        """What the rules decide."""
        return self._rules.plan_of(question, slots, clock)

    def _confirmed(self, ours: Refuse, theirs: MetricPlan, clock: Clock) -> Plan:
        """The model's reading as a question that the rules read back; one that cannot be put so stays refused."""
        text = describe(theirs, self._rules.layer.model)
        again = self._rules.plan(text, clock)
        if not (isinstance(again, MetricPlan) and again.query.identity() == theirs.query.identity()):
            return ours
        return Clarify(
            reason="UNMAPPED_WORDS",
            question="Only the language model has a reading of this. Is this what you mean?",
            choices=(Choice(label=text, question=text), *ours.choices[:2]),
            coverage=theirs.coverage,
        )

    def _both(self, question: str, ours: MetricPlan, theirs: MetricPlan, clock: Clock) -> Plan:
        """Both readings as questions that the rules read back; a reading that cannot be put so is only mentioned."""
        model = self._rules.layer.model
        texts = (describe(ours, model), describe(theirs, model))
        again = self._rules.plan(texts[1], clock)
        readable = isinstance(again, MetricPlan) and again.query.identity() == theirs.query.identity()
        if texts[0] == texts[1] or question in texts or not readable:
            return (
                _noted(ours, f"The language model read this otherwise: {texts[1]}.") if texts[0] != texts[1] else ours
            )
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question="This can be read in two ways. Which one do you mean?",
            choices=tuple(Choice(label=text, question=text) for text in texts),
            coverage=ours.coverage,
        )


def _lacks_words(plan: Plan) -> TypeGuard[Refuse]:
    """Whether the rules read the question and stumbled over words; what the gate turned away has no coverage."""
    return isinstance(plan, Refuse) and plan.reason in WIDENED and bool(plan.coverage)


def _noted(plan: MetricPlan | Refuse, note: str) -> MetricPlan | Refuse:
    """The plan with a note; a refusal, which carries no figure, says only that the rules read alone."""
    if isinstance(plan, MetricPlan):
        return plan.model_copy(update={"notes": (*plan.notes, note)})
    return plan if note == UNCLEAR else plan.model_copy(update={"message": f"{plan.message} {ALONE}"})


def budget_of(settings: Settings) -> Budget:
    """What the settings let a language model use, and its prices."""
    return Budget(
        settings.model_tokens_per_question,
        settings.model_tokens_per_day,
        settings.model_cost_per_day,
        settings.model_price_in,
        settings.model_price_out,
    )


def planner_for(
    layer: Layer,
    settings: Settings,
    examples: Iterable[str] = (),
    ledger: Ledger | None = None,
) -> Planner:
    """The rule planner; with a model's address in the settings, the model beside it.

    `examples` are questions that the rules are known to read rightly, for the model to go by; `ledger` keeps what it used.
    """
    rules = _rules(layer, settings)
    endpoint = _endpoint(settings)
    if endpoint is None:
        return rules
    model = ModelPlanner(
        rules,
        endpoint,
        examples=examples,
        allowance=Allowance(budget_of(settings), ledger or MemoryLedger()),
        sharing=settings.model_values,
        mode=settings.model_reads,
    )
    return SecondOpinion(rules, model, confirm=settings.model_confirms or settings.model_reads == "figure")


def drafter_for(layer: Layer, settings: Settings, ledger: Ledger | None = None) -> SqlDrafter | None:
    """What drafts a SELECT where somebody asks for one; None without a model's address in the settings."""
    endpoint = _endpoint(settings)
    if endpoint is None:
        return None
    shield = Shield(_rules(layer, settings), settings.model_values)
    return SqlDrafter(endpoint, shield, Allowance(budget_of(settings), ledger or MemoryLedger()))


def _rules(layer: Layer, settings: Settings) -> RulePlanner:
    return RulePlanner(layer, settings.reporting_currency, settings.fiscal_year_start, settings.time_zone())


def _endpoint(settings: Settings) -> LanguageModel | None:
    if not (settings.model_base_url and settings.model_name):
        return None
    from copilot.chat_completions import OpenAICompatibleModel  # noqa: PLC0415 (takes half a second to import)

    return OpenAICompatibleModel(
        settings.model_base_url, settings.model_name, settings.model_api_key, settings.model_timeout
    )
