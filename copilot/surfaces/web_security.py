"""What stands before every request of the chat page: known hosts, no foreign origins, closed doors, strict headers.

The page signs in whoever reaches it on this machine, so the threats are other web sites open in the same browser: one
that points its own name at 127.0.0.1 (refused by host), one that posts or opens a socket to us (refused by origin), and
text in an answer that makes the browser call out (refused by the content security policy).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

CLOSED: tuple[tuple[str, str], ...] = (
    ("*", "/docs"),
    ("*", "/redoc"),
    ("*", "/openapi.json"),
    ("*", "/mcp"),
    ("*", "/copilot"),
    ("POST", "/login"),
    ("*", "/auth/jwt"),
    ("*", "/auth/oauth"),
    ("*", "/project/share"),
    ("*", "/project/thread/share"),
    ("*", "/project/action"),
    ("POST", "/project/file"),
    ("PUT", "/project/element"),
    ("DELETE", "/project/element"),
)
"""Chainlit's routes that this page does not use: method (`*` for all) and path, closed with everything below them."""

FIXED_HEADERS: Mapping[str, str] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}
LASTING = "public, max-age=31536000, immutable"
"""For Chainlit's built files: their names carry a hash of their content."""

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine only."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def content_security_policy(authority: str) -> str:
    """Everything from ourselves; scripts may be evaluated because Chainlit compiles the answer card in the browser."""
    return (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
        f"img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self' ws://{authority} wss://{authority}; "
        "worker-src 'self' blob:; frame-src 'none'; frame-ancestors 'none'; object-src 'none'; base-uri 'self'; "
        "form-action 'self'"
    )


class PageGuard:
    """ASGI middleware around the whole page, sockets included."""

    def __init__(self, app: ASGIApp, hosts: Iterable[str] = ("localhost", "127.0.0.1", "[::1]")) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuses what must not pass and adds the headers to what does."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        authority = headers.get("host", "")
        refusal = self._refusal(scope, headers, authority)
        if refusal is not None:
            await _refuse(refusal, scope, receive, send)
            return
        policy = content_security_policy(authority)
        is_built_file = str(scope["path"]).startswith("/assets/")

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = MutableHeaders(scope=message)
                found["content-security-policy"] = policy
                for name, value in FIXED_HEADERS.items():
                    found[name] = value
                if is_built_file and message["status"] == 200:
                    found["cache-control"] = LASTING
            await send(message)

        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope, headers: Headers, authority: str) -> tuple[int, str] | None:
        if _host(authority) not in self._hosts:
            return 421, "This page answers only under the address it was started with."
        origin = headers.get("origin")
        changes = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if origin is not None and changes and urlsplit(origin).netloc != authority:
            return 403, "Another web site may not talk to this page."
        if _is_closed(scope):
            return 404, "Not found."
        return None


def _host(authority: str) -> str:
    """The host without its port; an IPv6 address keeps its brackets."""
    if authority.startswith("["):
        return authority.partition("]")[0] + "]"
    return authority.partition(":")[0].lower()


def _is_closed(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    path = scope["path"].rstrip("/").lower()
    return any(
        method in ("*", scope["method"]) and (path == closed or path.startswith(f"{closed}/"))
        for method, closed in CLOSED
    )


async def _refuse(refusal: tuple[int, str], scope: Scope, receive: Receive, send: Send) -> None:
    status, text = refusal
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": text})
        return
    await PlainTextResponse(text, status_code=status)(scope, receive, send)
