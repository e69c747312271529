"""Designs of pilots, as they were registered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision: str | None = "0006"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the table of pilots."""
    op.create_table(
        "pilots",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("starts", sa.Date, nullable=False),
        sa.Column("ends", sa.Date, nullable=False),
        sa.Column("registered_by", sa.Text, nullable=False),
        sa.Column("registered_at", _TIME, nullable=False),
        sa.Column("stopped_by", sa.Text, nullable=True),
        sa.Column("stopped_at", _TIME, nullable=True),
        sa.Column("stop_reason", sa.Text, nullable=True),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("pilots")
