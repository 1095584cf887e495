"""Addresses that nothing more is sent to, in one place; what providers said so far is taken over."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)

DEAD_SO_FAR = """
INSERT INTO suppressions (channel, address, reason, source, at)
SELECT DISTINCT ON (channel, address) channel, address, reason, 'provider', created_at
FROM (SELECT channel, CASE WHEN channel = 'email' THEN lower(recipient) ELSE recipient END AS address, reason,
    created_at
  FROM messages WHERE status = 'undeliverable' AND recipient IS NOT NULL AND reason LIKE 'dead address%') AS dead
ORDER BY channel, address, created_at DESC
"""


def upgrade() -> None:
    op.create_table(
        "suppressions",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("channel", "address", "reason", "source")),
        sa.Column("at", AT, nullable=False),
        sa.Column("lifted_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("suppressions_once", "suppressions", ["address", "channel"], unique=True)
    op.execute(DEAD_SO_FAR)
    op.drop_index("messages_undeliverable", table_name="messages")


def downgrade() -> None:
    op.create_index(
        "messages_undeliverable",
        "messages",
        ["recipient"],
        unique=False,
        postgresql_where=sa.text("status = 'undeliverable'"),
    )
    op.drop_table("suppressions")
