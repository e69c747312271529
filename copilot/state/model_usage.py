"""What the language model used, day by day (UTC): the account that its budget is held against."""

from __future__ import annotations

from datetime import date

from sqlalchemy import Engine, insert, select, update

from copilot.state.tables import WRITING, model_usage, put


class ModelUsageRepository:
    """Adds up tokens by day. Safe between processes: each addition is one writing transaction."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._writer = engine.execution_options(begin_with=WRITING)

    def spent(self, day: date) -> tuple[int, int]:
        """Tokens read and written by the model on a day."""
        query = select(model_usage.c.tokens_in, model_usage.c.tokens_out).where(model_usage.c.day == day)
        with self._engine.begin() as connection:
            row = connection.execute(query).one_or_none()
        return (0, 0) if row is None else (int(row.tokens_in), int(row.tokens_out))

    def add(self, day: date, tokens_in: int, tokens_out: int) -> None:
        """Add one completion to a day."""
        more = {
            "tokens_in": model_usage.c.tokens_in + tokens_in,
            "tokens_out": model_usage.c.tokens_out + tokens_out,
        }
        with self._writer.begin() as connection:
            change = update(model_usage).where(model_usage.c.day == day).values(**more)
            row = {"day": day, "tokens_in": tokens_in, "tokens_out": tokens_out}
            put(connection, change, insert(model_usage).values(**row))
