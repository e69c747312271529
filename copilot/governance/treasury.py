"""What treasury has decided, for every figure that depends on it: the approved policy, or a file until there is one."""

from __future__ import annotations

from copilot.governance.register import in_force
from copilot.opportunities.treasury_policy import TreasuryPolicy, load_policy
from copilot.settings import Settings
from copilot.state.store import open_store


def treasury_policy(settings: Settings) -> TreasuryPolicy:
    """Hurdles, floors and caps of the policy in force. Where people and a policy are not set up, those of the file.

    Raises TreasuryPolicyError for a file that does not fit, GovernanceError for an approved text that was changed.
    """
    if settings.people is not None:
        with open_store(settings) as store, store.reading() as connection:
            version = in_force(connection, store.clock())
        if version is not None:
            return version.policy.treasury
    return load_policy(settings.treasury_policy)
