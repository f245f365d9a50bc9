"""Alerts, what keeps one from being raised again, the webhooks that want them, and the outbox of what is on its way there."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alert",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("rule", sa.String(16), nullable=False),
        sa.Column("article_id", sa.BigInteger, nullable=False),
        sa.Column("raised_at", sa.BigInteger, nullable=False),
        sa.Column("said", sa.JSON, nullable=False),
    )
    op.create_index("ix_alert_site_id_raised_at", "alert", ["site_id", "raised_at"])
    op.create_table(
        "cooling_off",
        sa.Column("site_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("rule", sa.String(16), primary_key=True),
        sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "webhook",
        sa.Column("id", sa.String(12), primary_key=True),
        sa.Column("site_id", sa.Integer, nullable=False),
        sa.Column("url", sa.String(2000), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_webhook_site_id", "webhook", ["site_id"])
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(36), primary_key=True),
        sa.Column("webhook_id", sa.String(12), nullable=False),
        sa.Column("alert_id", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.BigInteger, nullable=False),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("problem", sa.String(300)),
    )
    op.create_index("ix_delivery_state_next_at", "delivery", ["state", "next_at"])
    op.create_index("ix_delivery_webhook_id", "delivery", ["webhook_id"])


def downgrade() -> None:
    for table in ("delivery", "webhook", "cooling_off", "alert"):
        op.drop_table(table)
