"""The page over HTTP and its socket, without a browser: what is closed, what is shown, what survives."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import re
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import socketio


class Chat:
    """One socket as the browser opens it, recording what it is told."""

    def __init__(self, page: Any, thread: str | None = None, profile: str = "Leader") -> None:
        self.page = page
        self.events: list[tuple[str, Any]] = []
        self.thread = thread
        self.profile = profile
        self.socket = socketio.AsyncClient()

    async def open(self) -> None:
        """Signs in and connects."""
        cookie = sign_in(self.page)
        self.socket.on("*", lambda event, data=None: self.events.append((event, data)))
        auth = {
            "sessionId": str(uuid.uuid4()), "clientType": "webapp", "userEnv": "{}", "chatProfile": self.profile, "threadId": self.thread or "",
        }  # fmt: skip
        headers = {"Cookie": cookie, "Origin": self.page.url}
        await self.socket.connect(
            self.page.url, headers=headers, auth=auth, socketio_path="/ws/socket.io", transports=["websocket"]
        )
        await self.socket.emit("connection_successful")
        await self.until(lambda: self.count("task_end") >= 1)

    def count(self, event: str) -> int:
        """How often that event came."""
        return sum(1 for name, _ in self.events if name == event)

    def sent(self, kind: str) -> list[dict[str, Any]]:
        """Messages or steps of that type, in the order they came."""
        return [data for name, data in self.events if name == "new_message" and data["type"] == kind]

    def cards(self) -> list[dict[str, Any]]:
        """Properties of the answer cards shown so far."""
        return [data["props"] for name, data in self.events if name == "element" and data["type"] == "custom"]

    async def say(self, text: str) -> None:
        """Sends a question without waiting."""
        now = "2026-11-22T10:00:00.000Z"
        message = {
            "id": str(uuid.uuid4()), "threadId": "", "name": "You", "type": "user_message", "output": text, "createdAt": now,
        }  # fmt: skip
        await self.socket.emit("client_message", {"message": message, "fileReferences": []})

    async def ask(self, text: str) -> None:
        """Sends a question and waits until it is dealt with."""
        before = self.count("task_end")
        await self.say(text)
        await self.until(lambda: self.count("task_end") > before)

    async def until(self, done: Callable[[], bool], seconds: float = 15) -> None:
        """Waits for a condition on what came."""
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, [name for name, _ in self.events]
            await asyncio.sleep(0.02)


@asynccontextmanager
async def chat(page: Any, thread: str | None = None, profile: str = "Leader") -> AsyncIterator[Chat]:
    """A connected chat, closed at the end."""
    opened = Chat(page, thread, profile)
    await opened.open()
    try:
        yield opened
    finally:
        await opened.socket.disconnect()


def sign_in(page: Any) -> str:
    """The session cookie of the local user."""
    reply = httpx.post(f"{page.url}/auth/header")
    assert reply.status_code == 200
    return reply.headers["set-cookie"].partition(";")[0]


def thread_of(chat: Chat) -> str:
    """The id Chainlit gave the conversation."""
    return str(next(data["thread_id"] for name, data in chat.events if name == "first_interaction"))


def get(page: Any, path: str, **headers: str) -> httpx.Response:
    """A signed-in GET."""
    return httpx.get(f"{page.url}{path}", headers={"Cookie": sign_in(page), **headers})


def threads(page: Any) -> list[dict[str, Any]]:
    """The conversations of the local user."""
    wanted = {"pagination": {"first": 10}, "filter": {}}
    reply = httpx.post(f"{page.url}/project/threads", headers={"Cookie": sign_in(page)}, json=wanted)
    return list(reply.json()["data"])


# --- the door -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/redoc"), ("POST", "/mcp"), ("GET", "/copilot/index.js"), ("POST", "/login"),
        ("PUT", "/project/thread/share"), ("POST", "/project/file"), ("PUT", "/project/element"), ("POST", "/project/action"),
        ("GET", "/project/share/00000000-0000-0000-0000-000000000000"), ("GET", "/DOCS/"),
    ],
)  # fmt: skip
def test_unused_doors_are_closed(served: Any, method: str, path: str) -> None:
    """Routes of Chainlit that the page does not use answer 404."""
    assert httpx.request(method, f"{served.url}{path}").status_code == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "169.254.169.254", ""])
def test_foreign_host_name_is_refused(served: Any, host: str) -> None:
    """A web site that points its own name at this machine gets nothing."""
    assert httpx.get(f"{served.url}/healthz", headers={"Host": host}).status_code in (400, 421)


def test_foreign_origin_cannot_sign_in(served: Any) -> None:
    """Another site open in the same browser cannot obtain a session."""
    reply = httpx.post(f"{served.url}/auth/header", headers={"Origin": "https://evil.example"})
    assert reply.status_code == 403
    assert "set-cookie" not in reply.headers


async def test_foreign_origin_cannot_open_the_socket(served: Any) -> None:
    """Another site cannot open the chat's socket even with a stolen cookie."""
    socket = socketio.AsyncClient()
    with pytest.raises(socketio.exceptions.ConnectionError):
        await socket.connect(
            served.url, headers={"Cookie": sign_in(served), "Origin": "https://evil.example"}, socketio_path="/ws/socket.io", transports=["websocket"]
        )  # fmt: skip
    await socket.disconnect()


