"""A Slack workspace to test against: the methods that the adapter calls, over real HTTP, and both ways of telling it things.

It is as strict as Slack where strictness hurts: a message with a block that is too long, with too many blocks or with two
buttons of one id is refused with `invalid_blocks`, as the real one does without showing anything to its reader.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import JSONResponse

TEAM, BOT, BOT_TOKEN, APP_TOKEN = "T0TENOR", "U0BOT", "xoxb-for-tests", "xapp-for-tests"
SECRET = "signing-secret-for-tests"
HEADER, TEXT, FIELD, BUTTON, BLOCKS = 150, 3000, 2000, 75, 50


@dataclass
class Message:
    """One message in a channel, as its readers see it now. `only` is its one reader, for an ephemeral message."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread: str | None = None
    only: str | None = None
    edits: int = 0
    at_first: str = ""

    def shown(self) -> str:
        """Every text of the message, from the top."""
        return "\n".join(_texts(self.blocks)) or self.text

    def buttons(self) -> list[dict[str, Any]]:
        """Its buttons."""
        return [e for block in self.blocks if block["type"] == "actions" for e in block["elements"]]


@dataclass
class Upload:
    """A file in a channel."""

    channel: str
    thread: str | None
    name: str
    title: str
    content: bytes


@dataclass
class Workspace:
    """The state of the workspace, and the hands of the people in it."""

    members: dict[str, list[str]] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    uploads: list[Upload] = field(default_factory=list)
    responses: list[dict[str, Any]] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    limited: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How often a method still answers 429."""

    url: str = ""
    events_url: str = ""
    sockets: list[WebSocket] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None
    _count: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _pending: dict[str, bytes] = field(default_factory=dict)

    def say(self, user: str, text: str, channel: str, thread: str | None = None, **more: Any) -> str:
        """A person writes; Slack tells the app, twice where it is mentioned. The time stamp of the message."""
        ts = self._now()
        event = {"user": user, "text": text, "channel": channel, "ts": ts, "team": TEAM, **more}
        if thread is not None:
            event["thread_ts"] = thread
        direct = channel.startswith("D")
        event["channel_type"] = "im" if direct else "channel"
        if f"<@{BOT}>" in text and not direct:
            self.tell({"type": "event_callback", "team_id": TEAM, "event": {**event, "type": "app_mention"}})
        self.tell({"type": "event_callback", "team_id": TEAM, "event": {**event, "type": "message"}})
        return ts

    def press(self, user: str, message: Message, action: str, value: str | None = None) -> None:
        """A person presses a button, or their browser claims to have."""
        button = next((b for b in message.buttons() if b["action_id"] == action), {"value": ""})
        pressed = {"type": "button", "action_id": action, "value": button["value"] if value is None else value}
        shown = {"ts": message.ts} | ({"thread_ts": message.thread} if message.thread else {})
        body = {
            "type": "block_actions",
            "team": {"id": TEAM},
            "user": {"id": user, "team_id": TEAM},
            "channel": {"id": message.channel},
            "message": shown,
            "actions": [{**pressed, "block_id": "b", "action_ts": self._now()}],
            "response_url": f"{self.url}response",
            "trigger_id": self._now(),
        }
        self.tell(body, form="payload")

    def command(self, user: str, text: str, channel: str) -> None:
        """A person types the slash command."""
        body = {
            "command": "/tenor",
            "text": text,
            "team_id": TEAM,
            "user_id": user,
            "channel_id": channel,
            "trigger_id": self._now(),
            "response_url": f"{self.url}response",
        }
        self.tell(body, form="command")

    def tell(self, body: dict[str, Any], form: str = "json") -> int:
        """Delivers to the app: over its socket where it has one, else by a signed request. The HTTP status."""
        if self.sockets and self.loop is not None:
            kind = {"json": "events_api", "payload": "interactive", "command": "slash_commands"}[form]
            envelope = {"type": kind, "envelope_id": self._now(), "payload": body, "accepts_response_payload": True}
            asyncio.run_coroutine_threadsafe(self.sockets[-1].send_json(envelope), self.loop).result(5)
            return 200
        return self.post(body, form).status_code

    def post(self, body: dict[str, Any], form: str = "json", *, secret: str = SECRET, age: int = 0) -> httpx.Response:
        """One signed request, as Slack sends it; `age` seconds old."""
        if form == "json":
            content, kind = json.dumps(body), "application/json"
        else:
            fields = {"payload": json.dumps(body)} if form == "payload" else body
            content = str(httpx.QueryParams(fields))
            kind = "application/x-www-form-urlencoded"
        stamp = str(int(time.time()) - age)
        signed = hmac.new(secret.encode(), f"v0:{stamp}:{content}".encode(), hashlib.sha256).hexdigest()
        headers = {"content-type": kind, "x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={signed}"}
        return httpx.post(self.events_url, content=content, headers=headers, timeout=10)

    def wait(self, of: Any, seconds: float = 20.0) -> Any:
        """The first true value of `of()`, looked for until the time is up."""
        deadline = time.monotonic() + seconds
        while not (found := of()):
            assert time.monotonic() < deadline, f"nothing after {seconds} s; refused: {self.refused}; {self.messages}"
            time.sleep(0.02)
        return found

    def settled(self, channel: str, thread: str | None = None, *, answers: int = 1) -> Message:
        """The newest finished answer in a place, once there are so many."""

        def finished() -> list[Message] | None:
            found = [m for m in self.messages if m.channel == channel and m.thread == thread and m.edits]
            return found if len(found) >= answers else None

        return list(self.wait(finished))[-1]

    def _now(self) -> str:
        return f"{int(time.time())}.{next(self._count):06d}"


def application(space: Workspace) -> FastAPI:
    """The methods of the Web API that the adapter needs, and the socket."""
    app = FastAPI()

    @app.middleware("http")
    async def limits(request: Request, call_next: Any) -> Any:
        method = request.url.path.rpartition("/")[2]
        if space.limited[method] > 0:
            space.limited[method] -= 1
            return JSONResponse({"ok": False, "error": "ratelimited"}, 429, {"retry-after": "1"})
        return await call_next(request)

    @app.post("/api/auth.test")
    async def auth_test(request: Request) -> Any:
        if request.headers.get("authorization") != f"Bearer {BOT_TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        return {"ok": True, "team_id": TEAM, "team": "Quellmark", "user": "tenor", "user_id": BOT, "bot_id": "B0BOT"}

    _add_conversations(app, space)
    _add_messages(app, space)
    _add_files(app, space)
    _add_socket(app, space)
    return app


def _add_conversations(app: FastAPI, space: Workspace) -> None:
    @app.post("/api/conversations.open")
    async def conversations_open(request: Request) -> Any:
        sent = await _fields(request)
        return {"ok": True, "channel": {"id": f"D{sent['users'][1:]}"}}

    @app.api_route("/api/conversations.members", methods=["GET", "POST"])
    async def conversations_members(request: Request) -> Any:
        sent = await _fields(request)
        people, start = space.members.get(sent["channel"], []), int(sent.get("cursor") or 0)
        limit = int(sent.get("limit", 100))
        following = str(start + limit) if start + limit < len(people) else ""
        page = people[start : start + limit]
        return {"ok": True, "members": page, "response_metadata": {"next_cursor": following}}


def _add_messages(app: FastAPI, space: Workspace) -> None:
    @app.post("/api/chat.postMessage")
    async def post_message(request: Request) -> Any:
        return _posted(space, await _fields(request))

    @app.post("/api/chat.postEphemeral")
    async def post_ephemeral(request: Request) -> Any:
        return _posted(space, await _fields(request))

    @app.post("/api/chat.update")
    async def update(request: Request) -> Any:
        sent = await _fields(request)
        if problem := _problem(sent):
            space.refused.append(("chat.update", problem))
            return {"ok": False, "error": "invalid_blocks"}
        message = next(m for m in space.messages if m.ts == sent["ts"] and m.channel == sent["channel"])
        message.text, message.blocks = sent["text"], sent.get("blocks", [])
        message.edits += 1
        return {"ok": True, "ts": message.ts, "channel": message.channel}

    @app.post("/response")
    async def response(request: Request) -> Any:
        sent = await request.json()
        if problem := _problem(sent):
            space.refused.append(("response_url", problem))
        space.responses.append(sent)
        return {"ok": True}


def _add_files(app: FastAPI, space: Workspace) -> None:
    @app.post("/api/files.getUploadURLExternal")
    async def upload_url(request: Request) -> Any:
        sent = await _fields(request)
        return {"ok": True, "file_id": f"F{sent['filename']}", "upload_url": f"{space.url}upload/F{sent['filename']}"}

    @app.post("/upload/{name}")
    async def upload(name: str, request: Request) -> Any:
        space._pending[name] = await request.body()
        return "OK"

    @app.post("/api/files.completeUploadExternal")
    async def complete(request: Request) -> Any:
        sent = await _fields(request)
        files = json.loads(sent["files"]) if isinstance(sent["files"], str) else sent["files"]
        for file in files:
            content = space._pending.pop(file["id"])
            space.uploads.append(
                Upload(sent["channel_id"], sent.get("thread_ts"), file["id"][1:], file["title"], content)
            )
        return {"ok": True, "files": [{"id": file["id"]} for file in files]}


def _add_socket(app: FastAPI, space: Workspace) -> None:
    @app.post("/api/apps.connections.open")
    async def connections_open(request: Request) -> Any:
        if request.headers.get("authorization") != f"Bearer {APP_TOKEN}":
            return {"ok": False, "error": "invalid_auth"}
        return {"ok": True, "url": space.url.replace("http:", "ws:") + "link"}

    @app.websocket("/link")
    async def link(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_json({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0"}})
        space.loop = asyncio.get_running_loop()
        space.sockets.append(socket)
        try:
            while True:
                space.acknowledged.append(json.loads(await socket.receive_text())["envelope_id"])
        except WebSocketDisconnect:
            space.sockets.remove(socket)


async def _fields(request: Request) -> dict[str, Any]:
    """What a method was called with: in its address, as JSON or as a form."""
    if "json" in request.headers.get("content-type", ""):
        return {**request.query_params, **await request.json()}
    return {**request.query_params, **await request.form()}


def _posted(space: Workspace, sent: dict[str, Any]) -> dict[str, Any]:
    if problem := _problem(sent):
        space.refused.append(("chat.postMessage", problem))
        return {"ok": False, "error": "invalid_blocks"}
    blocks = sent.get("blocks") or []
    message = Message(
        sent["channel"],
        space._now(),
        sent["text"],
        blocks,
        sent.get("thread_ts"),
        sent.get("user"),
        at_first=sent["text"],
    )
    space.messages.append(message)
    return {"ok": True, "ts": message.ts, "channel": message.channel}


def _problem(sent: dict[str, Any]) -> str:
    """What Slack would refuse, empty for nothing."""
    blocks = sent.get("blocks") or []
    if len(blocks) > BLOCKS:
        return f"{len(blocks)} blocks"
    ids = [e["action_id"] for b in blocks if b["type"] == "actions" for e in b["elements"]]
    if len(ids) != len(set(ids)):
        return f"two elements of one id: {ids}"
    return next(filter(None, map(_block_problem, blocks)), "")


def _block_problem(block: dict[str, Any]) -> str:
    match block["type"]:
        case "header":
            texts = [(block["text"]["text"], HEADER)]
        case "section":
            texts = [(f["text"], FIELD) for f in block.get("fields", [])]
            texts += [(block["text"]["text"], TEXT)] if "text" in block else []
        case "actions":
            texts = [(e["text"]["text"], BUTTON) for e in block["elements"]]
        case "context":
            texts = [(e["text"], FIELD) for e in block["elements"]]
        case "rich_text":
            texts = [(part["text"], TEXT) for e in block["elements"] for part in e["elements"]]
        case other:
            return f"a block {other!r}"
    return next((f"{len(t)} characters in a {block['type']}" for t, most in texts if not 0 < len(t) <= most), "")


def _texts(blocks: Any) -> Iterator[str]:
    if isinstance(blocks, dict):
        if isinstance(blocks.get("text"), str):
            yield blocks["text"]
        for value in blocks.values():
            yield from _texts(value)
    elif isinstance(blocks, list):
        for block in blocks:
            yield from _texts(block)


@contextmanager
def running(app: FastAPI) -> Iterator[str]:
    """Serves an application on a free port of this machine, in a thread; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join(10)


@contextmanager
def running_workspace() -> Iterator[Workspace]:
    """A workspace that can be reached."""
    space = Workspace()
    with running(application(space)) as url:
        space.url = url
        yield space
