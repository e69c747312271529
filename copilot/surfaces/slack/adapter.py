"""The conversation in Slack: a question comes in, is taken once, and its answer goes where all may read it.

    event -> question -> taken? -> audience -> "Working..." -> engine -> messages, chart

Callbacks and posting only. Every path ends in something the person sees: an answer, or one sentence; what was not
foreseen gets a reference under which the log has the details.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar
from weakref import WeakValueDictionary

from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from copilot.answer import Answer
from copilot.audit.chain import Action
from copilot.errors import CopilotError, EvidenceMissingError
from copilot.rendering.incident_words import PROPOSE
from copilot.rendering.picture import picture
from copilot.rendering.slack import (
    ASK,
    DETAILS,
    ROWS,
    SlackMessage,
    details,
    escaped,
    note,
    questions_of,
    slack_messages,
)
from copilot.rendering.slack_approvals import APPROVE, REJECT, approval_card
from copilot.rendering.table_file import table_csv
from copilot.state.slack_questions import SlackQuestionRepository
from copilot.surfaces.failures import failure_sentence
from copilot.surfaces.slack.approvals import SlackApprovals
from copilot.surfaces.slack.audience import (
    MOST_READERS,
    Alone,
    Audience,
    Here,
    Refused,
    in_channel,
    in_direct_message,
)
from copilot.surfaces.slack.incoming import (
    QUESTION,
    Question,
    conversation,
    from_button,
    from_command,
    from_message,
    mentions,
)
from copilot.surfaces.slack.live_directory import LiveDirectory
from semantic_layer.errors import SemanticLayerError
from semantic_layer.viewer import Viewer

COMMAND = "/tenor"
WORKING = "Reading the question and running the SQL…"
HELP = (
    "Ask in words, for example: what's our DPO; top 10 suppliers by missed discounts this year; projected DPO next "
    "quarter. In a thread that I have answered in you need not mention me again."
)
NO_FILES = "I cannot read attachments, so I went by the words alone."
ONLY_FILES = "I cannot read attachments. Ask in words."
WORKERS = 4
_log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Place:
    """Where messages go: a channel, and the time stamp of the thread in it."""

    channel: str
    thread: str | None = None


class Asker(Protocol):
    """What Slack needs of an engine; both calls block and may come from any thread."""

    def ask(self, question: str, thread: str, actor: str) -> Answer:
        """The answer to one question in a conversation."""

    def told(self, action: Action, of: str, what: Mapping[str, Any], actor: str) -> None:
        """Tells the audit trail."""

    def shown(self, evidence_id: str) -> Answer:
        """An answer that was given before; raises EvidenceMissingError for none, or for somebody else's."""


class Askers(Protocol):
    """Engines by rights."""

    def of(self, viewer: Viewer) -> Asker:
        """The one that sees what this viewer sees."""


