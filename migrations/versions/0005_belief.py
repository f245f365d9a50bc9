"""Belief: a counted quota of new articles, and the keys that need none."""

import re

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COLUMNS = ("site_id", "key", "article_id")
_SELECTORS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
_SPACES = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")


def upgrade() -> None:
    op.add_column("site", sa.Column("article_patterns", sa.JSON, nullable=False, server_default=sa.text("'[]'")))
    op.create_table(
        "article_quota",
        sa.Column("site_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("n", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    _let_old_keys_lead_on()


def downgrade() -> None:
    op.drop_table("article_quota")
    op.drop_column("site", "article_patterns")


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
