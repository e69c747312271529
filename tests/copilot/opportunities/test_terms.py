"""Longer terms: targets within law and peers, vetoes, cash that can be recomputed by hand, and the planted suppliers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from copilot.engine import Engine
from copilot.opportunities.peers import Peers
from copilot.opportunities.supplier_profile import Profile, nearest_rank, profiles_of, weighted_median
from copilot.opportunities.supplier_reading import Agreement, Document, Rating, Standing, SupplierFiles, read_suppliers
from copilot.opportunities.term_mismatches import PaperTerm, find_mismatches
from copilot.opportunities.term_outcomes import OpportunityRefused, TermOpportunities
from copilot.opportunities.term_reading import read_mismatches, read_terms
from copilot.opportunities.terms import BEYOND_LAW, OVER_CAP, find_terms, pass_through
from copilot.opportunities.treasury_policy import TermsPolicy, TreasuryPolicy
from copilot.planning.plan import Clock, OpportunityPlan, Refuse
from copilot.planning.rule_planner import RulePlanner
from copilot.settings import Settings
from copilot.surfaces.cli import app
from semantic_layer import SemanticLayer
from semantic_layer.query import Filter
from sync.sandbox import write_truth

DAY = date(2026, 11, 21)
TODAY = date(2026, 11, 22)
POLICY = TreasuryPolicy(hurdle_percent={"*": Decimal(8)})
FRANCE = (Filter(field="supplier_country", op="=", values=("FR",)),)


def _standing(key: int, **changes: Any) -> Standing:
    values = {
        "id": key, "name": f"S{key}", "family": f"S{key}", "category": "Logistics", "country": "US",
        "region": "North America", "small": False, "on_hold": False, "active": True, "not_early": False,
        "master_term": "Net 30", "master_days": 30,
    }  # fmt: skip
    return Standing(**{**values, **changes})


def _documents(supplier: int, days: int, *, late: int = 0, amount: int = 10_000, n: int = 12) -> tuple[Document, ...]:
    """Monthly invoices, each paid `late` days after its due date."""
    found = []
    for month in range(n):
        day = DAY - timedelta(days=15 + 28 * month)
        due = day + timedelta(days=days)
        found.append(
            Document(
                id=supplier * 100 + month,
                supplier=supplier,
                entity="Acme US",
                entity_country="US",
                currency="USD",
                status="approved",
                population="recognised",
                credit=False,
                invoiced=day,
                due=due,
                approved=day,
                received=day,
                discount_end=None,
                paid=due + timedelta(days=late),
                amount=Decimal(amount),
                term=f"Net {days}",
            )
        )
    return tuple(found)


def _files(
    standings: Mapping[int, Standing],
    documents: Mapping[int, tuple[Document, ...]],
    ratings: Mapping[int, tuple[Rating, ...]] | None = None,
    agreements: Mapping[int, tuple[Agreement, ...]] | None = None,
) -> SupplierFiles:
    rows = tuple(document for key in sorted(documents) for document in documents[key])
    return SupplierFiles(DAY, rows, dict(standings), dict(ratings or {}), dict(agreements or {}), bool(ratings))


def _book(days: int = 30, late: int = 0, **changes: Any) -> SupplierFiles:
    """Supplier 1 as wanted, among six others on net 45, 45, 60, 60, 60, 90."""
    standings = {key: _standing(key) for key in range(2, 8)} | {1: _standing(1, **changes)}
    documents = {key: _documents(key, d) for key, d in zip(range(2, 8), (45, 45, 60, 60, 60, 90), strict=True)}
    return _files(standings, documents | {1: _documents(1, days, late=late)})


def _found(files: SupplierFiles, policy: TreasuryPolicy = POLICY, wanted: int | None = None) -> TermOpportunities:
    found = find_terms(files, policy, wanted=wanted)
    assert isinstance(found, TermOpportunities)
    assert all(check.passed for check in found.checks), found.checks
    return found


def test_cash_and_costs_are_those_of_a_hand_calculation() -> None:
    """120,000 a year from net 30 to net 60: 9,863.01 if agreed, half of it expected, at 8 % 394.52 a year."""
    change = next(r for r in _found(_book()).found if r.payload.supplier_id == 1).payload
    assert (change.current_days, change.target_days, change.opening_days, change.least_days) == (30, 60, 90, 60)
    assert change.cash_if_agreed == Decimal("9863.01")
    assert change.cash_released == Decimal("4931.51")
    assert change.yearly_benefit == Decimal("394.52")
    assert change.supplier_cost == Decimal("986.30")
    assert change.price_give == Decimal("0.006575")
    assert (change.peers.n, change.peers.p50, change.peers.p75, change.peers.p90) == (6, 60, 60, 90)


def test_what_is_paid_late_already_gains_less() -> None:
    """Twelve days late on an extension of thirty: eighteen of thirty days reach the payments; forty late: none."""
    for late, share in ((12, Decimal("0.6")), (40, Decimal(0)), (-5, Decimal(1))):
        profile = profiles_of(_book(late=late))[0]
        assert abs(pass_through(profile, 30) - share) < Decimal("0.0001")


VETOES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("supplier on hold", {"on_hold": True}),
    ("supplier not active", {"active": False}),
    ("small supplier", {"small": True}),
    ("no alternative", {"category": "Rent"}),
)


@pytest.mark.parametrize(("reason", "changes"), VETOES)
def test_each_veto_leaves_a_supplier_out_by_name(reason: str, changes: dict[str, Any]) -> None:
    """The same supplier is proposed without the veto and left out with it."""
    left = {item.supplier_id: item.reason for item in _found(_book(**changes)).left_out}
    assert left[1] == reason
    assert 1 in {r.payload.supplier_id for r in _found(_book()).found}


def test_risk_contracts_disputes_and_changes_are_vetoes() -> None:
    """A high score, one that rose two bands, a fixed contract for years, a dispute, a term of last spring."""
    files = _book()
    high = (Rating(DAY, Decimal(70), "high"),)
    rising = (Rating(DAY - timedelta(days=120), Decimal(10), "low"), Rating(DAY, Decimal(70), "high"))
    locked = (Agreement(1, "C1", "published", date(2024, 1, 1), date(2028, 1, 1), "fixed", "Net 30", 30),)
    dispute = replace(files.documents[0], id=999, status="disputed", population="in process", amount=Decimal(9000))
    earlier = tuple(
        replace(d, id=d.id + 500, invoiced=d.invoiced - timedelta(days=200), term="Net 14") for d in _documents(1, 14)
    )
    recent = tuple(d for d in files.documents if d.supplier != 1 or (DAY - d.invoiced).days < 180)
    cases = {
        "supplier at risk": [replace(files, ratings={1: high}), replace(files, ratings={1: rising})],
        "contract locked": [replace(files, agreements={1: locked})],
        "open dispute": [replace(files, documents=(*files.documents, dispute))],
        "terms changed lately": [replace(files, documents=(*recent, *earlier))],
    }
    for reason, books in cases.items():
        for book in books:
            left = {item.supplier_id: item.reason for item in _found(book).left_out}
            assert left[1] == reason


def test_too_few_peers_are_said_and_back_off_is_named() -> None:
    """With four other families there is no benchmark; with another category beside, the region stands in."""
    few = {key: _standing(key) for key in range(1, 6)}
    documents = {key: _documents(key, 30 if key == 1 else 60) for key in few}
    assert {i.supplier_id: i.reason for i in _found(_files(few, documents)).left_out}[1] == "too few peers"
    more = few | {key: _standing(key, category="Rent") for key in range(6, 9)}
    found = _found(_files(more, documents | {key: _documents(key, 60) for key in range(6, 9)}))
    assert next(r for r in found.found if r.payload.supplier_id == 1).payload.peers.level == "region"


def test_a_family_counts_once_and_never_for_itself() -> None:
    """Five sisters are one peer; a supplier's sisters are none."""
    standings = {key: _standing(key, family="Group" if key > 2 else f"S{key}") for key in range(1, 8)}
    profiles = profiles_of(_files(standings, {key: _documents(key, 60) for key in standings}))
    assert Peers(profiles, 4, 2).of(profiles[0]) is not None
    assert Peers(profiles, 4, 3).of(profiles[0]) is None
    assert Peers(profiles, 4, 3).of(profiles[3]) is None


