"""What treasury has decided, for every figure that depends on it: the approved policy, or a file until there is one."""

from __future__ import annotations

from copilot.governance.register import in_force
from copilot.opportunities.treasury_policy import TreasuryPolicy, load_policy
from copilot.settings import Settings
from copilot.state.store import StateStore, at_hand


def treasury_policy(settings: Settings, store: StateStore | None = None) -> TreasuryPolicy:
    """Hurdles, floors and caps of the policy in force. Where people and a policy are not set up, those of the file.

    `store` is the state store where it is open already; without it, it is opened for this.
    Raises TreasuryPolicyError for a file that does not fit, GovernanceError for an approved text that was changed.
    """
    if settings.people is not None:
        with at_hand(settings, store) as opened, opened.reading() as connection:
            version = in_force(connection, opened.clock())
        if version is not None:
            return version.policy.treasury
    return load_policy(settings.treasury_policy)
