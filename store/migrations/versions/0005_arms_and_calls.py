"""Which arm of an experiment a customer has and which arm has won; what destinations were called."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _experiments()
    _calls()
    op.add_column(
        "journey_versions", sa.Column("destinations", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False)
    )


def _experiments() -> None:
    op.create_table(
        "arms",
        sa.Column("customer_id", sa.BigInteger(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("experiment", "arm")),
        sa.Column("drawn_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "experiment"),
    )
    op.create_index("arms_experiment", "arms", ["experiment", "customer_id"], unique=False)
    op.create_table(
        "experiments",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("journey", "experiment")),
        sa.Column("winner", sa.String(), nullable=True),
        sa.Column("found_at", AT, nullable=True),
        sa.Column("checked_at", AT, nullable=False),
        sa.PrimaryKeyConstraint("journey", "experiment"),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("key", "destination", "status")),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("enrolment_id", "customer_id")),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("answer", JSONB(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        *(sa.Column(name, AT, nullable=False) for name in ("first_at", "at")),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index(op.f("ix_calls_customer_id"), "calls", ["customer_id"], unique=False)
    op.create_table(
        "journey_starts",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("at", AT, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )


def downgrade() -> None:
    op.drop_column("journey_versions", "destinations")
    for table in ("journey_starts", "calls", "experiments", "arms"):
        op.drop_table(table)
