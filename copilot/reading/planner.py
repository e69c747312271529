"""Which planner reads a question, and what happens when two of them disagree."""

from __future__ import annotations

from typing import Protocol

from copilot.language_model import OpenAICompatibleModel
from copilot.planning.plan import Choice, Clarify, Clock, MetricPlan, Plan, Refuse
from copilot.reading.model_planner import ModelPlanner
from copilot.reading.rule_planner import RulePlanner
from copilot.reading.slots import Slots
from copilot.reading.vocabulary import Layer
from copilot.settings import Settings


class Planner(Protocol):
    """Reads one question that stands alone."""

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan; never raises for what a person may type."""

    def slots(self, question: str, clock: Clock) -> Slots:
        """What the words say, for edits of an earlier plan."""


class SecondOpinion:
    """The rules read first; the model is asked where they would refuse for want of words.

    When both read a figure and the readings differ, the asker sees both.
    """

    def __init__(self, rules: RulePlanner, model: ModelPlanner) -> None:
        self._rules = rules
        self._model = model

    def plan(self, question: str, clock: Clock) -> Plan:
        """The rules' plan where it stands, the model's where the rules have none, a question where they differ."""
        ours = self._rules.plan(question, clock)
        if isinstance(ours, Refuse) and ours.reason not in {"UNMAPPED_WORDS", "UNKNOWN_METRIC", "UNKNOWN_VALUE"}:
            return ours
        theirs = self._model.plan(question, clock)
        if theirs is None or not isinstance(theirs, MetricPlan):
            return ours
        if isinstance(ours, Refuse):
            note = "Read by the language model; please check the reading."
            return theirs.model_copy(update={"notes": (*theirs.notes, note)})
        if isinstance(ours, MetricPlan) and ours.query.identity() != theirs.query.identity():
            return self._both(question, ours, theirs)
        return ours

    def slots(self, question: str, clock: Clock) -> Slots:
        """What the rules read."""
        return self._rules.slots(question, clock)

    def _both(self, question: str, ours: MetricPlan, theirs: MetricPlan) -> Clarify:
        model = self._rules.layer.model
        readings = [words_of(plan, model.metrics) for plan in (ours, theirs)]
        return Clarify(
            reason="AMBIGUOUS_METRIC",
            question=f'Two readings of "{question[:80]}" are possible. Which one do you mean?',
            choices=tuple(Choice(label=text, question=text) for text in dict.fromkeys(readings)),
            coverage=ours.coverage,
        )


def words_of(plan: MetricPlan, metrics: object) -> str:
    """A query as a question in plain words, which the rules read back to the same query."""
    known = metrics if isinstance(metrics, dict) else {}
    query = plan.query
    text = " and ".join(known[name].label if name in known else name for name in query.metrics)
    text += "".join(f" by {name.replace('_', ' ')}" for name in query.group_by)
    text += "".join(f" {f.op} {', '.join(f.values)}" for f in query.filters)
    return text + (f" {query.period}" if query.period else "")


def planner_for(layer: Layer, settings: Settings) -> Planner:
    """The rule planner; with a model endpoint configured, the model beside it."""
    rules = RulePlanner(layer, settings.reporting_currency, settings.fiscal_year_start)
    if not (settings.model_base_url and settings.model_name):
        return rules
    endpoint = OpenAICompatibleModel(settings.model_base_url, settings.model_name, settings.model_api_key)
    return SecondOpinion(rules, ModelPlanner(layer, endpoint))
