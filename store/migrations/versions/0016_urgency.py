"""Deliveries go to Temporal by the urgency of their journeys."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

WAITING = sa.text("relayed_at IS NULL")


def upgrade() -> None:
    for table in ("enrolments", "deliveries"):
        op.add_column(table, sa.Column("urgency", sa.SmallInteger(), server_default=sa.text("3"), nullable=False))
    op.drop_index("deliveries_waiting", "deliveries")
    op.create_index("deliveries_waiting", "deliveries", ["urgency", "enrolment_id", "seq"], postgresql_where=WAITING)


def downgrade() -> None:
    op.drop_index("deliveries_waiting", "deliveries")
    op.create_index("deliveries_waiting", "deliveries", ["enrolment_id", "seq"], postgresql_where=WAITING)
    for table in ("deliveries", "enrolments"):
        op.drop_column(table, "urgency")
