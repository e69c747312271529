"""Read this first: one turn, start to finish.

question -> conversation (typed plan) -> semantic layer or simulation -> answer -> evidence
"""

from __future__ import annotations

import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Self

from pydantic import TypeAdapter

from copilot import evidence
from copilot.advice.advising import advise
from copilot.advice.telling import compose_advice
from copilot.answer import Answer, Freshness
from copilot.audit.account import account
from copilot.audit.anchoring import DailyAnchor
from copilot.audit.chain import Action, Event
from copilot.cash_answers import compose_outflow
from copilot.cash_balance_answers import compose_cash_ahead, refuse_cash_ahead
from copilot.cash_position_answers import compose_cash_position
from copilot.composition import (
    Turn,
    compose_clarify,
    compose_definition,
    compose_metric,
    compose_projection,
    compose_refusal,
    refusal_of,
)
from copilot.conversation import Choosing, ThreadState, converse, remembering
from copilot.discount_answers import compose_discounts
from copilot.drivers import take_apart
from copilot.errors import GovernanceError, TreasuryPolicyError
from copilot.evidence import EvidencePack, require_own
from copilot.explanations import compose_explanation
from copilot.exploratory_answers import compose_exploration, pasted_select, refused_exploration
from copilot.forecasting.book_reading import read_book
from copilot.forecasting.cash_feed import NoCashFeed, read_cash
from copilot.forecasting.last_readings import LastReadings
from copilot.forecasting.record_reading import closing_balances, read_ledger
from copilot.governance.treasury import treasury_policy
from copilot.layer_opening import open_layer
from copilot.missed_answers import compose_missed
from copilot.narration.answer_language import for_reader
from copilot.opportunities.discount_outcomes import DiscountOutcome, DiscountsRefused
from copilot.opportunities.discount_plan import plan_discounts
from copilot.opportunities.kept_terms import read_kept_terms
from copilot.opportunities.missed_discounts import MissedTree
from copilot.opportunities.missed_reading import read_missed
from copilot.opportunities.offer_reading import read_cash_books, read_inputs
from copilot.planning.outflow_decision import CASH_AHEAD
from copilot.planning.plan import (
    Clarify,
    Clock,
    DefinePlan,
    DiscountsPlan,
    ExplorePlan,
    ForecastPlan,
    MetricPlan,
    MissedDiscountsPlan,
    OpportunityPlan,
    OutflowPlan,
    Plan,
    Refuse,
    ScenarioPlan,
    WhyPlan,
)
from copilot.planning.planner import Planner, drafter_for, planner_for
from copilot.planning.sql_drafting import SqlDrafter, draft_asked
from copilot.planning.thread_state import FIGURES
from copilot.previews import with_previews
from copilot.scenario_answers import compose_scenario
from copilot.settings import Settings
from copilot.simulations.backtest_report import backtest_file, dpo_coverage, load_calibration
from copilot.simulations.cash_ahead import cash_ahead
from copilot.simulations.outcomes import Projection, TargetOutOfReach, TooLittleHistory
from copilot.simulations.outflow import OutflowSettings, forecast_outflow
from copilot.simulations.outflow_outcomes import OutflowForecast, OutflowOutcome
from copilot.simulations.projected_dpo import Settings as ProjectionSettings
from copilot.simulations.projected_dpo import project
from copilot.simulations.scenarios import HORIZON_DAYS, LeverRefused, Scenario, simulate
from copilot.state.store import StateStore, open_store
from copilot.verified.library import Library, VerifiedPlanner
from copilot.verified.questions import load as verified_questions
from copilot.viewers import private_suffix
from semantic_layer import MetricQuery, Period, QueryError, SemanticLayer
from semantic_layer.errors import ExecutionError, GuardError

