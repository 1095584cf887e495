"""What lists and timelines are read by."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steps", sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False))
    op.create_index("enrolments_journey", "enrolments", ["journey", "state", "started_at", "id"], unique=False)
    op.create_index(
        "enrolments_key",
        "enrolments",
        ["key", "started_at", "id"],
        unique=False,
        postgresql_where=sa.text("key <> ''"),
    )
    op.create_index("messages_newest", "messages", ["created_at", "key"], unique=False)
    op.create_index(
        "messages_not_sent",
        "messages",
        ["status", "created_at", "key"],
        unique=False,
        postgresql_where=sa.text("status NOT IN ('sent', 'delivered', 'opened', 'clicked')"),
    )


def downgrade() -> None:
    op.drop_index("messages_not_sent", table_name="messages")
    op.drop_index("messages_newest", table_name="messages")
    op.drop_index("enrolments_key", table_name="enrolments")
    op.drop_index("enrolments_journey", table_name="enrolments")
    op.drop_column("steps", "number")
