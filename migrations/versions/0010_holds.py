"""Holds: votes that are kept and not counted, the verdicts about them, and which events of the ledger count."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("event", sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()))
    op.create_table(
        "hold",
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("voter", sa.LargeBinary(16), primary_key=True),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("network", sa.String(24)),
        sa.Column("verdict", sa.String(16)),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("settled_by", sa.String(100)),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_hold_state_due_at", "hold", ["state", "due_at"])
    op.create_index("ix_hold_site_id_at_id", "hold", ["site_id", "at", "id"])
    op.create_index("ix_hold_verdict", "hold", ["verdict"])
    op.create_table(
        "verdict",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("article_id", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("from_at", sa.BigInteger, nullable=False),
        sa.Column("to_at", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("causes", sa.JSON, nullable=False),
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("reaction", sa.String(32)),
        sa.Column("networks", sa.JSON, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("enforced", sa.Boolean, nullable=False),
    )
    op.create_index("ix_verdict_site_id_at", "verdict", ["site_id", "at"])
    op.create_index("ix_verdict_article_id_until", "verdict", ["article_id", "until"])


def downgrade() -> None:
    for table in ("verdict", "hold"):
        op.drop_table(table)
    op.drop_column("event", "held")
