"""A language model behind any OpenAI-compatible endpoint. Imported only when one is configured: it takes a while."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import openai
from pydantic import SecretStr

from copilot.errors import LanguageModelError
from copilot.language_model import Message, Schema


class OpenAICompatibleModel:
    """Any server that speaks OpenAI's chat completions. Blocking.

    Asks for JSON bound by the schema, or for plain JSON where the server cannot bind it.
    """

    def __init__(self, base_url: str, name: str, key: SecretStr | None = None, timeout: float = 20.0) -> None:
        self.name = name
        self._base_url = base_url
        self._takes_schema = True
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=key.get_secret_value() if key else "none",
            timeout=timeout,
            max_retries=1,
        )

    def __repr__(self) -> str:
        """Name and address; never the key."""
        return f"OpenAICompatibleModel({self.name!r} at {self._base_url!r})"

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def complete(self, messages: Sequence[Message], schema: Schema) -> str:
        """The model's answer as JSON text."""
        try:
            return self._ask(messages, schema)
        except openai.APITimeoutError as error:
            raise LanguageModelError(f"The language model {self.name!r} did not answer in time.") from error
        except openai.APIConnectionError as error:
            raise LanguageModelError(f"The language model at {self._base_url} cannot be reached.") from error
        except openai.APIStatusError as error:
            raise LanguageModelError(
                f"The language model {self.name!r} answered with HTTP {error.status_code}."
            ) from error
        except openai.OpenAIError as error:
            raise LanguageModelError(f"The language model {self.name!r} failed ({type(error).__name__}).") from error

    def _ask(self, messages: Sequence[Message], schema: Schema) -> str:
        if self._takes_schema:
            try:
                return self._send(messages, schema)
            except (openai.BadRequestError, openai.UnprocessableEntityError, openai.InternalServerError):
                self._takes_schema = False
        wanted = Message("system", f"Answer with one JSON object that follows this schema:\n{json.dumps(schema)}")
        return self._send((wanted, *messages), None)

    def _send(self, messages: Sequence[Message], schema: Schema | None) -> str:
        extra: dict[str, Any] = {}
        if schema is not None:
            extra["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "reading", "schema": dict(schema), "strict": True},
            }
        sent: list[Any] = [{"role": message.role, "content": message.text} for message in messages]
        answer = self._client.chat.completions.create(
            model=self.name, messages=sent, temperature=0, max_tokens=1_000, **extra
        )
        text: str | None = answer.choices[0].message.content if answer.choices else None
        if not text:
            raise LanguageModelError(f"The language model {self.name!r} gave an empty answer.")
        return text
