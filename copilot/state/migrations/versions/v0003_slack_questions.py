"""Questions from Slack, so that each is answered once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision: str | None = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "slack_questions",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("conversation", sa.String(64), nullable=False),
        sa.Column("question", sa.JSON, nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
    )
    op.create_index("slack_questions_by_conversation", "slack_questions", ["conversation"])


def downgrade() -> None:
    """Drop the table."""
    op.drop_table("slack_questions")
