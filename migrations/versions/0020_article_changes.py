"""How often the articles of each site have changed: processes that remember them see it, and read them again."""

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


def downgrade() -> None:
    op.drop_table("article_change")
