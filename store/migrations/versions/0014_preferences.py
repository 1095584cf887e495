"""Of each consent it is known whether journeys were told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("consents", sa.Column("told_at", sa.DateTime(timezone=True), nullable=True))
    op.execute("UPDATE consents SET told_at = at")
    op.create_index("consents_untold", "consents", ["id"], postgresql_where=sa.text("told_at IS NULL"))


def downgrade() -> None:
    op.drop_index("consents_untold", "consents")
    op.drop_column("consents", "told_at")
