"""Circuits of provider accounts, and by which account a message went."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "circuits",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("channel", "account", "provider")),
        sa.Column("place", sa.Integer(), nullable=False),
        *(sa.Column(name, AT, nullable=True) for name in ("opened_at", "probe_at", "probing_until")),
        sa.Column("openings", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("reason", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("channel", "account"),
    )
    op.add_column("messages", sa.Column("account", sa.String(), nullable=True))


def downgrade() -> None:
    op.drop_column("messages", "account")
    op.drop_table("circuits")
