"""Which suppliers keep their terms in a what-if: on hold, not active, named by policy, or under a fixed contract.

Softer reasons not to ask (size, risk, disputes, no alternative) are for advice (term_vetoes.py), not for a what-if.
"""

from __future__ import annotations

from datetime import date

from copilot.forecasting.record_reading import Rows
from copilot.opportunities.supplier_profile import CLOSED_CONTRACTS
from copilot.opportunities.supplier_reading import Agreement, Standing, read_standings
from copilot.opportunities.treasury_policy import TreasuryPolicy
from copilot.simulations.levers import KeptTerms


def read_kept_terms(layer: Rows, policy: TreasuryPolicy) -> tuple[KeptTerms, ...]:
    """The suppliers that keep their terms on the data date, by name; none where the viewer may not see suppliers."""
    standings, agreements = read_standings(layer)
    return kept_terms(standings, agreements, policy, layer.data_date)


def kept_terms(
    standings: dict[int, Standing], agreements: dict[int, tuple[Agreement, ...]], policy: TreasuryPolicy, day: date
) -> tuple[KeptTerms, ...]:
    """One for each supplier with a reason, the first that fits; a contract keeps terms until it ends."""
    found = []
    for key, standing in standings.items():
        until = _fixed_until(agreements.get(key, ()), day)
        if standing.on_hold:
            found.append(KeptTerms(supplier=standing.name, reason="on hold"))
        elif not standing.active:
            found.append(KeptTerms(supplier=standing.name, reason="not active"))
        elif standing.name in policy.excluded_suppliers:
            found.append(KeptTerms(supplier=standing.name, reason="excluded by policy"))
        elif standing.name in policy.terms.critical_suppliers:
            found.append(KeptTerms(supplier=standing.name, reason="critical by policy"))
        elif until is not None:
            found.append(KeptTerms(supplier=standing.name, reason="under a fixed contract", until=until))
    return tuple(sorted(found, key=lambda kept: kept.supplier))


def _fixed_until(agreements: tuple[Agreement, ...], day: date) -> date | None:
    """The last day of the fixed contracts in force on a day; None without one that says when it ends."""
    ends = [
        one.end
        for one in agreements
        if one.kind == "fixed"
        and one.status not in CLOSED_CONTRACTS
        and (one.start is None or one.start <= day)
        and one.end is not None
        and one.end >= day
    ]
    return max(ends, default=None)