@pytest.mark.parametrize("path", ["/", "/healthz", "/public/tenor.css", "/project/settings"])
def test_strict_headers_on_everything(served: Any, path: str) -> None:
    """Every reply forbids outside content, framing and sniffing."""
    reply = get(served, path)
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert "server" not in reply.headers


def test_page_names_no_outside_host(served: Any) -> None:
    """The HTML holds no link to another host."""
    html = httpx.get(f"{served.url}/").text
    assert '<div id="root">' in html
    assert re.findall(r"(?:src|href|content)=[\"']?(?:https?:)?//[^\"'\s>]+", html) == []


def test_session_key_is_private(served: Any) -> None:
    """The key that signs sessions is readable by its owner only."""
    key = served.state / "chat-session.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert len(key.read_text(encoding="ascii").strip()) >= 43


def test_nobody_reads_answers_without_a_session(served: Any) -> None:
    """Answers, charts and threads need the session cookie."""
    for path in (
        "/answers/00000001.json",
        "/answers/00000001.csv",
        "/evidence/00000001",
        "/evidence/00000001.json",
        f"/blobs/{uuid.uuid4()}",
        "/project/settings",
    ):
        assert httpx.get(f"{served.url}{path}").status_code == 401


def test_a_link_to_evidence_signs_a_browser_in_first(served: Any) -> None:
    """A browser without a session gets a page that signs in and comes back; no part of the answer is in it."""
    shown = httpx.get(f"{served.url}/evidence/00000001", headers={"accept": "text/html"})
    assert shown.status_code == 200
    assert "/auth/header" in shown.text
    assert "DPO" not in shown.text


def test_our_routes_answer_404_with_a_reason(served: Any) -> None:
    """Unknown ids get a plain 404, never the page's HTML."""
    unknown = ("/answers/ffffffff.json", "/answers/ffffffff.csv", "/evidence/ffffffff", "/evidence/ffffffff.png")
    for path in (*unknown, f"/blobs/{uuid.uuid4()}", "/blobs/x'--"):
        reply = get(served, path)
        assert reply.status_code == 404
        assert "no such" in reply.json()["detail"]


# --- answers --------------------------------------------------------------------------------------------------------------


async def test_answer_is_sentence_card_chart_and_steps(served: Any) -> None:
    """A figure comes as one sentence, one card, one chart, and the steps behind it with the SQL."""
    async with chat(served) as page:
        await page.ask("What's our DPO?")
        message = page.sent("assistant_message")[0]
        assert message["output"].startswith("DPO stood at 47.3 days as of 21 Nov 2026")
        (card,) = page.cards()
        assert card["headline"]["number"] == "47.3"
        assert card["headline"]["delta"] == {"direction": "up", "text": "+1.8 days", "baseline": "Q3 2026"}
        assert card["open"] == ""
        kinds = [data["type"] for name, data in page.events if name == "element"]
        assert kinds.count("plotly") == 1
        steps = {step["name"]: step for step in page.sent("tool")}
        assert steps["SQL as it ran"]["language"] == "sql"
        assert steps["SQL as it ran"]["output"] == card["sql"][0]
        assert steps["How I computed this"]["defaultOpen"] is False


async def test_analyst_sees_the_steps_open(served: Any) -> None:
    """The analyst's profile opens the SQL tab and every step."""
    async with chat(served, profile="Analyst") as page:
        await page.ask("What's our DPO?")
        assert page.cards()[0]["open"] == "sql"
        assert all(
            step["defaultOpen"]
            for step in page.sent("tool")
            if step["name"] in ("How I computed this", "SQL as it ran")
        )


