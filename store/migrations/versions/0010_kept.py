"""What a run keeps with the visit in which it stands, for another to go on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steps", sa.Column("kept", JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("steps", "kept")