def test_a_term_beyond_law_is_refused_with_its_clause() -> None:
    """French suppliers to net 90: refused; beside American ones the French are left out by name."""
    french = _book(country="FR", region="EMEA")
    only = replace(french, documents=tuple(d for d in french.documents if d.supplier == 1))
    refused = find_terms(french, POLICY, part=only, wanted=90)
    assert isinstance(refused, OpportunityRefused)
    assert refused.reason_code == "LEGAL_LIMIT"
    assert "L441-10" in refused.reason
    both = _found(french, wanted=90)
    assert {i.supplier_id: i.reason for i in both.left_out}[1] == BEYOND_LAW
    assert all(r.payload.target_days == 90 for r in both.found)


def test_no_hurdle_rate_is_refused_by_name() -> None:
    """Without a rate there is cash but no benefit: nothing is proposed."""
    files = _book()
    part = replace(files, documents=tuple(d for d in files.documents if d.supplier == 1))
    refused = find_terms(files, TreasuryPolicy(), part=part)
    assert isinstance(refused, OpportunityRefused)
    assert "hurdle" in refused.reason


@settings(max_examples=40, deadline=None)
@given(
    days=st.lists(st.integers(0, 120), min_size=6, max_size=12),
    country=st.sampled_from(["US", "FR", "DE", "NL", "IN"]),
    late=st.integers(-20, 40),
    standard=st.integers(30, 90),
)
def test_no_proposal_is_ever_beyond_law_standard_or_peers(
    days: list[int], country: str, late: int, standard: int
) -> None:
    """Whatever the book: targets keep all limits, openings the law, and the band holds the benefit."""
    standings = {key: _standing(key, country=country) for key in range(1, len(days) + 1)}
    files = _files(standings, {key: _documents(key, d, late=late) for key, d in enumerate(days, 1)})
    policy = TreasuryPolicy(hurdle_percent={"*": Decimal(8)}, terms=TermsPolicy(standard_days=standard))
    for item in _found(files, policy).found:
        change = item.payload
        assert change.current_days < change.target_days <= min(standard, change.peers.p75)
        assert change.cap is None or change.target_days <= change.opening_days <= change.cap.days
        assert change.current_days <= change.least_days <= change.target_days <= change.opening_days
        assert 0 <= item.benefit.low <= item.benefit.amount <= item.benefit.high
        assert 0 <= change.score.total <= 100