class SlackSurface:
    """Answers one workspace's questions; blocking work runs in worker threads of its own."""

    def __init__(
        self,
        engines: Askers,
        directory: LiveDirectory,
        questions: SlackQuestionRepository,
        public_url: str | None = None,
        approvals: SlackApprovals | None = None,
    ) -> None:
        self._engines = engines
        self._directory = directory
        self._questions = questions
        self._public_url = public_url
        self._approvals = approvals
        self._executor = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="slack")
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def register(self, app: AsyncApp) -> None:
        """Hands the callbacks to Bolt."""
        app.event("app_mention")(self.on_message)
        app.event("message")(self.on_message)
        app.command(COMMAND)(self.on_command)
        app.action(re.compile(f"^{ASK}_[0-9]$"))(self.on_ask)
        app.action(DETAILS)(self.on_details)
        app.action(ROWS)(self.on_rows)
        app.action("link")(self.on_link)
        app.action(re.compile(f"^({APPROVE}|{REJECT})$"))(self.on_decision)
        app.action(re.compile(f"^{PROPOSE}_[0-9]$"))(self.on_proposal)

    def close(self) -> None:
        """Takes no new questions; one that runs is answered at the next start."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def answer_left_open(self, client: AsyncWebClient) -> int:
        """Answers what an earlier run took and did not answer; how many those were."""
        left = await self._in_thread(self._questions.left_open)
        for kept in left:
            await self._answered(client, QUESTION.validate_python(kept))
        return len(left)

    async def on_message(self, body: dict[str, Any], client: AsyncWebClient, context: Any) -> None:
        """A mention, a direct message, or a reply in a thread that we have answered in."""
        bot = str(context.get("bot_user_id") or "")
        question = from_message(body, bot)
        if question is None:
            return
        if not (question.direct or mentions(body, bot)) and not await self._in_thread(
            self._questions.knows, question.conversation
        ):
            return
        await self._take(client, question)

    async def on_command(self, ack: Any, body: dict[str, Any], respond: Any) -> None:
        """The slash command: its answer is seen by its author only."""
        await ack()
        question = from_command(body)
        if not question.text or question.text.lower() == "help":
            await _respond(respond, [note(HELP)])
            return
        viewer = self._directory.current().person(question.workspace, question.user)
        if viewer is None:
            await _respond(respond, [note(_stranger(question))])
            return
        try:
            if (shown := await self._governed(question)) is not None:
                await _respond(respond, shown)
                return
            answer = await self._ask(viewer, question, question.conversation)
            await _respond(respond, slack_messages(answer, link=self._link(answer)))
        except Exception as error:  # noqa: BLE001 (the edge: logged with its traceback, told as a sentence)
            await _respond(respond, [note(_sentence(error, question))])

    async def _governed(self, question: Question) -> Sequence[SlackMessage] | None:
        """`approvals` and `propose [INVOICE]...` of the slash command; None for a question."""
        word, *numbers = question.text.split()
        if self._approvals is None or word.lower() not in {"approvals", "propose"}:
            return None
        if word.lower() == "approvals":
            return await self._in_thread(self._approvals.waiting, question.actor) if not numbers else None
        return await self._in_thread(self._approvals.propose, question.actor, numbers)

    async def on_decision(self, ack: Any, body: dict[str, Any], respond: Any) -> None:
        """Approve or reject: the id names the stored proposal, Slack says who pressed."""
        await ack()
        action = body["actions"][0]
        question = from_button(body, "", "")
        if self._approvals is None:
            return
        decided = partial(self._approvals.decide, approve=action["action_id"] == APPROVE)
        try:
            sentence, case = await self._in_thread(decided, str(action["value"]), question.actor)
        except Exception as error:  # noqa: BLE001 (the edge, as above)
            sentence, case = note(_sentence(error, question)), None
        if case is not None:
            card = approval_card(case)
            await respond(text=card.text, blocks=list(card.blocks), response_type="ephemeral", replace_original=True)
        await _respond(respond, [sentence])

    async def on_proposal(self, ack: Any, body: dict[str, Any], respond: Any) -> None:
        """A recommended early payment: the button names the invoice, who proposes is who Slack says pressed."""
        await ack()
        question = from_button(body, "", "")
        if self._approvals is None:
            return
        try:
            number = str(body["actions"][0]["value"])
            shown = await self._in_thread(self._approvals.propose, question.actor, [number])
        except Exception as error:  # noqa: BLE001 (the edge, as above)
            shown = [note(_sentence(error, question))]
        await _respond(respond, shown)

    async def on_ask(self, ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        """A button that asks on: the question is read from the stored answer, never from what the browser sent."""
        await ack()
        evidence_id, _, place = str(body["actions"][0]["value"]).partition(":")
        question = from_button(body, evidence_id, "")
        answer = await self._stored(client, question)
        ways = questions_of(answer) if answer else ()
        if answer is not None and place.isdigit() and int(place) < len(ways):
            await self._take(client, from_button(body, evidence_id, ways[int(place)][1]))

    async def on_details(self, ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        """How the answer was computed, below it."""
        await ack()
        question = from_button(body, str(body["actions"][0]["value"]).partition(":")[0], "details")
        answer = await self._stored(client, question)
        if answer is not None and await self._first(question):
            await _post(client, question.channel, question.thread, details(answer))

    async def on_rows(self, ack: Any, body: dict[str, Any], client: AsyncWebClient) -> None:
        """All rows of the answer as a file, below it."""
        await ack()
        question = from_button(body, str(body["actions"][0]["value"]).partition(":")[0], "rows")
        answer = await self._stored(client, question)
        if answer is not None and answer.table is not None and await self._first(question):
            name = f"tenor-{answer.evidence_id}.csv"
            await _upload(client, question.channel, question.thread, table_csv(answer).encode(), name, "All rows")

    async def on_link(self, ack: Any) -> None:
        """Slack tells about links too."""
        await ack()

    async def _take(self, client: AsyncWebClient, question: Question) -> None:
        if await self._first(question):
            await self._answered(client, question)

    async def _first(self, question: Question) -> bool:
        kept = QUESTION.dump_python(question, mode="json")
        return await self._in_thread(self._questions.take, question.key, question.conversation, kept)

    async def _answered(self, client: AsyncWebClient, question: Question) -> None:
        """Answers one question that is ours to answer. Questions of one conversation wait for each other."""
        try:
            lock = self._locks.setdefault(question.conversation, asyncio.Lock())
            async with lock:
                await self._in_place(client, question, await self._audience(client, question))
            await self._in_thread(self._questions.answered, question.key)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 (the edge, as above)
            await _tell(client, question, _sentence(error, question))
            await self._in_thread(self._questions.answered, question.key)

    async def _in_place(self, client: AsyncWebClient, question: Question, audience: Audience) -> None:
        """The answer where its audience is."""
        match audience:
            case Refused():
                await _tell(client, question, _stranger(question))
            case Here(viewer=viewer, narrowed=narrowed):
                remark = f"As {viewer.name} may see it, since everybody here reads along." if narrowed else ""
                await self._reply(client, question, viewer, Place(question.channel, question.thread), remark)
            case Alone(viewer=viewer, why=why):
                opened = await client.conversations_open(users=question.user)
                channel = str(opened["channel"]["id"])
                await _tell(client, question, f"I answer you in a direct message, because {why}.")
                await self._reply(client, question, viewer, Place(channel))

    async def _reply(
        self,
        client: AsyncWebClient,
        question: Question,
        viewer: Viewer,
        place: Place,
        remark: str = "",
    ) -> None:
        """A line at once, the answer in its place, the chart below."""
        channel, thread = place.channel, place.thread
        if not question.text:
            await _post(client, channel, thread, [note(ONLY_FILES)])
            return
        line = await client.chat_postMessage(channel=channel, thread_ts=thread, text=WORKING)
        try:
            answer = await self._ask(viewer, question, conversation(question.workspace, channel, thread))
        except Exception as error:  # noqa: BLE001 (the edge, as above)
            await _replace(client, channel, str(line["ts"]), note(_sentence(error, question)))
            return
        remarks = " ".join(filter(None, (remark, NO_FILES if question.attached else "")))
        first, *more = slack_messages(answer, link=self._link(answer), remark=remarks)
        await _replace(client, channel, str(line["ts"]), first)
        await _post(client, channel, thread, more)
        if answer.chart is not None:
            drawn = await self._in_thread(picture, answer.chart)
            title = answer.headline.label if answer.headline else "Chart"
            await _upload(client, channel, thread, drawn, f"tenor-{answer.evidence_id}.png", title)

    async def _ask(self, viewer: Viewer, question: Question, name: str) -> Answer:
        return await self._in_thread(lambda: self._engines.of(viewer).ask(question.text, name, question.actor))

    async def _stored(self, client: AsyncWebClient, question: Question) -> Answer | None:
        """The answer whose button was pressed, if whoever pressed it may see it here; else they are told why not."""
        try:
            audience = await self._audience(client, question)
            if isinstance(audience, Refused):
                await _tell(client, question, _stranger(question))
                return None
            engine = await self._in_thread(self._engines.of, audience.viewer)
            answer = await self._in_thread(engine.shown, question.stored_answer)
            if question.text:
                what = {"part": question.text}
                await self._in_thread(engine.told, "opened", answer.evidence_id, what, question.actor)
        except EvidenceMissingError:
            await _tell(client, question, "That answer is not one that you may see here. Ask the question yourself.")
        except Exception as error:  # noqa: BLE001 (the edge, as above)
            await _tell(client, question, _sentence(error, question))
        else:
            return answer
        return None

    async def _audience(self, client: AsyncWebClient, question: Question) -> Audience:
        directory = self._directory.current()
        asker = directory.person(question.workspace, question.user)
        if question.direct or asker is None:
            return in_direct_message(asker)
        declared = directory.channel(question.workspace, question.channel)
        if declared is not None:
            return in_channel(asker, declared, None)
        readers = await _readers(client, question.channel)
        if readers is None:
            return in_channel(asker, None, None)
        return in_channel(asker, None, [directory.person(question.workspace, user) for user in readers])

    def _link(self, answer: Answer) -> str | None:
        return f"{self._public_url.rstrip('/')}/evidence/{answer.evidence_id}" if self._public_url else None

    async def _in_thread(self, call: Callable[..., T], *arguments: Any) -> T:
        """A blocking call off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, call, *arguments)


