"""Threads.

A typed state, and questions that edit the last answer ("and by region?", "same for Q2", "only above 50k", "go back").

A follow-up is read into the same slots as a whole question and laid over the slots of the last plan; the result goes through
the same decision. So an edit can be asked about or refused like any question, and it can never drop a word. What was on
screen before is either kept or named in the line that says what changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from copilot.planning.gate import turned_away
from copilot.planning.normalise import fold
from copilot.planning.plan import Clarify, Clock, DefinePlan, MetricPlan, Plan, Refuse
from copilot.planning.planner import Planner
from copilot.planning.slots import Slots
from copilot.planning.thread_changes import changes, left_behind, said_of
from copilot.planning.thread_choices import LONGEST_EDIT, chosen_reply, narrowed_reply
from copilot.planning.thread_edits import fixed_edit
from copilot.planning.thread_merging import laid_over, tied_to
from copilot.planning.thread_phrasing import plain, polite
from copilot.planning.thread_reading import bound_rows, bounds_other, is_edit, is_vacuous, read_follow_up, with_unit
from copilot.planning.thread_references import (
    group_on_screen,
    names_rows,
    pinned,
    points,
    possessive,
    without_pointers,
)
from copilot.planning.thread_slots import slots_of
from copilot.planning.thread_state import DEPTH, FIGURES, MOST_SHOWN, Figures, Shown, ThreadState
from copilot.planning.thread_what_if import what_if
from copilot.wording.quoting import clean

__all__ = ["Choosing", "ThreadState", "converse", "remembering"]

_BACK = re.compile(
    r"^((no )?(go |take me )?back|undo( that| it)?|revert|previous( one)?|remove (that|this|it)|scratch that|never ?mind)( please)?$"
)
_AFRESH = re.compile(r"^(start (over|again|afresh)|reset|new (question|topic)|clear( all| everything)?)$")
_THANKS = re.compile(
    r"^(thanks?|thank you|thx|ty|cheers|ok|okay|great|cool|perfect|nice|got it|merci|danke|gracias)( a lot| very much)?(,? that(?:'s| is| was) (all|it|everything))?$"
)
_LEADING = re.compile(
    r"^((and|and now|but|also|add|instead|make it|(the )?same( thing| question| again)?( but)?( for| in| with| by)?|what about|how about|"
    r"change (it |that )?to|switch to|(break|split|cut) (it|that|this)( down| up| out)?)[ ,:]+)+",
    re.IGNORECASE,
)
_WIDENS = re.compile(r"^(also|and also|plus|add)\b|\b(too|as well|also)$", re.IGNORECASE)
_ADDS = re.compile(r"^(?:and )?(?:also )?add (?!up\b)", re.IGNORECASE)
_TRAILING = re.compile(r"( (instead|too|as well|also|please|pls|then|though))+$", re.IGNORECASE)
_CORRECTS = re.compile(
    r"^(?:no|nope|nah|sorry|oops|wrong|not that)(?: wait| sorry| no)?\s*[,;:.!-]+\s*(?:i mean(?:t)?[ ,]+|make (?:it|that) )?"
    r"|^(?:no )?(?:sorry|i mean(?:t)?|actually|rather|make that|no wait)\b[ ,:]*",
    re.IGNORECASE,
)
_ASKS = re.compile(r"^(?:what|how much|how)(?:'s| is| are| was| were)?(?: the)? (?=\w)")
_FRAGMENT = re.compile(
    r"^(?:only |just )*(?:those |the ones |ones )?(?:with|without|where|whose|having|who have|that have|which have)\b"
)
_NOT_BUT = re.compile(
    r"^(?:no,? )?not (?:the |in |for )?[^,]+?(?:,(?: but)?|,? but) (?:the |in |for )?(?=\w+$|\w+ \w+$)", re.IGNORECASE
)
"""As in "not the UK, Brazil": what comes after takes the place of what was meant before."""
_CONVERT = re.compile(r"^(?:and )?convert(?:ed)?(?: it| that| them| this)?(?: back)? (?:in)?to ", re.IGNORECASE)
_BACK_TO = re.compile(r"^(?:(?:go |take me |and )*back to|go to) (?:the )?(?=\w)", re.IGNORECASE)
_ONE_BEST = re.compile(
    r"^(?:and |so |just |only )*(?:which is )?(?:the )?(?:best|worst) (?!first\b|last\b|on top\b)(?:\w+ )?\w*[^s\W]$"
)
"""As in "worst entity", not "worst entities"."""
_EVERY = re.compile(r"^(?:all|every) (?:of )?(?:the )?(?=\w)")
_BEGINNING = re.compile(r"^(start|beginning|first( question| answer| one)?|original( question| answer| one)?)$")
_WITHOUT_IT = re.compile(
    r"^(?:and )?(?:without|exclude|excluding|drop|not) (?:it|that|this|them|those)(?: again| please)?$"
)
_EXPLAIN = re.compile(r"^(?:and |can you )?explain(?: it| that| this| the figure)?$")


def converse(state: ThreadState, question: str, planner: Planner, clock: Clock) -> tuple[Plan, ThreadState]:
    """The plan of a question in its thread, and the thread after it.

    Pure: the same state and question give the same plan.
    """
    text = polite(fold(question).strip(" \t\n?!.,;"))
    if _BACK.match(text) or (_WITHOUT_IT.match(text) and _narrowed_last(state)):
        return _back(state)
    if _AFRESH.match(text):
        return _nothing("The thread starts afresh: ask a new question."), ThreadState()
    if _THANKS.match(text) and not state.pending:
        return _nothing("You are welcome; ask on whenever you like."), state
    chosen = (
        chosen_reply(state.pending, text) or narrowed_reply(state.pending, question, planner, clock)
        if state.pending
        else None
    )
    asked = chosen or question
    text = polite(fold(asked).strip(" \t\n?!.,;"))
    edit = _edit(state, asked, text, planner, clock, led=chosen is not None and state.edits)
    plan = edit or _afresh(state, asked, planner, clock)
    return plan, _after(state, plan, edits=edit is not None)


@dataclass(frozen=True)
class Choosing:
    """What each choice of the question that waits in a thread would lead to."""

    state: ThreadState
    planner: Planner

    def plan(self, question: str, clock: Clock) -> Plan:
        """The plan of a choice, by its question, as the thread would take it."""
        choices = self.state.pending.choices if self.state.pending else ()
        number = next((at for at, choice in enumerate(choices, start=1) if choice.question == question), None)
        if number is None:
            return self.planner.plan(question, clock)
        return converse(self.state, str(number), self.planner, clock)[0]


def remembering(
    state: ThreadState,
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    values: Callable[[str], Sequence[tuple[str, int]]],
) -> ThreadState:
    """The thread with the rows that the table of its last answer shows, so that "those" can mean them.

    `values` gives the values of a dimension as the mirror writes them; the table holds them cleaned.
    """
    group = group_on_screen(state.last)
    if group is None or group not in columns or len(rows) > MOST_SHOWN:
        return state.model_copy(update={"shown": None})
    names = dict.fromkeys(row[list(columns).index(group)] for row in rows)
    written = {clean(value): value for value, _count in reversed(values(group))}
    found = tuple(None if name is None else written.get(str(name), str(name)) for name in names)
    return state.model_copy(update={"shown": Shown(dimension=group, values=found)})


def _edit(state: ThreadState, asked: str, text: str, planner: Planner, clock: Clock, *, led: bool) -> Plan | None:
    """The plan of a question that edits the last answer, or None where it stands alone."""
    last = state.last
    if last is None:
        return None
    found = fixed_edit(state, _TRAILING.sub("", text), planner, clock)
    if isinstance(found, Slots):
        return _decided(last, found, text, planner, clock)
    return (
        found
        or turned_away(asked)
        or _back_to(state, asked, planner, clock)
        or what_if(state, asked, planner, clock)
        or _explained(state, text, planner, clock)
        or _follow(state, asked, planner, clock, led=led)
    )


def _afresh(state: ThreadState, question: str, planner: Planner, clock: Clock) -> Plan:
    """A question of its own; what it does not take over from the answer before is said."""
    plan = planner.plan(question, clock)
    last = state.last
    if last is None or not isinstance(plan, FIGURES):
        return plan
    lost = left_behind(last, plan, planner.lexicon.layer.model)
    return plan.model_copy(update={"notes": (lost, *plan.notes)}) if lost else plan


def _after(state: ThreadState, plan: Plan, *, edits: bool) -> ThreadState:
    """Figures are remembered; a question back waits; a refusal changes nothing."""
    if (
        isinstance(plan, MetricPlan)
        and isinstance(state.last, MetricPlan)
        and plan.query.identity() == state.last.query.identity()
    ):
        return ThreadState(plans=state.plans, shown=state.shown)
    if isinstance(plan, FIGURES):
        return ThreadState(plans=(*state.plans, plan)[-DEPTH:])
    pending = plan if isinstance(plan, Clarify) else None
    return ThreadState(plans=state.plans, shown=state.shown, pending=pending, edits=edits and pending is not None)


def _narrowed_last(state: ThreadState) -> bool:
    """Whether the last turn added a condition, so that "without it" takes it away again."""
    if len(state.plans) < 2:
        return False
    before, now = (slots_of(plan).filters for plan in state.plans[-2:])
    return any(f not in before for f in now)


def _explained(state: ThreadState, text: str, planner: Planner, clock: Clock) -> Plan | None:
    """As in "explain" after a plain figure: what it is. After a comparison it asks for the cause."""
    last = state.last
    if not isinstance(last, MetricPlan):
        return None
    if _EXPLAIN.match(text) and last.query.compare is not None:
        return _follow(state, "why", planner, clock, led=False)
    said = planner.slots(without_pointers(text), clock, last.query.metrics)
    alone = not (said.metrics or said.externals or said.vague or said.unresolved or said.filters or said.group_by)
    return DefinePlan(metric=last.query.metrics[0]) if "define" in said.signals and alone else None


def _back(state: ThreadState) -> tuple[Plan, ThreadState]:
    if len(state.plans) < 2:
        return _nothing("There is no earlier answer in this thread to go back to."), ThreadState(plans=state.plans)
    plans = state.plans[:-1]
    return plans[-1].model_copy(update={"notes": ("Back to the answer before.",)}), ThreadState(plans=plans)


def _nothing(message: str) -> Refuse:
    return Refuse(reason="MISSING_INPUT", message=message)


def _back_to(state: ThreadState, question: str, planner: Planner, clock: Clock) -> Plan | None:
    """As in "go back to suppliers": the grouping, or whatever else is named, as it last stood in the thread."""
    last = state.last
    found = _BACK_TO.match(question.strip())
    if found is None or last is None:
        return None
    text = _TRAILING.sub("", question.strip(" \t\n?!.,;")[found.end() :])
    if _BEGINNING.match(fold(text)):
        first = state.plans[0]
        return first.model_copy(update={"notes": ("Back to the first answer of this thread.", *first.notes)})
    every = _EVERY.match(fold(text))
    text = text[every.end() :] if every else text
    old = slots_of(last)
    groups = planner.slots(f"by {text}", clock, tuple(old.metrics)).group_by
    earlier = next((p for p in reversed(state.plans) if isinstance(p, MetricPlan) and _first_group(p, groups)), None)
    if earlier is None:
        return _follow(state, text, planner, clock, led=True)
    then = slots_of(earlier)
    if not isinstance(last, MetricPlan):
        old = then
    if every:
        old.filters = [f for f in old.filters if f.field not in tied_to(groups[0])]
    old.group_by, old.limit, old.limit_per = then.group_by, then.limit, then.limit_per
    old.descending, old.having = then.descending, [*old.having, *(h for h in then.having if h not in old.having)]
    old.signals |= then.signals & {"top", "list"}
    return _decided(last, old, text, planner, clock)


def _first_group(plan: MetricPlan, groups: list[str]) -> bool:
    return bool(groups) and plan.query.group_by[:1] == (groups[0],)


def _adjusted(state: ThreadState, new: Slots, folded: str) -> None:
    """What a follow-up means by the answer that it is about: a row of its table, the group that "why" is about."""
    last = state.last
    if last is not None and "why" in new.signals and _why_of_a_group(last, new):
        new.signals.add("level")
    if _ONE_BEST.match(folded) and new.by_direction and new.limit is None:
        new.limit = 1


def _why_of_a_group(last: Figures, new: Slots) -> bool:
    """As in "why EMEA" under a table that compares no times: what sets it apart from the whole."""
    moved = any(covered.meaning == "a change" for covered in new.coverage)
    named = any(f.op == "=" for f in new.filters) and new.period is None and new.compare is None
    return isinstance(last, MetricPlan) and last.query.compare is None and named and not moved


def _follow(state: ThreadState, question: str, planner: Planner, clock: Clock, *, led: bool) -> Plan | None:
    """The last plan with what the question changes, or None where the question stands alone."""
    last = state.last
    if last is None or len(question) > LONGEST_EDIT:
        return None
    typed = question.strip(" \t\n?!.,;")
    text = _NOT_BUT.sub("no, ", _CONVERT.sub("in ", typed))
    corrects = _CORRECTS.match(text)
    text = plain(text[corrects.end() :] if corrects else text, last)
    leading = _LEADING.match(text)
    rest = _TRAILING.sub("", text[leading.end() :] if leading else text)
    old, folded = slots_of(last), fold(rest)
    refers = points(folded)
    told = _ASKS.sub("", without_pointers(folded)) if refers else rest
    told = with_unit(told, old)
    new, completed = read_follow_up(told, old, planner, clock)
    fragment = _FRAGMENT.match(folded) is not None and not completed
    if refers and new.vague and not new.metrics:
        return _which_of_those(planner.plan(told, clock), planner)
    if not is_edit(new, led=led or completed or refers or any((leading, corrects, fragment))):
        return None
    model = planner.lexicon.layer.model
    if names_rows(folded, last, model) and bound_rows(old, new):
        refers = False
    if fragment and new.metrics and not bounds_other(new, old):
        return _unread(rest, last, planner)
    if refers and (new.metrics or new.group_by or new.filters or "top" in new.signals):
        rows = pinned(state, old)
        if isinstance(rows, Refuse):
            return rows
        old = rows
    _adjusted(state, new, folded)
    if new.currency == planner.lexicon.reporting_currency and not (_CONVERT.match(typed) or refers):
        old.filters = [f for f in old.filters if f.field != "currency" or not f.words.startswith("in ")]
    if corrects or is_vacuous(old, new, text):
        _corrected(state, old, new)
    adds = _ADDS.match(text) is not None and not new.having and isinstance(last, MetricPlan)
    widens = _WIDENS.search(text) is not None or (possessive(folded) and not new.metrics)
    return _decided(last, laid_over(old, new, clock, model, widens=widens, adds=adds), told, planner, clock)


def _which_of_those(asked: Plan, planner: Planner) -> Plan:
    """A vague word about the rows on screen ("their terms"): the choices are about those rows, too."""
    if not isinstance(asked, Clarify):
        return asked
    labels = [m.label for m in planner.lexicon.layer.model.metrics.values()]
    choices = [c.model_copy(update={"question": f"and their {c.label}"}) for c in asked.choices if c.label in labels]
    return asked.model_copy(update={"choices": tuple(choices) or asked.choices})


def _unread(words: str, last: Figures, planner: Planner) -> Refuse:
    """A condition that names a figure without a bound that could be read: it would become another question."""
    label = said_of(last, planner.lexicon.layer.model)["figure"].text
    return _nothing(
        f'I cannot read "{clean(words, 60)}" as a condition on {label}; give it as a bound, for example "with spend over 10k".'
    )


def _corrected(state: ThreadState, old: Slots, new: Slots) -> None:
    """As in "no, France": what it says takes the place of what the turn before said, and nothing is left out by it."""
    new.filters = [f.model_copy(update={"op": {"!=": "=", "not in": "in"}.get(f.op, f.op)}) for f in new.filters]
    if len(state.plans) < 2 or not new.filters:
        return
    before, now = (slots_of(plan).filters for plan in state.plans[-2:])
    added = [f for f in now if f not in before]
    if not {f.field for f in new.filters} & {f.field for f in old.filters}:
        old.filters = [f for f in old.filters if f not in added]


def _decided(last: Figures, slots: Slots, question: str, planner: Planner, clock: Clock) -> Plan:
    """The plan of the changed slots, with what changed said in one sentence."""
    plan = planner.plan_of(question, slots, clock)
    if not isinstance(plan, FIGURES):
        return plan
    said = changes(last, plan, planner.lexicon.layer.model)
    return plan.model_copy(update={"notes": (said, *(n for n in plan.notes if n != said))})
