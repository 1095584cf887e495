"""Calls can be made again by a person."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

AT = sa.DateTime(timezone=True)


def upgrade() -> None:
    for name in ("values", "replay", "replay_reason"):
        op.add_column("calls", sa.Column(name, sa.Text(), nullable=True))
    for name in ("call_until", "replay_asked_at", "replayed_at", "replay_from", "replay_until"):
        op.add_column("calls", sa.Column(name, AT, nullable=True))
    op.add_column("calls", sa.Column("replay_attempts", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.create_index("calls_newest", "calls", ["at", "key"])
    op.create_index("calls_not_done", "calls", ["status", "at", "key"], postgresql_where=sa.text("status <> 'done'"))
    op.create_index("calls_replays", "calls", ["replay_from"], postgresql_where=sa.text("replay = 'waiting'"))


def downgrade() -> None:
    for name in ("calls_replays", "calls_not_done", "calls_newest"):
        op.drop_index(name, "calls")
    for name in ("replay_attempts", "replay_until", "replay_from", "replayed_at", "replay_asked_at", "call_until"):
        op.drop_column("calls", name)
    for name in ("replay_reason", "replay", "values"):
        op.drop_column("calls", name)
