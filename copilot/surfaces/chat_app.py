"""The chat itself: what happens when a person opens the page, asks, stops, or comes back. Callbacks, no business logic.

Every callback catches at the edge: Chainlit shows a user nothing when one fails. A known error is a plain sentence;
anything else becomes a reference id on the page and a traceback in the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol
from weakref import WeakValueDictionary

import chainlit as cl
import plotly.graph_objects as go
from chainlit.config import config
from chainlit.session import BaseSession
from chainlit.types import ThreadDict
from starlette.datastructures import Headers

from copilot.answer import Answer
from copilot.audit.chain import Action
from copilot.errors import CopilotError
from copilot.evidence import EvidencePack
from copilot.rendering.chat import HOW, ChatAnswer, ChatStep, chat_answer
from copilot.rendering.markdown import to_chat_markdown
from copilot.surfaces.chat_store import ChatStore, canonical_id, now
from copilot.surfaces.failures import log_failure
from semantic_layer.errors import SemanticLayerError

LOCAL_USER = "local"
LEADER, ANALYST = "Leader", "Analyst"
PROFILES = {
    LEADER: "The number, its range and the chart. How it was computed is one click away.",
    ANALYST: "The same answer with the SQL and every step open.",
}
STARTERS = (
    "What's our DPO?",
    "DPO by region, last four quarters",
    "Top 10 suppliers by missed discounts this year",
    "Projected DPO next quarter",
)
PROGRESS = "Reading the question and running the SQL…"
STOP_PATIENCE_S = 10.0
"""How long a stopped question may take to let go of its thread before the next one starts."""

_log = logging.getLogger(__name__)


class Asker(Protocol):
    """What the page needs of the engine; both calls block and may come from any thread."""

    def ask(self, question: str, thread: str | None) -> Answer:
        """The answer to one question in a thread."""

    def cancel(self, thread: str) -> None:
        """Interrupts what runs for a thread; the interrupted `ask` raises."""

    def told(self, action: Action, of: str, what: Mapping[str, Any]) -> None:
        """Tells the audit trail."""

    def version(self) -> str:
        """Changes when the mirror or the day does."""

    def evidence_of(self, evidence_id: str) -> EvidencePack:
        """The pack behind an answer; raises EvidenceMissingError for none, or for somebody else's."""


class ChatSurface:
    """The page's conversation with one engine, for one person: `user` is whose conversations the page lists."""

    def __init__(self, engine: Asker, store: ChatStore, workers: int = 4, user: str = LOCAL_USER) -> None:
        self._user = user
        self._engine = engine
        self._store = store
        self._executor = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="ask")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: set[str] = set()

    def register(self) -> None:
        """Hands the callbacks to Chainlit; one page per process, because Chainlit keeps them in module state."""
        # Without this, every session tries to read profiles inside the running loop and leaves a coroutine behind.
        setattr(BaseSession, "config", config)  # noqa: B010 (the class declares no such attribute)
        cl.data_layer(lambda: self._store)
        cl.header_auth_callback(self.sign_in)
        cl.set_chat_profiles(profiles)
        cl.set_starters(starters)
        cl.on_chat_resume(resumed)
        cl.on_message(self.on_message)
        cl.on_stop(self.on_stop)

    def close(self) -> None:
        """Interrupts what runs and takes no new questions."""
        for thread in self._running:
            self._engine.cancel(thread)
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def sign_in(self, _headers: Headers) -> cl.User:
        """The one local user: the page listens on this machine only and its guard refuses other origins."""
        await asyncio.get_running_loop().run_in_executor(
            self._executor, self._engine.told, "signed in", "chat page", {}
        )
        return cl.User(identifier=self._user, display_name="You")

    async def on_message(self, message: cl.Message) -> None:
        """One question, start to finish; questions of one thread wait for each other."""
        thread = ""
        try:
            thread = canonical_id(cl.context.session.thread_id)
            lock = self._locks.setdefault(thread, asyncio.Lock())
            async with lock:
                await self._answer(message.content, thread)
        except asyncio.CancelledError:
            raise
        except (CopilotError, SemanticLayerError) as error:
            await send(cl.Message(content=to_chat_markdown(str(error))))
        except Exception:  # noqa: BLE001 (the edge: logged with its traceback, shown as a sentence)
            await report_failure("question", thread)

    async def on_stop(self) -> None:
        """The person pressed Stop: the engine interrupts its SQL."""
        thread = ""
        try:
            thread = canonical_id(cl.context.session.thread_id)
            self._engine.cancel(thread)
        except Exception:  # noqa: BLE001 (the edge, as above)
            await report_failure("stop", thread)

    async def _answer(self, question: str, thread: str) -> None:
        progress = cl.Step(name=PROGRESS, type="tool", show_input=False, icon="loader")
        progress.start = now()
        await send(progress)
        try:
            answer = await self._ask(question, thread)
        finally:
            await take_back(progress)
        if answer.evidence_id:
            await self._store.keep_answer(answer.evidence_id, thread, answer.to_json())
        await show(chat_answer(answer), str(cl.context.session.chat_profile or LEADER))

    async def _ask(self, question: str, thread: str) -> Answer:
        """The blocking engine in its own threads; a cancelled question is interrupted and waited for."""
        running = asyncio.get_running_loop().run_in_executor(self._executor, self._engine.ask, question, thread)
        self._running.add(thread)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._engine.cancel(thread)
            await asyncio.wait({running}, timeout=STOP_PATIENCE_S)
            if running.done() and not running.cancelled():
                running.exception()  # seen: an interrupted question raises, and nobody else will ask
            raise
        finally:
            self._running.discard(thread)


