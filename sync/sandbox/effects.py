"""What each fault does, as tables: answers in place of the asked one, edits before it, changed records, bad delivery.

A call passes, in this order: REFUSALS (the first one met is the answer), EDITS (the instance is edited before it
answers), RECORDS (records of the answer are changed), and the delivery of the finished body (Delivery).
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sync.sandbox.editing.edits import Edits
from sync.sandbox.editing.random_edits import KINDS, RandomEdits
from sync.sandbox.faults import Fault, Trouble

HTML = "<!DOCTYPE html><html><head><title>We're sorry</title></head><body><h1>Something went wrong.</h1></body></html>"
_GATEWAY = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>"
_PARTS = 8
_NOTICED = 0.02
"""Seconds after which the server knows that a connection is gone and expects no answer on it."""


@dataclass(frozen=True)
class Refusal:
    """An answer in place of the one that was asked for. ends: the tokens that it puts an end to."""

    status: int
    body: str
    media_type: str = "application/json"
    ends: str = ""

    def response(self, trouble: Trouble) -> Response:
        """The answer, with Retry-After where the script names one."""
        headers = {} if trouble.retry_after is None else {"Retry-After": trouble.retry_after}
        return Response(self.body, self.status, headers, self.media_type)


REFUSALS: dict[Fault, Refusal] = {
    Fault.EXPIRED_TOKEN: Refusal(401, '{"errors":{"api":["Unauthorized: the token has expired"]}}', ends="this"),
    Fault.REVOKED_TOKEN: Refusal(401, '{"errors":{"api":["Unauthorized: the token was revoked"]}}', ends="all"),
    Fault.REVOKED_CLIENT: Refusal(401, '{"error":"invalid_client"}', ends="all"),
    Fault.INVALID_SCOPE: Refusal(400, '{"error":"invalid_scope"}'),
    Fault.FORBIDDEN: Refusal(403, '{"errors":{"api":["Forbidden: this client may no longer read here"]}}'),
    Fault.TOO_MANY_CALLS: Refusal(429, '{"errors":{"api":["Rate limit reached"]}}'),
    Fault.SERVER_ERROR: Refusal(500, '{"errors":{"api":["Internal server error"]}}'),
    Fault.HTML_ERROR: Refusal(500, HTML, "text/html"),
    Fault.BAD_GATEWAY: Refusal(502, _GATEWAY.format("502 Bad Gateway"), "text/html"),
    Fault.UNAVAILABLE: Refusal(503, "Service Unavailable", "text/plain"),
    Fault.WRITE_REFUSED: Refusal(400, '{"errors":{"record":["Validation failed: it cannot be saved"]}}'),
    Fault.GATEWAY_TIMEOUT: Refusal(504, _GATEWAY.format("504 Gateway Time-out"), "text/html"),
}

AFTER: dict[Fault, Refusal] = {
    Fault.WRITE_LOST: Refusal(500, HTML, "text/html"),
}
"""Answers in place of the right one, after what was asked for has been done."""

EDITS: dict[Fault, tuple[str, ...]] = {
    Fault.PAGE_SHIFT: ("touch",),
    Fault.CHILD_EDITS: tuple(kind for kind in KINDS if kind.startswith("silent_")),
    Fault.LATE_UPDATES: ("late_change", "late_invoice", "reveal"),
    Fault.HARD_DELETES: ("delete_any",),
    Fault.RANDOM_EDITS: tuple(KINDS),
}
"""The kinds of random edits that take place before the answer."""

Record = dict[str, Any]
RecordEffect = Callable[[Record, str, Trouble], None]


def _write(record: Record, name: str, trouble: Trouble, value: Any) -> None:
    """Writes the script's value, or else the fault's own, where the record has the attribute."""
    if name in record:
        record[name] = value if trouble.value is None else trouble.value


def _add(record: Record, name: str, trouble: Trouble) -> None:
    record[name] = {"id": 1, "name": "new in this release"} if trouble.value is None else trouble.value


RECORDS: dict[Fault, tuple[str, RecordEffect]] = {
    Fault.HIDDEN_FIELDS: ("total-with-taxes", lambda record, name, _: record.pop(name, None)),
    Fault.UNKNOWN_FIELD: ("brand-new-field", _add),
    Fault.MISSING_FIELD: ("total-with-taxes", lambda record, name, _: record.pop(name, None)),
    Fault.NULL: ("total-with-taxes", lambda record, name, trouble: _write(record, name, trouble, None)),
    Fault.BLANK: ("invoice-date", lambda record, name, trouble: _write(record, name, trouble, "")),
    Fault.OUT_OF_RANGE: ("total-with-taxes", lambda record, name, trouble: _write(record, name, trouble, "9" * 40)),
    Fault.WRONG_TYPE: ("total-with-taxes", lambda record, name, trouble: _write(record, name, trouble, {"id": 1})),
}
"""The attribute that is meant unless the script names others, and what happens to it in each record it concerns."""


def change_records(records: list[Record], troubles: Sequence[Trouble], *, asked: bool) -> None:
    """Plays the record faults on the records of an answer. asked: the call named its `fields` (no default filter)."""
    for trouble in troubles:
        if trouble.fault not in RECORDS or (asked and trouble.fault is Fault.HIDDEN_FIELDS):
            continue
        default, effect = RECORDS[trouble.fault]
        for path in (trouble.attribute or default).split(","):
            *parents, name = path.split(".")
            for record in records:
                if trouble.concerns(int(record.get("id") or 0)):
                    for inner in _within(record, parents):
                        effect(inner, name, trouble)


def _within(record: Any, path: Sequence[str]) -> list[Record]:
    """The objects at the end of a path through links and lists."""
    if isinstance(record, list):
        return [found for item in record for found in _within(item, path)]
    if not isinstance(record, dict):
        return []
    return _within(record.get(path[0]), path[1:]) if path else [record]


def change_page(records: list[Record], troubles: Sequence[Trouble], before: Record | None, limit: int) -> list[Record]:
    """Plays the page faults: a record served already (`before`, the one ahead of this page) once more, or no order."""
    kinds = {trouble.fault for trouble in troubles}
    if Fault.DUPLICATE_IDS in kinds and records:
        records = [before or records[0], *records][:limit]
    return records[::-1] if Fault.UNSORTED in kinds else records


def edit_before(edits: Edits, troubles: Sequence[Trouble], editors: dict[Fault, RandomEdits], seed: int) -> None:
    """Plays the edit faults; each has one editor for the life of the sandbox."""
    for trouble in troubles:
        if trouble.fault in EDITS:
            if trouble.fault not in editors:
                kinds = EDITS[trouble.fault]
                weights = {kind: weight if kind in kinds else 0 for kind, (weight, _) in KINDS.items()}
                if not any(weights.values()):
                    weights |= dict.fromkeys(kinds, 1)
                editors[trouble.fault] = RandomEdits(edits, seed, weights)
            editors[trouble.fault].take(trouble.count)


@dataclass
class Delivery(Response):
    """A finished body on its way, with what happens to it there.

    slow: the answer waits. slow_body: it trickles in. cut: its first part arrives, then the connection ends. dropped:
    the connection ends without an answer. The others replace the body. Ending a connection needs a real one: served in
    process, where there is none, the sending fails with ConnectionResetError.
    """

    body: bytes
    troubles: Sequence[Trouble] = field(default_factory=list)
    status: int = 200

    def __post_init__(self) -> None:
        media_type = "application/json"
        for trouble in self.troubles:
            if trouble.fault is Fault.TRUNCATED_JSON:
                self.body = self.body[: int(len(self.body) * trouble.at)]
            elif trouble.fault is Fault.EMPTY_BODY:
                self.body = b""
            elif trouble.fault is Fault.HTML_PAGE:
                self.body, media_type = HTML.encode(), "text/html"
        super().__init__(self.body, self.status, media_type=media_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 -- ASGI's signature
        """Sends it."""
        by_fault = {trouble.fault: trouble for trouble in self.troubles}
        if Fault.SLOW in by_fault:
            await asyncio.sleep(by_fault[Fault.SLOW].seconds)
        if Fault.DROPPED in by_fault:
            await _hang_up(scope)
            return
        await send({"type": "http.response.start", "status": self.status, "headers": self.raw_headers})
        if Fault.CUT in by_fault:
            await send(_part(self.body[: int(len(self.body) * by_fault[Fault.CUT].at)], more=True))
            await _hang_up(scope)
            return
        if Fault.SLOW_BODY in by_fault:
            async for part in _trickle(self.body, by_fault[Fault.SLOW_BODY].seconds):
                await send(_part(part, more=True))
            await send(_part(b"", more=False))
            return
        await send(_part(self.body, more=False))


def _part(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": body, "more_body": more}


async def _trickle(body: bytes, seconds: float) -> AsyncIterator[bytes]:
    size = max(1, -(-len(body) // _PARTS))
    for start in range(0, len(body), size):
        await asyncio.sleep(seconds / _PARTS)
        yield body[start : start + size]


async def _hang_up(scope: Scope) -> None:
    transport = scope.get("state", {}).get("transport")
    if transport is None:
        raise ConnectionResetError("the sandbox ended the connection")
    transport.abort()
    await asyncio.sleep(_NOTICED)
