"""One plan carried out: read, compute, tell. The chat and the commands both come here."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from hashlib import sha256

from copilot.advice.duplicates_told import tell_duplicates
from copilot.advice.pilot_told import tell_pilot
from copilot.advice.proposals_told import Proposals, tell_proposals
from copilot.advice.segments_told import tell_movers, tell_segments
from copilot.advice.telling import Advice
from copilot.advice.terms_told import tell_mismatches, tell_several, tell_terms
from copilot.advice.waits_told import tell_faster, tell_waits
from copilot.errors import GovernanceError, PilotError, TreasuryPolicyError
from copilot.governance.desk import ApprovalDesk
from copilot.governance.people import People
from copilot.governance.treasury import treasury_policy
from copilot.opportunities.bottlenecks import WITHIN, wait_report
from copilot.opportunities.duplicate_reading import read_duplicates
from copilot.opportunities.process_log import STEP
from copilot.opportunities.process_reading import read_process
from copilot.opportunities.segment_reading import read_segments
from copilot.opportunities.term_outcomes import OpportunityRefused
from copilot.opportunities.term_reading import read_mismatches, read_terms
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.outcomes.funnel import funnel
from copilot.outcomes.pilot_reading import read_books
from copilot.outcomes.proposal_reading import read_proposals
from copilot.outcomes.reporting import results_of
from copilot.planning.plan import OpportunityPlan
from copilot.settings import Settings
from copilot.state.store import StateStore, at_hand
from copilot.wording import figures
from copilot.wording.quoting import clean
from semantic_layer import SemanticLayer
from semantic_layer.query import Filter

SEGMENT_ENTITIES = (
    "supplier_term_days", "supplier_year", "peer_mark", "latest_rating", "contract_until", "supplier_segment",
)  # fmt: skip


def advise(
    layer: SemanticLayer, settings: Settings, plan: OpportunityPlan, store: StateStore | None = None
) -> Advice | OpportunityRefused:
    """The advice of a plan, or why there is none. `store` is the state store where it is open already.

    Raises what the layer raises.
    """
    try:
        policy = treasury_policy(settings, store)
    except (TreasuryPolicyError, GovernanceError) as error:
        return OpportunityRefused(layer.data_date, "MISSING_INPUT", str(error))
    where, currency = conditions(layer, plan.filters), settings.reporting_currency
    match plan.shows:
        case "terms" | "duplicates":
            return _documents(layer, plan, policy, where, currency)
        case "pilot" | "proposals":
            return _judged(layer, settings, plan, policy, store)
        case "segments" | "movers":
            return _segments(layer, plan, currency)
        case "waits" | "faster_stage":
            return _waits(layer, plan, policy, where, currency)
        case "term_mismatches" | "several_terms":
            tell = tell_mismatches if plan.shows == "term_mismatches" else tell_several
            return tell(read_mismatches(layer, policy, plan.filters, currency=currency), where, plan.limit)


def _documents(
    layer: SemanticLayer, plan: OpportunityPlan, policy: TreasuryPolicy, where: str, currency: str
) -> Advice | OpportunityRefused:
    if plan.shows == "duplicates":
        return tell_duplicates(read_duplicates(layer, policy, plan.filters, currency=currency), where, plan.limit)
    outcome = read_terms(layer, policy, plan.filters, wanted=plan.net_days, currency=currency)
    return outcome if isinstance(outcome, OpportunityRefused) else tell_terms(outcome, where, plan.limit)


def _judged(
    layer: SemanticLayer,
    settings: Settings,
    plan: OpportunityPlan,
    policy: TreasuryPolicy,
    open_already: StateStore | None,
) -> Advice | OpportunityRefused:
    """What stands in the state store: a pilot, or proposals and what became of them."""
    try:
        with at_hand(settings, open_already) as store:
            if plan.shows == "pilot":
                return tell_pilot(results_of(layer, settings, store))
            if layer.viewer.rows or layer.viewer.hidden:
                reason = "Proposals name suppliers of the whole company, and you see a part of it."
                return OpportunityRefused(layer.data_date, "OUT_OF_SCOPE", reason)
            return tell_proposals(_proposals(layer, settings, plan, policy, store))
    except (PilotError, GovernanceError) as error:
        return OpportunityRefused(layer.data_date, "MISSING_INPUT", str(error))


def _proposals(
    layer: SemanticLayer, settings: Settings, plan: OpportunityPlan, policy: TreasuryPolicy, store: StateStore
) -> Proposals:
    """Those of a state and of days, and the funnel over all. Raises PilotError for who sees a part of the company."""
    zone, currency = settings.time_zone(), settings.reporting_currency
    documents = {one.id: one for one in read_books(layer, policy).documents}
    whole = funnel(read_proposals(store, zone), documents, layer.data_date, None)
    cases = [case for case in ApprovalDesk(store, People()).cases() if plan.state in {None, case.state}]
    made = ""
    if plan.start is not None and plan.end is not None:
        made = f"{figures.day(plan.start)} to {figures.day(plan.end)}"
        cases = [case for case in cases if plan.start <= case.made_at.astimezone(zone).date() <= plan.end]
    return Proposals(tuple(cases), plan.state or "", made, currency, store.clock().astimezone(zone).date(), whole)


def _segments(layer: SemanticLayer, plan: OpportunityPlan, currency: str) -> Advice:
    since = None if plan.start is None else plan.start - timedelta(days=1)
    report = read_segments(layer, since, plan.end, currency=currency)
    tell = tell_movers if plan.shows == "movers" else tell_segments
    return tell(report, rules_version(layer), plan.limit)


def _waits(
    layer: SemanticLayer, plan: OpportunityPlan, policy: TreasuryPolicy, where: str, currency: str
) -> Advice | OpportunityRefused:
    book = read_process(layer, policy, plan.filters, start=plan.start, end=plan.end, currency=currency)
    if plan.shows == "waits":
        return tell_waits(wait_report(book), where, plan.limit)
    stage = STEP if plan.stage is None else f"{STEP}{plan.stage}"
    steps = sorted({part.stage for way in book.ways for part in way.stages if part.stage.startswith(STEP)})
    if plan.stage is not None and stage not in steps:
        known = ", ".join(steps) or "none in that time"
        return OpportunityRefused(book.end, "UNKNOWN_VALUE", f"There is no {stage}; there are: {known}.")
    within = Decimal(WITHIN if plan.within_days is None else plan.within_days)
    return tell_faster(wait_report(book, stage, within), where)


def rules_version(layer: SemanticLayer) -> str:
    """Twelve hexadecimal digits of the hash of the statements that segments come from."""
    entities = layer.model.entities
    text = "\n".join(entities[name].sql for name in SEGMENT_ENTITIES)
    return sha256(text.encode()).hexdigest()[:12]


def conditions(layer: SemanticLayer, filters: tuple[Filter, ...]) -> str:
    """The filters in words: "supplier country is FR, region is not EMEA"."""
    words = {"=": "is", "in": "is one of", "!=": "is not", "not in": "is none of"}
    return ", ".join(
        f"{layer.model.dimensions[f.field].label.lower()} {words.get(f.op, f.op)} {clean(', '.join(f.values), 80)}"
        for f in filters
    )
