"""The real client against a small server that speaks chat completions, well and badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from copilot.chat_completions import OpenAICompatibleModel
from copilot.errors import LanguageModelError
from copilot.language_model import Message

Answer = Callable[[dict[str, Any]], tuple[int, str]]
SCHEMA = {"type": "object", "properties": {"answerable": {"type": "boolean"}}, "required": ["answerable"]}


def said(text: str | None) -> str:
    """A completion as a server sends it."""
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return json.dumps({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})


class Endpoint:
    """What was asked of a served endpoint, and how it answers."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.answer: Answer = lambda _: (200, said("{}"))
        self.url = ""


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """An endpoint on this machine."""
    served = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.asked.append(body)
            served.keys.append(self.headers["Authorization"])
            status, text = served.answer(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield served
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def model(endpoint: Endpoint) -> Iterator[OpenAICompatibleModel]:
    """The client of that endpoint."""
    client = OpenAICompatibleModel(endpoint.url, "small", SecretStr("sk-very-secret"), timeout=2.0)
    yield client
    client.close()


ASK = (Message("system", "Fill in the form."), Message("user", "What's our DPO?"))


def test_the_schema_goes_with_the_question(endpoint: Endpoint, model: OpenAICompatibleModel) -> None:
    """The server gets the schema, the messages in order, no randomness; the answer comes back as text."""
    endpoint.answer = lambda _: (200, said('{"answerable": true}'))
    assert model.complete(ASK, SCHEMA) == '{"answerable": true}'
    sent = endpoint.asked[0]
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [m["content"] for m in sent["messages"]] == ["Fill in the form.", "What's our DPO?"]
    assert (sent["model"], sent["temperature"]) == ("small", 0)


def test_a_server_without_schemas_gets_them_as_words(endpoint: Endpoint, model: OpenAICompatibleModel) -> None:
    """A 400 to the schema is answered by asking plainly, now and from then on."""
    endpoint.answer = lambda body: (400, "{}") if "response_format" in body else (200, said("{}"))
    assert model.complete(ASK, SCHEMA) == "{}"
    assert "answerable" in endpoint.asked[-1]["messages"][0]["content"]
    model.complete(ASK, SCHEMA)
    assert sum("response_format" in body for body in endpoint.asked) == 1


@pytest.mark.parametrize("text", [None, ""])
def test_an_empty_answer_is_an_error(endpoint: Endpoint, model: OpenAICompatibleModel, text: str | None) -> None:
    """Nothing is not an answer."""
    endpoint.answer = lambda _: (200, said(text))
    with pytest.raises(LanguageModelError, match="empty answer"):
        model.complete(ASK, SCHEMA)


def test_refused_and_away_are_one_kind_of_error(endpoint: Endpoint, model: OpenAICompatibleModel) -> None:
    """A wrong key and a dead server are said in a sentence that holds no key."""
    endpoint.answer = lambda _: (401, '{"error": {"message": "bad key sk-very-secret"}}')
    with pytest.raises(LanguageModelError, match="HTTP 401") as refused:
        model.complete(ASK, SCHEMA)
    assert "secret" not in str(refused.value)
    assert endpoint.keys[0] == "Bearer sk-very-secret"
    away = OpenAICompatibleModel("http://127.0.0.1:9/v1", "small", timeout=1.0)
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        away.complete(ASK, SCHEMA)
    away.close()


def test_the_key_shows_nowhere(model: OpenAICompatibleModel) -> None:
    """Not in the representation."""
    assert "secret" not in repr(model)
