"""Chat history on SQLite: what Chainlit asks a data layer for, with every value bound and every id checked.

Chainlit's own SQL layer loses data on SQLite (missing columns, lists and dicts that do not bind) and joins ids chosen
by the browser into SQL text. Here a step or element is one JSON document, ids must be UUIDs, and a list of threads is a
page without steps.

    users      id, identifier, created_at, metadata
    threads    id, user_id, name, created_at, updated_at, tags, metadata
    steps      id, thread_id, created_at, body                  a message or a step of "How I computed this"
    elements   id, thread_id, created_at, body, mime, content   a card or a chart; /blobs/<id> serves the content
    feedbacks  id, step_id, value, comment
    answers    id, thread_id, created_at, body                  the answer's JSON, for /answers/<id>.json and .csv

One connection in one thread of its own: the event loop never waits for the disk, and writes keep the order they were
asked in.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from chainlit.data.base import BaseDataLayer
from chainlit.data.utils import queue_until_user_message
from chainlit.element import Element, ElementDict
from chainlit.step import StepDict
from chainlit.types import Feedback, PageInfo, PaginatedResponse, Pagination, ThreadDict, ThreadFilter
from chainlit.user import PersistedUser, User
from pydantic import SecretStr

from copilot.state.encryption import driver, open_file

SCHEMA_VERSION = 1
MAXIMUM_PAGE = 100
TITLE_LENGTH = 80

_UUID = "CHECK (length({0}) = 36 AND {0} NOT GLOB '*[^0-9a-f-]*')"
_SCHEMA = f"""
CREATE TABLE users (
  id TEXT PRIMARY KEY {_UUID.format("id")}, identifier TEXT NOT NULL UNIQUE, created_at TEXT NOT NULL,
  metadata TEXT NOT NULL CHECK (json_valid(metadata))) STRICT;
CREATE TABLE threads (
  id TEXT PRIMARY KEY {_UUID.format("id")}, user_id TEXT REFERENCES users (id) ON DELETE CASCADE, name TEXT,
  created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
  tags TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags)),
  metadata TEXT NOT NULL DEFAULT '{{}}' CHECK (json_valid(metadata))) STRICT;
CREATE INDEX threads_by_user ON threads (user_id, updated_at, id);
CREATE TABLE steps (
  id TEXT PRIMARY KEY {_UUID.format("id")}, thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL, body TEXT NOT NULL CHECK (json_valid(body))) STRICT;
CREATE INDEX steps_by_thread ON steps (thread_id, created_at);
CREATE TABLE elements (
  id TEXT PRIMARY KEY {_UUID.format("id")}, thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE,
  created_at TEXT NOT NULL, body TEXT NOT NULL CHECK (json_valid(body)),
  mime TEXT NOT NULL, content BLOB NOT NULL) STRICT;
CREATE INDEX elements_by_thread ON elements (thread_id, created_at);
CREATE TABLE feedbacks (
  id TEXT PRIMARY KEY {_UUID.format("id")}, step_id TEXT NOT NULL REFERENCES steps (id) ON DELETE CASCADE,
  value INTEGER NOT NULL, comment TEXT) STRICT;
CREATE INDEX feedbacks_by_step ON feedbacks (step_id);
CREATE TABLE answers (
  id TEXT NOT NULL, thread_id TEXT NOT NULL REFERENCES threads (id) ON DELETE CASCADE, created_at TEXT NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)), PRIMARY KEY (id, thread_id)) STRICT;
"""

_ADD_THREAD = "INSERT INTO threads (id, created_at, updated_at) VALUES (:id, :now, :now) ON CONFLICT (id) DO NOTHING"
_PAGE = """
SELECT id, name, created_at, tags, metadata FROM threads AS t
WHERE user_id = :user
  AND (:cursor IS NULL OR (updated_at, id) < (SELECT updated_at, id FROM threads WHERE id = :cursor))
  AND (:like IS NULL OR name LIKE :like ESCAPE '\\' OR EXISTS (
    SELECT 1 FROM steps
    WHERE thread_id = t.id AND body ->> 'type' LIKE '%_message' AND body ->> 'output' LIKE :like ESCAPE '\\'))
  AND (:feedback IS NULL OR EXISTS (
    SELECT 1 FROM feedbacks AS f JOIN steps AS s ON s.id = f.step_id WHERE s.thread_id = t.id AND f.value = :feedback))
