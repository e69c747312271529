"""`tenor-sync deliver` and `tenor-sync outbox`: what was approved, on its way to Coupa.

The state store's driver is loaded by the commands that need it: most of `tenor-sync` does not.
"""

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console

from sync.errors import ReconciliationError
from sync.observability import Observatory
from sync.settings import Settings, load_settings

Guard = Callable[[Callable[..., None]], Callable[..., None]]
KeyArgument = Annotated[str, typer.Argument(metavar="KEY", help="As `tenor-sync outbox list` shows it.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print as JSON.")]
_DEAD = 1


async def deliver_after_sync(settings: Settings, clock: Callable[[], dt.datetime], watch: Observatory) -> None:
    """The worker's pass after a sync, where there is a client that may write."""
    if settings.delivers:
        from sync.delivery import rounds  # noqa: PLC0415

        await rounds.deliver_after_sync(settings, clock, watch)


def deliver_command(guard: Guard, out: Console) -> Callable[..., None]:
    """`tenor-sync deliver`."""

    @guard
    def deliver(*, as_json: JsonOption = False) -> None:
        """Bring what people approved to Coupa: each action once, read back.

        Needs a client that may write: TENOR_COUPA_WRITE_CLIENT_ID and _SECRET. Exit code 1 when a person must look at
        something; what may pass by itself is tried again by the next call.
        """
        from sync.delivery.delivering import Dead  # noqa: PLC0415
        from sync.delivery.rounds import deliver_all, told  # noqa: PLC0415

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
        from sync.delivery.rounds import listed  # noqa: PLC0415

        rows = listed(load_settings())
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
        from sync.delivery.rounds import check_all  # noqa: PLC0415

        found = asyncio.run(check_all(load_settings(), _now))
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


def _put_back(key: str, *, drop: bool) -> None:
    from sync.delivery.rounds import put_back  # noqa: PLC0415

    put_back(load_settings(), key, _now, drop=drop)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
