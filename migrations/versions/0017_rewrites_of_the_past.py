"""How often hours of the past were rewritten: processes that remember their sums see it, and read them again."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "past_rewrite",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("n", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_past_rewrite"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("past_rewrite")
