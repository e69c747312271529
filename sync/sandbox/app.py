"""The sandbox as an ASGI application: Coupa's core API over one seeded company.

A call passes, in this order: rate limit, token, troubles that answer in its place, content type, resource, scope,
query, troubles that change the answer. A step that refuses raises a RefusalError, which is answered in Coupa's shape.
"""

import json
import time
from collections.abc import Callable
from email.utils import format_datetime
from urllib.parse import parse_qsl

import numpy as np
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync.sandbox.access import DEFAULT_CLIENTS, SCOPES, Client, Grant, TokenDesk, TokenRefusal, basic_credentials
from sync.sandbox.company.company import Company
from sync.sandbox.control import control_routes
from sync.sandbox.desk import Desk, json_bytes, met, one_before
from sync.sandbox.editing.edits import Edits, edits_of
from sync.sandbox.effects import AFTER, RECORDS, REFUSALS, Delivery, change_page, change_records, edit_before
from sync.sandbox.errors import (
    BadQueryError,
    ForbiddenError,
    NotFoundError,
    RefusalError,
    TooManyCallsError,
    UnauthorisedError,
)
from sync.sandbox.faults import TOKEN_PATH, Fault, FaultLine, Faults, Trouble
from sync.sandbox.market import market_routes
from sync.sandbox.query import parse_query
from sync.sandbox.throttle import LeakyBucket
from sync.sandbox.writes import Papers, answer, with_own_fields
from sync.sandbox.zone import day_of

_XML = (
    '<?xml version="1.0" encoding="UTF-8"?><errors><error>This sandbox answers JSON only. '
    "Send the header Accept: application/json.</error></errors>"
)


def create_app(
    company: Company | Edits,
    *,
    rate_limit: bool = True,
    faults: Faults | None = None,
    clients: tuple[Client, ...] = DEFAULT_CLIENTS,
    clock: Callable[[], float] = time.monotonic,
    papers: Papers | None = None,
) -> Starlette:
    """The sandbox over a company, or over one that the caller edits while it is read (`Edits`).

    `clock` counts seconds for the rate limit and for the life of tokens; tests give their own. A plain company can be
    edited through `/sandbox` only; its edits are stamped with the end of its data and the seconds since the start.
    `papers` keeps what clients write; without it they begin empty.
    """
    desk = Desk(
        edits=company if isinstance(company, Edits) else edits_of(company, clock),
        tokens=TokenDesk(clients),
        faults=FaultLine(),
        bucket=LeakyBucket() if rate_limit else None,
        clock=clock,
        papers=Papers() if papers is None else papers,
    )
    desk.play(FaultLine(faults or Faults()))

    async def token(request: Request) -> Response:
        return await _answer_token(desk, request)

    async def api(request: Request) -> Response:
        return _answer_api(desk, request, b"" if request.method == "GET" else await request.body())

    async def home(_: Request) -> Response:
        return JSONResponse({"sandbox": "coupa look-alike", "resources": sorted(desk.company.resources)})

    frame = desk.company.parts.frame
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(
        routes=[
            Route("/", home),
            Route("/oauth2/token", token, methods=["POST"]),
            Route("/api/{path:path}", api, methods=methods),
            *control_routes(desk),
            *market_routes(frame.seed, day_of(frame.last_day)),
        ],
        middleware=[Middleware(_Dated, desk=desk)],
    )


class _Dated:
    """Adds the Date header by the sandbox's clock, and counts answers of /api by status."""

    def __init__(self, app: ASGIApp, desk: Desk) -> None:
        self._app, self._desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        counted = scope.get("path", "").startswith("/api/")

        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                moment = format_datetime(self._desk.edits.moment().replace(microsecond=0), usegmt=True)
                MutableHeaders(scope=message)["Date"] = moment
                if counted:
                    self._desk.counters.by_status[message["status"]] += 1
            await send(message)

        await self._app(scope, receive, dated)


async def _answer_token(desk: Desk, request: Request) -> Response:
    """Credentials from the query string, the form body or a Basic header; the later of these wins."""
    form = dict(request.query_params)
    form.update(parse_qsl((await request.body()).decode("utf-8", "replace")))
    form.update(basic_credentials(request.headers.get("authorization")))
    troubles = desk.faults.meeting(TOKEN_PATH, TOKEN_PATH)
    wanted = form.get("scope", "").split()
    for trouble in troubles:
        spared = trouble.fault is Fault.INVALID_SCOPE and not (
            wanted if trouble.value is None else trouble.value in wanted
        )
        if trouble.fault in REFUSALS and not spared:
            desk.end_tokens(REFUSALS[trouble.fault].ends, None)
            return REFUSALS[trouble.fault].response(trouble)
    issued = desk.tokens.issue(form, desk.clock())
    if isinstance(issued, TokenRefusal):
        return JSONResponse({"error": issued.error}, status_code=issued.status)
    return Delivery(json_bytes(issued), troubles)


