"""How often the articles of each site have changed, and sums of closed hours that a process begins with."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "article_change",
        sa.Column("site_id", sa.Integer, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("site_id", name="pk_article_change"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kept_sums",
        sa.Column("site_id", sa.Integer, autoincrement=False),
        sa.Column("what", sa.String(32)),
        sa.Column("first_hour", sa.Integer, nullable=False),
        sa.Column("before_hour", sa.Integer, nullable=False),
        sa.Column("rewrites", sa.BigInteger, nullable=False),
        sa.Column("moods", sa.String(64), nullable=False),
        sa.Column("sums", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("site_id", "what", name="pk_kept_sums"),
    )


def downgrade() -> None:
    op.drop_table("kept_sums")
    op.drop_table("article_change")
