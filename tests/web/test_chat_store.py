"""The chat history: what must survive, what must be refused, who may see what."""

# Chainlit is imported inside: importing it writes files, so a fixture chooses the folder first.
# ruff: noqa: PLC0415, ARG001

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr


@pytest.fixture(params=[None, "it's a key of forty characters; not more"], ids=["plain", "encrypted"])
def key(request: pytest.FixtureRequest) -> SecretStr | None:
    """Without and with encryption: the history behaves the same."""
    return None if request.param is None else SecretStr(request.param)


@pytest.fixture
async def store(tmp_path: Path, quiet_chainlit: None, key: SecretStr | None) -> AsyncIterator[Any]:
    """An empty history. Chainlit's queue-until-first-message is satisfied by a session that has spoken."""
    from chainlit.context import ChainlitContext, context_var
    from chainlit.session import HTTPSession

    from copilot.surfaces.chat_store import ChatStore

    context_var.set(ChainlitContext(HTTPSession(id=new_id(), client_type="webapp")))
    opened = ChatStore(tmp_path / "chat.db", key)
    yield opened
    await opened.close()


def new_id() -> str:
    """A fresh id as browsers make them."""
    return str(uuid.uuid4())


async def thread_of(store: Any, name: str, question: str) -> str:
    """A thread of that user with one message."""
    from chainlit.user import User

    user = await store.create_user(User(identifier=name))
    thread = new_id()
    await store.update_thread(thread, name=question, user_id=user.id, tags=["Leader"])
    await store.create_step(message(thread, question, modes={"depth": "deep"}))
    return thread


def message(thread: str, text: str, **more: Any) -> dict[str, Any]:
    """A user's message as Chainlit hands it over."""
    at = "2026-11-22T10:00:00.000Z"
    return {
        "id": new_id(),
        "threadId": thread,
        "type": "user_message",
        "name": "You",
        "output": text,
        "createdAt": at,
    } | more


async def test_thread_comes_back_whole(store: Any) -> None:
    """Lists, dicts and the keys that Chainlit's own SQLite layer drops come back as they went in."""
    thread = await thread_of(store, "local", "What's our DPO?")
    await store.create_step(message(thread, "done", type="tool", autoCollapse=True, tags=["a"], metadata={"k": [1, 2]}))
    found = await store.get_thread(thread)
    assert found["name"] == "What's our DPO?"
    assert found["tags"] == ["Leader"]
    assert found["userIdentifier"] == "local"
    assert [step["output"] for step in found["steps"]] == ["What's our DPO?", "done"]
    assert found["steps"][0]["modes"] == {"depth": "deep"}
    assert found["steps"][1]["autoCollapse"] is True
    assert found["steps"][1]["metadata"] == {"k": [1, 2]}


async def test_later_form_of_a_step_wins(store: Any) -> None:
    """Creating and updating at the same time keeps the order in which they were asked for."""
    thread = await thread_of(store, "local", "q")
    step = message(thread, "first", type="tool")
    await asyncio.gather(store.create_step(step), *(store.update_step(step | {"output": str(i)}) for i in range(20)))
    found = await store.get_thread(thread)
    assert found["steps"][-1]["output"] == "19"


@pytest.mark.parametrize("bad", ["x' OR '1'='1", "", "1", "00000000-0000-0000-0000-00000000000g", "../../etc"])
async def test_id_from_the_browser_must_be_a_uuid(store: Any, bad: str) -> None:
    """An id that is not a UUID is refused before it reaches a statement, whatever the call."""
    with pytest.raises(ValueError, match="UUID"):
        await store.update_thread(bad, name="n")
    with pytest.raises(ValueError, match="UUID"):
        await store.create_step(message(bad, "q"))
    assert await store.get_thread(bad) is None
    assert await store.get_thread_author(bad) == ""


async def test_step_id_is_checked_by_the_table_itself(store: Any, key: SecretStr | None) -> None:
    """Even a path that forgets to check cannot store an id that is not a UUID."""
    from copilot.state.encryption import driver

    thread = await thread_of(store, "local", "q")
    with pytest.raises(driver(key).IntegrityError):
        await store.create_step(message(thread, "q") | {"id": "x'; DROP TABLE steps"})