async def show(parts: ChatAnswer, profile: str) -> None:
    """Sends sentence, card and chart as one message, then the steps."""
    elements: list[cl.CustomElement | cl.Plotly] = [
        cl.CustomElement(name="AnswerCard", props={**parts.card, "open": "sql" if profile == ANALYST else ""})
    ]
    if (chart := plotly_element(parts.chart)) is not None:
        elements.append(chart)
    await send(cl.Message(content=parts.sentence, elements=elements))
    if parts.steps:
        await send_steps(parts.steps, is_open=profile == ANALYST)


def plotly_element(chart: Mapping[str, Any] | None) -> cl.Plotly | None:
    """The chart, or nothing: a figure that Plotly refuses must not cost the reader the answer."""
    if chart is None:
        return None
    try:
        return cl.Plotly(name="chart", figure=go.Figure(chart), display="inline")
    except (ValueError, TypeError):
        _log.exception("Plotly refused a chart")
        return None


async def send_steps(steps: tuple[ChatStep, ...], *, is_open: bool) -> None:
    """The step "How I computed this" with one step inside for each part."""
    whole = cl.Step(name=HOW, type="tool", show_input=False, default_open=is_open, icon="list-tree")
    whole.start = whole.end = now()
    await send(whole)
    for part in steps:
        step = cl.Step(name=part.name, type="tool", show_input=False, parent_id=whole.id, default_open=is_open)
        step.output = part.body
        step.language = part.language
        step.start = step.end = now()
        await send(step)


async def report_failure(what: str, thread: str) -> None:
    """Tells the person in one sentence that it failed, with the id under which the log has the details."""
    reference = log_failure(f"{what} in thread {thread or 'none'}")
    text = (
        "Something went wrong on our side, so there is no figure to show. Please ask again; if it happens again, "
        f"give your administrator the reference **{reference}**."
    )
    await send(cl.Message(content=text))


async def send(part: Any) -> None:
    """Sends a message or step (Chainlit's methods carry no types)."""
    await part.send()


async def take_back(part: Any) -> None:
    """Takes a step off the page again."""
    await part.remove()


async def profiles(_user: cl.User | None, _language: str | None) -> list[cl.ChatProfile]:
    """Leader and Analyst."""
    return [
        cl.ChatProfile(name=name, markdown_description=text, default=name == LEADER) for name, text in PROFILES.items()
    ]


async def starters(_user: cl.User | None, _language: str | None) -> list[cl.Starter]:
    """Questions to start with."""
    return [cl.Starter(label=question, message=question) for question in STARTERS]


async def resumed(_thread: ThreadDict) -> None:
    """Nothing to restore: the engine keeps a thread's state under the thread's id, and Chainlit shows what was said."""
