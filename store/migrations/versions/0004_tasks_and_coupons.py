"""What people have to do, and the codes of coupons."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OPEN = sa.text("state IN ('open', 'claimed')")


def upgrade() -> None:
    _tasks()
    _coupons()


def _tasks() -> None:
    op.create_table(
        "tasks",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in ("enrolment_id", "customer_id")),
        *(sa.Column(name, sa.String(), nullable=False) for name in ("key", "journey", "step", "task", "team", "title")),
        sa.Column("visit", sa.Integer(), nullable=False),
        sa.Column("values", JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        sa.Column("results", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("escalations", JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        *(sa.Column(name, sa.String(), nullable=True) for name in ("claimed_by", "result", "note", "completed_by")),
        *(sa.Column(name, sa.DateTime(timezone=True), nullable=True) for name in ("due_at", "claimed_at", "closed_at")),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_tasks_customer_id"), "tasks", ["customer_id"], unique=False)
    op.create_index("tasks_open", "tasks", ["id"], unique=False, postgresql_where=OPEN)
    op.create_index("tasks_open_of_enrolment", "tasks", ["enrolment_id"], unique=False, postgresql_where=OPEN)


def _coupons() -> None:
    op.create_table(
        "coupons",
        sa.Column("pool", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("taken_key", sa.String(), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("enrolment_id", sa.BigInteger(), nullable=True),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("pool", "code"),
    )
    for name, columns, is_unique, where in (
        ("coupons_left", ["pool", "code"], False, "taken_key IS NULL"),
        ("coupons_taken", ["taken_key"], True, "taken_key IS NOT NULL"),
        ("coupons_customer", ["customer_id"], False, "customer_id IS NOT NULL"),
    ):
        op.create_index(name, "coupons", columns, unique=is_unique, postgresql_where=sa.text(where))


def downgrade() -> None:
    op.drop_table("coupons")
    op.drop_table("tasks")
