"""The command `tenor slack`."""

from __future__ import annotations

from typing import Annotated

import typer

from copilot.surfaces.command_parts import MirrorOption, TodayOption, day_of, plain_errors, settings_of


def slack(
    *,
    host: Annotated[str, typer.Option("--host", help="Address to listen on, without an app token.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port, without an app token.")] = 3000,
    mirror: MirrorOption = None,
    today: TodayOption = None,
) -> None:
    """Answer questions in Slack: mentions, direct messages, threads and /tenor.

    Example: tenor slack

    Over Socket Mode with TENOR_SLACK_APP_TOKEN, else as an HTTP endpoint with TENOR_SLACK_SIGNING_SECRET.
    """
    from copilot.surfaces.slack.serving import run_slack  # noqa: PLC0415 (loads Slack's library)

    with plain_errors():
        run_slack(settings_of(mirror), host, port, day_of(today), typer.echo)
