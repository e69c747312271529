"""The pages and files behind answers of any surface, for readers with the rights that the answer was given with.

A link from Slack may be the first thing that a browser opens of us: without a session it gets a page that signs in, as
the chat page would, and comes back. The routes are plain functions, so that they run in worker threads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse

from copilot.audit.chain import Action
from copilot.errors import EvidenceMissingError
from copilot.evidence import EvidencePack
from copilot.rendering.evidence_page import evidence_page
from copilot.rendering.table_file import table_csv

MISSING = "There is no such answer that you may see."
PAGES = ("/evidence/", "/health-board", "/approvals")
"""Pages of ours that a browser may open before the chat."""

SIGN_IN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Tenor</title><p>Signing in…</p>
<script>fetch("/auth/header", {method: "POST"}).then(function (r) { if (r.ok) location.reload(); });</script></html>"""


class Evidence(Protocol):
    """What these routes need of the engine."""

    def told(self, action: Action, of: str, what: Mapping[str, Any]) -> None:
        """Tells the audit trail."""

    def evidence_of(self, evidence_id: str) -> EvidencePack:
        """The pack behind an answer; raises EvidenceMissingError for none, or for somebody else's."""


def add_evidence_routes(app: FastAPI, engine: Evidence, signed_in: Any) -> None:
    """`signed_in` is the dependency that refuses with 401 whoever has no session."""
    files: Mapping[str, Callable[[EvidencePack], Response]] = {"json": _pack, "csv": _rows, "png": _chart}

    def pack_of(evidence_id: str) -> EvidencePack:
        try:
            return engine.evidence_of(evidence_id)
        except EvidenceMissingError:
            raise HTTPException(404, MISSING) from None

    @app.get("/evidence/{evidence_id}.{kind}", dependencies=[signed_in])
    def file(evidence_id: str, kind: str) -> Response:
        if kind not in files:
            raise HTTPException(404, f"There is no {kind} of an answer, only {', '.join(files)}.")
        made = files[kind](pack_of(evidence_id))
        engine.told("exported", evidence_id, {"file": kind})
        return made

    @app.get("/evidence/{evidence_id}", dependencies=[signed_in])
    def page(evidence_id: str) -> Response:
        shown = evidence_page(pack_of(evidence_id))
        engine.told("opened", evidence_id, {})
        return HTMLResponse(shown, headers={"cache-control": "private, no-store"})

    @app.exception_handler(401)
    async def without_a_session(request: Request, refusal: HTTPException) -> Response:
        if request.url.path.startswith(PAGES) and "text/html" in request.headers.get("accept", ""):
            return HTMLResponse(SIGN_IN, headers={"cache-control": "no-store"})
        return await http_exception_handler(request, refusal)


def _pack(pack: EvidencePack) -> Response:
    return download(pack.canonical(), "application/json", f"evidence-{pack.id}.json")


def _rows(pack: EvidencePack) -> Response:
    answer = pack.shown()
    if answer.table is None:
        raise HTTPException(404, "This answer has no table, so there is no such CSV file.")
    return download(table_csv(answer), "text/csv; charset=utf-8", f"{pack.id}.csv")


def _chart(pack: EvidencePack) -> Response:
    from copilot.rendering.picture import picture  # noqa: PLC0415 (loads a library that few pages need)

    answer = pack.shown()
    if answer.chart is None:
        raise HTTPException(404, "This answer has no chart.")
    return Response(picture(answer.chart), media_type="image/png", headers={"cache-control": "private, no-store"})


def download(text: str, media_type: str, name: str) -> Response:
    """A file that the browser saves and nobody keeps on the way."""
    headers = {"content-disposition": f'attachment; filename="tenor-{name}"', "cache-control": "private, no-store"}
    return Response(text, media_type=media_type, headers=headers)