def test_percentiles_are_values_of_the_sample() -> None:
    """Nearest rank: of four values the upper quarter is the third; a weighted median needs half of the weight."""
    assert nearest_rank([10, 20, 30, 40], Decimal("0.75")) == 30
    assert weighted_median([(10, Decimal(1)), (20, Decimal(1)), (30, Decimal(3))]) == 30
    assert weighted_median([]) is None


def test_terms_changed_is_not_a_stray_invoice() -> None:
    """One invoice on another term is no change."""
    files = _book()
    stray = replace(files.documents[0], term="Net 5")
    profile = next(p for p in profiles_of(replace(files, documents=(stray, *files.documents[1:]))))
    assert isinstance(profile, Profile)
    assert profile.changed_since(DAY - timedelta(days=365)) is None


def test_an_invoice_older_than_the_masters_term_is_no_mistake() -> None:
    """Net 14 until the master went to net 30: the older half is set apart, a later net 14 counts."""
    documents = _documents(1, 30)
    old = tuple(replace(d, term="Net 14", due=d.invoiced + timedelta(days=14)) for d in documents[6:])
    late = replace(documents[0], term="Net 14", due=documents[0].invoiced + timedelta(days=14))
    files = _files({1: _standing(1)}, {1: (late, *documents[1:6], *old)})
    papers = [
        PaperTerm(d.id, (d.term, 14 if d.term == "Net 14" else 30), ("", None), ("", None), ("Net 30", 30))
        for d in files.documents
    ]
    found = find_mismatches(files, papers, POLICY)
    assert [r.payload.invoices for r in found.mismatches] == [1]
    assert found.mismatches[0].payload.cash_held == Decimal("438.36")
    assert found.older == Decimal("2630.14")


