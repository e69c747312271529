"""From a recommendation to Coupa, under control: policy, proposals, two people's decisions, and the outbox.

    actions     what may be done at all: a closed union, each with the exact payload and how its effect is recognised
    people      who may do what: roles, offices, delegations; pairs of roles that nobody may hold together
    policy      what was decided beforehand: phase, tiers, caps, pilot, exclusions; numbered, approved, never edited
    register    the versions of the policy, who proposed and who approved them
    switches    what is stopped, and the two people that it takes to start again
    proposal    one thing to do, frozen: actions, money, evidence, and the hash that decisions are bound to
    rules       whether the policy lets it be proposed, and whose decisions it needs
    proposing   a proposal is made; deciding: people decide, and the outbox is filled in the same transaction

Nothing here talks to Coupa: `docs/outbox.md` is where this half ends.
"""