async def test_first_sign_of_life_comes_within_a_second(served: Any) -> None:
    """A slow question shows what is going on at once, and the page stays quick for others meanwhile."""
    async with chat(served) as slow, chat(served) as quick:
        start = time.monotonic()
        await slow.say("a slow one")
        await slow.until(lambda: any("Reading the question" in step["name"] for step in slow.sent("tool")))
        assert time.monotonic() - start < 1
        start = time.monotonic()
        await quick.ask("What's our DPO?")
        assert time.monotonic() - start < 2
        await slow.socket.emit("stop")
        await slow.until(lambda: slow.count("task_end") >= 2)


async def test_stop_interrupts_and_the_thread_goes_on(served: Any) -> None:
    """Stop ends the running question within two seconds, shows no failure, and the next question is answered."""
    async with chat(served) as page:
        await page.say("a slow one")
        await page.until(lambda: bool(page.sent("tool")))
        start = time.monotonic()
        await page.socket.emit("stop")
        await page.until(lambda: page.count("task_end") >= 2)
        await page.ask("What's our DPO?")
        assert time.monotonic() - start < 4
        texts = [message["output"] for message in page.sent("assistant_message")]
        assert not any("went wrong" in text for text in texts)
        assert texts[-1].startswith("DPO stood at")


async def test_clarification_and_refusal_carry_choices_and_no_figure(served: Any) -> None:
    """Asking back or saying no shows ways on, and nothing that looks like an answer."""
    async with chat(served) as page:
        await page.ask("how late are we")
        await page.ask("what is the weather")
        asked, refused = page.cards()
        assert [choice["question"] for choice in asked["choices"]] == [
            "Past due AP",
            "On-time payment rate last quarter",
        ]
        assert asked["headline"] is None
        assert refused["headline"] is None
        assert refused["trust"] is None
        assert refused["choices"]
        assert not any(step["name"] == "How I computed this" for step in page.sent("tool"))


async def test_failure_shows_a_sentence_and_a_reference(served: Any) -> None:
    """An unforeseen error says so with an id; the details are in the log under that id and nowhere on the page."""
    async with chat(served) as page:
        await page.ask("this is broken")
        text = page.sent("assistant_message")[-1]["output"]
        reference = re.search(r"\*\*([0-9a-f]{8})\*\*", text)
        assert reference is not None
        assert "secret detail" not in json.dumps(page.events)
        assert reference[1] in served.log()
        assert "secret detail" in served.log()
        await page.ask("What's our DPO?")
        assert page.sent("assistant_message")[-1]["output"].startswith("DPO stood at")


async def test_known_error_is_its_own_sentence(served: Any) -> None:
    """An error that we foresaw is shown as it is written, with its way out."""
    async with chat(served) as page:
        await page.ask("known trouble")
        text = page.sent("assistant_message")[-1]["output"].replace("\\", "")
        assert text == "The mirror is missing. Run tenor-sync once, then ask again."


async def test_questions_of_one_thread_wait_for_each_other(served: Any) -> None:
    """Two questions sent at once in one thread are answered one after the other, in order."""
    async with chat(served) as page:
        await page.say("What's our DPO?")
        await page.say("DPO by region, last four quarters")
        await page.until(lambda: len(page.cards()) == 2)
        assert page.cards()[0]["headline"]["delta"] is not None
        assert page.cards()[1]["table"]["total"] == 16


async def test_downloads_are_the_contract_and_a_plain_table(served: Any) -> None:
    """The card's links give the answer's JSON and its table as CSV, with exact amounts."""
    async with chat(served) as page:
        await page.ask("Top 10 suppliers by missed discounts this year")
        links = {file["label"]: file["href"] for file in page.cards()[0]["downloads"]}
        answer = get(served, links["JSON"]).json()
        assert answer["schema"] == "tenor.answer/1"
        assert answer["thread"] == thread_of(page)
        reply = get(served, links["CSV"])
        rows = list(csv.reader(io.StringIO(reply.text)))
        assert reply.headers["content-disposition"].startswith("attachment")
        assert rows[0] == ["Supplier", "Missed discounts (money:USD)", "Share (ratio)"]
        assert rows[1][:2] == ["Nordvik Logistics AS", "184220.15"]
        assert len(rows) == 11


async def test_evidence_of_an_answer_opens_as_a_page_with_its_files(served: Any) -> None:
    """The figure, the rows, the SQL, the checks and the seal; the pack, the rows and the chart as files."""
    async with chat(served) as page:
        await page.ask("Top 10 suppliers by missed discounts this year")
        link = next(file["href"] for file in page.cards()[0]["downloads"] if file["label"] == "Evidence")
        shown = get(served, link).text
        for text in ("USD 184.2k", "Nordvik Logistics AS", "SELECT AVG(b.open_ap) * 90", "ties to total", "SHA-256"):
            assert text in shown
        pack = get(served, f"{link}.json").json()
        assert pack["schema"] == "tenor.evidence/1"
        assert get(served, f"{link}.csv").text.startswith("Supplier,Missed discounts (money:USD)")
        assert get(served, f"{link}.png").content.startswith(b"\x89PNG")
        assert get(served, f"{link}.pdf").status_code == 404


