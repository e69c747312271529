"""Answers that need more than a query: what is to come, what if, what to do.

Engine and commands load this with the first such question: numpy, the solver and the calendars of holidays take as long
to load as everything else together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from copilot.advice.advising import advise
from copilot.advice.telling import compose_advice
from copilot.answer import Answer
from copilot.cash_answers import compose_outflow
from copilot.cash_balance_answers import compose_cash_ahead, refuse_cash_ahead
from copilot.cash_position_answers import compose_cash_position
from copilot.composition import Turn, compose_projection, compose_refusal
from copilot.discount_answers import compose_discounts
from copilot.errors import GovernanceError, TreasuryPolicyError
from copilot.forecasting.book_reading import read_book
from copilot.forecasting.cash_feed import NoCashFeed, read_cash
from copilot.forecasting.last_readings import LastReadings
from copilot.forecasting.record_reading import closing_balances, read_ledger
from copilot.governance.treasury import treasury_policy
from copilot.missed_answers import compose_missed
from copilot.opportunities.discount_outcomes import DiscountOutcome, DiscountsRefused
from copilot.opportunities.discount_plan import plan_discounts
from copilot.opportunities.kept_terms import read_kept_terms
from copilot.opportunities.missed_discounts import MissedTree
from copilot.opportunities.missed_reading import read_missed
from copilot.opportunities.offer_reading import read_cash_books, read_inputs
from copilot.planning.outflow_decision import CASH_AHEAD
from copilot.planning.plan import (
    DiscountsPlan,
    ForecastPlan,
    MissedDiscountsPlan,
    Modelled,
    OpportunityPlan,
    OutflowPlan,
    Refuse,
    ScenarioPlan,
)
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
from copilot.state.store import StateStore
from semantic_layer import MetricQuery, Period, SemanticLayer

LEDGERS, BOOKS = LastReadings(read_ledger), LastReadings(read_book)


@dataclass(frozen=True)
class Modeller:
    """Carries such plans out over a layer; the state store holds the policy, the proposals and the pilots."""

    layer: SemanticLayer
    store: StateStore
    settings: Settings

    def answer(self, turn: Turn, plan: Modelled) -> Answer:
        """The plan carried out, or why it cannot be. Raises QueryError, as the layer does."""
        match plan:
            case ForecastPlan():
                return self._projection(turn, plan)
            case OutflowPlan():
                return self._ahead(turn, plan)
            case ScenarioPlan():
                return compose_scenario(turn, plan, self._scenario(plan))
            case DiscountsPlan():
                return compose_discounts(turn, plan, self._discounts(plan))
            case MissedDiscountsPlan():
                return compose_missed(turn, plan, self._missed(plan))
            case OpportunityPlan():
                return compose_advice(turn, plan, advise(self.layer, self.settings, plan, self.store))

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
        measured = dpo_coverage(backtest_file(self.settings.mirror))
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
            floor = plan.threshold or treasury_policy(self.settings, self.store).floors.company
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
        day, currency = self.layer.data_date, self.settings.reporting_currency
        return compose_cash_position(turn, plan, found, read_cash_books(self.layer), day, currency)

    def _outflow(self, plan: OutflowPlan) -> OutflowOutcome:
        """The forecast as far as the plan asks, in the breakdown it asks for."""
        day = self.layer.data_date
        groups = (plan.by,) if plan.by in {"buying_entity", "currency", "supplier"} else ()
        settings = OutflowSettings(
            currency=self.settings.reporting_currency, groups=groups, first=plan.start, last=plan.end
        )
        book = BOOKS(self.layer, plan.filters)
        measured = load_calibration(backtest_file(self.settings.mirror))
        return forecast_outflow(book, day, weeks=plan.whole_weeks(day), settings=settings, calibration=measured)

    def _missed(self, plan: MissedDiscountsPlan) -> MissedTree | DiscountsRefused:
        try:
            policy = treasury_policy(self.settings, self.store)
        except (TreasuryPolicyError, GovernanceError) as error:
            return DiscountsRefused(self.layer.data_date, "MISSING_INPUT", str(error))
        return read_missed(self.layer, policy, plan.start, plan.end, currency=self.settings.reporting_currency)

    def _discounts(self, plan: DiscountsPlan) -> DiscountOutcome:
        """The choice of discounts. Cash pays for all payables: who sees some of them only gets a ranking."""
        withheld = "you see a part of the payables, and cash pays for all of them" if self.layer.viewer.rows else ""
        try:
            policy = treasury_policy(self.settings, self.store)
        except (TreasuryPolicyError, GovernanceError) as error:
            return DiscountsRefused(self.layer.data_date, "MISSING_INPUT", str(error))
        return plan_discounts(
            read_inputs(self.layer),
            policy,
            currency=self.settings.reporting_currency,
            least_yield=plan.least_yield,
            withheld=withheld,
        )

    def _scenario(self, plan: ScenarioPlan) -> Scenario:
        """The levers against the baseline, half a year ahead unless the plan names a day."""
        day = self.layer.data_date
        horizon = HORIZON_DAYS if plan.until is None else (plan.until - day).days
        currency = self.settings.reporting_currency
        try:
            kept = read_kept_terms(self.layer, treasury_policy(self.settings, self.store))
        except (TreasuryPolicyError, GovernanceError) as error:
            return LeverRefused(day, "MISSING_INPUT", str(error))
        book, horizon = BOOKS(self.layer), max(7, horizon)
        return simulate(book, day, plan.levers, horizon_days=horizon, currency=currency, kept=kept)
