"""A language model behind a protocol of one method, so that any OpenAI-compatible endpoint fits and none is needed.

Nothing in here knows what the model is asked. The real client is in chat_completions.py; ScriptedModel is its double,
and scripted_endpoint.py is a double of the server on the other side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from copilot.errors import LanguageModelError

Schema = Mapping[str, Any]
"""A JSON Schema."""

CHARACTERS_PER_TOKEN = 4
"""Roughly, in English; used where a server does not say what it counted."""


@dataclass(frozen=True)
class Message:
    """One message of an exchange."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Completion:
    """What a model wrote, and the tokens that it read and wrote."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


class LanguageModel(Protocol):
    """Text in, JSON text out."""

    @property
    def name(self) -> str:
        """What the model is called."""

    def complete(self, messages: Sequence[Message], schema: Schema) -> Completion:
        """The model's answer, meant to follow the schema; callers validate. Raises LanguageModelError."""


class ScriptedModel:
    """The double: gives its answers in order and keeps what it was asked. An exception in the script is raised."""

    name = "scripted"

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[Message, ...]] = []
        self.schemas: list[Schema] = []

    def complete(self, messages: Sequence[Message], schema: Schema) -> Completion:
        """The next answer of the script; LanguageModelError when it has run out."""
        self.asked.append(tuple(messages))
        self.schemas.append(schema)
        if not self._answers:
            raise LanguageModelError("The script has no further answer.")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Completion(answer, estimated_tokens(messages), len(answer) // CHARACTERS_PER_TOKEN)


def estimated_tokens(messages: Sequence[Message]) -> int:
    """About how many tokens messages are."""
    return sum(len(message.text) for message in messages) // CHARACTERS_PER_TOKEN