STALE_AFTER_DAYS = 3
LEDGERS, BOOKS = LastReadings(read_ledger), LastReadings(read_book)
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
                case ForecastPlan():
                    answer = self._projection(turn, plan)
                case OutflowPlan():
                    answer = self._ahead(turn, plan)
                case ScenarioPlan() | DiscountsPlan() | MissedDiscountsPlan() | OpportunityPlan():
                    answer = self._what_to_do(turn, plan)
                case WhyPlan():
                    answer = compose_explanation(turn, plan, take_apart(self.layer, plan), model)
                case DefinePlan():
                    answer = compose_definition(turn, plan, model, self.layer.legal_dimensions(plan.metric))
                case ExplorePlan():
                    answer = self._explored(turn, plan)
                case Clarify() | Refuse():
                    answer = self._held_back(turn, plan, choices)
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

    def _projection(self, turn: Turn, plan: ForecastPlan) -> Answer:
        """Projected DPO from the rows that the metric itself counts; the opening must tie to the metric."""
        day = turn.clock.data_date
        query = MetricQuery(metrics=("dpo_purchases",), filters=plan.filters, period=Period(day, day))
        actual = self.layer.query(query)
        value = actual.total["dpo_purchases"]
        outcome = project(
            LEDGERS(self.layer, plan.filters),
            plan.target,
            day,
            closing=closing_balances(self.layer, plan.filters),
            metric_value=value if isinstance(value, Decimal) else None,
            settings=self._projection_settings(actual.currency),
        )
        match outcome:
            case Projection():
                return compose_projection(turn, plan, outcome, self.layer.model, actual.sql)
            case TooLittleHistory(missing=missing):
                message = f"There is too little history to project DPO: it needs {', and '.join(missing)}."
            case TargetOutOfReach(reason=reason):
                message = reason
        return compose_refusal(turn, Refuse(reason="MISSING_INPUT", message=message, coverage=plan.coverage))

    def _projection_settings(self, currency: str) -> ProjectionSettings:
        """The currency, and how often past projections were right where a back-test has measured it."""
        measured = dpo_coverage(backtest_file(self._settings.mirror))
        base = ProjectionSettings(currency=currency)
        return replace(base, coverage=measured) if measured else base

    def _ahead(self, turn: Turn, plan: OutflowPlan) -> Answer:
        """Cash that leaves for suppliers, or what is left of it where the treasury's feed says what there is."""
        if plan.shows == "position":
            return self._cash_position(turn, plan)
        outcome = self._outflow(plan)
        if plan.shows not in CASH_AHEAD or not isinstance(outcome, OutflowForecast):
            return compose_outflow(turn, plan, outcome)
        withheld = NoCashFeed("you see a part of the payables, and cash pays for all of them")
        feed = withheld if self.layer.viewer.rows else read_cash(self.layer)
        if isinstance(feed, NoCashFeed):
            return refuse_cash_ahead(turn, plan, feed)
        try:
            floor = plan.threshold or treasury_policy(self._settings, self._store).floors.company
        except (TreasuryPolicyError, GovernanceError) as error:
            return compose_refusal(turn, Refuse(reason="MISSING_INPUT", message=str(error), coverage=plan.coverage))
        last = outcome.runs[0].start if plan.shows == "after_run" and outcome.runs else plan.end
        found = cash_ahead(outcome, feed, plan.start, last, floor)
        return compose_cash_ahead(turn, plan, outcome, found)

    def _cash_position(self, turn: Turn, plan: OutflowPlan) -> Answer:
        withheld = NoCashFeed("you see a part of the company, and cash is told for all of it")
        found = withheld if self.layer.viewer.rows else read_cash(self.layer)
        if isinstance(found, NoCashFeed):
            return refuse_cash_ahead(turn, plan, found)
        day, currency = self.layer.data_date, self._settings.reporting_currency
        return compose_cash_position(turn, plan, found, read_cash_books(self.layer), day, currency)

    def _outflow(self, plan: OutflowPlan) -> OutflowOutcome:
        """The forecast as far as the plan asks, in the breakdown it asks for."""
        day = self.layer.data_date
        groups = (plan.by,) if plan.by in {"buying_entity", "currency", "supplier"} else ()
        settings = OutflowSettings(
            currency=self._settings.reporting_currency, groups=groups, first=plan.start, last=plan.end
        )
        book = BOOKS(self.layer, plan.filters)
        measured = load_calibration(backtest_file(self._settings.mirror))
        return forecast_outflow(book, day, weeks=plan.whole_weeks(day), settings=settings, calibration=measured)

    def _what_to_do(
        self, turn: Turn, plan: ScenarioPlan | DiscountsPlan | MissedDiscountsPlan | OpportunityPlan
    ) -> Answer:
        if isinstance(plan, OpportunityPlan):
            return compose_advice(turn, plan, advise(self.layer, self._settings, plan, self._store))
        if isinstance(plan, MissedDiscountsPlan):
            return compose_missed(turn, plan, self._missed(plan))
        if isinstance(plan, DiscountsPlan):
            return compose_discounts(turn, plan, self._discounts(plan))
        return compose_scenario(turn, plan, self._scenario(plan))

    def _missed(self, plan: MissedDiscountsPlan) -> MissedTree | DiscountsRefused:
        try:
            policy = treasury_policy(self._settings, self._store)
        except (TreasuryPolicyError, GovernanceError) as error:
            return DiscountsRefused(self.layer.data_date, "MISSING_INPUT", str(error))
        return read_missed(self.layer, policy, plan.start, plan.end, currency=self._settings.reporting_currency)

    def _discounts(self, plan: DiscountsPlan) -> DiscountOutcome:
        """The choice of discounts. Cash pays for all payables: who sees some of them only gets a ranking."""
        withheld = "you see a part of the payables, and cash pays for all of them" if self.layer.viewer.rows else ""
        try:
            policy = treasury_policy(self._settings, self._store)
        except (TreasuryPolicyError, GovernanceError) as error:
            return DiscountsRefused(self.layer.data_date, "MISSING_INPUT", str(error))
        return plan_discounts(
            read_inputs(self.layer),
            policy,
            currency=self._settings.reporting_currency,
            least_yield=plan.least_yield,
            withheld=withheld,
        )

    def _scenario(self, plan: ScenarioPlan) -> Scenario:
        """The levers against the baseline, half a year ahead unless the plan names a day."""
        day = self.layer.data_date
        horizon = HORIZON_DAYS if plan.until is None else (plan.until - day).days
        currency = self._settings.reporting_currency
        try:
            kept = read_kept_terms(self.layer, treasury_policy(self._settings, self._store))
        except (TreasuryPolicyError, GovernanceError) as error:
            return LeverRefused(day, "MISSING_INPUT", str(error))
        book, horizon = BOOKS(self.layer), max(7, horizon)
        return simulate(book, day, plan.levers, horizon_days=horizon, currency=currency, kept=kept)


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
