"""One pass over the outbox: every action that is due, once, in the order of its proposal.

    claim -> is it what was approved, and permitted? -> look: is it there already?
          -> expect: is all as it was? -> may it still be sent? -> write -> look again: is it there now?

Stopped anywhere, by kill -9 too, the row is claimed by nobody after its lease, and whoever takes it looks first: at
least one try, exactly one effect. A write whose outcome is not known is not repeated before Coupa had time to show it.
"""

import asyncio
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sync.delivery.looks import Look
from sync.delivery.permitted import LOOKED_AT, Permit, permit_of
from sync.delivery.state_table import Outbox, Waiting, fits
from sync.delivery.write_client import Gone, Looked, NotAllowed, Passing, Taken, TurnedDown, WriteClient

MOST_ATTEMPTS: Final = 40
"""Of trouble that may pass: with the waits below, a day and a half."""
MOST_LOOKS: Final = 6
"""For what Coupa says that it took. It is not written again: it may be there without being shown yet."""
TAKEN: Final = "without an id"
_FIRST_PAUSE: Final = dt.timedelta(seconds=15)
_LONGEST_PAUSE: Final = dt.timedelta(hours=1)
_UNKNOWN_PAUSE: Final = dt.timedelta(minutes=15)
"""After a write whose outcome is not known: Coupa may still be busy with it, and a quarter of an hour costs nothing."""
WAY_OUT: Final = "see it with `tenor-sync outbox list`; `tenor-sync outbox retry KEY` tries it again"


@dataclass(frozen=True)
class Delivered:
    """It can be read back. `already` when it was there before this try."""

    key: str
    kind: str
    remote_id: str | None
    already: bool


@dataclass(frozen=True)
class TryAgain:
    """It is tried again at a time."""

    key: str
    kind: str
    why: str
    at: dt.datetime


@dataclass(frozen=True)
class Dead:
    """A person must look at it."""

    key: str
    kind: str
    why: str


@dataclass(frozen=True)
class Held:
    """Nothing was sent: it is stopped, or another worker has it."""

    key: str
    kind: str
    why: str


Outcome = Delivered | TryAgain | Dead | Held
Clock = Callable[[], dt.datetime]