def _answer_api(desk: Desk, request: Request, body: bytes) -> Response:
    try:
        grant = _admit(desk, request)
        path = request.path_params["path"].rstrip("/")
        address, writes = f"{path}?{request.url.query}", request.method != "GET"
        troubles = desk.faults.meeting(path, address, grant.calls, writes=writes)
        grant.calls += 1
        for trouble in troubles:
            if trouble.fault in REFUSALS:
                desk.end_tokens(REFUSALS[trouble.fault].ends, request.headers.get("authorization"))
                return REFUSALS[trouble.fault].response(trouble)
        if "application/json" not in request.headers.get("accept", ""):
            return Response(_XML, status_code=406, media_type="application/xml")
        with desk.edits.lock:
            edit_before(desk.edits, troubles, desk.editors, desk.faults.script.seed)
            query = dict(request.query_params)
            written = answer(desk.edits, desk.papers, request.method, path, body, grant.scopes, troubles, query)
            if written is None:
                return Delivery(_read(desk, grant, request, troubles), troubles)
            if (lost := next((trouble for trouble in troubles if trouble.fault in AFTER), None)) is not None:
                return AFTER[lost.fault].response(lost)
            return Delivery(json_bytes(written.content), troubles, written.status)
    except RefusalError as refusal:
        return JSONResponse(refusal.body(), status_code=refusal.status, headers=refusal.headers)


def _admit(desk: Desk, request: Request) -> Grant:
    now = desk.clock()
    desk.counters.arrived(now)
    if desk.bucket is not None and not desk.bucket.admit(now):
        desk.counters.refused_by_rate_limit += 1
        headers = {} if desk.faults.standing(Fault.NO_RETRY_AFTER) else {"Retry-After": "1"}
        raise TooManyCallsError("api", "Rate limit reached: 25 calls a second and a burst of 20", headers=headers)
    grant = desk.tokens.grant(request.headers.get("authorization"), now)
    if grant is None:
        raise UnauthorisedError("api", "Unauthorized: send a valid token as Authorization: Bearer")
    return grant


def _read(desk: Desk, grant: Grant, request: Request, troubles: list[Trouble]) -> bytes:
    """The list or the record that a GET asks for, as JSON."""
    resource, record_id = _address(desk, request.path_params["path"])
    table = desk.company.resources[resource]
    if SCOPES[resource] not in grant.scopes:
        raise ForbiddenError(table.model, f"Forbidden: the token lacks the scope {SCOPES[resource]}")
    if request.method != "GET":
        raise NotFoundError(table.model, f"{request.method} of {resource} is not imitated by this sandbox")
    parameters = list(request.query_params.multi_items())
    try:
        written = desk.written(resource, dict(parameters))
        if record_id is not None:
            row = table.row_of(record_id)
            if row is None:
                raise NotFoundError(table.model, f"No {table.model} has the id {record_id}")
            return _changed(desk, resource, desk.page(written, np.array([row])), troubles, parameters)[1:-1]
        query = parse_query(table, parameters)
        rows = desk.selector(resource).page(query)
        body = desk.page(written, rows)
        if met(troubles, Fault.DUPLICATE_IDS) or met(troubles, Fault.UNSORTED):
            body = json_bytes(change_page(json.loads(body), troubles, one_before(written, rows), query.limit))
        return _changed(desk, resource, body, troubles, parameters)
    except BadQueryError as problem:
        # Whatever table an association leads to, the error belongs to the record that was asked for.
        raise BadQueryError(table.model, *problem.messages) from None


def _changed(
    desk: Desk, resource: str, body: bytes, troubles: list[Trouble], parameters: list[tuple[str, str]]
) -> bytes:
    """The list with what clients wrote into its records, and what the troubles make of them."""
    own = any(name == resource for name, _ in desk.papers.fields)
    if not own and not any(trouble.fault in RECORDS for trouble in troubles):
        return body
    records = with_own_fields(desk.papers, resource, json.loads(body))
    change_records(records, troubles, asked=any(name == "fields" for name, _ in parameters))
    return json_bytes(records)


def _address(desk: Desk, path: str) -> tuple[str, int | None]:
    """Resource and id of a path below `/api/`; raises NotFoundError."""
    cleaned = path.rstrip("/")
    if cleaned in desk.company.resources:
        return cleaned, None
    resource, _, last = cleaned.rpartition("/")
    if resource in desk.company.resources and last.isdigit():
        return resource, int(last)
    raise NotFoundError("api", f"There is no /api/{cleaned}")
