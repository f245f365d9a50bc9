"""Imports: what was brought from other tools, by source, and the amounts behind each tally's imported part."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imported_source",
        sa.Column("site_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("format", sa.String(16), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("file_hash", sa.String(64), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("votes", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "imported_amount",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reaction", sa.String(32), primary_key=True),
        sa.Column("source", sa.String(64), primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.CheckConstraint("n > 0", name="ck_imported_amount_n_positive"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("imported_amount", "imported_source"):
        op.drop_table(table)
