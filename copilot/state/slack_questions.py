"""Questions that came from Slack: each is taken once, and those left open by a stop are known at the next start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from copilot.state.tables import WRITING, slack_questions

KEPT = timedelta(days=30)
"""How long a question is remembered: replies in its thread are answered without a mention for as long."""

ANSWERABLE = timedelta(hours=1)
"""How old an open question may be to be answered at the next start; later nobody waits for it."""


class SlackQuestionRepository:
    """Takes questions by their key. The database decides between two who try at once."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._writer = engine.execution_options(begin_with=WRITING)
        self._clock = clock

    def take(self, key: str, conversation: str, question: Mapping[str, Any]) -> bool:
        """Whether this caller is the first to see the question, and now has to answer it."""
        now = self._clock()
        row = {"key": key, "conversation": conversation, "question": dict(question), "taken_at": now}
        try:
            with self._writer.begin() as connection:
                connection.execute(insert(slack_questions).values(row))
        except IntegrityError:
            return False
        return True

    def answered(self, key: str) -> None:
        """The answer, or the sentence that there is none, has reached Slack."""
        now = self._clock()
        with self._writer.begin() as connection:
            connection.execute(update(slack_questions).where(slack_questions.c.key == key).values(answered_at=now))
            connection.execute(delete(slack_questions).where(slack_questions.c.taken_at < now - KEPT))

    def knows(self, conversation: str) -> bool:
        """Whether anything was asked in this conversation before."""
        query = select(slack_questions.c.key).where(slack_questions.c.conversation == conversation).limit(1)
        with self._writer.connect() as connection:
            return connection.execute(query).first() is not None

    def left_open(self) -> tuple[Mapping[str, Any], ...]:
        """Questions that were taken and not answered, oldest first, while an answer still makes sense."""
        asked = slack_questions.c
        query = select(asked.question).where(asked.answered_at.is_(None), asked.taken_at > self._clock() - ANSWERABLE)
        with self._writer.connect() as connection:
            return tuple(row.question for row in connection.execute(query.order_by(asked.taken_at)))
