"""What the newsroom adds: keys, other names of an article, what was done to it, sets by section, and a series by hour."""

import sqlalchemy as sa
from alembic import op

from reactions.storage.migrations import create_index

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("revoked_at", sa.BigInteger),
    )
    op.create_index("ix_api_key_site_id", "api_key", ["site_id"])
    op.create_table(
        "article_alias",
        sa.Column("site_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("article_id", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "intervention",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("at", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("what", sa.String(16), primary_key=True),
        sa.Column("by", sa.String(100), nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("article", sa.Column("hidden_at", sa.BigInteger))
    op.add_column("article", sa.Column("merged_into", sa.BigInteger))
    op.add_column("article", sa.Column("merged_from", sa.JSON, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("site", sa.Column("close_after_days", sa.Integer))
    op.add_column("site", sa.Column("section_reactions", sa.JSON, nullable=False, server_default=sa.text("'{}'")))
    create_index(op, "ix_hourly_hour_utc", "hourly", ["hour_utc"])


def downgrade() -> None:
    op.drop_index("ix_hourly_hour_utc", "hourly")
    for column in ("section_reactions", "close_after_days"):
        op.drop_column("site", column)
    for column in ("merged_from", "merged_into", "hidden_at"):
        op.drop_column("article", column)
    for table in ("intervention", "article_alias", "api_key"):
        op.drop_table(table)