class Courier:
    """Delivers what waits. `scopes` are those of the writing client; `write_time` is the longest a write may take."""

    def __init__(
        self, outbox: Outbox, coupa: WriteClient, scopes: frozenset[str], clock: Clock, write_time: dt.timedelta
    ) -> None:
        self._outbox = outbox
        self._coupa = coupa
        self._scopes = scopes
        self._clock = clock
        self._write_time = write_time

    async def deliver(self) -> list[Outcome]:
        """Everything that is due. Raises CredentialsRefusedError; what was claimed then waits again."""
        outcomes: list[Outcome] = []
        seen: frozenset[str] = frozenset()
        while (waiting := await asyncio.to_thread(self._outbox.claim, self._clock(), seen)) is not None:
            seen |= {waiting.key}
            try:
                outcomes.append(await self._one(waiting))
            except Exception:
                await asyncio.to_thread(self._outbox.release, waiting, "the worker could not go on")
                raise
        return outcomes

    async def _one(self, waiting: Waiting) -> Outcome:
        checked = self._checked(waiting)
        if isinstance(checked, str):
            return await self._dead(waiting, checked)
        look, expect = checked
        ended = await self._there(waiting, look) or await self._changed(waiting, expect)
        return ended or await self._write(waiting, look)

    async def _there(self, waiting: Waiting, look: Look) -> Outcome | None:
        """What comes of the first look; None when it is not there and may be written."""
        found, trouble = await self._look(look)
        if trouble is not None:
            return await self._not_seen(waiting, trouble)
        if found is not None:
            return await self._delivered(waiting, found, already=True)
        return None if waiting.taken is None else await self._unseen(waiting, waiting.taken)

    async def _changed(self, waiting: Waiting, expect: Look | None) -> Outcome | None:
        """What comes of it when things are no longer as they were when it was approved; None when they are."""
        found, trouble = ({}, None) if expect is None else await self._look(expect)
        if trouble is not None:
            return await self._not_seen(waiting, trouble)
        if found is None:
            return await self._dead(waiting, "what it was approved on has changed in Coupa meanwhile; propose it anew")
        return None

    def _checked(self, waiting: Waiting) -> tuple[Look, Look | None] | str:
        """How its effect is seen, or why it may not be sent at all."""
        if not fits(waiting):
            return "its request is not the one that was approved: the row was changed"
        permit = permit_of(waiting.kind, waiting.request)
        if not isinstance(permit, Permit):
            return f"it is not permitted: {permit}"
        if lacking := sorted(set(permit.scopes) - self._scopes):
            return f"the writing client lacks {' and '.join(lacking)}; name it in TENOR_COUPA_WRITE_SCOPES"
        try:
            looks = [None if plain is None else Look.of(plain) for plain in (waiting.look, waiting.expect)]
        except ValueError as problem:
            return f"its effect could not be recognised: {problem}"
        look, expect = looks
        if look is None or any(one is not None and LOOKED_AT.fullmatch(one.path) is None for one in looks):
            return "its effect could not be recognised: it names no address that can be looked at"
        return look, expect

    async def _write(self, waiting: Waiting, look: Look) -> Outcome:
        if (why := await asyncio.to_thread(self._held, waiting)) is not None:
            return Held(waiting.key, waiting.kind, why)
        request = waiting.request
        wrote = await self._coupa.write(request["method"], request["path"], request["body"])
        match wrote:
            case TurnedDown(why=why):
                return await self._dead(waiting, f"Coupa refuses it ({why})")
            case Gone() | NotAllowed():
                return await self._not_seen(waiting, wrote)
        found, trouble = await self._look(look)
        if found is not None:
            return await self._delivered(waiting, found, already=False)
        if isinstance(wrote, Taken):
            return await self._unseen(waiting, wrote.remote_id or TAKEN)
        why = f"{wrote.why}; whether it was written is not known{f' ({_said(trouble)})' if trouble else ''}"
        return await self._later(waiting, why, wrote.wait, unknown=True)

    async def _unseen(self, waiting: Waiting, taken: str) -> Outcome:
        """Coupa says that it took it, but it cannot be read back: looked for again, never written again by itself."""
        why = f"Coupa says that it took it (id {taken}), but it cannot be read back"
        if waiting.attempts >= MOST_LOOKS:
            return await self._dead(waiting, why)
        return await self._later(waiting, why, None, unknown=True, taken=taken)

    def _held(self, waiting: Waiting) -> str | None:
        """Why nothing may be written now, looked up at the last moment; None when it may."""
        if (why := self._outbox.stopped(waiting.kind)) is not None:
            self._outbox.release(waiting, why)
            return why
        mine = self._outbox.still_mine(waiting, self._clock(), self._write_time)
        return None if mine else "another worker has taken it meanwhile"

    async def _look(self, look: Look) -> tuple[Mapping[str, Any] | None, Looked | None]:
        content, trouble = await self._coupa.read(look.path, look.query)
        return (None, trouble) if trouble is not None else (look.found(content), None)

    async def _not_seen(self, waiting: Waiting, trouble: Looked) -> Outcome:
        """It could not be looked at: for good, or for now."""
        match trouble:
            case Gone():
                return await self._dead(waiting, f"{waiting.object} is not there any more in Coupa (HTTP 404)")
            case NotAllowed():
                return await self._dead(waiting, "Coupa does not let the writing client do it (HTTP 403)")
            case Passing(why=why, wait=wait):
                return await self._later(waiting, why, wait, unknown=False)

    async def _delivered(self, waiting: Waiting, record: Mapping[str, Any], *, already: bool) -> Outcome:
        remote_id = str(record["id"]) if "id" in record else None
        found = "there already" if already else "written"
        await asyncio.to_thread(self._outbox.delivered, waiting, remote_id, found, record, self._clock())
        return Delivered(waiting.key, waiting.kind, remote_id, already)

    async def _later(
        self, waiting: Waiting, why: str, wait: float | None, *, unknown: bool, taken: str | None = None
    ) -> Outcome:
        if waiting.attempts >= MOST_ATTEMPTS:
            return await self._dead(waiting, f"{why}, {MOST_ATTEMPTS} times")
        now = self._clock()
        pause = min(_FIRST_PAUSE * 2 ** (waiting.attempts - 1), _LONGEST_PAUSE)
        pause = max(pause, dt.timedelta(seconds=wait or 0), _UNKNOWN_PAUSE if unknown else dt.timedelta())
        await asyncio.to_thread(self._outbox.later, waiting, why, now + pause, now, taken or waiting.taken)
        return TryAgain(waiting.key, waiting.kind, why, now + pause)

    async def _dead(self, waiting: Waiting, why: str) -> Outcome:
        sentence = f"{why}; {WAY_OUT}"
        await asyncio.to_thread(self._outbox.dead, waiting, sentence, self._clock())
        return Dead(waiting.key, waiting.kind, sentence)


def _said(trouble: Looked) -> str:
    match trouble:
        case Gone():
            return "HTTP 404"
        case NotAllowed():
            return "HTTP 403"
        case Passing(why=why):
            return why
