"""The sandbox's own addresses under `/sandbox`: edits, troubles, counters. Not Coupa's; for this machine only."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sync.sandbox.desk import Desk
from sync.sandbox.editing.random_edits import RandomEdits
from sync.sandbox.errors import EditError, FaultScriptError
from sync.sandbox.faults import FaultLine, Faults

_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost", "testclient"})
Answer = Callable[[Any], Any]


def control_routes(desk: Desk) -> list[Route]:
    """Routes that edit the company, switch its troubles and count its calls.

    GET /sandbox: the revision and how many records each table has.
    POST /sandbox/edits `{"edits": [{"verb": ...}]}`: carries out all or none; answers the ids made.
    POST /sandbox/random `{"seed": 1, "count": 20}`: seeded random edits; answers what was done.
    GET /sandbox/log: every edit so far.
    GET /sandbox/records/{table}: every record of a table, whole, without pages.
    GET and POST /sandbox/troubles `{"troubles": ["unavailable every=9"], "seed": 1}`: reads or replaces the script.
    GET /sandbox/statistics: calls, answers by status, refusals by the rate limit, and troubles met.
    """
    edits = desk.edits

    def about(_: Any) -> Any:
        with edits.lock:
            counts = {name: len(table.live_rows()) for name, table in edits.company.tables.items()}
            return {"revision": edits.revision, "now": edits.now().isoformat(), "records": counts}

    def change(body: Any) -> Any:
        return {"ids": edits.apply(body["edits"]), "revision": edits.revision}

    def surprise(body: Any) -> Any:
        editor = RandomEdits(edits, int(body["seed"]), body.get("weights", {}))
        done = editor.take(int(body.get("count", 1)))
        editor.settle()
        return {"edits": [_shown(edit) for edit in done], "revision": edits.revision}

    def troubles(body: Any) -> Any:
        if body is not None:
            desk.play(FaultLine(Faults.of(*body["troubles"], seed=int(body.get("seed", 0)))))
        script = desk.faults.script
        return {"troubles": [trouble.text() for trouble in script.troubles], "seed": script.seed}

    def statistics(_: Any) -> Any:
        return {**desk.counters.shown(), "troubles_met": dict(desk.faults.met)}

    def log(_: Any) -> Any:
        return [_shown(edit) for edit in edits.log]

    return [
        Route("/sandbox", _guarded(about), methods=["GET"]),
        Route("/sandbox/edits", _guarded(change), methods=["POST"]),
        Route("/sandbox/random", _guarded(surprise), methods=["POST"]),
        Route("/sandbox/log", _guarded(log), methods=["GET"]),
        Route("/sandbox/troubles", _guarded(troubles), methods=["GET", "POST"]),
        Route("/sandbox/statistics", _guarded(statistics), methods=["GET"]),
        Route("/sandbox/records/{table:path}", _guarded(edits.records, "table"), methods=["GET"]),
    ]


def _shown(edit: Any) -> dict[str, Any]:
    return {
        "number": edit.number,
        "at": edit.at.isoformat(),
        "verb": edit.verb,
        "table": edit.table,
        "record_id": edit.record_id,
    }


def _guarded(answer: Answer, parameter: str | None = None) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint around an answer: loopback callers only, never a web page's script, JSON in and out."""

    async def endpoint(request: Request) -> Response:
        client = request.client.host if request.client else ""
        if client not in _LOOPBACK or "origin" in request.headers:
            return JSONResponse({"error": "Only programs on this machine may use /sandbox."}, status_code=403)
        try:
            body = json.loads(await request.body() or b"{}") if request.method == "POST" else None
            given = request.path_params[parameter] if parameter else body
            return JSONResponse(answer(given))
        except (EditError, FaultScriptError) as problem:
            return JSONResponse({"error": str(problem)}, status_code=400)
        except (KeyError, TypeError, ValueError) as problem:
            return JSONResponse({"error": f"The request cannot be read: {problem!r}"}, status_code=400)

    return endpoint
