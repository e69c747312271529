"""A decision in one file that verifies alone: proposal, evidence, policy, who decided, what was sent, and its records.

Whoever has the file needs neither the database nor the mirror to see that nothing in it was changed. That the records
are those of the trail shows by their hashes: `tenor audit verify` over an export holds the same ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from copilot.audit.chain import Record
from copilot.canonical_json import canonical, sealed
from copilot.errors import GovernanceError
from copilot.governance.casebook import Case
from copilot.governance.policy import Policy
from copilot.governance.proposal import Proposal
from copilot.governance.register import Version


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Decided(_Frozen):
    """One decision, as the casebook keeps it."""

    checker: str
    verdict: str
    office: str
    on_behalf_of: str | None
    reason: str
    decided_at: str


class Queued(_Frozen):
    """One action in the outbox, and how far it was."""

    key: str
    kind: str
    object: str
    state: str
    remote_id: str | None
    trouble: str | None


class DecisionPack(_Frozen):
    """The file. Times are ISO in UTC; `seal` is the SHA-256 of everything else."""

    schema_: Literal["tenor.decision/1"] = Field(default="tenor.decision/1", alias="schema")
    id: str
    state: str
    maker: str
    made_at: str
    expires_at: str
    payload_hash: str
    proposal: Proposal
    policy_version: int
    policy_decided_by: str | None
    policy: Policy
    decisions: tuple[Decided, ...]
    effects: tuple[Queued, ...]
    records: tuple[Record, ...]
    seal: str = ""

    def computed_seal(self) -> str:
        """The seal that the content gives."""
        return sealed(canonical(self.model_dump(mode="json", by_alias=True, exclude={"seal"})))

    def text(self) -> str:
        """The file's content, for people to read, too."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"


def pack_of(case: Case, version: Version, records: Iterable[Mapping[str, Any]]) -> DecisionPack:
    """The pack of a case, with the policy it was made under and what the audit trail tells of it."""
    unsealed = DecisionPack(
        id=case.id,
        state=case.state,
        maker=case.maker,
        made_at=case.made_at.isoformat(),
        expires_at=case.expires_at.isoformat(),
        payload_hash=case.payload_hash,
        proposal=case.proposal,
        policy_version=version.number,
        policy_decided_by=version.decided_by,
        policy=version.policy,
        decisions=tuple(
            Decided.model_validate({**vars(one), "decided_at": one.decided_at.isoformat()}) for one in case.decisions
        ),
        effects=tuple(Queued.model_validate(vars(one)) for one in case.effects),
        records=tuple(Record.model_validate(record) for record in records),
    )
    return unsealed.model_copy(update={"seal": unsealed.computed_seal()})


def read_pack(text: str) -> DecisionPack:
    """The pack of a file; raises GovernanceError for something else."""
    try:
        return DecisionPack.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise GovernanceError(f"This is not the pack of a decision ({where}: {first['msg']}).") from None


def faults(pack: DecisionPack) -> Iterator[str]:
    """What is wrong with a pack, a sentence each without its full stop; nothing where it is as it was written."""
    if pack.seal != pack.computed_seal():
        yield "its seal does not fit its content: it was changed"
    if pack.proposal.payload_hash() != pack.payload_hash:
        yield "the proposal is not the one that was decided about: its hash differs"
    if pack.proposal.policy != pack.policy_version:
        yield f"the proposal was made under version {pack.proposal.policy}, not {pack.policy_version}"
    if pack.proposal.evidence.get("policy_sha256", pack.policy.sha256()) != pack.policy.sha256():
        yield "the policy is not the one that the evidence names"
    yield from _faults_of_decisions(pack)
    keys = {delivery.key for delivery in pack.proposal.deliveries()}
    if pack.state == "approved" and {effect.key for effect in pack.effects} != keys:
        yield "what was queued is not what the proposal holds"
    yield from _faults_of_records(pack)


def _faults_of_decisions(pack: DecisionPack) -> Iterator[str]:
    people = [one.checker for one in pack.decisions]
    if pack.maker in {*people, *(one.on_behalf_of for one in pack.decisions)}:
        yield "its maker decided about it"
    if len(set(people)) != len(people):
        yield "one person decided more than once"
    if pack.state == "approved" and not any(one.verdict == "approved" for one in pack.decisions):
        yield "it is approved, and nobody approved it"


def _faults_of_records(pack: DecisionPack) -> Iterator[str]:
    for record in pack.records:
        if record.hash != record.computed():
            yield f"record {record.seq} of the audit trail was changed"
    if sorted({record.seq for record in pack.records}) != [record.seq for record in pack.records]:
        yield "its records are not in their order"
    told = [record for record in pack.records if record.action in {"proposed", "approved"}]
    mine = [record for record in told if record.object == f"proposal {pack.id}"]
    if any(record.output != pack.payload_hash for record in mine):
        yield "the audit trail tells of another payload"
    if pack.state == "approved" and not any(record.action == "approved" for record in mine):
        yield "the audit trail tells of no approval"
