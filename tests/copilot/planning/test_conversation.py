"""Follow-ups edit the last plan; chains as people type them in a thread."""

from __future__ import annotations

from typing import Any

from copilot.conversation import ThreadState, converse
from copilot.planning.plan import Clarify, Clock, MetricPlan, Refuse
from copilot.planning.rule_planner import RulePlanner


class Chat:
    """A thread that takes one question after the other."""

    def __init__(self, planner: RulePlanner, clock: Clock) -> None:
        self.state, self._planner, self._clock = ThreadState(), planner, clock

    def says(self, question: str) -> Any:
        """The plan of the next question; the state goes through JSON, as in the store."""
        plan, state = converse(self.state, question, self._planner, self._clock)
        self.state = ThreadState.model_validate_json(state.model_dump_json())
        return plan


def test_a_leader_digs_into_dpo(planner: RulePlanner, clock: Clock) -> None:
    """DPO -> by region -> same for Q2 -> excluding intercompany changes nothing and says so -> back."""
    chat = Chat(planner, clock)
    assert chat.says("dpo?").query.metrics == ("dpo_purchases",)
    assert chat.says("and by region?").query.group_by == ("region",)
    q2 = chat.says("same for Q2")
    assert q2.query.group_by == ("region",)
    assert q2.query.period.end.isoformat() == "2026-06-30"
    same = chat.says("exclude intercompany")
    assert same.query == q2.query
    assert any("Intercompany" in note for note in same.notes)
    assert chat.says("by month").query.group_by == ("region", "month")
    assert chat.says("go back").query == same.query


def test_an_analyst_narrows_down(planner: RulePlanner, clock: Clock) -> None:
    """A choice is answered in words, then money, top five, and a filter; each turn keeps what the one before said."""
    chat = Chat(planner, clock)
    assert isinstance(chat.says("how many invoices are late"), Clarify)
    assert chat.says("past due").query.metrics == ("past_due_count",)
    assert chat.says("$?").query.metrics == ("past_due_ap",)
    five = chat.says("top 5")
    assert (five.query.group_by, five.query.limit) == (("supplier",), 5)
    narrowed = chat.says("only above 50k")
    assert [(f.field, f.op, f.values) for f in narrowed.query.filters] == [("invoice_amount", ">", ("50000",))]
    assert narrowed.query.limit == 5
    without = chat.says("drop the disputed ones")
    assert [f.field for f in without.query.filters] == ["invoice_amount", "status"]
    assert chat.says("remove that").query == narrowed.query
    assert chat.says("without filters").query.filters == ()


def test_a_choice_by_number(planner: RulePlanner, clock: Clock) -> None:
    """The second of the choices offered is taken by typing 2; the question is then forgotten."""
    chat = Chat(planner, clock)
    asked = chat.says("What's our exposure?")
    assert chat.says("2") == planner.plan(asked.choices[1].question, clock)
    assert chat.state.pending is None


def test_a_filter_of_the_same_kind_replaces_the_old_one(planner: RulePlanner, clock: Clock) -> None:
    """For Germany, then for France: not both."""
    chat = Chat(planner, clock)
    chat.says("spend by category this year")
    chat.says("and for Germany")
    france = chat.says("and for France")
    assert [f.values for f in france.query.filters] == [("France",)]
    assert france.query.group_by == ("category",)


def test_a_whole_question_starts_again(planner: RulePlanner, clock: Clock) -> None:
    """A question with its own metric inherits nothing."""
    chat = Chat(planner, clock)
    chat.says("spend by category this year")
    fresh = chat.says("what's our DPO?")
    assert isinstance(fresh, MetricPlan)
    assert fresh.query.group_by == ()


def test_a_refusal_leaves_the_thread_as_it_was(planner: RulePlanner, clock: Clock) -> None:
    """After an unknown word the next follow-up still edits the last good plan."""
    chat = Chat(planner, clock)
    chat.says("dpo by region")
    assert isinstance(chat.says("by moon phase"), Refuse)
    assert chat.says("by category").query.group_by == ("category",)


def test_back_at_the_beginning_says_so(planner: RulePlanner, clock: Clock) -> None:
    """There is nothing before the first answer."""
    chat = Chat(planner, clock)
    chat.says("dpo")
    assert isinstance(chat.says("go back"), Refuse)
    assert chat.says("by region").query.metrics == ("dpo_purchases",)
