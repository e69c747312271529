"""The results of a registered pilot, from the settings alone: what commands, pages and answers call."""

from __future__ import annotations

from typing import Any

from copilot.canonical_json import plain
from copilot.governance.register import in_force
from copilot.governance.treasury import treasury_policy
from copilot.layer_opening import open_layer
from copilot.opportunities.offer_reading import read_cash_books, read_rates
from copilot.opportunities.treasury_policy import TreasuryPolicy, with_rates
from copilot.outcomes.designing import Books
from copilot.outcomes.evaluation import Happened, evaluate
from copilot.outcomes.pilot_reading import read_books
from copilot.outcomes.proposal_reading import read_proposals
from copilot.outcomes.register import pilot
from copilot.outcomes.results import PilotResults
from copilot.settings import Settings
from copilot.state.store import StateStore, open_store
from semantic_layer import SemanticLayer


def report(settings: Settings, key: str | None = None) -> PilotResults:
    """The results of a pilot, by its id or the latest. Raises PilotError, and what opening store and mirror raise."""
    with open_store(settings) as store:
        return results_of(open_layer(settings), settings, store, key)


def results_of(layer: SemanticLayer, settings: Settings, store: StateStore, key: str | None = None) -> PilotResults:
    """The same with what is open already."""
    row = pilot(store, key)
    zone = settings.time_zone()
    policy = _policy(layer, settings)
    happened = Happened(
        proposals=read_proposals(store, zone),
        balances=read_cash_books(layer).balances,
        floor=policy.floors.company,
        kept_away=_kept_away(store),
        stopped_on=None if row.stopped_at is None else row.stopped_at.astimezone(zone).date(),
    )
    return evaluate(row.design, read_books(layer, policy), happened)


def _kept_away(store: StateStore) -> frozenset[str] | None:
    """Suppliers that the policy in force holds out."""
    with store.reading() as connection:
        version = in_force(connection, store.clock())
    if version is None:
        return None
    pilot_entry = version.policy.pilot
    return frozenset() if pilot_entry is None else frozenset(pilot_entry.holdout)


def read_all(settings: Settings) -> tuple[Books, TreasuryPolicy]:
    """The books, and treasury's policy with the hurdle rates of the feed."""
    layer = open_layer(settings)
    policy = _policy(layer, settings)
    return read_books(layer, policy), policy


def _policy(layer: SemanticLayer, settings: Settings) -> TreasuryPolicy:
    return with_rates(treasury_policy(settings), read_rates(layer), layer.data_date)


def plain_results(found: PilotResults) -> dict[str, Any]:
    """Results as plain JSON values; each finding says by `kind` what it is."""
    results: dict[str, Any] = plain(found)
    results["findings"] = [{"kind": type(one).__name__, **plain(one)} for one in found.findings]
    return results
