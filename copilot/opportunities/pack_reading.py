"""Negotiation packs as read from one mirror."""

from __future__ import annotations

from datetime import date

from copilot.forecasting.record_reading import Rows
from copilot.opportunities.negotiation_pack import NegotiationPack, pack_of, renewals
from copilot.opportunities.offer_reading import read_rates
from copilot.opportunities.supplier_reading import read_suppliers
from copilot.opportunities.treasury_policy import TreasuryPolicy, with_rates


def read_pack(layer: Rows, policy: TreasuryPolicy, supplier: str, currency: str) -> NegotiationPack:
    """The pack of a supplier by name or id. Raises CopilotError for an unknown one or a policy that cannot be used."""
    files = read_suppliers(layer)
    policy = with_rates(policy, read_rates(layer), files.as_of)
    return pack_of(files, policy, supplier, currency=currency)


def read_renewals(layer: Rows) -> tuple[tuple[date, str, int], ...]:
    """(end, supplier, id) of contracts that end in one to two weeks."""
    return renewals(read_suppliers(layer))
