"""Retention: how long a site keeps votes, which articles have none any more, and what those votes amount to."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("site", sa.Column("keep_votes_days", sa.Integer))
    op.add_column("article", sa.Column("votes_dropped_at", sa.BigInteger))
    op.create_table(
        "dropped",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reaction", sa.String(32), primary_key=True),
        sa.Column("votes", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("readers", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("dropped")
    op.drop_column("article", "votes_dropped_at")
    op.drop_column("site", "keep_votes_days")
