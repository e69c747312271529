"""What the worker answers over HTTP, on this machine's own address unless told otherwise.

GET  /live               200 as long as the process answers
GET  /health             how the last sync went and how fresh the data is; 503 when failing or stale
GET  /metrics            figures in Prometheus' text format
POST /oauth2/token       a token for call-outs (only with TENOR_CALLOUT_SECRET)
POST /callouts/RESOURCE  a call-out of Coupa (only with TENOR_CALLOUT_SECRET)
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Generator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sync.callouts import LARGEST_BODY, Gate, Hint, Refused, hint_of
from sync.errors import SettingsError
from sync.observability import METRICS_TYPE, Observatory
from sync.resources import RESOURCES


class WorkerServer(uvicorn.Server):
    """Serves until `should_exit`; signals are the worker's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leaves the process's signals alone."""
        yield


def listen_at(address: str) -> socket.socket:
    """A listening socket at `host:port`; raises SettingsError when the address is none, or is taken."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingsError(
            f"TENOR_LISTEN is {address!r}, which is not an address; write it like 127.0.0.1:9410, or off."
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host.strip("[]"), int(port)))
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingsError(
            f"The worker cannot listen at {address} ({getattr(error, 'strerror', None) or error}); choose another "
            "address with TENOR_LISTEN, or off.",
        ) from error
    return listener


def server_of(app: Starlette) -> WorkerServer:
    """A server for the worker's own address: small, quiet, and quick to stop."""
    return WorkerServer(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            limit_concurrency=64,
            timeout_keep_alive=5,
        )
    )


def worker_app(watch: Observatory, gate: Gate | None, take: Callable[[Hint], bool]) -> Starlette:
    """The routes; `take` keeps a hint and says whether it is new, `gate` is None when no call-outs are taken."""

    async def live(_request: Request) -> Response:
        return JSONResponse({"status": "alive"})

    async def health(_request: Request) -> Response:
        found = watch.health()
        return JSONResponse(found.details, 200 if found.good else 503, headers={"cache-control": "no-store"})

    async def metrics(_request: Request) -> Response:
        return Response(watch.metrics(), media_type=METRICS_TYPE)

    routes = [Route("/live", live), Route("/health", health), Route("/metrics", metrics)]
    if gate is not None:
        routes += _callout_routes(watch, gate, take)
    return Starlette(routes=routes)


def _callout_routes(watch: Observatory, gate: Gate, take: Callable[[Hint], bool]) -> list[Route]:
    names = {resource.name for resource in RESOURCES}

    async def token(request: Request) -> Response:
        answer = gate.token(request.headers.get("authorization", ""))
        if isinstance(answer, Refused):
            watch.callout("refused", "token")
            return JSONResponse(
                {"error": "invalid_client", "error_description": answer.sentence},
                answer.status,
                headers={"www-authenticate": 'Basic realm="tenor"'},
            )
        return JSONResponse(answer, headers={"cache-control": "no-store"})

    async def callout(request: Request) -> Response:
        resource = str(request.path_params["resource"])
        if resource not in names:
            watch.callout("refused", "unknown")
            return _refusal(Refused(404, "There is no such resource here; docs/sync.md lists them."))
        body = await _body(request)
        admitted = body if isinstance(body, Refused) else gate.admit(request.headers, body)
        if isinstance(admitted, Refused) or isinstance(body, Refused):
            watch.callout("refused", resource)
            return _refusal(admitted if isinstance(admitted, Refused) else Refused(400, "The call-out is broken."))
        hint = hint_of(resource, body)
        new = not admitted.repeated and take(hint)
        watch.callout("taken" if new else "repeated", resource, hint.record_id)
        return JSONResponse({"status": "taken" if new else "known"}, 202)

    return [
        Route("/oauth2/token", token, methods=["POST"]),
        Route("/callouts/{resource}", callout, methods=["POST"]),
    ]


async def _body(request: Request) -> bytes | Refused:
    """The body, as long as it is small and comes quickly."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(10):
            async for part in request.stream():
                parts.append(part)
                size += len(part)
                if size > LARGEST_BODY:
                    return Refused(413, f"A call-out has at most {LARGEST_BODY} bytes; send the id only.")
    except TimeoutError:
        return Refused(408, "The body did not arrive within ten seconds.")
    return b"".join(parts)


def _refusal(refused: Refused) -> Response:
    return JSONResponse({"error": refused.sentence}, refused.status)