@pytest.fixture(scope="module")
def truth(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What was planted in the tiny company."""
    path = tmp_path_factory.mktemp("truth") / "truth.json"
    write_truth(path, "tiny", 7, TODAY)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def test_the_planted_suppliers_are_found(layer: SemanticLayer, truth: dict[str, Any]) -> None:
    """The French supplier on net 90 is over the cap, the family on three terms leads its list; all ties to metrics."""
    found = read_terms(layer, POLICY)
    assert isinstance(found, TermOpportunities)
    assert all(check.passed for check in found.checks), found.checks
    assert "ties_to_metric" in {check.name for check in found.checks}
    over = {item.supplier_id for item in found.left_out if item.reason == OVER_CAP}
    assert truth["french_supplier_at_net_90"]["id"] in over
    report = read_mismatches(layer, POLICY)
    assert all(check.passed for check in report.checks), report.checks
    family = next(item for item in report.several if item.family == truth["family_with_three_terms"]["parent"]["name"])
    assert len(family.terms) == 3
    assert family.suppliers == max(item.suppliers for item in report.several)


def test_a_part_is_compared_with_everybody(layer: SemanticLayer) -> None:
    """French suppliers alone have the peers, and so the targets, that they have among all."""
    whole, part = read_terms(layer, POLICY), read_terms(layer, POLICY, FRANCE)
    assert isinstance(whole, TermOpportunities)
    assert isinstance(part, TermOpportunities)
    assert all(check.passed for check in part.checks), part.checks
    asked = {item.supplier_id for item in part.left_out} | {r.payload.supplier_id for r in part.found}
    assert [r for r in whole.found if r.payload.supplier_id in asked] == list(part.found)
    assert [i for i in whole.left_out if i.supplier_id in asked] == list(part.left_out)
    countries = read_suppliers(layer).standings
    assert {countries[key].country for key in asked} == {"FR"}


CLOCK = Clock(today=TODAY, data_date=DAY)
QUESTIONS: tuple[tuple[str, str, str], ...] = (
    ("which suppliers should we renegotiate terms with", "terms", ""),
    ("where can we extend terms in Germany", "terms", "entity_country"),
    ("payment term opportunities for suppliers in Germany", "terms", "supplier_country"),
    ("which logistics suppliers should we renegotiate terms with?", "terms", "category"),
    ("which suppliers have several payment terms", "several_terms", ""),
    ("invoices with shorter terms than the PO", "term_mismatches", ""),
)


@pytest.mark.parametrize(("question", "shows", "field"), QUESTIONS)
def test_questions_become_plans(layer: SemanticLayer, question: str, shows: str, field: str) -> None:
    """Each asks for its view, with the condition that was said."""
    plan = RulePlanner(layer).plan(question, CLOCK)
    assert isinstance(plan, OpportunityPlan), plan
    assert plan.shows == shows
    assert [f.field for f in plan.filters] == ([field] if field else [])


@pytest.mark.parametrize(
    "question",
    ["move the top 20 suppliers to net 60", "which suppliers should we renegotiate purple terms with",
     "which suppliers should we renegotiate terms with last quarter"],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_and_not_dropped(layer: SemanticLayer, question: str) -> None:
    """A ranking, an unknown word and a time have no place in terms."""
    assert isinstance(RulePlanner(layer).plan(question, CLOCK), Refuse)


def test_terms_are_told_in_chat(mirror_folder: Path, tmp_path: Path) -> None:
    """Figures with checks that passed and a text that stands on them; French suppliers to net 90 refused in law's words."""
    engine = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{tmp_path / 's.db'}"), today=TODAY)
    try:
        answers = [engine.ask(question) for question, _, _ in QUESTIONS]
        refused = engine.ask("move French suppliers to net 90")
    finally:
        engine.close()
    for answer in answers:
        assert answer.status == "answered", answer.narrative
        assert all(check.passed for check in answer.checks), answer.checks
        assert answer.narrative
    assert (refused.status, refused.reason) == ("refused", "LEGAL_LIMIT")
    assert "L441-10" in refused.narrative


def test_the_commands_write_what_they_find(mirror_folder: Path, tmp_path: Path) -> None:
    """Lines, JSON and CSV; a term beyond law has an exit code of its own, a strange dimension a plain sentence."""
    run, mirror = CliRunner(), ["--mirror", str(mirror_folder)]
    target = tmp_path / "terms.csv"
    assert run.invoke(app, ["terms", "--csv", str(target), *mirror]).exit_code == 0
    assert target.read_text(encoding="utf-8").startswith("Supplier,Country")
    content = json.loads(run.invoke(app, ["terms", "--json", *mirror]).output)
    assert content["kind"] == "terms"
    assert len(content["found"]) + len(content["left_out"]) > 50
    assert run.invoke(app, ["terms", "--where", "supplier_country=FR", "--net", "90", *mirror]).exit_code == 4
    assert "no such dimension" in run.invoke(app, ["terms", "--where", "colour=red", *mirror]).output
    assert run.invoke(app, ["several-terms", *mirror]).exit_code == 0
    assert run.invoke(app, ["term-mismatches", *mirror]).exit_code == 0
