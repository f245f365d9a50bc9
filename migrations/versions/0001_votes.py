"""Sites, articles, votes, tallies, the hourly series and the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "site",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("origins", sa.JSON, nullable=False),
        sa.Column("reactions", sa.JSON, nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("article_policy", sa.String(8), nullable=False),
        sa.Column("new_articles_per_day", sa.Integer, nullable=False),
        sa.Column("reader_scope", sa.String(8), nullable=False),
        sa.UniqueConstraint("key", name="uq_site_key"),
    )
    op.create_table(
        "article",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("url", sa.String(2000)),
        sa.Column("title", sa.String(500)),
        sa.Column("section", sa.String(200)),
        sa.Column("authors", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("tags", sa.JSON, nullable=False, server_default=sa.text("'[]'")),
        sa.Column("published_at", sa.BigInteger),
        sa.Column("first_seen_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_article_site_id_first_seen_at", "article", ["site_id", "first_seen_at"])
    op.create_table(
        "vote",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("voter", sa.LargeBinary(16), primary_key=True),
        sa.Column("reaction", sa.String(32)),
        sa.Column("previous", sa.String(32)),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("cast_at", sa.BigInteger, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tally",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("reaction", sa.String(32), primary_key=True),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.Column("imported", sa.BigInteger, nullable=False, server_default=sa.text("0")),
        sa.CheckConstraint("n >= 0", name="ck_tally_n_not_negative"),
        sa.CheckConstraint("imported >= 0", name="ck_tally_imported_not_negative"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hourly",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("hour_utc", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("reaction", sa.String(32), primary_key=True),
        sa.Column("added", sa.BigInteger, nullable=False),
        sa.Column("removed", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("voter", sa.LargeBinary(16), primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("from_reaction", sa.String(32)),
        sa.Column("to_reaction", sa.String(32)),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    for table in ("event", "hourly", "tally", "vote", "article", "site"):
        op.drop_table(table)
