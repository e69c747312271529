"""What Slack sent, as a question: who asks, where, in which conversation, in which words.

Slack escapes three characters and wraps names and links in angle brackets; a question holds what its author saw. One
message may come several times (a mention is a message too, and Slack repeats what it thinks was lost), always under the
same key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

_TAG = re.compile(r"<(?P<kind>[@#!]?)(?P<id>[^<>|]*)(?:\|(?P<shown>[^<>]*))?>")
_ENTITIES = (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&"))
_ASKED = frozenset({None, "file_share", "thread_broadcast"})
"""Subtypes of messages that people write; all others tell of edits, arrivals, or what programs said."""


@dataclass(frozen=True)
class Question:
    """One question. `thread` is the time stamp below which the answer goes, None in a plain direct message.

    `said` is the time stamp of the message itself, empty for a button or a command.
    """

    key: str
    workspace: str
    user: str
    channel: str
    text: str
    thread: str | None
    said: str = ""
    direct: bool = False
    attached: bool = False
    stored_answer: str = ""
    """The evidence id of the answer whose button was pressed; its conversation goes on."""

    @property
    def actor(self) -> str:
        """The person, as the audit trail names them."""
        return f"slack:{self.workspace}:{self.user}"

    @property
    def conversation(self) -> str:
        """The name of the engine's thread: one for each Slack thread, one for each direct conversation."""
        return conversation(self.workspace, self.channel, self.thread)


QUESTION: TypeAdapter[Question] = TypeAdapter(Question)


def conversation(workspace: str, channel: str, thread: str | None) -> str:
    """A name that fits the state store, the same for the same place."""
    place = "|".join((workspace, channel, thread or ""))
    return f"slack-{hashlib.sha256(place.encode()).hexdigest()[:32]}"


def from_message(body: Mapping[str, Any], bot: str) -> Question | None:
    """The question of an event `app_mention` or `message`; None for what no person wrote, or nothing is left of."""
    event: Mapping[str, Any] = body["event"]
    if event.get("bot_id") or event.get("subtype") not in _ASKED or "user" not in event:
        return None
    text = plain(str(event.get("text", "")), bot)
    attached = bool(event.get("files"))
    if not text and not attached:
        return None
    direct = event.get("channel_type") == "im" or str(event["channel"]).startswith("D")
    workspace = str(event.get("user_team") or event.get("team") or body.get("team_id", ""))
    said = str(event["ts"])
    thread = event.get("thread_ts") or (None if direct else said)
    return Question(
        key=f"{workspace}:{event['channel']}:{said}",
        workspace=workspace,
        user=str(event["user"]),
        channel=str(event["channel"]),
        text=text,
        thread=thread,
        said=said,
        direct=direct,
        attached=attached,
    )


def mentions(body: Mapping[str, Any], bot: str) -> bool:
    """Whether the message names the bot."""
    return f"<@{bot}>" in str(body["event"].get("text", ""))


def from_button(body: Mapping[str, Any], evidence_id: str, text: str) -> Question:
    """The question that a pressed button stands for. Pressed twice by one person it is the same question."""
    channel, message = str(body["channel"]["id"]), body["message"]
    direct = channel.startswith("D")
    workspace, user = str(body["user"].get("team_id") or body["team"]["id"]), str(body["user"]["id"])
    return Question(
        key=f"{workspace}:{channel}:{message['ts']}:{body['actions'][0]['action_id']}:{user}",
        workspace=workspace,
        user=user,
        channel=channel,
        text=text,
        thread=message.get("thread_ts") or (None if direct else str(message["ts"])),
        direct=direct,
        stored_answer=evidence_id,
    )


def from_command(body: Mapping[str, Any]) -> Question:
    """The question of a slash command: answered to its author alone, wherever it was typed."""
    user, channel = str(body["user_id"]), str(body["channel_id"])
    return Question(
        key=f"command:{body.get('trigger_id', '')}",
        workspace=str(body["team_id"]),
        user=user,
        channel=channel,
        text=plain(str(body.get("text", "")), ""),
        thread=f"command of {user}",
        direct=True,
    )


def plain(text: str, bot: str) -> str:
    """Slack's text as its author saw it, without the mention of the bot."""
    shown = _TAG.sub(lambda found: _shown(found, bot), text)
    for entity, character in _ENTITIES:
        shown = shown.replace(entity, character)
    return shown.strip()


def _shown(found: re.Match[str], bot: str) -> str:
    kind, name, shown = found["kind"], found["id"], found["shown"]
    if kind == "@":
        return "" if name == bot else f"@{shown or name}"
    return f"{kind.replace('!', '@')}{shown or name}" if kind else shown or name
