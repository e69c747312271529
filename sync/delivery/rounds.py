"""Whole rounds over the outbox of the settings: deliver what is due, check what was delivered, put a dead one back."""

import datetime as dt
import os
import pwd
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from sync.client import open_writing_http
from sync.delivery.delivering import Courier, Dead, Delivered, Held, Outcome, TryAgain
from sync.delivery.recheck import Recheck, recheck
from sync.delivery.state_table import Outbox, open_outbox
from sync.delivery.write_client import WriteClient
from sync.errors import StateStoreError, SyncError
from sync.observability import Observatory
from sync.rate_limit import BURST, RateLimiter
from sync.settings import Settings


async def deliver_all(settings: Settings, clock: Callable[[], dt.datetime]) -> list[Outcome]:
    """One pass over the outbox of the settings. Raises the errors of `sync.errors`."""
    async with _coupa(settings) as (outbox, coupa):
        scopes = frozenset(settings.coupa_write_scopes.split())
        longest = dt.timedelta(seconds=3 * settings.timeout_seconds)
        return await Courier(outbox, coupa, scopes, clock, longest).deliver()


async def deliver_after_sync(settings: Settings, clock: Callable[[], dt.datetime], watch: Observatory) -> None:
    """The worker's pass after a sync. Its trouble is logged, not raised."""
    try:
        outcomes = await deliver_all(settings, clock)
    except (SyncError, SQLAlchemyError) as error:
        watch.undelivered(error)
    else:
        watch.delivered(Counter(type(outcome).__name__ for outcome in outcomes))


async def check_all(settings: Settings, clock: Callable[[], dt.datetime]) -> Recheck:
    """Whatever was delivered, looked up again in Coupa; that it was is told in the audit trail."""
    async with _coupa(settings) as (outbox, coupa):
        found = await recheck(outbox, coupa)
        outbox.reconciled({"looked_up": found.looked_up, "differences": list(found.differences)}, clock())
        return found


def listed(settings: Settings) -> Sequence[Mapping[str, Any]]:
    """Every row of the outbox."""
    with closing(open_outbox(settings, _worker())) as box:
        return box.rows()


def put_back(settings: Settings, key: str, clock: Callable[[], dt.datetime], *, drop: bool) -> None:
    """Try a dead action again, or give it up. Raises StateStoreError when no single dead one has the key."""
    with closing(open_outbox(settings, _worker())) as box:
        found = [row["key"] for row in box.rows("dead") if row["key"].startswith(key)]
        if len(found) != 1 or not box.put_back(found[0], f"local:{_account()}", clock(), drop=drop):
            raise StateStoreError(f"No dead action has the key {key!r}; `tenor-sync outbox list` shows what there is.")


def told(outcome: Outcome) -> str:
    """An outcome in a line."""
    match outcome:
        case Delivered():
            how = "was there already" if outcome.already else "is there now"
            return f"{outcome.key[:16]}  {outcome.kind}: {how}, id {outcome.remote_id} in Coupa"
        case TryAgain():
            return f"{outcome.key[:16]}  {outcome.kind}: again at {outcome.at:%H:%M:%S} UTC, since {outcome.why}"
        case Dead():
            return f"{outcome.key[:16]}  {outcome.kind}: not sent; {outcome.why}"
        case Held():
            return f"{outcome.key[:16]}  {outcome.kind}: waits, {outcome.why}"


@asynccontextmanager
async def _coupa(settings: Settings) -> AsyncIterator[tuple[Outbox, WriteClient]]:
    limiter = RateLimiter(settings.requests_per_second, time.monotonic, burst=BURST)
    async with open_writing_http(settings, time.monotonic) as http:
        with closing(open_outbox(settings, _worker())) as outbox:
            yield outbox, WriteClient(http, limiter)


def _account() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:100]
