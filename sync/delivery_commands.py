"""`tenor-sync deliver` and `tenor-sync outbox`: what was approved, on its way to Coupa."""

import asyncio
import datetime as dt
import json
import os
import pwd
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from typing import Annotated, Any

import typer
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from sync.delivery.delivering import Courier, Dead, Delivered, Held, Outcome, TryAgain
from sync.delivery.recheck import Recheck, recheck
from sync.delivery.state_table import Outbox, open_outbox
from sync.delivery.write_client import WriteClient, open_write_http
from sync.errors import ReconciliationError, StateStoreError, SyncError
from sync.observability import Observatory
from sync.rate_limit import BURST, RateLimiter
from sync.settings import Settings, load_settings

Guard = Callable[[Callable[..., None]], Callable[..., None]]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="As `tenor-sync outbox list` shows it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_DEAD = 1


async def deliver_all(settings: Settings, clock: Callable[[], dt.datetime]) -> list[Outcome]:
    """One pass over the outbox of the settings. Raises the errors of `sync.errors`."""
    async with _coupa(settings) as (outbox, coupa):
        scopes = frozenset(settings.coupa_write_scopes.split())
        longest = dt.timedelta(seconds=3 * settings.timeout_seconds)
        return await Courier(outbox, coupa, scopes, clock, longest).deliver()


async def deliver_after_sync(settings: Settings, clock: Callable[[], dt.datetime], watch: Observatory) -> None:
    """The worker's pass after a sync, where there is a client that may write. Its trouble is logged, not raised."""
    if not settings.delivers:
        return
    try:
        outcomes = await deliver_all(settings, clock)
    except (SyncError, SQLAlchemyError) as error:
        watch.undelivered(error)
    else:
        watch.delivered(Counter(type(outcome).__name__ for outcome in outcomes))


def deliver_command(guard: Guard, out: Console) -> Callable[..., None]:
    """`tenor-sync deliver`."""

    @guard
    def deliver(*, as_json: JsonOption = False) -> None:
        """Bring what people approved to Coupa: each action once, read back.

        Needs a client that may write: TENOR_COUPA_WRITE_CLIENT_ID and _SECRET. Exit code 1 when a person must look at
        something; what may pass by itself is tried again by the next call.
        """
        outcomes = asyncio.run(deliver_all(load_settings(), _now))
        if as_json:
            out.print_json(json.dumps([{"outcome": type(one).__name__, **vars(one)} for one in outcomes], default=str))
        else:
            _lines(out, [told(outcome) for outcome in outcomes] or ["Nothing is due."])
        if any(isinstance(outcome, Dead) for outcome in outcomes):
            raise typer.Exit(_DEAD)

    return deliver


def outbox_commands(guard: Guard, out: Console) -> typer.Typer:
    """`tenor-sync outbox ...`."""
    app = typer.Typer(
        rich_markup_mode=None, no_args_is_help=True, help="What was approved: list it, try it again, check it."
    )

    @app.command(name="list", epilog="Example: tenor-sync outbox list")
    @guard
    def list_rows(*, as_json: JsonOption = False) -> None:
        """List what was approved and how far it is, with what went wrong last."""
        with closing(open_outbox(load_settings(), _worker())) as box:
            rows = box.rows()
        if as_json:
            out.print_json(json.dumps(rows, default=str))
            return
        counts = Counter(row["state"] for row in rows)
        summary = ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) or "It is empty."
        _lines(out, [*map(_row_line, rows), summary])

    @app.command(epilog="Example: tenor-sync outbox retry 05634a63c8ec0ade")
    @guard
    def retry(key: KeyArgument) -> None:
        """Try a dead one again, from the beginning."""
        _put_back(key, drop=False)
        out.print("It is tried again by the next `tenor-sync deliver`.")

    @app.command(epilog="Example: tenor-sync outbox drop 05634a63c8ec0ade")
    @guard
    def drop(key: KeyArgument) -> None:
        """Give a dead one up: it is never sent, and those behind it go on."""
        _put_back(key, drop=True)
        out.print("It is given up; those behind it go on.")

    @app.command(epilog="Example: tenor-sync outbox check")
    @guard
    def check() -> None:
        """Look up again in Coupa whatever was delivered, and hold it against the audit trail; fail on a difference."""
        found = asyncio.run(_check(load_settings()))
        _lines(out, list(found.differences))
        if found.differences:
            raise ReconciliationError(f"Outbox, Coupa and audit trail differ in {len(found.differences)} places.")
        out.print(f"All {found.looked_up} delivered actions are in Coupa, and the audit trail tells of each.")

    return app


def _lines(out: Console, lines: list[str]) -> None:
    for line in lines:
        out.print(line, markup=False, soft_wrap=True)


def _row_line(row: Mapping[str, Any]) -> str:
    remote = f", id {row['remote_id']}" if row["remote_id"] else ""
    trouble = f": {row['trouble']}" if row["trouble"] else ""
    return f"{row['key'][:16]}  {row['state']:9}  {row['kind']} on {row['object']}{remote}{trouble}"


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


async def _check(settings: Settings) -> Recheck:
    async with _coupa(settings) as (outbox, coupa):
        found = await recheck(outbox, coupa)
        outbox.reconciled({"looked_up": found.looked_up, "differences": list(found.differences)}, _now())
        return found


@asynccontextmanager
async def _coupa(settings: Settings) -> AsyncIterator[tuple[Outbox, WriteClient]]:
    limiter = RateLimiter(settings.requests_per_second, time.monotonic, burst=BURST)
    async with open_write_http(settings, time.monotonic) as http:
        with closing(open_outbox(settings, _worker())) as outbox:
            yield outbox, WriteClient(http, limiter)


def _put_back(key: str, *, drop: bool) -> None:
    with closing(open_outbox(load_settings(), _worker())) as box:
        found = [row["key"] for row in box.rows("dead") if row["key"].startswith(key)]
        if len(found) != 1 or not box.put_back(found[0], f"local:{_account()}", _now(), drop=drop):
            raise StateStoreError(f"No dead action has the key {key!r}; `tenor-sync outbox list` shows what there is.")


def _account() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def _worker() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"[:100]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
