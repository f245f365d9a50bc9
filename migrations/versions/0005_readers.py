"""Readers in the hourly series: how many voted on the article for the first time, by ten minutes, filled from the ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_PARTS = ("readers_00", "readers_10", "readers_20", "readers_30", "readers_40", "readers_50")
_SUMS = ", ".join(f"sum(CASE WHEN event.at / 600000 % 6 = {n} THEN 1 ELSE 0 END) AS {part}" for n, part in enumerate(_PARTS))
_FILL = f"""
UPDATE hourly SET {", ".join(f"{part} = counted.{part}" for part in _PARTS)}
FROM (
    SELECT event.article_id, event.at / 3600000 AS hour_utc, event.to_reaction AS reaction, {_SUMS}
    FROM event
    JOIN (SELECT article_id, voter, min(seq) AS seq FROM event GROUP BY article_id, voter) AS earliest
        ON event.article_id = earliest.article_id AND event.voter = earliest.voter AND event.seq = earliest.seq
    WHERE event.cause = 'vote' AND event.to_reaction IS NOT NULL
    GROUP BY event.article_id, event.at / 3600000, event.to_reaction
) AS counted
WHERE hourly.article_id = counted.article_id AND hourly.hour_utc = counted.hour_utc AND hourly.reaction = counted.reaction
"""  # noqa: S608  made of constants
# `counting` tells by the previous reaction whether a reader has ever voted: '' is "none at present, but not the first time".
_MARK_WITHDRAWN_TWICE = """
UPDATE vote SET previous = ''
WHERE reaction IS NULL AND previous IS NULL
    AND EXISTS (SELECT 1 FROM event WHERE event.article_id = vote.article_id AND event.voter = vote.voter)
"""


def upgrade() -> None:
    for part in _PARTS:
        op.add_column("hourly", sa.Column(part, sa.Integer, nullable=False, server_default=sa.text("0")))
    op.execute(_FILL)
    op.execute(_MARK_WITHDRAWN_TWICE)


def downgrade() -> None:
    op.execute("UPDATE vote SET previous = NULL WHERE previous = ''")
    for part in _PARTS:
        op.drop_column("hourly", part)
