"""Sessions of people whom an identity provider has signed in: who they are, what they may do where, and the site shown."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("editor_session", sa.Column("person", sa.String(320)))
    op.add_column("editor_session", sa.Column("grants", sa.JSON))
    op.add_column("editor_session", sa.Column("site_id", sa.Integer))


def downgrade() -> None:
    for column in ("person", "grants", "site_id"):
        op.drop_column("editor_session", column)
