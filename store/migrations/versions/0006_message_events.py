"""What was reported of messages after they went out, and what goes out beside texts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("content", JSONB(), nullable=True))
    op.create_index(
        "messages_ringing",
        "messages",
        ["sent_at"],
        unique=False,
        postgresql_where=sa.text("channel = 'voice' AND status = 'sent'"),
    )
    op.create_table(
        "message_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("event_id", "message_key", "report")),
        sa.Column("details", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=False) for name in ("at", "occurred_at")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(op.f("ix_message_events_message_key"), "message_events", ["message_key"], unique=False)


def downgrade() -> None:
    op.drop_table("message_events")
    op.drop_index("messages_ringing", table_name="messages")
    op.drop_column("messages", "content")
