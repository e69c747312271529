"""Starting the sandbox on a port: for a person at a terminal (`serve`) or inside another program (`running`)."""

import asyncio
import contextlib
import datetime as dt
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sync.sandbox.access import DEFAULT_CLIENTS, DEMO_CLIENT, Client
from sync.sandbox.app import create_app
from sync.sandbox.company.company import build_company
from sync.sandbox.errors import SandboxError
from sync.sandbox.faults import Faults

_START_SECONDS = 30.0


@dataclass(frozen=True)
class Address:
    """Where a running sandbox listens, and the demo client's credentials."""

    url: str
    client_id: str
    client_secret: str


class Stage:
    """One address at which one sandbox after the other is served: for hundreds of short runs without a new server.

    `stage.app = create_app(...)` is served from the next request on; connections that are open stay open.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on."""
        await self.app(scope, receive, send)


def serve(  # noqa: PLR0913 -- every one is a setting of the command line
    host: str,
    port: int,
    preset: str,
    seed: int,
    today: dt.date,
    *,
    time_zone: str = "America/New_York",
    rate_limit: bool = True,
    troubles: Sequence[str] = (),
    trouble_seed: int = 0,
    clients: tuple[Client, ...] = DEFAULT_CLIENTS,
    announce: Callable[[str], None] = print,
) -> None:
    """Builds the company and serves it until interrupted; `announce` gets the lines a person needs to connect.

    troubles: lines of a fault script such as `unavailable every=29`, as sync.sandbox.faults reads them; raises
    FaultScriptError before anything is built.

    Port 0 takes any free port. The demo credentials are public and the data is invented: keep to loopback unless a
    container needs otherwise.
    """
    faults = Faults.of(*troubles, seed=trouble_seed)
    company = build_company(preset, seed, today, time_zone)
    app = create_app(company, rate_limit=rate_limit, faults=faults, clients=clients)
    with _listening(host, port) as listener:
        address = _address(listener, clients)
        announce(f"Coupa sandbox ({preset}, seed {seed}, today {today.isoformat()}) at {address.url}")
        announce(f"client id {address.client_id}, client secret {address.client_secret}")
        _server(app).run(sockets=[listener])


@contextlib.contextmanager
def running(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Address]:
    """Serves an app from a thread of this process and stops it on leaving the block."""
    with _listening(host, port) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        _await_start(server, thread)
        try:
            yield _address(listener, DEFAULT_CLIENTS)
        finally:
            server.should_exit = True
            thread.join(timeout=_START_SECONDS)


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    pause = threading.Event()
    waited = 0.0
    while not server.started:
        if not thread.is_alive() or waited > _START_SECONDS:
            raise SandboxError("The sandbox did not start; look for an earlier error of its server thread.")
        pause.wait(0.01)
        waited += 0.01


def _server(app: ASGIApp) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(app, http=_Connection, log_level="warning", access_log=False, lifespan="off", date_header=False)
    )


class _Connection(H11Protocol):
    """A connection that the app can end in the midst of an answer: `scope["state"]["transport"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Keeps the transport where requests find it."""
        self.app_state = {**self.app_state, "transport": transport}
        super().connection_made(transport)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named explicitly: with protocol 0, asyncio leaves Nagle's algorithm on and each small answer takes 44 ms.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as problem:
            raise SandboxError(f"Port {port} on {host} cannot be used ({problem.strerror}); choose another.") from None
        yield listener


def _address(listener: socket.socket, clients: tuple[Client, ...]) -> Address:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    client = clients[0] if clients else DEMO_CLIENT
    return Address(f"http://{shown}:{port}", client.client_id, client.secret.get_secret_value())
