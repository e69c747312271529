"""Terms and mismatches as read from one mirror, tied to certified purchases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from copilot.forecasting.book_reading import columns_of
from copilot.forecasting.record_reading import WITHOUT_INTERCOMPANY, Rows
from copilot.opportunities.offer_reading import read_rates
from copilot.opportunities.supplier_profile import YEAR
from copilot.opportunities.supplier_reading import SupplierFiles, read_documents, read_suppliers
from copilot.opportunities.term_mismatches import MismatchReport, PaperTerm, find_mismatches
from copilot.opportunities.term_outcomes import TermsOutcome
from copilot.opportunities.terms import find_terms
from copilot.opportunities.treasury_policy import TreasuryPolicy, with_rates
from semantic_layer.periods import Period
from semantic_layer.query import Filter, MetricQuery, Order, RecordQuery

PAPER_COLUMNS = (
    "document_id", "invoice_code", "invoice_days", "order_code", "order_days", "contract_code", "contract_days",
    "master_code", "master_days",
)  # fmt: skip


def read_terms(
    layer: Rows,
    policy: TreasuryPolicy,
    filters: tuple[Filter, ...] = (),
    *,
    wanted: int | None = None,
    currency: str = "USD",
) -> TermsOutcome:
    """Term opportunities among the documents that match the filters, peers from all. Raises what the layer raises."""
    files = read_suppliers(layer)
    policy = with_rates(policy, read_rates(layer), files.as_of)
    part = _part(layer, files, filters)
    metric = certified(layer, "purchases", filters)
    return find_terms(files, policy, currency=currency, part=part, wanted=wanted, metric=metric)


def read_mismatches(
    layer: Rows, policy: TreasuryPolicy, filters: tuple[Filter, ...] = (), *, currency: str = "USD"
) -> MismatchReport:
    """Terms that do not agree, among the documents that match the filters. Raises what the layer raises."""
    files = read_suppliers(layer)
    policy = with_rates(policy, read_rates(layer), files.as_of)
    metric = certified(layer, "term_mismatch_leakage", filters)
    part = _part(layer, files, filters) or files
    return find_mismatches(part, read_papers(layer), policy, currency=currency, metric=metric)


def certified(layer: Rows, name: str, filters: tuple[Filter, ...] = ()) -> Decimal | None:
    """A certified metric of the last 365 days by invoice date; None without a value."""
    day = layer.data_date
    period = Period(day - timedelta(days=YEAR - 1), day)
    query = MetricQuery(metrics=(name,), filters=(*filters, WITHOUT_INTERCOMPANY), period=period)
    total = layer.query(query).total[name]
    return total if isinstance(total, Decimal) else None


def _part(layer: Rows, files: SupplierFiles, filters: tuple[Filter, ...]) -> SupplierFiles | None:
    return replace(files, documents=read_documents(layer, filters)) if filters else None


def read_papers(layer: Rows) -> tuple[PaperTerm, ...]:
    """The terms of each invoice and of its papers, in the order of ids."""
    order = (Order(field="document_id", descending=False),)
    found = columns_of(layer.records(RecordQuery(entity="term_paper", columns=PAPER_COLUMNS, order=order)))
    pairs = [
        [
            ("" if code is None else str(code), None if days is None else int(days))
            for code, days in zip(found[f"{kind}_code"], found[f"{kind}_days"], strict=True)
        ]
        for kind in ("invoice", "order", "contract", "master")
    ]
    rows = zip(found["document_id"], *pairs, strict=True)
    return tuple(PaperTerm(int(key), *papers) for key, *papers in rows)