# --- what survives ----------------------------------------------------------------------------------------------------------


async def test_thread_survives_reload_and_restart(own_page: Any) -> None:
    """After a restart of the server the thread comes back with messages, card and a readable chart, and goes on under its id."""
    page = own_page
    async with chat(page) as first:
        await first.ask("What's our DPO?")
        thread = thread_of(first)
    page.stop()
    page.start()
    async with chat(page, thread=thread) as again:
        await again.until(lambda: again.count("resume_thread") == 1)
        resumed = next(data for name, data in again.events if name == "resume_thread")
        assert resumed["name"] == "What's our DPO?"
        said = [step["output"] for step in resumed["steps"] if step["type"].endswith("_message")]
        assert said[0] == "What's our DPO?"
        assert said[1].startswith("DPO stood at 47.3 days")
        shown = {element["type"]: element for element in resumed["elements"]}
        assert shown["custom"]["props"]["headline"]["number"] == "47.3"
        chart = get(page, shown["plotly"]["url"])
        assert chart.headers["content-type"] == "application/json"
        assert chart.json()["data"][0]["type"] == "bar"
        await again.ask("and by region?")
        answer = get(page, again.cards()[-1]["downloads"][-2]["href"]).json()
        assert answer["thread"] == thread
    assert [entry["name"] for entry in threads(page)] == ["What's our DPO?"]


async def test_thread_id_from_the_browser_is_checked(served: Any) -> None:
    """A socket that claims an id which is no UUID gets a sentence and leaves no trace in the history."""
    async with chat(served, thread="x' OR '1'='1") as page:
        await page.ask("What's our DPO?")
        assert "went wrong" in page.sent("assistant_message")[-1]["output"]
        assert page.cards() == []


# --- the real engine behind the page ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine_answers(tmp_path_factory: pytest.TempPathFactory, mirror_folder: Path, company_today: date) -> Any:
    """Asks the engine directly, with a state store of its own."""
    from copilot.engine import Engine  # noqa: PLC0415 (loads the whole product, for these tests only)
    from copilot.settings import Settings  # noqa: PLC0415

    state = tmp_path_factory.mktemp("direct") / "state.db"
    engine = Engine.open(Settings(mirror=mirror_folder, state_url=f"sqlite:///{state}"), today=company_today)
    yield engine
    engine.close()


async def test_page_shows_what_the_engine_says(real_page: Any, engine_answers: Any) -> None:
    """The starters' figures on the page are those that the engine gives, and a follow-up goes on after a restart."""
    questions = (
        "What's our DPO?",
        "DPO by region, last four quarters",
        "Top 10 suppliers by missed discounts this year",
    )
    follow_up = "and by category?"
    async with chat(real_page) as page:
        for question in (*questions, "Projected DPO next quarter"):
            await page.ask(question)
        thread = thread_of(page)
        shown = [get(real_page, card["downloads"][-2]["href"]).json() for card in page.cards()]
    direct = [engine_answers.ask(question, "direct") for question in (*questions, "Projected DPO next quarter")]
    assert [answer["headline"]["value"] for answer in shown] == [answer.headline.value for answer in direct]
    assert all(answer["status"] == "answered" for answer in shown)

    real_page.stop()
    real_page.start()
    async with chat(real_page, thread=thread) as again:
        await again.until(lambda: again.count("resume_thread") == 1)
        await again.ask("What's our DPO?")
        await again.ask(follow_up)
        answer = get(real_page, again.cards()[-1]["downloads"][-2]["href"]).json()
    engine_answers.ask("What's our DPO?", "direct")
    assert answer["table"] == engine_answers.ask(follow_up, "direct").model_dump(mode="json")["table"]
    assert answer["table"]["columns"][0]["name"] == "category"


@pytest.mark.parametrize(
    "question", [" ", "?" * 10_000, "SELECT * FROM invoices; DROP TABLE invoices", "what is the weather in Paris"]
)
async def test_bad_questions_get_a_plain_sentence(real_page: Any, question: str) -> None:
    """Nothing a person may type breaks the page or shows a figure that was not asked for."""
    async with chat(real_page) as page:
        await page.ask(question)
        message = page.sent("assistant_message")[-1]["output"]
        assert message
        assert "went wrong" not in message
        assert all(card["headline"] is None for card in page.cards())
