"""A language model behind a protocol of one method, so that any OpenAI-compatible endpoint fits and none is needed.

Nothing in here knows what the model is asked. The real client is in chat_completions.py; ScriptedModel is its double.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from copilot.errors import LanguageModelError

Schema = Mapping[str, Any]
"""A JSON Schema."""


@dataclass(frozen=True)
class Message:
    """One message of an exchange."""

    role: Literal["system", "user", "assistant"]
    text: str


class LanguageModel(Protocol):
    """Text in, JSON text out."""

    @property
    def name(self) -> str:
        """What the model is called."""

    def complete(self, messages: Sequence[Message], schema: Schema) -> str:
        """The model's answer, meant to follow the schema; callers validate. Raises LanguageModelError."""


class ScriptedModel:
    """The double: gives its answers in order and keeps what it was asked. An exception in the script is raised."""

    name = "scripted"

    def __init__(self, *answers: str | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[Message, ...]] = []

    def complete(self, messages: Sequence[Message], schema: Schema) -> str:  # noqa: ARG002 - the script ignores it
        """The next answer of the script; LanguageModelError when it has run out."""
        self.asked.append(tuple(messages))
        if not self._answers:
            raise LanguageModelError("The script has no further answer.")
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer
