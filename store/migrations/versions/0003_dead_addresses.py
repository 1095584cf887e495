"""How a claim finds out at once that nothing arrives at an address, however much was sent to it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(
        "messages_undeliverable",
        "messages",
        ["recipient"],
        unique=False,
        postgresql_where=sa.text("status = 'undeliverable'"),
    )


def downgrade() -> None:
    op.drop_index("messages_undeliverable", table_name="messages")
