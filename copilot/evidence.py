"""The evidence pack behind an answer: what was asked, what was understood, what ran on which data, what was shown.

Canonical JSON (sorted keys, no blanks, UTF-8) under a SHA-256 seal, stored with the turn. Replaying runs the stored
plan again and compares: on the same mirror every figure must be the same, on a newer one the differences are listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from copilot.answer import Answer
from copilot.audit.chain import Event
from copilot.canonical_json import canonical, sealed
from copilot.errors import EvidenceMissingError
from copilot.planning.plan import Clock
from copilot.state.store import StateStore

_OF_THE_RUN = frozenset({"evidence_id", "took_ms", "thread", "freshness"})
"""Parts of an answer that may differ between two runs without a figure having changed."""


class EvidencePack(BaseModel):
    """Everything needed to check an answer later. Dates are ISO, the answer is the JSON that was shown."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    schema_: Literal["tenor.evidence/1"] = Field(default="tenor.evidence/1", alias="schema")
    id: str
    thread: str
    question: str
    reading: str
    plan: dict[str, Any]
    identity: str
    """SHA-256 of the canonical plan: equal plans have equal identities."""
    sql: tuple[str, ...]
    mirror_version: str
    row_count: int
    rows_shown: int
    checks: tuple[dict[str, Any], ...]
    today: date
    data_date: date
    reporting_currency: str
    fiscal_year_start: int
    answer: dict[str, Any]

    def canonical(self) -> str:
        """The pack as canonical JSON text."""
        return canonical(self.model_dump(mode="json", by_alias=True))

    def seal(self) -> str:
        """SHA-256 of the canonical text."""
        return sealed(self.canonical())

    def clock(self) -> Clock:
        """The clock the answer was given at."""
        return Clock(today=self.today, data_date=self.data_date)

    def shown(self) -> Answer:
        """The answer that was shown."""
        return Answer.model_validate(self.answer)


@dataclass(frozen=True)
class Difference:
    """One place where a replay differs: a path into the answer, before and after as JSON text."""

    path: str
    before: str
    after: str


@dataclass(frozen=True)
class Comparison:
    """What a replay found. `same_mirror` false explains differences; true makes each of them a fault."""

    same_mirror: bool
    differences: tuple[Difference, ...]

    @property
    def identical(self) -> bool:
        """Whether every figure, check and statement is the same."""
        return not self.differences


def pack_of(
    answer: Answer, clock: Clock, *, reporting_currency: str = "USD", fiscal_year_start: int = 1
) -> EvidencePack:
    """The pack of an answer that carries its evidence id."""
    table = answer.table
    return EvidencePack(
        id=answer.evidence_id,
        thread=answer.thread,
        question=answer.question,
        reading=answer.reading,
        plan=answer.plan,
        identity=sealed(canonical(answer.plan)),
        sql=answer.sql,
        mirror_version=answer.freshness.mirror_version if answer.freshness else "",
        row_count=table.row_count if table else 0,
        rows_shown=len(table.rows) if table else 0,
        checks=tuple(check.model_dump(mode="json") for check in answer.checks),
        today=clock.today,
        data_date=clock.data_date,
        reporting_currency=reporting_currency,
        fiscal_year_start=fiscal_year_start,
        answer=json.loads(answer.to_json()),
    )


def save(store: StateStore, pack: EvidencePack, event: Event | None = None) -> None:
    """Seal the pack and append it to the store as a turn of its thread; the audit trail tells of it with the event."""
    text = pack.canonical()
    seal = sealed(text)
    told = {"question": pack.question, "status": pack.answer["status"], "mirror": pack.mirror_version}
    sealing = {"input": pack.identity, "output": seal, "told": told}
    known = event.model_copy(update=sealing) if event else None
    store.turns.record(pack.id, pack.thread, pack.question, pack.answer, text, seal, known)


def load(store: StateStore, evidence_id: str) -> EvidencePack:
    """The pack with this id.

    Raises EvidenceMissingError if there is none, or if the stored text no longer fits its seal.
    """
    turn = store.turns.get(evidence_id)
    if turn is None:
        raise EvidenceMissingError(
            f"There is no answer with the evidence id {evidence_id!r} in this state store. "
            "The id stands at the foot of every answer."
        )
    if sealed(turn.pack) != turn.sha256:
        raise EvidenceMissingError(
            f"The evidence {evidence_id!r} was changed after it was stored: its text no longer fits its seal. "
            "Ask the question again."
        )
    return EvidencePack.model_validate_json(turn.pack)


_OTHERS = re.compile(r"@[0-9a-f]{16}$")


def require_own(pack: EvidencePack, private: str) -> None:
    """Raise EvidenceMissingError for the evidence of somebody with other rights.

    It may show what the reader may not see. `private` ends the names of the reader's threads; empty for somebody who
    sees everything.
    """
    owned = _OTHERS.search(pack.thread)
    if (owned.group() if owned else "") != private:
        raise EvidenceMissingError(f"There is no answer with the evidence id {pack.id!r} that you may see.")


def compare(pack: EvidencePack, answer: Answer) -> Comparison:
    """What differs between the answer that was shown and a replay of its plan."""
    version = answer.freshness.mirror_version if answer.freshness else ""
    after = {key: value for key, value in json.loads(answer.to_json()).items() if key not in _OF_THE_RUN}
    before = {key: value for key, value in pack.answer.items() if key not in _OF_THE_RUN}
    return Comparison(version == pack.mirror_version, tuple(_differences("", before, after)))


def _differences(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in sorted({*before, *after}):
            yield from _differences(f"{path}.{key}".lstrip("."), before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{path}[{index}]", one, other)
    elif before != after:
        yield Difference(path, canonical(before), canonical(after))
