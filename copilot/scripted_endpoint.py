"""A double of the server: speaks chat completions on this machine, well and badly, by a script.

    with ScriptedEndpoint(says('{"answerable": false}'), fails(429), trickles()) as endpoint:
        OpenAICompatibleModel(endpoint.url, "small")

Each request takes the next step of the script; the last step stays. What was asked is kept.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

Body = Mapping[str, Any]
Step = Callable[["Exchange"], None]
"""One way of answering."""


@dataclass
class Exchange:
    """One request, and the way to answer it."""

    body: Body
    handler: BaseHTTPRequestHandler
    stopped: threading.Event

    def start(self, status: int = 200, kind: str = "text/event-stream", **headers: str) -> None:
        """Status and headers."""
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        for name, value in headers.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()

    def write(self, text: str) -> None:
        """A piece of the body, at once."""
        self.handler.wfile.write(text.encode())
        self.handler.wfile.flush()


def says(text: str, tokens: tuple[int, int] = (100, 20), size: int = 7) -> Step:
    """Streams a text in small pieces, as a model writes it, and then what it counted."""

    def step(exchange: Exchange) -> None:
        exchange.start()
        for at in range(0, len(text), size):
            exchange.write(_event({"choices": [{"index": 0, "delta": {"content": text[at : at + size]}}]}))
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        exchange.write(_event({"choices": [], "usage": usage}) + "data: [DONE]\n\n")

    return step


def says_at_once(text: str | None) -> Step:
    """One JSON body: a server that does not stream."""

    def step(exchange: Exchange) -> None:
        message = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        exchange.start(kind="application/json")
        exchange.write(json.dumps({"id": "1", "object": "chat.completion", "choices": [message]}))

    return step


def fails(status: int, text: str = '{"error": {"message": "no"}}', retry_after: float | None = None) -> Step:
    """An error, with or without a time to wait."""

    def step(exchange: Exchange) -> None:
        wait = {} if retry_after is None else {"Retry_After": str(retry_after)}
        exchange.start(status, "application/json", **wait)
        exchange.write(text)

    return step


def refuses_schemas(then: Step) -> Step:
    """400 to a request that binds its answer to a schema; otherwise as told."""

    def step(exchange: Exchange) -> None:
        (fails(400) if "response_format" in exchange.body else then)(exchange)

    return step


def trickles(piece: str = ": still here\n\n", every: float = 0.02) -> Step:
    """Never ends: comments, blanks or whatever the piece is, until the other side goes away."""

    def step(exchange: Exchange) -> None:
        exchange.start()
        while not exchange.stopped.wait(every):
            exchange.write(piece)

    return step


def babbles(word: str = "spend ", every: float = 0.0) -> Step:
    """Writes the same word for ever, as a small model does that has lost its way."""
    return trickles(_event({"choices": [{"index": 0, "delta": {"content": word}}]}), every)


def hangs() -> Step:
    """Takes the request and says nothing."""

    def step(exchange: Exchange) -> None:
        exchange.stopped.wait(30)

    return step


def breaks_off(text: str) -> Step:
    """Half an answer, then the connection is gone."""

    def step(exchange: Exchange) -> None:
        exchange.start(Content_Length="100000")
        exchange.write(_event({"choices": [{"index": 0, "delta": {"content": text}}]}))

    return step


@dataclass
class ScriptedEndpoint:
    """The server; `asked` are the bodies of the requests, `keys` their Authorization headers."""

    steps: tuple[Step, ...]
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    url: str = ""

    def __init__(self, *steps: Step) -> None:
        self.steps = steps or (says("{}"),)
        self.asked, self.keys, self.url = [], [], ""
        self._stopped = threading.Event()

    def __enter__(self) -> Self:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """One completion."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                served.asked.append(body)
                served.keys.append(self.headers["Authorization"])
                step = served.steps[min(len(served.asked), len(served.steps)) - 1]
                try:
                    step(Exchange(body, self, served._stopped))
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name in the library)
                """Silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _event(found: Body) -> str:
    return f"data: {json.dumps(found)}\n\n"
