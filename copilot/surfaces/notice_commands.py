"""`tenor notices`: standing questions by mail or Slack, and the worker that sends them."""

from __future__ import annotations

import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from typing import Annotated

import typer

from copilot.answer import Answer
from copilot.audit.account import account
from copilot.errors import NoticeError
from copilot.notices.conditions import condition_of
from copilot.notices.running import ACTOR, Failed, NoticeRunner, NotNeeded, Outcome, Sent
from copilot.notices.stopping import StopWords
from copilot.notices.subscription import Address, Subscription
from copilot.notices.times import QuietHours, cron_of, following
from copilot.settings import Settings
from copilot.state.store import StateStore, open_store
from copilot.surfaces.command_parts import MirrorOption, TodayOption, day_of, plain_errors, settings_of
from copilot.viewers import viewer_of

notices_app = typer.Typer(
    rich_markup_mode=None, no_args_is_help=True, help="Questions asked by the calendar, and figures that are watched."
)
IdArgument = Annotated[str, typer.Argument(metavar="ID", help="As `tenor notices list` shows it.")]
LOOK_EVERY_S = 30.0


@notices_app.command()
def add(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="The question to ask.")],
    *,
    when: Annotated[str, typer.Option("--when", help='Such as "every Monday 8:00", "weekdays 7:30", or a crontab.')],
    to: Annotated[str, typer.Option("--to", help="A mail address, or slack:WORKSPACE/PERSON-OR-CHANNEL.")],
    beyond: Annotated[
        str | None, typer.Option("--if", help='Only when the figure is beyond a bound, such as "below 40%".')
    ] = None,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Set up a notice: a digest by the calendar, or with --if an alert, once for each incident.

    Example: tenor notices add "DPO" --when "weekdays 8:00" --if "below 40 days" --to treasury@company.com
    """
    from copilot.surfaces.engines import Engines  # noqa: PLC0415 (loads the whole product)
    from copilot.surfaces.notice_delivery import Post  # noqa: PLC0415 (loads Slack's library)

    with plain_errors(), open_store(settings := settings_of(mirror)) as store:
        address, cron, now = Address.of(to), cron_of(when), datetime.now(UTC)
        Post(settings).check(address, settings.viewer)
        engines = Engines(settings, day_of(today))
        try:
            answer = engines.of(viewer_of(settings)).ask(question)
        finally:
            engines.close()
        if answer.status != "answered" or answer.headline is None:
            raise NoticeError(f"That question has no figure to send: {answer.narrative}")
        made = Subscription(
            id=secrets.token_hex(4),
            question=question,
            cron=cron,
            condition=condition_of(beyond, answer.headline) if beyond else None,
            address=address,
            viewer=settings.viewer,
            owner=account(),
            created_at=now,
            looked_at=now,
        )
        store.subscriptions.add(made.id, made.model_dump(mode="json"))
        first = following(cron, settings.time_zone(), now)
        bound = f" if it is {made.condition.words(answer.headline.unit)}" if made.condition else ""
        typer.echo(f"{made.id}: {question!r} goes to {address}{bound}, first on {first:%a %d %b %Y at %H:%M}.")
        typer.echo(f"It would say now: {answer.narrative.splitlines()[0]}")


@notices_app.command(name="list")
def list_notices() -> None:
    """List the notices that are set up, with what became of the last one.

    Example: tenor notices list
    """
    with plain_errors(), open_store(settings_of(None)) as store:
        found = [Subscription.model_validate(body) for body in store.subscriptions.all()]
        for one in found:
            last = next(iter(store.subscriptions.outcomes(one.id, 1)), None)
            became = f"; {last[0]:%Y-%m-%d %H:%M} UTC: {last[1]}" if last else ""
            bound = f" if {one.condition.op} {one.condition.bound}" if one.condition else ""
            typer.echo(f"{one.id}  {one.cron}  {one.address}  {one.question!r}{bound}{became}")
        if not found:
            typer.echo('There are none. Add one with: tenor notices add "..." --when "every Monday 8:00" --to ...')


@notices_app.command()
def preview(key: IdArgument, *, mirror: MirrorOption = None, today: TodayOption = None) -> None:
    """Show what a notice would say now; nothing is sent.

    Example: tenor notices preview 1a2b3c4d
    """
    from rich.console import Console  # noqa: PLC0415 (needed here only)

    from copilot.rendering.terminal import render  # noqa: PLC0415 (as above)

    with plain_errors(), _runner(settings_of(mirror), day_of(today)) as (runner, store):
        one = _named(store, key)
        answer = runner.ask(one)
        frame = runner.frame(one, answer, datetime.now(UTC), datetime.now(UTC))
        typer.echo(f"To: {one.address}\nSubject: {frame.subject(answer)}\n")
        Console(highlight=False).print(render(answer))
        typer.echo("\n".join(frame.footer()))


@notices_app.command()
def stop(key: IdArgument) -> None:
    """Stop a notice.

    Example: tenor notices stop 1a2b3c4d
    """
    with plain_errors(), open_store(settings_of(None)) as store:
        one = _named(store, key)
        store.subscriptions.remove(one.id)
        typer.echo(f"Stopped: {one.question!r} goes to {one.address} no longer.")


@notices_app.command()
def run(
    *,
    once: Annotated[bool, typer.Option("--once", help="Look once and end, for cron.")] = False,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Send what is due, again and again until told to stop.

    Example: tenor notices run --once

    Exit code: 0, or 1 with --once when a notice could not be sent.
    """
    done = threading.Event()
    with plain_errors(), _runner(settings_of(mirror), day_of(today)) as (runner, _):
        if not once:
            for which in (signal.SIGINT, signal.SIGTERM):
                signal.signal(which, lambda *_: done.set())
        while True:
            outcomes = runner.round(datetime.now(UTC))
            for outcome in outcomes:
                typer.echo(_line(outcome), err=isinstance(outcome, Failed))
            if once or done.wait(LOOK_EVERY_S):
                break
    if once and any(isinstance(outcome, Failed) for outcome in outcomes):
        raise typer.Exit(1)


@contextmanager
def _runner(settings: Settings, today: date | None) -> Iterator[tuple[NoticeRunner, StateStore]]:
    from copilot.surfaces.engines import Engines  # noqa: PLC0415 (loads the whole product)
    from copilot.surfaces.notice_delivery import Post  # noqa: PLC0415 (loads Slack's library)

    engines = Engines(settings, today)
    with open_store(settings) as store:

        def ask(one: Subscription) -> Answer:
            rights = viewer_of(settings.model_copy(update={"viewer": one.viewer}))
            return engines.of(rights).ask(one.question, actor=ACTOR.format(id=one.id))

        try:
            yield (
                NoticeRunner(
                    repository=store.subscriptions,
                    ask=ask,
                    deliver=Post(settings),
                    words=StopWords(settings.state_folder()),
                    zone=settings.time_zone(),
                    quiet=QuietHours.of(settings.quiet_hours),
                    public_url=settings.public_url,
                ),
                store,
            )
        finally:
            engines.close()


def _named(store: StateStore, key: str) -> Subscription:
    for body in store.subscriptions.all():
        if body["id"] == key:
            return Subscription.model_validate(body)
    raise NoticeError(f"There is no notice {key!r}; `tenor notices list` shows them.")


def _line(outcome: Outcome) -> str:
    one = outcome.subscription
    match outcome:
        case Sent():
            return f"{one.id} sent to {one.address}: {one.question}"
        case NotNeeded(why=why):
            return f"{one.id} not sent ({why}): {one.question}"
        case Failed(why=why):
            return f"{one.id} failed: {why}"
