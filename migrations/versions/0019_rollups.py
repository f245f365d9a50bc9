"""Rollups of the hourly series: by site and hour, by article and day, and up to which hour they go."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rolled_hour",
        sa.Column("hour_utc", sa.Integer, autoincrement=False),
        sa.Column("site_id", sa.Integer, autoincrement=False),
        sa.Column("reaction", sa.String(32)),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.BigInteger, nullable=False),
        sa.Column("readers", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hour_utc", "site_id", "reaction", name="pk_rolled_hour"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rolled_day",
        sa.Column("day_utc", sa.Integer, autoincrement=False),
        sa.Column("site_id", sa.Integer, autoincrement=False),
        sa.Column("article_id", sa.BigInteger, autoincrement=False),
        sa.Column("reaction", sa.String(32)),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.BigInteger, nullable=False),
        sa.Column("readers", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("day_utc", "site_id", "article_id", "reaction", name="pk_rolled_day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rolled_upto",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("hour_utc", sa.Integer, nullable=False),
        sa.Column("rewrites", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_rolled_upto"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("rolled_upto")
    op.drop_table("rolled_day")
    op.drop_table("rolled_hour")
