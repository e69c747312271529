"""The real client against a server on this machine that speaks chat completions, well and badly."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from copilot.chat_completions import OpenAICompatibleModel
from copilot.errors import LanguageModelError
from copilot.language_model import Completion, Message
from copilot.scripted_endpoint import (
    ScriptedEndpoint,
    Step,
    babbles,
    breaks_off,
    fails,
    hangs,
    refuses_schemas,
    says,
    says_at_once,
    trickles,
)

SCHEMA = {"type": "object", "properties": {"answerable": {"type": "boolean"}}, "required": ["answerable"]}
ASK = (Message("system", "Fill in the form."), Message("user", "What's our DPO?"))


def asked(endpoint: ScriptedEndpoint, timeout: float = 3.0) -> Completion:
    """What the client brings home."""
    model = OpenAICompatibleModel(endpoint.url, "small", SecretStr("sk-very-secret"), timeout=timeout)
    try:
        return model.complete(ASK, SCHEMA)
    finally:
        model.close()


def test_the_schema_goes_with_the_question() -> None:
    """The server gets the schema, the messages in order, no randomness; the streamed pieces come back as one text."""
    with ScriptedEndpoint(says('{"answerable": true}', tokens=(321, 9))) as endpoint:
        assert asked(endpoint) == Completion('{"answerable": true}', 321, 9)
    sent = endpoint.asked[0]
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [m["content"] for m in sent["messages"]] == ["Fill in the form.", "What's our DPO?"]
    assert (sent["model"], sent["temperature"], sent["stream"]) == ("small", 0, True)
    assert endpoint.keys == ["Bearer sk-very-secret"]


def test_a_server_that_does_not_stream_or_count_will_do() -> None:
    """One JSON body is taken as well; tokens are then guessed, never left at nothing."""
    with ScriptedEndpoint(says_at_once('{"answerable": true}')) as endpoint:
        found = asked(endpoint)
    assert found.text == '{"answerable": true}'
    assert found.tokens_in > 0
    assert found.tokens_out > 0


def test_a_server_without_schemas_gets_them_as_words() -> None:
    """A 400 to the schema is answered by asking plainly, now and from then on."""
    with ScriptedEndpoint(refuses_schemas(says("{}"))) as endpoint:
        model = OpenAICompatibleModel(endpoint.url, "small")
        assert model.complete(ASK, SCHEMA).text == "{}"
        assert "answerable" in endpoint.asked[-1]["messages"][0]["content"]
        model.complete(ASK, SCHEMA)
        model.close()
    assert sum("response_format" in body for body in endpoint.asked) == 1


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again(status: int) -> None:
    """One failure is no reason to go without the model."""
    with ScriptedEndpoint(fails(status), says("{}")) as endpoint:
        assert asked(endpoint).text == "{}"
    assert len(endpoint.asked) == 2


def test_a_server_that_asks_for_a_long_wait_is_not_waited_for() -> None:
    """Retry-After beyond the time that an answer has ends the attempt at once."""
    started = time.monotonic()
    with ScriptedEndpoint(fails(429, retry_after=30)) as endpoint, pytest.raises(LanguageModelError, match="HTTP 429"):
        asked(endpoint)
    assert time.monotonic() - started < 2
    assert len(endpoint.asked) == 1


@pytest.mark.parametrize("step", [says_at_once(None), says_at_once(""), says(""), says("  \n ")])
def test_an_empty_answer_is_an_error(step: Step) -> None:
    """Nothing is not an answer."""
    with ScriptedEndpoint(step) as endpoint, pytest.raises(LanguageModelError, match="empty answer"):
        asked(endpoint)


@pytest.mark.parametrize("step", [hangs, trickles, lambda: trickles(" ", 0.02)], ids=["silent", "comments", "blanks"])
def test_time_is_up_whatever_trickles_in(step: Callable[[], Step]) -> None:
    """One deadline holds for the wait and for every byte: comments and blanks do not keep an answer alive."""
    started = time.monotonic()
    with ScriptedEndpoint(step()) as endpoint, pytest.raises(LanguageModelError, match="in time"):
        asked(endpoint, timeout=0.3)
    assert time.monotonic() - started < 2


def test_a_model_that_never_stops_is_cut_off() -> None:
    """An endless answer ends where no form can be longer; what there is of it goes to the judge."""
    with ScriptedEndpoint(babbles("spend " * 50)) as endpoint:
        assert len(asked(endpoint).text) < 9_000


def test_half_an_answer_is_an_error_or_half_a_text() -> None:
    """A connection that breaks in the middle raises our error and no other."""
    with ScriptedEndpoint(breaks_off('{"answera')) as endpoint, pytest.raises(LanguageModelError):
        asked(endpoint)


@pytest.mark.parametrize("body", ["<html>", "[1]", "3", '{"choices": 7}'])
def test_what_is_no_chat_completion_is_our_error(body: str) -> None:
    """A web page or another JSON is told apart from an answer."""
    with ScriptedEndpoint(fails(200, body)) as endpoint, pytest.raises(LanguageModelError, match="chat completions"):
        asked(endpoint)


def test_refused_and_away_are_one_kind_of_error() -> None:
    """A wrong key and a dead server are said in a sentence that holds no key."""
    with ScriptedEndpoint(fails(401, '{"error": {"message": "bad key sk-very-secret"}}')) as endpoint:
        with pytest.raises(LanguageModelError, match="HTTP 401") as refused:
            asked(endpoint)
        url = endpoint.url
    assert "secret" not in str(refused.value)
    away = OpenAICompatibleModel(url, "small", timeout=0.5)
    with pytest.raises(LanguageModelError, match="cannot be reached"):
        away.complete(ASK, SCHEMA)
    away.close()


def test_the_key_shows_nowhere() -> None:
    """Not in the representation."""
    model = OpenAICompatibleModel("http://127.0.0.1:9/v1", "small", SecretStr("sk-very-secret"))
    assert "secret" not in repr(model)
    model.close()
