"""Messages that are asked after."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("asks", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("messages", sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True))
    unheard = sa.text("status = 'sent' AND provider IN ('twilio', 'sendgrid')")
    op.create_index("messages_unheard", "messages", ["call_until"], postgresql_where=unheard)


def downgrade() -> None:
    op.drop_index("messages_unheard", "messages")
    op.drop_column("messages", "ask_at")
    op.drop_column("messages", "asks")
