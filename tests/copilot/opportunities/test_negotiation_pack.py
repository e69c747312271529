"""Negotiation packs: one page with the numbers of the search for terms, safe against what strangers write."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from copilot.advice.pack_pages import pack_html, pack_markdown
from copilot.errors import CopilotError
from copilot.opportunities.negotiation_pack import NegotiationPack, pack_of, renewals
from copilot.opportunities.supplier_reading import SupplierFiles, read_suppliers
from copilot.opportunities.term_outcomes import TermOpportunities
from copilot.opportunities.terms import find_terms
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.surfaces.cli import app
from semantic_layer import SemanticLayer

POLICY = TreasuryPolicy.model_validate({"hurdle_percent": {"*": 8}})


@pytest.fixture(scope="module")
def files(layer: SemanticLayer) -> SupplierFiles:
    """The tiny company's suppliers."""
    return read_suppliers(layer)


def _first(files: SupplierFiles) -> NegotiationPack:
    found = find_terms(files, POLICY)
    assert isinstance(found, TermOpportunities)
    return pack_of(files, POLICY, found.found[0].payload.supplier)


def test_a_pack_has_the_numbers_of_the_search(files: SupplierFiles) -> None:
    """The proposal is the very recommendation of the search; both pages show its range, its law and our lateness."""
    found = find_terms(files, POLICY)
    assert isinstance(found, TermOpportunities)
    pack = _first(files)
    assert pack.proposal == found.found[0]
    change = found.found[0].payload
    for page in (pack_markdown(pack), pack_html(pack)):
        assert f"net {change.target_days} instead of net {change.current_days}" in page
        assert f"{pack.late_share:.0%} of the money was paid after its due date" in page
        assert "Our own lateness weakens the ask" in page
        assert "ASU 2022-04" in page
        assert len(page) < 20_000
    assert [deal.name for deal in pack.deals] == ["longer terms", "discount for early payment", "supplier finance"]


def test_a_discount_between_both_rates_pays_both(files: SupplierFiles) -> None:
    """At the middle of our rate and theirs neither side loses."""
    deal = _first(files).deals[1]
    assert deal.ours >= 0
    assert deal.theirs >= 0


def test_who_is_not_to_be_asked_gets_a_pack_that_says_so(files: SupplierFiles) -> None:
    """A vetoed supplier: the reason first, no deal, nothing to say."""
    found = find_terms(files, POLICY)
    assert isinstance(found, TermOpportunities)
    left = next(item for item in found.left_out if item.reason == "small supplier")
    pack = pack_of(files, POLICY, str(left.supplier_id))
    assert pack.proposal is None
    assert "Do not ask for longer terms now. small supplier" in pack_markdown(pack)
    assert pack.deals == ()


def test_an_unknown_supplier_is_named_with_neighbours(files: SupplierFiles) -> None:
    """The way out is in the sentence."""
    name = _first(files).supplier
    with pytest.raises(CopilotError, match="Did you mean"):
        pack_of(files, POLICY, name[:-3])


class _Elements(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}


OURS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "ul", "li", "table", "tr", "th", "td", "svg",
    "text", "rect",
}  # fmt: skip
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from([
        "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "![x](http://evil.test/a.png)", "a|b\n# head",
        '"><svg onload=alert(1)>', "</td></table><form>", "`code` **bold** [link](javascript:alert(1))", "\u202eevil",
    ]),
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(name=HOSTILE, category=HOSTILE, term=HOSTILE)
def test_hostile_names_stay_text(layer: SemanticLayer, name: str, category: str, term: str) -> None:
    """Whatever a supplier is called: no element, no attribute, no image, no link and no heading but ours."""
    from dataclasses import replace  # noqa: PLC0415 (only here)

    if not _PACKS:
        _PACKS.append(_first(read_suppliers(layer)))
    pack = replace(_PACKS[0], supplier=name, category=category, terms=((term, _PACKS[0].spend, 3),))
    seen = _Elements()
    page = pack_html(pack)
    seen.feed(page)
    assert seen.tags <= OURS
    assert not {a for a in seen.attributes if a.startswith("on") or a in {"src", "href"}}
    markdown = pack_markdown(pack)
    assert not re.search(r"(?<!\\)!\[|(?<!\\)\]\(|(?<!\\)<", markdown)
    assert len(re.findall(r"(?m)^#+ ", markdown)) == 9


_PACKS: list[NegotiationPack] = []


def test_contracts_about_to_end_are_listed(files: SupplierFiles) -> None:
    """Those that end in one to two weeks, and no others."""
    ends = {end for end, _, _ in renewals(files, 0, 2000)}
    assert ends
    some = min(ends)
    days = (some - files.as_of).days
    assert {end for end, _, _ in renewals(files, days, days)} == {some}
    assert all(timedelta(7) <= end - files.as_of <= timedelta(14) for end, _, _ in renewals(files))


def test_the_command_writes_the_page(mirror_folder: Path, files: SupplierFiles, tmp_path: Path) -> None:
    """Markdown, HTML and JSON of one supplier; a list of what is due."""
    name, run, mirror = _first(files).supplier, CliRunner(), ["--mirror", str(mirror_folder)]
    target = tmp_path / "pack.html"
    assert run.invoke(app, ["pack", name, "--html", str(target), *mirror]).exit_code == 0
    assert target.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert json.loads(run.invoke(app, ["pack", name, "--json", *mirror]).output)["supplier"] == name
    assert run.invoke(app, ["pack", "--due", *mirror]).exit_code == 0
    assert run.invoke(app, ["pack", *mirror]).exit_code == 1
