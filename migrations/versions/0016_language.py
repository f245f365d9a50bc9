"""The language of a site's dashboard, digest and alerts."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("language", sa.String(16), nullable=False, server_default="en"))


def downgrade() -> None:
    op.drop_column("site", "language")