ORDER BY updated_at DESC, id DESC LIMIT :limit
"""
_STEPS = """
SELECT s.body AS body, f.id AS feedback_id, f.value AS feedback_value, f.comment AS feedback_comment
FROM steps AS s LEFT JOIN feedbacks AS f ON f.step_id = s.id WHERE s.thread_id = ? ORDER BY s.created_at, s.rowid
"""

Row = sqlite3.Row
Result = TypeVar("Result")
Work = Callable[[sqlite3.Connection], Result]
Method = TypeVar("Method", bound=Callable[..., Any])


def _queued(method: Method) -> Method:
    """Holds a call back until the thread's first message: an opened page leaves no trace in the history."""
    queue: Any = queue_until_user_message
    return cast("Method", queue()(method))


class ChatStore(BaseDataLayer):
    """Threads, messages, cards and charts of the chat page, in one SQLite file that only this process writes."""

    def __init__(self, path: Path, key: SecretStr | None = None) -> None:
        """Opens or makes the file, encrypted when there is a key.

        Raises sqlite3.Error if it cannot be opened or belongs to a newer program, StateKeyError if it and the key do
        not belong together.
        """
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="chat-store")
        try:
            self._connection = self._worker.submit(_open, path, key).result()
        except BaseException:
            self._worker.shutdown()
            raise

    async def _do(self, work: Work[Result]) -> Result:
        """Runs `work` as one transaction, after everything asked for earlier."""

        def transaction() -> Result:
            with self._connection:
                self._connection.execute("BEGIN IMMEDIATE")
                return work(self._connection)

        return await asyncio.get_running_loop().run_in_executor(self._worker, transaction)

    async def close(self) -> None:
        """Finishes what is queued and closes the file."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._connection.close)
        self._worker.shutdown()

    # --- users

    async def get_user(self, identifier: str) -> PersistedUser | None:
        """The user of that name, if one ever signed in."""
        row = await self._do(
            lambda db: db.execute("SELECT * FROM users WHERE identifier = ?", (identifier,)).fetchone()
        )
        return _user(row) if row else None

    async def create_user(self, user: User) -> PersistedUser | None:
        """The user of that name, made if need be."""
        values = {"id": str(uuid.uuid4()), "name": user.identifier, "now": now(), "metadata": _json(user.metadata)}
        insert = (
            "INSERT INTO users VALUES (:id, :name, :now, :metadata) "
            "ON CONFLICT (identifier) DO UPDATE SET metadata = excluded.metadata RETURNING *"
        )
        return _user(await self._do(lambda db: db.execute(insert, values).fetchone()))

    # --- threads

    async def get_thread_author(self, thread_id: str) -> str:
        """Who started the thread; empty if there is no such thread."""
        find = "SELECT u.identifier FROM threads AS t JOIN users AS u ON u.id = t.user_id WHERE t.id = ?"
        row = await self._do(lambda db: db.execute(find, (thread_id,)).fetchone())
        return str(row["identifier"]) if row else ""

    async def update_thread(
        self,
        thread_id: str,
        name: str | None = None,
        user_id: str | None = None,
        metadata: dict[str, Any] | None = None,
        tags: list[str] | None = None,
    ) -> None:
        """Names a thread, gives it an owner, or merges metadata (None removes a key); makes the thread if need be."""
        key = canonical_id(thread_id)
        changes = {"name": _title(name), "user_id": user_id, "tags": None if tags is None else _json(tags)}

        def write(db: sqlite3.Connection) -> None:
            db.execute(_ADD_THREAD, {"id": key, "now": now()})
            for column, value in changes.items():
                if value is not None:
                    db.execute(f"UPDATE threads SET {column} = ? WHERE id = ?", (value, key))  # noqa: S608 (our names)
            if metadata is not None:
                merge = "UPDATE threads SET metadata = json_patch(metadata, ?) WHERE id = ?"
                db.execute(merge, (_json(metadata), key))

        await self._do(write)

    async def delete_thread(self, thread_id: str) -> None:
        """Forgets a thread with all that was said, shown and stored in it."""
        await self._do(lambda db: db.execute("DELETE FROM threads WHERE id = ?", (thread_id,)))

    async def list_threads(self, pagination: Pagination, filters: ThreadFilter) -> PaginatedResponse[ThreadDict]:
        """One page of a user's threads, latest first, without their steps."""
        size = max(1, min(pagination.first, MAXIMUM_PAGE))
        values = {
            "user": filters.userId or "",
            "cursor": pagination.cursor,
            "like": f"%{_like(filters.search)}%" if filters.search else None,
            "feedback": filters.feedback,
            "limit": size + 1,
        }
        rows = await self._do(lambda db: db.execute(_PAGE, values).fetchall())
        threads = [_thread(row, filters.userId, None) for row in rows[:size]]
        ends = (threads[0]["id"], threads[-1]["id"]) if threads else (None, None)
        page = PageInfo(hasNextPage=len(rows) > size, startCursor=ends[0], endCursor=ends[1])
        return PaginatedResponse(pageInfo=page, data=threads)

    async def get_thread(self, thread_id: str) -> ThreadDict | None:
        """A whole thread: messages and steps in their order, cards and charts."""

        def read(db: sqlite3.Connection) -> tuple[Row | None, list[Row], list[Row]]:
            find = "SELECT t.*, u.identifier FROM threads AS t LEFT JOIN users AS u ON u.id = t.user_id WHERE t.id = ?"
            elements = "SELECT body FROM elements WHERE thread_id = ? ORDER BY created_at, rowid"
            return (
                db.execute(find, (thread_id,)).fetchone(),
                db.execute(_STEPS, (thread_id,)).fetchall(),
                db.execute(elements, (thread_id,)).fetchall(),
            )

        row, steps, elements = await self._do(read)
        if row is None:
            return None
        thread = _thread(row, row["user_id"], row["identifier"])
        thread["steps"] = [_step(step) for step in steps]
        thread["elements"] = [cast("ElementDict", json.loads(element["body"])) for element in elements]
        return thread

    # --- steps

    @_queued
    async def create_step(self, step_dict: StepDict) -> None:
        """Keeps a message or step."""
        await self._keep_step(step_dict)

    @_queued
    async def update_step(self, step_dict: StepDict) -> None:
        """Keeps the newer form of a message or step."""
        await self._keep_step(step_dict)

    @_queued
    async def delete_step(self, step_id: str) -> None:
        """Forgets a message or step with its feedback and the elements shown in it."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("DELETE FROM elements WHERE body ->> 'forId' = ?", (step_id,))
            db.execute("DELETE FROM steps WHERE id = ?", (step_id,))

        await self._do(write)

    async def _keep_step(self, step: Mapping[str, Any]) -> None:
        body = {key: value for key, value in step.items() if value is not None and key != "feedback"}
        thread = canonical_id(str(step.get("threadId")))
        at = now()
        values = {"id": str(step["id"]), "thread": thread, "at": step.get("createdAt") or at, "body": _json(body)}
        upsert = (
            "INSERT INTO steps VALUES (:id, :thread, :at, :body) "
            "ON CONFLICT (id) DO UPDATE SET body = json_patch(steps.body, excluded.body) WHERE thread_id = :thread"
        )

        def write(db: sqlite3.Connection) -> None:
            db.execute(_ADD_THREAD, {"id": thread, "now": at})
            db.execute(upsert, values)
            db.execute("UPDATE threads SET updated_at = ? WHERE id = ?", (at, thread))

        await self._do(write)

    async def get_favorite_steps(self, user_id: str) -> list[StepDict]:  # noqa: ARG002 (Chainlit's signature)
        """None: favourites are switched off."""
        return []

    # --- elements

    @_queued
    async def create_element(self, element: Element) -> None:
        """Keeps a card (its properties) or a chart (its figure, served again from /blobs/<id>)."""
        body = {key: value for key, value in element.to_dict().items() if value is not None and key != "chainlitKey"}
        content = element.content.encode() if isinstance(element.content, str) else element.content
        if not content or not element.for_id:
            return
        if element.type == "custom":
            content = b""  # its properties are in the body
        body["url"] = f"/blobs/{element.id}"
        thread, at = canonical_id(element.thread_id), now()
        values = (element.id, thread, at, _json(body), element.mime or "application/octet-stream", content)

        def write(db: sqlite3.Connection) -> None:
            db.execute(_ADD_THREAD, {"id": thread, "now": at})
            db.execute("INSERT OR REPLACE INTO elements VALUES (?, ?, ?, ?, ?, ?)", values)

        await self._do(write)

    async def get_element(self, thread_id: str, element_id: str) -> ElementDict | None:
        """One element of a thread."""
        find = "SELECT body FROM elements WHERE id = ? AND thread_id = ?"
        row = await self._do(lambda db: db.execute(find, (element_id, thread_id)).fetchone())
        return cast("ElementDict", json.loads(row["body"])) if row else None

    @_queued
    async def delete_element(self, element_id: str, thread_id: str | None = None) -> None:
        """Forgets one element."""
        remove = "DELETE FROM elements WHERE id = :id AND (:thread IS NULL OR thread_id = :thread)"
        await self._do(lambda db: db.execute(remove, {"id": element_id, "thread": thread_id}))

    async def blob(self, element_id: str, identifier: str) -> tuple[str, bytes] | None:
        """MIME type and content of an element in one of that user's threads."""
        find = (
            "SELECT e.mime, e.content FROM elements AS e JOIN threads AS t ON t.id = e.thread_id "
            "JOIN users AS u ON u.id = t.user_id WHERE e.id = ? AND u.identifier = ?"
        )
        row = await self._do(lambda db: db.execute(find, (element_id, identifier)).fetchone())
        return (row["mime"], row["content"]) if row else None

    # --- feedback

    async def upsert_feedback(self, feedback: Feedback) -> str:
        """Keeps a thumb up (1) or down (0) with its comment; returns its id."""
        values = (feedback.id or str(uuid.uuid4()), feedback.forId, feedback.value, feedback.comment)
        await self._do(lambda db: db.execute("INSERT OR REPLACE INTO feedbacks VALUES (?, ?, ?, ?)", values))
        return values[0]

    async def delete_feedback(self, feedback_id: str) -> bool:
        """Forgets a feedback."""
        await self._do(lambda db: db.execute("DELETE FROM feedbacks WHERE id = ?", (feedback_id,)))
        return True

    # --- answers

    async def keep_answer(self, evidence_id: str, thread_id: str, body: str) -> None:
        """Keeps the answer's JSON, so that it can be downloaded later."""
        thread, at = canonical_id(thread_id), now()

        def write(db: sqlite3.Connection) -> None:
            db.execute(_ADD_THREAD, {"id": thread, "now": at})
            db.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)", (evidence_id, thread, at, body))

        await self._do(write)

    async def answer(self, evidence_id: str, identifier: str) -> str | None:
        """The JSON of an answer given in one of that user's threads."""
        find = (
            "SELECT a.body FROM answers AS a JOIN threads AS t ON t.id = a.thread_id "
            "JOIN users AS u ON u.id = t.user_id WHERE a.id = ? AND u.identifier = ? ORDER BY a.created_at DESC LIMIT 1"
        )
        row = await self._do(lambda db: db.execute(find, (evidence_id, identifier)).fetchone())
        return str(row["body"]) if row else None

    async def build_debug_url(self) -> str:
        """Nothing: there is no debug page."""
        return ""


