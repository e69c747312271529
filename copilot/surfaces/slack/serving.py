"""Runs the Slack surface: over Socket Mode where there is an app token, else as an HTTP endpoint that Slack calls.

Socket Mode needs no address of ours that Slack could reach. Over HTTP every request is checked against the signing
secret and its time; TLS is the reverse proxy's.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import aiohttp
from fastapi import FastAPI, Request, Response
from pydantic import SecretStr
from slack_bolt.adapter.fastapi.async_handler import AsyncSlackRequestHandler
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import (
    AsyncConnectionErrorRetryHandler,
    AsyncRateLimitErrorRetryHandler,
)
from slack_sdk.web.async_client import AsyncWebClient

from copilot.errors import SlackError
from copilot.layer_opening import open_layer
from copilot.settings import Settings
from copilot.state.store import StateStore, open_store
from copilot.surfaces.engines import Engines
from copilot.surfaces.listening import listen, server
from copilot.surfaces.slack.adapter import SlackSurface
from copilot.surfaces.slack.approvals import SlackApprovals
from copilot.surfaces.slack.live_directory import LiveDirectory
from copilot.surfaces.web_security import is_loopback

if TYPE_CHECKING:
    from pathlib import Path

PATH = "/slack/events"
Announce = Callable[[str], None]
_log = logging.getLogger(__name__)


def run_slack(settings: Settings, host: str, port: int, today: date | None, announce: Announce) -> None:
    """Answers in Slack until the process is told to stop. Raises a CopilotError if it cannot start."""
    token, people = _required(settings)
    directory = LiveDirectory(people, settings, _log.error)
    engines = Engines(settings, today)
    store = open_store(settings)
    try:
        asyncio.run(_serve(settings, token, _surface(settings, engines, directory, store), host, port, announce))
    except SlackApiError as error:
        raise SlackError(
            f"Slack refused us ({error.response.get('error', 'no reason given')}). Check TENOR_SLACK_BOT_TOKEN and "
            "TENOR_SLACK_APP_TOKEN, and that the app is installed in the workspace."
        ) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise SlackError(f"Slack cannot be reached at {settings.slack_api_url} ({error}).") from error
    finally:
        engines.close()
        store.close()


def http_app(bolt: AsyncApp, lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None) -> FastAPI:
    """The endpoint that Slack calls, and a sign of life."""
    app = FastAPI(title="Tenor in Slack", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    handler = AsyncSlackRequestHandler(bolt)

    @app.post(PATH)
    async def events(request: Request) -> Response:
        return await handler.handle(request)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def bolt_app(settings: Settings, token: SecretStr) -> AsyncApp:
    """Bolt over a client that waits when Slack says so, and that tries again when a connection breaks."""
    retries = [AsyncConnectionErrorRetryHandler(), AsyncRateLimitErrorRetryHandler(max_retry_count=3)]
    client = AsyncWebClient(token.get_secret_value(), base_url=settings.slack_api_url, retry_handlers=retries)
    secret = settings.slack_signing_secret
    return AsyncApp(client=client, signing_secret=secret.get_secret_value() if secret else "")


def _surface(settings: Settings, engines: Engines, directory: LiveDirectory, store: StateStore) -> SlackSurface:
    whole = settings.model_copy(update={"policies": None, "viewer": None})  # cash pays for all payables
    approvals = SlackApprovals(store, settings, lambda: open_layer(whole)) if settings.people else None
    return SlackSurface(engines, directory, store.slack_questions, settings.public_url, approvals)


async def _serve(
    settings: Settings, token: SecretStr, surface: SlackSurface, host: str, port: int, announce: Announce
) -> None:
    bolt = bolt_app(settings, token)
    surface.register(bolt)
    who = await bolt.client.auth_test()
    try:
        if settings.slack_app_token is not None:
            announce(f"Tenor answers in {who['team']} as {who['user']} (Ctrl-C stops it)")
            await _over_socket(bolt, surface, settings.slack_app_token)
        else:
            await _over_http(bolt, surface, host, port, announce)
    finally:
        surface.close()


async def _over_socket(bolt: AsyncApp, surface: SlackSurface, token: SecretStr) -> None:
    """Until a signal says stop, also while Slack cannot be reached; the library connects again by itself."""
    await bolt.client.apps_connections_open(app_token=token.get_secret_value())  # the library would try for ever
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for which in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(which, stop.set)
    handler = AsyncSocketModeHandler(bolt, token.get_secret_value())
    work = asyncio.create_task(_connected(handler, surface, bolt.client))
    try:
        await stop.wait()
    finally:
        work.cancel()
        await handler.close_async()  # type: ignore[no-untyped-call] # Bolt leaves these two without types


async def _connected(handler: AsyncSocketModeHandler, surface: SlackSurface, client: AsyncWebClient) -> None:
    await handler.connect_async()  # type: ignore[no-untyped-call] # as above
    await surface.answer_left_open(client)


async def _over_http(bolt: AsyncApp, surface: SlackSurface, host: str, port: int, announce: Announce) -> None:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        left = asyncio.create_task(surface.answer_left_open(bolt.client))
        yield
        left.cancel()

    with listen(host, port) as listener:
        announce(f"Slack's requests are awaited at http://{host}:{listener.getsockname()[1]}{PATH} (Ctrl-C stops it)")
        await server(http_app(bolt, lifespan)).serve(sockets=[listener])


def _required(settings: Settings) -> tuple[SecretStr, Path]:
    """Token and people file, after everything that cannot be left out was found."""
    if settings.slack_bot_token is None:
        raise SlackError("Set TENOR_SLACK_BOT_TOKEN to the bot token (xoxb-) of your Slack app: see docs/slack.md.")
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise SlackError(
            "Set TENOR_SLACK_APP_TOKEN (xapp-) for Socket Mode, or TENOR_SLACK_SIGNING_SECRET for requests over HTTP."
        )
    if settings.slack_people is None:
        raise SlackError("Set TENOR_SLACK_PEOPLE to the file of the people who may ask: see docs/slack.md.")
    address = urlsplit(settings.slack_api_url)
    if address.scheme != "https" and not is_loopback(address.hostname or ""):
        raise SlackError(f"TENOR_SLACK_API_URL must be https, not {settings.slack_api_url}: it carries the bot token.")
    return settings.slack_bot_token, settings.slack_people
