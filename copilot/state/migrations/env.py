"""Alembic's entry point: runs the migrations on the connection that the store hands over, or prints their SQL."""

from __future__ import annotations

from alembic import context

from copilot.state.tables import metadata


def run() -> None:
    """Run online on the given connection; offline, render for the dialect in the configured URL."""
    connection = context.config.attributes.get("connection")
    if connection is None:
        url = context.config.get_main_option("sqlalchemy.url")
        context.configure(url=url, target_metadata=metadata, literal_binds=True)
    else:
        context.configure(connection=connection, target_metadata=metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


run()
