"""Tracked links."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "links",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("token", "message_key", "url")),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("token"),
    )
    op.create_index(op.f("ix_links_message_key"), "links", ["message_key"], unique=False)


def downgrade() -> None:
    op.drop_table("links")
