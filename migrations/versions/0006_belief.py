"""Belief: a counted quota of new articles, a ledger that only named procedures change, keys that expire, sessions that end.

On SQLite a trigger keeps the ledger closed. On PostgreSQL the owner gives the right to change it away and takes it back inside a
procedure's transaction, because a distributed engine refuses triggers on hot tables: docs/decisions/0016-closed-ledger.md.
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = ("site_id", "key", "article_id")
_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def upgrade() -> None:
    op.add_column("site", sa.Column("article_patterns", sa.JSON, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("site", sa.Column("forgotten_votes", sa.String(9), nullable=False, server_default="kept"))
    op.create_table(
        "article_quota",
        sa.Column("site_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("api_key", sa.Column("made_by", sa.String(12)))
    op.add_column("api_key", sa.Column("expires_at", sa.BigInteger))
    op.create_table(
        "editor_session",
        sa.Column("id", sa.LargeBinary(32), primary_key=True),
        sa.Column("key_id", sa.String(12), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    _let_old_keys_lead_on()
    op.create_table(
        "ledger_procedure",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("what", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("open", sa.Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_digest",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(64), nullable=False),
        sa.Column("chain", sa.LargeBinary(64), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_correction",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(64), nullable=False),
        sqlite_with_rowid=False,
    )
    _close_ledger()


def downgrade() -> None:
    _open_ledger()
    for column in ("expires_at", "made_by"):
        op.drop_column("api_key", column)
    for table in ("editor_session", "ledger_correction", "ledger_digest", "ledger_procedure", "article_quota"):
        op.drop_table(table)
    for column in ("forgotten_votes", "article_patterns"):
        op.drop_column("site", column)


def _close_ledger() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("REVOKE UPDATE, DELETE, TRUNCATE ON event FROM CURRENT_USER")
        return
    for change in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER ledger_closed_{change.lower()} BEFORE {change} ON event "  # noqa: S608
            "WHEN NOT EXISTS (SELECT 1 FROM ledger_procedure WHERE open) "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is closed'); END"
        )


def _open_ledger() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("GRANT UPDATE, DELETE, TRUNCATE ON event TO CURRENT_USER")
        return
    for change in ("update", "delete"):
        op.execute(f"DROP TRIGGER ledger_closed_{change}")


def _let_old_keys_lead_on() -> None:
    """Articles that were stored with a variation selector, or with another space, keep their votes under the key's new form."""
    connection = op.get_bind()
    article = sa.table("article", *map(sa.column, _COLUMNS))
    alias = sa.table("article_alias", *map(sa.column, _COLUMNS))
    stored = connection.execute(sa.select(article.c.site_id, article.c.key, article.c.article_id))
    forms = {}
    for site_id, key, article_id in stored:
        form = key if key.isascii() else _SPACES.sub(" ", _SELECTORS.sub("", key)).strip()
        if form and form != key:
            forms.setdefault((site_id, form), article_id)
    for (site_id, key), article_id in forms.items():
        named = sa.select(article.c.key).where(article.c.site_id == site_id, article.c.key == key)
        led = sa.select(alias.c.key).where(alias.c.site_id == site_id, alias.c.key == key)
        if connection.execute(named.union(led)).first() is None:
            connection.execute(sa.insert(alias).values(site_id=site_id, key=key, article_id=article_id))
