"""How far calendar starts have come."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "calendars",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("journey", "start")),
        sa.Column("done_until", AT, nullable=False),
        sa.Column("until", AT, nullable=True),
        sa.Column("customer_id", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("next_at", AT, nullable=True),
        sa.PrimaryKeyConstraint("journey", "start"),
    )


def downgrade() -> None:
    op.drop_table("calendars")