async def _readers(client: AsyncWebClient, channel: str) -> list[str] | None:
    """The people in a channel without the bot itself, None when they are too many to look through."""
    own = (await client.auth_test())["user_id"]
    found: list[str] = []
    cursor = ""
    while True:
        page = await client.conversations_members(channel=channel, limit=200, cursor=cursor)
        found += [str(user) for user in page["members"] if user != own]
        cursor = str((page.get("response_metadata") or {}).get("next_cursor") or "")
        if len(found) > MOST_READERS:
            return None
        if not cursor:
            return found


def _stranger(question: Question) -> str:
    return (
        "You are not on the list of people who may ask Tenor. "
        f"Give its administrator your ids: workspace {question.workspace}, person {question.user}."
    )


def _sentence(error: Exception, question: Question) -> str:
    """What the person is told: our own errors as they are, anything else with a reference to the log."""
    if isinstance(error, CopilotError | SemanticLayerError):
        return str(error)
    return failure_sentence(f"question {question.key}", error)


async def _tell(client: AsyncWebClient, question: Question, text: str) -> None:
    """One sentence to the asker: in a channel only they see it."""
    try:
        if question.direct:
            await _post(client, question.channel, question.thread, [note(text)])
        else:
            await client.chat_postEphemeral(
                channel=question.channel, user=question.user, thread_ts=question.thread, text=escaped(text)
            )
    except SlackApiError:
        _log.exception("Slack did not take a sentence for question %s", question.key)


async def _post(client: AsyncWebClient, channel: str, thread: str | None, messages: Sequence[SlackMessage]) -> None:
    for message in messages:
        await client.chat_postMessage(
            channel=channel, thread_ts=thread, text=message.text, blocks=message.blocks, unfurl_links=False
        )


async def _replace(client: AsyncWebClient, channel: str, ts: str, message: SlackMessage) -> None:
    await client.chat_update(channel=channel, ts=ts, text=message.text, blocks=message.blocks)


async def _upload(
    client: AsyncWebClient, channel: str, thread: str | None, content: bytes, name: str, title: str
) -> None:
    await client.files_upload_v2(channel=channel, thread_ts=thread, content=content, filename=name, title=title)


async def _respond(respond: Any, messages: Sequence[SlackMessage]) -> None:
    for message in messages:
        await respond(text=message.text, blocks=list(message.blocks), response_type="ephemeral", replace_original=False)
