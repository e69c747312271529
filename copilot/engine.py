"""Read this first: one turn, start to finish.

question -> conversation (typed plan) -> semantic layer or simulation -> answer -> evidence
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from importlib.metadata import version
from typing import Any, Self

from pydantic import TypeAdapter

from copilot import evidence
from copilot.answer import Answer, Freshness
from copilot.audit.account import account
from copilot.audit.anchoring import DailyAnchor
from copilot.audit.chain import Action, Event
from copilot.composition import (
    Turn,
    compose_clarify,
    compose_definition,
    compose_metric,
    compose_refusal,
    refusal_of,
)
from copilot.conversation import Choosing, ThreadState, converse, remembering
from copilot.drivers import take_apart
from copilot.evidence import EvidencePack, require_own
from copilot.explanations import compose_explanation
from copilot.exploratory_answers import compose_exploration, pasted_select, refused_exploration
from copilot.layer_opening import open_layer
from copilot.narration.answer_language import for_reader
from copilot.planning.plan import (
    Clarify,
    Clock,
    DefinePlan,
    ExplorePlan,
    MetricPlan,
    Modelled,
    Plan,
    Refuse,
    WhyPlan,
)
from copilot.planning.planner import Planner, drafter_for, planner_for
from copilot.planning.sql_drafting import SqlDrafter, draft_asked
from copilot.planning.thread_state import FIGURES
from copilot.previews import with_previews
from copilot.settings import Settings
from copilot.state.store import StateStore, open_store
from copilot.verified.library import Library, VerifiedPlanner
from copilot.verified.questions import load as verified_questions
from copilot.viewers import private_suffix
from semantic_layer import QueryError, SemanticLayer
from semantic_layer.errors import ExecutionError, GuardError

STALE_AFTER_DAYS = 3
NO_DRAFTER = (
    "A language model would have to draft that query, and none is set (TENOR_MODEL_BASE_URL, TENOR_MODEL_NAME); "
    "paste a SELECT of your own."
)
PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)


class Engine:
    """Answers questions over one mirror, keeping each thread's state.

    Blocking and thread-safe: one turn per thread at a time.
    """

    def __init__(
        self,
        layer: SemanticLayer,
        store: StateStore,
        settings: Settings,
        today: Callable[[], date],
        planner: Planner | None = None,
        drafter: SqlDrafter | None = None,
    ) -> None:
        self.layer = layer
        self._store = store
        self._private = private_suffix(layer.viewer)
        self._settings = settings
        self._today = today
        self._library = Library(verified_questions(settings.verified), layer, settings.fiscal_year_start)
        examples = [question.words({}) for question in self._library.questions]
        beneath = planner or planner_for(layer, settings, examples, store.model_usage)
        self._planner: Planner = VerifiedPlanner(self._library, beneath)
        self._drafter = drafter or drafter_for(layer, settings, store.model_usage)
        self._account = account()
        anchors = settings.audit_anchors
        self._anchor = DailyAnchor(anchors, settings.state_folder(), store.audit.head) if anchors else None
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._workers: dict[str, int] = {}

    @classmethod
    def open(cls, settings: Settings, today: date | None = None) -> Self:
        """The engine over the mirror and the state store that the settings name.

        `today` fixes the clock; without it the company's calendar date is used. Raises MirrorMissingError or
        StateStoreError.
        """
        layer = open_layer(settings)
        zone = settings.time_zone()
        return cls(layer, open_store(settings), settings, lambda: today or datetime.now(zone).date())

    def close(self) -> None:
        """Give the state store back."""
        self._store.close()

    def cancel(self, thread: str) -> None:
        """Interrupt what runs for a thread; other threads go on."""
        worker = self._workers.get(thread)
        if worker is not None:
            self.layer.interrupt(worker)

    def ask(self, question: str, thread: str | None = None, actor: str | None = None) -> Answer:
        """Answer one question in a thread (a new one without a name). Never raises for what a person may type.

        `actor` is who asks, for the audit trail; without one it is the account of this process.
        """
        started = time.perf_counter()
        name = thread or uuid.uuid4().hex
        with self._locks[name]:
            self._workers[name] = threading.get_ident()
            try:
                return self._turn_of(name, question, started, actor or self._account)
            finally:
                self._workers.pop(name, None)

    def _turn_of(self, name: str, question: str, started: float, actor: str) -> Answer:
        clock = self._clock()
        before = self._state(name)
        pasted = self._select(question, clock) if self._settings.exploration else None
        asked = self._edited(before, question, clock)
        plan, state = (pasted, before) if pasted else converse(before, asked, self._planner, clock)
        answer = self._answer(self._turn(question, name, clock), plan, Choosing(state, self._planner))
        took = round((time.perf_counter() - started) * 1000)
        answer = answer.model_copy(update={"evidence_id": uuid.uuid4().hex, "took_ms": took})
        pack = self._pack(answer, clock)
        if self._anchor is not None:
            self._anchor.mark(datetime.now(UTC))
        kept = pack.model_copy(update={"thread": self._kept_as(name)})
        evidence.save(self._store, kept, self._event("answered", pack.id, actor))
        if isinstance(plan, FIGURES) and answer.status != "answered":
            state = before  # what could not be carried out is nothing to follow up on
        elif isinstance(plan, MetricPlan) and answer.table is not None:
            names = [column.name for column in answer.table.columns]
            state = remembering(state, names, answer.table.rows, self.layer.values)
        self._store.threads.save(self._kept_as(name), state.model_dump(mode="json"))
        return answer

    def verified_words(self, name: str, said: Mapping[str, str]) -> str:
        """The words that ask a verified question with some slots filled. Raises VerifiedQuestionError."""
        return self._library.run(self._library.named(name), said, self._clock())

    def _edited(self, state: ThreadState, question: str, clock: Clock) -> str:
        """As in "period: Q2" after a verified answer: that question with the slot changed; else what was typed."""
        last = state.last
        changed = self._library.edited(last.query, question, clock) if isinstance(last, MetricPlan) else None
        return changed or question

    def version(self) -> str:
        """What answers depend on besides the question: the version of the mirror, and today."""
        return f"{self.layer.mirror_version} {self._today().isoformat()}"

    def told(self, action: Action, of: str, what: Mapping[str, Any], actor: str | None = None) -> None:
        """Tells the audit trail of something that was done with an answer, such as handing out its rows."""
        event = self._event(action, of, actor or self._account)
        self._store.audit.append(event.model_copy(update={"told": dict(what)}))

    def _event(self, action: Action, of: str, actor: str) -> Event:
        viewer = self.layer.viewer
        return Event(
            actor=actor,
            role=viewer.name,
            action=action,
            object=of,
            policy=viewer.identity(),
            model=self._settings.model_name or "rules",
            code=version("tenor"),
        )

    def evidence_of(self, evidence_id: str) -> EvidencePack:
        """The pack behind an answer. Raises EvidenceMissingError for none, or for somebody else's."""
        pack = evidence.load(self._store, evidence_id)
        require_own(pack, self._private)
        return pack

    def shown(self, evidence_id: str) -> Answer:
        """An answer that was given before; raises as `evidence_of`."""
        return self.evidence_of(evidence_id).shown()

    def replay(self, pack: EvidencePack) -> Answer:
        """Run the plan of an old answer again, at its own clock, on the mirror of today.

        Raises EvidenceMissingError for an answer that was given to somebody with other rights.
        """
        require_own(pack, self._private)
        turn = self._turn(pack.question, pack.thread.removesuffix(self._private), pack.clock())
        plan = PLAN.validate_python(pack.plan)
        return self._answer(turn, plan).model_copy(update={"evidence_id": pack.id})

    def _clock(self) -> Clock:
        return Clock(today=self._today(), data_date=self.layer.data_date)

    def _kept_as(self, thread: str) -> str:
        """The name of a thread in the store: nobody goes on in a conversation of somebody with other rights."""
        return f"{thread}{self._private}"

    def _state(self, thread: str) -> ThreadState:
        found = self._store.threads.get(self._kept_as(thread))
        return ThreadState.model_validate(found.state) if found and found.state else ThreadState()

    def _turn(self, question: str, thread: str, clock: Clock) -> Turn:
        freshness = Freshness(
            data_as_of=self.layer.data_as_of.isoformat(),
            mirror_version=self.layer.mirror_version,
            drift=self.layer.drift,
        )
        return Turn(question, thread, clock, freshness, self._settings.fiscal_year_start)

    def _pack(self, answer: Answer, clock: Clock) -> EvidencePack:
        return evidence.pack_of(
            answer,
            clock,
            reporting_currency=self._settings.reporting_currency,
            fiscal_year_start=self._settings.fiscal_year_start,
        )

    def _answer(self, turn: Turn, plan: Plan, choices: Choosing | None = None) -> Answer:
        """The plan carried out; what the semantic layer refuses becomes a refusal. `choices` reads a thread's."""
        model = self.layer.model
        try:
            match plan:
                case MetricPlan():
                    legal = self.layer.legal_dimensions(plan.query.metrics[0])
                    answer = compose_metric(turn, plan, self.layer.query(plan.query), model, legal)
                    answer = answer.model_copy(update={"verified": self._library.use_of(plan.query, turn.clock)})
                case WhyPlan():
                    answer = compose_explanation(turn, plan, take_apart(self.layer, plan), model)
                case DefinePlan():
                    answer = compose_definition(turn, plan, model, self.layer.legal_dimensions(plan.metric))
                case ExplorePlan():
                    answer = self._explored(turn, plan)
                case Clarify() | Refuse():
                    answer = self._held_back(turn, plan, choices)
                case _:
                    answer = self._modelled(turn, plan)
        except QueryError as error:
            refused = refusal_of(error, plan if isinstance(plan, MetricPlan) else None, model)
            return for_reader(compose_refusal(turn, refused), turn.language)
        return for_reader(_with_drift(_with_staleness(answer, turn.clock)), turn.language)

    def _held_back(self, turn: Turn, plan: Clarify | Refuse, choices: Choosing | None) -> Answer:
        """A question back, its choices with the figures behind them, or a refusal."""
        if isinstance(plan, Refuse):
            return compose_refusal(turn, plan)
        return compose_clarify(turn, with_previews(plan, choices or self._planner, turn.clock, self.layer.query))

    def _select(self, question: str, clock: Clock) -> ExplorePlan | Refuse | None:
        """A SELECT that was pasted, or the draft of one where a draft is asked for; None for any other question."""
        wanted = draft_asked(question)
        if wanted is None:
            return pasted_select(question, self.layer.model)
        if self._drafter is None:
            return Refuse(reason="MISSING_INPUT", message=NO_DRAFTER)
        drafted = self._drafter.draft(wanted, self.layer.views(), clock)
        return drafted if isinstance(drafted, ExplorePlan) else Refuse(reason="MISSING_INPUT", message=drafted.why)

    def _explored(self, turn: Turn, plan: ExplorePlan) -> Answer:
        """An analyst's SELECT, where the setting allows it; what the guard or the engine refuses becomes a refusal."""
        if not self._settings.exploration:
            message = "Exploration is switched off here; TENOR_EXPLORATION switches it on."
            return compose_refusal(turn, Refuse(reason="NOT_PERMITTED", message=message))
        try:
            found = self.layer.explore(plan.sql, turn.clock.today)
        except (GuardError, ExecutionError) as error:
            return compose_refusal(turn, refused_exploration(error))
        return compose_exploration(turn, plan, found, self.layer.model)

    def _modelled(self, turn: Turn, plan: Modelled) -> Answer:
        """What needs a model of payments, a simulation or a solver, loaded with the first such question."""
        from copilot.modelled_answers import Modeller  # noqa: PLC0415

        return Modeller(self.layer, self._store, self._settings).answer(turn, plan)


def _with_staleness(answer: Answer, clock: Clock) -> Answer:
    """The answer with a caveat in front when the mirror is old."""
    age = (clock.today - clock.data_date).days
    if answer.status != "answered" or age <= STALE_AFTER_DAYS:
        return answer
    end = clock.data_date.isoformat()
    caveat = f"The mirror ends on {end}, {age} days before today: run `tenor-sync once` for newer data."
    return answer.model_copy(update={"caveats": (caveat, *answer.caveats)})


def _with_drift(answer: Answer) -> Answer:
    """The answer with a caveat in front when the mirror did not agree with Coupa."""
    drift = answer.freshness.drift if answer.freshness else None
    if answer.status != "answered" or not drift:
        return answer
    caveat = f"The mirror differs from Coupa in {drift} control totals: see `tenor-sync status`."
    return answer.model_copy(update={"caveats": (caveat, *answer.caveats), "trust": "exploratory"})
