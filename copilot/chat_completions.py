"""A language model behind any OpenAI-compatible endpoint. Imported only when one is configured: it takes a while.

Answers are streamed and read as bytes against one deadline for everything: the wait, the retries, the last byte. So a
server that trickles, sends comments for ever or never stops writing costs no more time than one that is silent.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import openai
from pydantic import SecretStr

from copilot.errors import LanguageModelError
from copilot.language_model import CHARACTERS_PER_TOKEN, Completion, Message, Schema, estimated_tokens

LONGEST_ANSWER = 8_000
"""Characters after which an answer is cut off; a form is a few hundred."""
LONGEST_STREAM = 400_000
"""Bytes after which a stream is cut off, whatever it holds."""
TRIES = 3
FIRST_WAIT = 0.4
"""Seconds before the second try; doubled before the third. A server's own Retry-After counts where it is longer."""
_AGAIN = (openai.RateLimitError, openai.InternalServerError, openai.APIConnectionError)


class _TooSlowError(Exception):
    """The deadline has passed while an answer was coming in."""


class OpenAICompatibleModel:
    """Any server that speaks OpenAI's chat completions. Blocking; `timeout` (seconds) is for one whole answer.

    Asks for JSON bound by the schema, or for plain JSON where the server cannot bind it.
    """

    def __init__(
        self,
        base_url: str,
        name: str,
        key: SecretStr | None = None,
        timeout: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._base_url = base_url
        self._timeout = timeout
        self._clock = clock
        self._takes_schema = True
        self._client = openai.OpenAI(
            base_url=base_url,
            api_key=key.get_secret_value() if key else "none",
            timeout=timeout,
            max_retries=0,
        )

    def __repr__(self) -> str:
        """Name and address; never the key."""
        return f"OpenAICompatibleModel({self.name!r} at {self._base_url!r})"

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def complete(self, messages: Sequence[Message], schema: Schema) -> Completion:
        """The model's answer as JSON text, with the tokens it took."""
        try:
            return self._with_retries(messages, schema)
        except (openai.APITimeoutError, _TooSlowError) as error:
            raise LanguageModelError(f"The language model {self.name!r} did not answer in time.") from error
        except openai.APIConnectionError as error:
            raise LanguageModelError(f"The language model at {self._base_url} cannot be reached.") from error
        except openai.APIStatusError as error:
            raise LanguageModelError(
                f"The language model {self.name!r} answered with HTTP {error.status_code}."
            ) from error
        except LanguageModelError:
            raise
        except Exception as error:  # the HTTP library below raises errors of its own while a stream breaks off
            raise LanguageModelError(f"The language model {self.name!r} failed ({type(error).__name__}).") from error

    def _with_retries(self, messages: Sequence[Message], schema: Schema) -> Completion:
        """Another try after a busy or failing server, while there is time; without the schema where it is refused."""
        deadline = self._clock() + self._timeout
        bound: Schema | None = schema if self._takes_schema else None
        wait = FIRST_WAIT
        for left in reversed(range(TRIES)):
            try:
                found = self._send(messages, schema, bound, deadline)
            except (openai.BadRequestError, openai.UnprocessableEntityError):
                if bound is None or not left:
                    raise
                bound = None
            except openai.APITimeoutError:
                raise
            except _AGAIN as error:
                pause = max(wait, _asked_to_wait(error))
                if not left or self._clock() + pause >= deadline:
                    raise
                bound = None if isinstance(error, openai.InternalServerError) else bound
                time.sleep(pause)
                wait *= 2
            else:
                self._takes_schema = bound is not None
                return found
        raise LanguageModelError(f"The language model {self.name!r} gave no answer.")

    def _send(self, messages: Sequence[Message], schema: Schema, bound: Schema | None, deadline: float) -> Completion:
        extra: dict[str, Any] = {}
        if bound is not None:
            form = {"name": "reading", "schema": dict(bound), "strict": True}
            extra["response_format"] = {"type": "json_schema", "json_schema": form}
        else:
            wanted = f"Answer with one JSON object that follows this schema:\n{json.dumps(schema)}"
            messages = (Message("system", wanted), *messages)
        sent: list[Any] = [{"role": message.role, "content": message.text} for message in messages]
        asked = self._client.chat.completions.with_streaming_response.create(
            model=self.name,
            messages=sent,
            temperature=0,
            max_tokens=1_000,
            stream=True,
            stream_options={"include_usage": True},
            timeout=max(0.05, deadline - self._clock()),
            **extra,
        )
        with asked as response:
            streamed = "event-stream" in response.headers.get("content-type", "")
            read = self._bytes(response.iter_bytes(), deadline)
            text, usage = _streamed(read) if streamed else _whole(b"".join(read))
        if not text.strip():
            raise LanguageModelError(f"The language model {self.name!r} gave an empty answer.")
        counted = (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
        guessed = (estimated_tokens(messages), max(1, len(text) // CHARACTERS_PER_TOKEN))
        return Completion(text, counted[0] or guessed[0], counted[1] or guessed[1])

    def _bytes(self, pieces: Iterator[bytes], deadline: float) -> Iterator[bytes]:
        """The pieces of a body until the deadline, and no more than is allowed."""
        size = 0
        for piece in pieces:
            if self._clock() > deadline:
                raise _TooSlowError
            size += len(piece)
            if size > LONGEST_STREAM:
                return
            yield piece


def _streamed(pieces: Iterator[bytes]) -> tuple[str, dict[str, Any]]:
    """Text and usage of server-sent events; cut off when it is longer than any form."""
    text, usage = "", dict[str, Any]()
    for event in _events(pieces):
        if event.get("error"):
            raise LanguageModelError("The language model broke off with an error.")
        usage = event.get("usage") or usage
        for choice in event.get("choices") or ():
            text += (choice.get("delta") or {}).get("content") or ""
        if len(text) > LONGEST_ANSWER:
            break
    return text, usage


def _events(pieces: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects of the lines that begin with "data:"; what is no object is left out."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            data = line.removeprefix(b"data:").strip() if line.startswith(b"data:") else b""
            if data == b"[DONE]":
                return
            try:
                found = json.loads(data) if data else None
            except ValueError:
                continue
            if isinstance(found, dict):
                yield found


def _whole(body: bytes) -> tuple[str, dict[str, Any]]:
    """Text and usage of a server that does not stream."""
    try:
        found = json.loads(body)
        choices = found.get("choices") or [{}]
        return str((choices[0].get("message") or {}).get("content") or ""), found.get("usage") or {}
    except (ValueError, AttributeError, KeyError, IndexError, TypeError) as error:
        raise LanguageModelError(
            "The language model's server did not answer in the form of chat completions."
        ) from error


def _asked_to_wait(error: openai.APIError) -> float:
    """Seconds of the Retry-After header; 0 without one."""
    headers = error.response.headers if isinstance(error, openai.APIStatusError) else {}
    try:
        return max(0.0, float(headers.get("retry-after", "0")))
    except ValueError:
        return 0.0
