"""What editors do at the dashboard: a site's alert thresholds, who gets its digest, and what an article was before a change."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("alert_rules", sa.JSON, nullable=False, server_default=sa.text("'{}'")))
    op.add_column("intervention", sa.Column("before", sa.JSON))
    op.create_table(
        "digest_subscriber",
        sa.Column("site_id", sa.Integer, autoincrement=False),
        sa.Column("address", sa.String(254)),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("site_id", "address", name="pk_digest_subscriber"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("digest_subscriber")
    op.drop_column("intervention", "before")
    op.drop_column("site", "alert_rules")