def canonical_id(text: str) -> str:
    """A UUID in lower case with dashes; a ValueError for anything else a browser may send as an id."""
    try:
        return str(uuid.UUID(text))
    except ValueError:
        raise ValueError("An id of a conversation must be a UUID.") from None


def _open(path: Path, key: SecretStr | None) -> sqlite3.Connection:
    connection = open_file(path, key)
    connection.row_factory = driver(key).Row
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA busy_timeout = 5000")
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    if version == 0:
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    elif version > SCHEMA_VERSION:
        connection.close()
        raise sqlite3.DatabaseError(f"{path.name} was written by a newer Tenor (history version {version}).")
    return connection


def now() -> str:
    """This moment as Chainlit writes it: UTC, milliseconds, Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _title(name: str | None) -> str | None:
    if name is None:
        return None
    line = " ".join(name.split()) or "(empty question)"
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1]}…"


def _like(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _user(row: Row) -> PersistedUser:
    metadata: dict[str, Any] = json.loads(row["metadata"])
    return PersistedUser(id=row["id"], createdAt=row["created_at"], identifier=row["identifier"], metadata=metadata)


def _thread(row: Row, user_id: str | None, identifier: str | None) -> ThreadDict:
    tags: Sequence[str] = json.loads(row["tags"])
    return ThreadDict(
        id=row["id"],
        createdAt=row["created_at"],
        name=row["name"],
        userId=user_id,
        userIdentifier=identifier,
        tags=list(tags),
        metadata=json.loads(row["metadata"]),
        steps=[],
        elements=[],
    )


def _step(row: Row) -> StepDict:
    body: dict[str, Any] = json.loads(row["body"])
    if row["feedback_id"] is not None:
        body["feedback"] = {
            "forId": body["id"],
            "id": row["feedback_id"],
            "value": row["feedback_value"],
            "comment": row["feedback_comment"],
        }
    if body.get("showInput") in (None, False, "false"):
        body["input"] = ""
    return cast("StepDict", body)
