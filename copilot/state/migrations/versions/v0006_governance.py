"""Policies, proposals and their decisions, the outbox, and the switches that stop it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision: str | None = "0005"

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the tables of what is decided, and of what is sent."""
    op.create_table(
        "policies",
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("effective_from", _TIME, nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("proposed_by", sa.Text, nullable=False),
        sa.Column("proposed_at", _TIME, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=True),
        sa.Column("decided_at", _TIME, nullable=True),
    )
    op.create_table(
        "switches",
        sa.Column("feature", sa.String(40), primary_key=True),
        sa.Column("stopped", sa.Boolean, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_at", _TIME, nullable=False),
        sa.Column("revival_asked_by", sa.Text, nullable=True),
    )
    op.create_table(
        "proposals",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("subject", sa.String(200), nullable=False, index=True),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("evidence_hash", sa.String(64), nullable=False),
        sa.Column("policy", sa.Integer, nullable=False),
        sa.Column("maker", sa.Text, nullable=False),
        sa.Column("supplier", sa.Text, nullable=False),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(20), nullable=False, index=True),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("settled_at", _TIME, nullable=True),
    )
    op.create_table(
        "decisions",
        sa.Column("proposal", sa.String(64), sa.ForeignKey("proposals.id"), primary_key=True),
        sa.Column("checker", sa.String(200), primary_key=True),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("office", sa.String(60), nullable=False),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("on_behalf_of", sa.Text, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at", _TIME, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("proposal", sa.String(64), sa.ForeignKey("proposals.id"), nullable=False, index=True),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("object", sa.Text, nullable=False),
        sa.Column("request", sa.JSON, nullable=False),
        sa.Column("request_hash", sa.String(64), nullable=False),
        sa.Column("look", sa.JSON, nullable=False),
        sa.Column("expect", sa.JSON, nullable=True),
        sa.Column("queued_at", _TIME, nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_try_at", _TIME, nullable=False),
        sa.Column("claimed_by", sa.String(100), nullable=True),
        sa.Column("claimed_until", _TIME, nullable=True),
        sa.Column("remote_id", sa.String(64), nullable=True),
        sa.Column("delivered_at", _TIME, nullable=True),
        sa.Column("trouble", sa.Text, nullable=True),
        sa.Index("outbox_by_state", "state", "next_try_at"),
    )


def downgrade() -> None:
    """Drop them."""
    for name in ("outbox", "decisions", "proposals", "switches", "policies"):
        op.drop_table(name)
