"""Views by article and day that were imported from a tool that counts pages, and in which hours they stand in `views`."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_views",
        sa.Column("article_id", sa.BigInteger, autoincrement=False),
        sa.Column("day", sa.Integer, autoincrement=False),
        sa.Column("first_hour", sa.Integer, autoincrement=False),
        sa.Column("last_hour", sa.Integer, nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("article_id", "day", "first_hour", name="pk_imported_views"),
        sa.CheckConstraint("n > 0", name="ck_imported_views_n_positive"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("imported_views")
