"""The kind of a webhook's receiver; views of articles by hour, and whether a site counts them."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("webhook", sa.Column("kind", sa.String(8), nullable=False, server_default="plain"))
    op.add_column("site", sa.Column("count_views", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.create_table(
        "views",
        sa.Column("article_id", sa.BigInteger, autoincrement=False),
        sa.Column("hour_utc", sa.Integer, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("article_id", "hour_utc", name="pk_views"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("views")
    op.drop_column("site", "count_views")
    op.drop_column("webhook", "kind")
