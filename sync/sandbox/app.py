"""The sandbox as an ASGI application: Coupa's core API over one seeded company.

A request passes, in this order: rate limit, token, fault script, content type, resource, scope, query. Each step that
refuses raises a RefusalError, which is answered in Coupa's error shape.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sync.sandbox.access import DEFAULT_CLIENTS, SCOPES, Client, Grant, TokenDesk, TokenRefusal, basic_credentials
from sync.sandbox.company.company import Company
from sync.sandbox.control import control_routes
from sync.sandbox.editing.edits import Edits, edits_of
from sync.sandbox.errors import (
    BadQueryError,
    ForbiddenError,
    NotFoundError,
    RefusalError,
    TooManyCallsError,
    UnauthorisedError,
)
from sync.sandbox.faults import Fault, FaultLine, Faults
from sync.sandbox.projection import render, shape_of
from sync.sandbox.query import Selector, parse_query
from sync.sandbox.tables import Table
from sync.sandbox.throttle import LeakyBucket

_HTML = "<!DOCTYPE html><html><head><title>We're sorry</title></head><body><h1>Something went wrong.</h1></body></html>"
_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><errors><error>This sandbox answers JSON only. '
    "Send the header Accept: application/json.</error></errors>"
)


@dataclass
class Desk:
    """Everything one running sandbox holds: the company, its access rules, its faults and its clock."""

    edits: Edits
    tokens: TokenDesk
    faults: FaultLine
    bucket: LeakyBucket | None
    clock: Callable[[], float]
    selectors: dict[str, Selector] = field(default_factory=dict)
    revision: int = 0

    @property
    def company(self) -> Company:
        """The company as it is now."""
        return self.edits.company

    def selector(self, resource: str, table: Table) -> Selector:
        """The selector of a resource, made once until the company is edited. Hold the lock of the edits."""
        if self.revision != self.edits.revision:
            self.selectors.clear()
            self.revision = self.edits.revision
        return self.selectors.setdefault(resource, Selector(table))


def create_app(
    company: Company | Edits,
    *,
    rate_limit: bool = True,
    faults: Faults | None = None,
    clients: tuple[Client, ...] = DEFAULT_CLIENTS,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """The sandbox over a company, or over one that the caller edits while it is read (`Edits`).

    `clock` counts seconds for the rate limit and for the life of tokens; tests give their own. A plain company can be
    edited through `/sandbox` only; its edits are stamped with the end of its data and the seconds since the start.
    """
    desk = Desk(
        edits=company if isinstance(company, Edits) else edits_of(company, clock),
        tokens=TokenDesk(clients),
        faults=FaultLine(faults or Faults()),
        bucket=LeakyBucket() if rate_limit else None,
        clock=clock,
    )

    async def token(request: Request) -> Response:
        return await _answer_token(desk, request)

    async def api(request: Request) -> Response:
        return await _answer_api(desk, request)

    async def home(_: Request) -> Response:
        return JSONResponse({"sandbox": "coupa look-alike", "resources": sorted(desk.company.resources)})

    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/", home),
            Route("/oauth2/token", token, methods=["POST"]),
            Route("/api/{path:path}", api, methods=methods),
            *control_routes(desk.edits),
        ]
    )


async def _answer_token(desk: Desk, request: Request) -> Response:
    """Credentials from the query string, the form body or a Basic header; the later of these wins."""
    form = dict(request.query_params)
    form.update(parse_qsl((await request.body()).decode("utf-8", "replace")))
    form.update(basic_credentials(request.headers.get("authorization")))
    answer = desk.tokens.issue(form, desk.clock())
    if isinstance(answer, TokenRefusal):
        return JSONResponse({"error": answer.error}, status_code=answer.status)
    return JSONResponse(answer, headers={"Cache-Control": "no-store"})


async def _answer_api(desk: Desk, request: Request) -> Response:
    try:
        grant = _admit(desk, request)
        fault = desk.faults.next(grant.calls)
        grant.calls += 1
        if desk.faults.script.delay_seconds:
            await asyncio.sleep(desk.faults.script.delay_seconds)
        if fault is not None:
            return _faulty(fault)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(_XML, status_code=406, media_type="application/xml")
        with desk.edits.lock:
            return _json(_read(desk, grant, request))
    except RefusalError as refusal:
        return JSONResponse(refusal.body(), status_code=refusal.status, headers=refusal.headers)


def _admit(desk: Desk, request: Request) -> Grant:
    now = desk.clock()
    if desk.bucket is not None and not desk.bucket.admit(now):
        raise TooManyCallsError(
            "api", "Rate limit reached: 25 calls a second and a burst of 20", headers={"Retry-After": "1"}
        )
    grant = desk.tokens.grant(request.headers.get("authorization"), now)
    if grant is None:
        raise UnauthorisedError("api", "Unauthorized: send a valid token as Authorization: Bearer")
    return grant


def _faulty(fault: Fault) -> Response:
    if fault is Fault.EXPIRED_TOKEN:
        return JSONResponse({"errors": {"api": ["Unauthorized: the token has expired"]}}, status_code=401)
    if fault is Fault.TOO_MANY_CALLS:
        return JSONResponse({"errors": {"api": ["Rate limit reached"]}}, status_code=429)
    if fault is Fault.UNAVAILABLE:
        return Response("Service Unavailable", status_code=503, media_type="text/plain")
    return HTMLResponse(_HTML, status_code=500)


def _read(desk: Desk, grant: Grant, request: Request) -> Any:
    """The list or the record that a GET asks for."""
    resource, record_id = _address(desk, request.path_params["path"])
    table = desk.company.resources[resource]
    if SCOPES[resource] not in grant.scopes:
        raise ForbiddenError(table.model, f"Forbidden: the token lacks the scope {SCOPES[resource]}")
    if request.method != "GET":
        raise NotFoundError(table.model, f"{request.method} is not imitated by this sandbox, which is read-only")
    parameters = list(request.query_params.multi_items())
    try:
        shape = shape_of(table, dict(parameters))
        if record_id is None:
            rows = desk.selector(resource, table).page(parse_query(table, parameters))
            return render(table, rows, shape)
    except BadQueryError as problem:
        # Whatever table an association leads to, the error belongs to the record that was asked for.
        raise BadQueryError(table.model, *problem.messages) from None
    row = table.row_of(record_id)
    if row is None:
        raise NotFoundError(table.model, f"No {table.model} has the id {record_id}")
    return render(table, np.array([row], dtype=np.int64), shape)[0]


def _address(desk: Desk, path: str) -> tuple[str, int | None]:
    """Resource and id of a path below `/api/`; raises NotFoundError."""
    cleaned = path.rstrip("/")
    if cleaned in desk.company.resources:
        return cleaned, None
    resource, _, last = cleaned.rpartition("/")
    if resource in desk.company.resources and last.isdigit():
        return resource, int(last)
    raise NotFoundError("api", f"There is no /api/{cleaned}")


def _json(value: Any) -> Response:
    return Response(json.dumps(value, ensure_ascii=False, separators=(",", ":")), media_type="application/json")
