"""Where the ledger starts, once its first months were dropped."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_start",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("next_at", sa.BigInteger),
        sa.Column("article_id", sa.BigInteger),
        sa.Column("voter", sa.LargeBinary(16)),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_start"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("ledger_start")
