"""The web application: our own routes first, Chainlit's page mounted at "/" behind them, one guard before everything.

    /healthz              is the process up
    /answers/<id>.json    an answer given in one of the reader's threads, as its contract
    /answers/<id>.csv     its table
    /blobs/<id>           a chart of an earlier answer, shown again when its thread is opened
    /evidence/<id>        an answer of any surface with everything behind it; .json, .csv and .png are its files
    /notices/stop/<id>/<word>  ends a notice: the link in its mail
    /health-board         working capital at a glance, every tile an answer
    /                     the chat

At "/" the address of the page becomes /thread/<id>, so a reload keeps the conversation; at a sub-path it would not.
Chainlit's own lifespan does not run when it is mounted: what it would start and stop is done here. One application per
process, because Chainlit keeps its callbacks and settings in module state.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from fastapi import Depends, FastAPI, HTTPException, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import SecretStr

from copilot.answer import Answer
from copilot.errors import PageError
from copilot.notices.stopping import StopWords
from copilot.rendering.table_file import table_csv
from copilot.settings import Settings
from copilot.state.store import StateStore, open_store
from copilot.state.subscriptions import SubscriptionRepository
from copilot.surfaces.approval_routes import add_approval_routes
from copilot.surfaces.evidence_routes import add_evidence_routes, download
from copilot.surfaces.failures import failure_sentence
from copilot.surfaces.health_board import add_health_board
from copilot.surfaces.listening import listen, run
from copilot.surfaces.notice_routes import add_notice_routes
from copilot.surfaces.page_folder import prepare, session_secret
from copilot.surfaces.web_security import PageGuard, is_loopback

if TYPE_CHECKING:
    from copilot.surfaces.chat_app import Asker
    from copilot.surfaces.chat_store import ChatStore

DEFAULT_HOST, DEFAULT_PORT = "127.0.0.1", 8000


def create_app(
    engine: Asker,
    state_folder: Path,
    key: SecretStr | None = None,
    viewer: str | None = None,
    stops: tuple[SubscriptionRepository, StopWords] | None = None,
    governed: tuple[StateStore, Settings] | None = None,
) -> FastAPI:
    """The page over an engine; chat history, session key and page files live in `state_folder`.

    Each `viewer` has conversations of their own. With `stops` the page ends notices by the links in their mails, with
    `governed` it shows proposals and takes decisions.

    With a key the history is encrypted. Raises a PageError if the page's files are missing or this process already has
    a page over another folder.
    """
    state_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _start_chainlit_from(prepare(state_folder.resolve()), session_secret(state_folder))
    # Chainlit reads its settings when it is imported, so not before now.
    from chainlit.auth import get_current_user  # noqa: PLC0415
    from chainlit.server import app as chainlit_app  # noqa: PLC0415

    from copilot.surfaces.chat_app import LOCAL_USER, ChatSurface  # noqa: PLC0415
    from copilot.surfaces.chat_store import ChatStore  # noqa: PLC0415

    store = ChatStore(state_folder / "chat.db", key)
    surface = ChatSurface(engine, store, user=f"{LOCAL_USER}@{viewer}" if viewer else LOCAL_USER)
    surface.register()

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            surface.close()
            await store.close()

    app = FastAPI(title="Tenor", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    _add_routes(app, engine, store, Depends(get_current_user))
    add_evidence_routes(app, engine, Depends(get_current_user))
    add_health_board(app, engine, Depends(get_current_user), failure_sentence)
    if stops is not None:
        add_notice_routes(app, *stops)
    if governed is not None:
        add_approval_routes(app, *governed, Depends(get_current_user))
    app.mount("/", chainlit_app)
    app.add_middleware(PageGuard)
    return app


class Reader(Protocol):
    """Who is signed in."""

    identifier: str


def _add_routes(app: FastAPI, engine: Asker, store: ChatStore, signed_in: Any) -> None:
    """Our own routes; `signed_in` is the dependency that yields the reader or refuses with 401."""

    async def answer_of(evidence_id: str, reader: Reader) -> Answer:
        body = await store.answer(evidence_id, reader.identifier)
        if body is None:
            raise HTTPException(404, "There is no such answer in your conversations.")
        return Answer.model_validate_json(body)

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok", "version": version("tenor")}

    @app.get("/answers/{evidence_id}.json")
    async def answer_json(evidence_id: str, reader: Reader = signed_in) -> Response:
        answer = await answer_of(evidence_id, reader)
        await run_in_threadpool(engine.told, "exported", evidence_id, {"file": "json"})
        return download(answer.to_json(indent=2), "application/json", f"{evidence_id}.json")

    @app.get("/answers/{evidence_id}.csv")
    async def answer_csv(evidence_id: str, reader: Reader = signed_in) -> Response:
        answer = await answer_of(evidence_id, reader)
        if answer.table is None:
            raise HTTPException(404, "This answer has no table, so there is no such CSV file.")
        await run_in_threadpool(engine.told, "exported", evidence_id, {"file": "csv"})
        return download(table_csv(answer), "text/csv; charset=utf-8", f"{evidence_id}.csv")

    @app.get("/blobs/{element_id}")
    async def blob(element_id: str, reader: Reader = signed_in) -> Response:
        found = await store.blob(element_id, reader.identifier)
        if found is None:
            raise HTTPException(404, "There is no such chart in your conversations.")
        return Response(found[1], media_type=found[0], headers={"cache-control": "private, max-age=86400"})


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    mirror: Path | None = None,
    today: date | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Runs the page until Ctrl-C. `announce` gets one sentence with the address once the page can be opened.

    Raises a CopilotError (a PageError for the page itself) with the way out if it cannot start.
    """
    if not is_loopback(host):
        raise PageError(
            f"The chat page signs in whoever reaches it, so it listens on this machine only, not on {host}. Leave "
            "--host out; to use it from another machine, forward the port (ssh -L 8000:127.0.0.1:8000)."
        )
    from copilot.engine import Engine  # noqa: PLC0415 (the page can be built over any engine)

    settings = Settings() if mirror is None else Settings(mirror=mirror)
    with listen(host, port) as listener, open_store(settings) as store:
        engine = Engine.open(settings, today=today)
        try:
            stops = (store.subscriptions, StopWords(settings.state_folder()))
            governed = (store, settings) if settings.people else None
            app = create_app(engine, settings.state_folder(), settings.encryption_key, settings.viewer, stops, governed)
            if announce is not None:
                shown = f"[{host}]" if ":" in host else host
                announce(f"Tenor is at http://{shown}:{listener.getsockname()[1]} (Ctrl-C stops it)")
            run(app, listener)
        finally:
            engine.close()


def _start_chainlit_from(page: Path, secret: str) -> None:
    """Sets what Chainlit reads at import; it can be started from one folder per process."""
    started = sys.modules.get("chainlit.config")
    if started is not None and Path(_root_of(started)) != page:
        raise PageError("This process already runs a chat page over another state folder. Start another process.")
    os.environ["CHAINLIT_APP_ROOT"] = str(page)
    os.environ["CHAINLIT_ROOT_PATH"] = "/"
    os.environ["CHAINLIT_AUTH_SECRET"] = secret
    logging.getLogger("chainlit").setLevel(logging.ERROR)


def _root_of(config_module: Any) -> str:
    return str(config_module.APP_ROOT)
