"""The kind of a webhook's receiver."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("kind", sa.String(8), nullable=False, server_default="plain"))


def downgrade() -> None:
    op.drop_column("webhook", "kind")