async def test_step_cannot_be_moved_to_another_thread(store: Any) -> None:
    """A step id seen elsewhere does not let a browser rewrite somebody's message."""
    mine, theirs = await thread_of(store, "local", "mine"), await thread_of(store, "other", "theirs")
    victim = (await store.get_thread(theirs))["steps"][0]
    await store.update_step(message(mine, "forged") | {"id": victim["id"]})
    assert (await store.get_thread(theirs))["steps"][0]["output"] == "theirs"


async def test_pages_of_threads_are_complete_and_carry_no_steps(store: Any) -> None:
    """Walking the pages shows every thread once, latest first, and only the user's own."""
    from chainlit.types import Pagination, ThreadFilter

    made = [await thread_of(store, "local", f"question {i}") for i in range(7)]
    await thread_of(store, "other", "not yours")
    user = (await store.get_user("local")).id
    seen: list[str] = []
    cursor = None
    while True:
        page = await store.list_threads(Pagination(first=3, cursor=cursor), ThreadFilter(userId=user))
        seen += [thread["id"] for thread in page.data]
        assert all(thread["steps"] == [] for thread in page.data)
        cursor = page.pageInfo.endCursor
        if not page.pageInfo.hasNextPage:
            break
    assert sorted(seen) == sorted(made)
    assert len(seen) == len(made)


@pytest.mark.parametrize(("search", "hits"), [("dpo", 1), ("100%", 1), ("_", 0), ("zebra", 0)])
async def test_search_takes_text_literally(store: Any, search: str, hits: int) -> None:
    """Search finds words in titles and messages; percent and underscore are no wildcards."""
    from chainlit.types import Pagination, ThreadFilter

    await thread_of(store, "local", "What's our DPO?")
    await thread_of(store, "local", "capture rate vs 100% target")
    user = (await store.get_user("local")).id
    page = await store.list_threads(Pagination(first=20), ThreadFilter(userId=user, search=search))
    assert len(page.data) == hits


async def test_answers_and_charts_are_their_owners_only(store: Any) -> None:
    """Another user gets neither the JSON of an answer nor the blob of a chart, even with the right id."""
    thread = await thread_of(store, "local", "q")
    await store.keep_answer("abc", thread, '{"status": "answered"}')
    element = SimpleNamespace(
        id=new_id(), thread_id=thread, for_id=new_id(), type="plotly", content="{}", mime="application/json", to_dict=lambda: {"type": "plotly"}
    )  # fmt: skip
    await store.create_element(element)
    assert await store.answer("abc", "local") == '{"status": "answered"}'
    assert await store.answer("abc", "other") is None
    assert await store.blob(element.id, "local") == ("application/json", b"{}")
    assert await store.blob(element.id, "other") is None
    assert (await store.get_thread(thread))["elements"][0]["url"] == f"/blobs/{element.id}"


async def test_deleting_a_thread_leaves_nothing(store: Any) -> None:
    """Messages, charts, answers and feedback go with their thread."""
    from chainlit.types import Feedback

    thread = await thread_of(store, "local", "q")
    step = (await store.get_thread(thread))["steps"][0]
    await store.upsert_feedback(Feedback(forId=step["id"], value=1, comment="good"))
    assert (await store.get_thread(thread))["steps"][0]["feedback"]["comment"] == "good"
    await store.keep_answer("abc", thread, "{}")
    await store.delete_thread(thread)
    assert await store.get_thread(thread) is None
    assert await store.answer("abc", "local") is None


async def test_history_outlives_the_process(tmp_path: Path, store: Any, key: SecretStr | None) -> None:
    """A second store on the same file reads what the first wrote."""
    from copilot.surfaces.chat_store import ChatStore

    thread = await thread_of(store, "local", "What's our DPO?")
    again = ChatStore(tmp_path / "chat.db", key)
    found = await again.get_thread(thread)
    await again.close()
    assert found is not None
    assert found["name"] == "What's our DPO?"


async def test_file_of_a_newer_program_is_refused(tmp_path: Path, quiet_chainlit: None) -> None:
    """A history written by a newer Tenor is left alone."""
    from copilot.surfaces.chat_store import ChatStore

    with sqlite3.connect(tmp_path / "new.db") as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(sqlite3.DatabaseError, match="newer"):
        ChatStore(tmp_path / "new.db")


async def test_history_is_private(tmp_path: Path, store: Any) -> None:
    """Only the owner of the process may read the file: it holds figures."""
    assert (tmp_path / "chat.db").stat().st_mode & 0o077 == 0
