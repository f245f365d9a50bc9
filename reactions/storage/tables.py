"""The tables. Core tables, not mapped classes: every statement of the product names its columns.

Every hot table is led by `article_id`, so that a distributed engine can keep an article's rows together. Times are integers made
by the application (UTC milliseconds; hours since 1970 in `hourly`), the same on every engine. The hot tables have no foreign
keys, sequences, triggers or database functions: docs/decisions/0003-schema.md says why. The file is longer than
others because the schema is read as a whole.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# Readers whose first vote on an article fell into ten minutes of an hour: the minute at which these begin.
READERS = ("readers_00", "readers_10", "readers_20", "readers_30", "readers_40", "readers_50")

site = Table(
    "site",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("key", String(64), nullable=False),
    Column("name", String(200), nullable=False),
    Column("origins", JSON, nullable=False),
    Column("reactions", JSON, nullable=False),
    Column("time_zone", String(64), nullable=False),
    Column("article_policy", String(8), nullable=False),
    Column("new_articles_per_day", Integer, nullable=False),
    Column("reader_scope", String(8), nullable=False),
    Column("close_after_days", Integer),
    Column("section_reactions", JSON, nullable=False, server_default=text("'{}'")),
    Column("article_patterns", JSON, nullable=False, server_default=text("'[]'")),
    Column("forgotten_votes", String(9), nullable=False, server_default="kept"),
    Column("keep_votes_days", Integer),
    Column("alert_rules", JSON, nullable=False, server_default=text("'{}'")),
    Column("language", String(16), nullable=False, server_default="en"),
    Column("count_views", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("key"),
)

article = Table(
    "article",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("site_id", Integer, nullable=False),
    Column("key", String(200), nullable=False),
    Column("url", String(2000)),
    Column("title", String(500)),
    Column("section", String(200)),
    Column("authors", JSON, nullable=False, server_default=text("'[]'")),
    Column("tags", JSON, nullable=False, server_default=text("'[]'")),
    Column("published_at", BigInteger),
    Column("first_seen_at", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("hidden_at", BigInteger),
    Column("merged_into", BigInteger),
    Column("merged_from", JSON, nullable=False, server_default=text("'[]'")),
    Column("votes_dropped_at", BigInteger),
    Index(None, "site_id", "first_seen_at"),
    sqlite_with_rowid=False,
)

article_change = Table(
    "article_change",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

article_quota = Table(
    "article_quota",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("n", Integer, nullable=False),
    sqlite_with_rowid=False,
)

vote = Table(
    "vote",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("voter", LargeBinary(16), primary_key=True),
    *(Column(name, String(32)) for name in ("reaction", "previous")),
    Column("seq", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False, server_default=false()),
    Column("cast_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

tally = Table(
    "tally",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reaction", String(32), primary_key=True),
    Column("n", BigInteger, nullable=False),
    Column("imported", BigInteger, nullable=False, server_default=text("0")),
    CheckConstraint("n >= 0", name="n_not_negative"),
    CheckConstraint("imported >= 0", name="imported_not_negative"),
    sqlite_with_rowid=False,
)

imported_source = Table(
    "imported_source",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("source", String(64), primary_key=True),
    Column("format", String(16), nullable=False),
    Column("file_name", String(200), nullable=False),
    Column("file_hash", String(64), nullable=False),
    Column("by", String(100), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("votes", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

imported_amount = Table(
    "imported_amount",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reaction", String(32), primary_key=True),
    Column("source", String(64), primary_key=True),
    Column("n", BigInteger, nullable=False),
    CheckConstraint("n > 0", name="n_positive"),
    sqlite_with_rowid=False,
)

hourly = Table(
    "hourly",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hour_utc", Integer, primary_key=True, autoincrement=False),
    Column("reaction", String(32), primary_key=True),
    Column("added", BigInteger, nullable=False),
    Column("removed", BigInteger, nullable=False),
    *(Column(name, Integer, nullable=False, server_default=text("0")) for name in READERS),
    Index(None, "hour_utc"),
    sqlite_with_rowid=False,
)

past_rewrite = Table(
    "past_rewrite",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("n", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

rolled_hour = Table(
    "rolled_hour",
    metadata,
    Column("hour_utc", Integer, primary_key=True, autoincrement=False),
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("reaction", String(32), primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("added", "removed", "readers")),
    sqlite_with_rowid=False,
)

rolled_day = Table(
    "rolled_day",
    metadata,
    Column("day_utc", Integer, primary_key=True, autoincrement=False),
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reaction", String(32), primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("added", "removed", "readers")),
    sqlite_with_rowid=False,
)

rolled_upto = Table(
    "rolled_upto",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("hour_utc", Integer, nullable=False),
    Column("rewrites", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

kept_sums = Table(
    "kept_sums",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("what", String(32), primary_key=True),
    *(Column(name, Integer, nullable=False) for name in ("first_hour", "before_hour")),
    Column("rewrites", BigInteger, nullable=False),
    Column("moods", String(64), nullable=False),  # a hash of the set's keys and moods
    Column("sums", LargeBinary, nullable=False),  # reactions.reports.kept_sums says how they are packed
)

views = Table(
    "views",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("hour_utc", Integer, primary_key=True, autoincrement=False),
    Column("n", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

imported_views = Table(
    "imported_views",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Integer, primary_key=True, autoincrement=False) for name in ("day", "first_hour")),  # since 1970
    Column("last_hour", Integer, nullable=False),
    Column("source", String(64), nullable=False),
    Column("n", BigInteger, nullable=False),
    CheckConstraint("n > 0", name="n_positive"),
    sqlite_with_rowid=False,
)

event = Table(
    "event",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("voter", LargeBinary(16), primary_key=True),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, String(32)) for name in ("from_reaction", "to_reaction")),
    Column("cause", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("held", Boolean, nullable=False, server_default=false()),
    sqlite_with_rowid=False,
)

ledger_procedure = Table(
    "ledger_procedure",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("what", String(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("open", Boolean, nullable=False),
    sqlite_with_rowid=False,
)

ledger_digest = Table(
    "ledger_digest",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("events", BigInteger, nullable=False),
    *(Column(name, LargeBinary(64), nullable=False) for name in ("digest", "chain")),
    sqlite_with_rowid=False,
)

ledger_correction = Table(
    "ledger_correction",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("events", BigInteger, nullable=False),
    Column("digest", LargeBinary(64), nullable=False),
    sqlite_with_rowid=False,
)

ledger_start = Table(
    "ledger_start",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # always 1
    Column("at", BigInteger, nullable=False),
    *(Column(name, BigInteger) for name in ("next_at", "article_id")),
    Column("voter", LargeBinary(16)),
    sqlite_with_rowid=False,
)

dropped = Table(
    "dropped",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reaction", String(32), primary_key=True),
    *(Column(name, BigInteger, nullable=False) for name in ("votes", "events", "readers")),
    sqlite_with_rowid=False,
)

hold = Table(
    "hold",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("voter", LargeBinary(16), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("id", String(16), nullable=False),
    Column("state", String(8), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("network", String(24)),
    Column("verdict", String(16)),
    Column("at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("settled_by", String(100)),
    Index(None, "state", "due_at"),
    Index(None, "site_id", "at", "id"),
    Index(None, "verdict"),
    sqlite_with_rowid=False,
)

verdict = Table(
    "verdict",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("article_id", BigInteger, nullable=False),
    *(Column(name, BigInteger, nullable=False) for name in ("at", "from_at", "to_at", "until")),
    Column("causes", JSON, nullable=False),
    Column("text", String(500), nullable=False),
    Column("reaction", String(32)),
    Column("networks", JSON, nullable=False),
    Column("figures", JSON, nullable=False),
    Column("enforced", Boolean, nullable=False),
    Index(None, "site_id", "at"),
    Index(None, "article_id", "until"),
)

article_alias = Table(
    "article_alias",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("key", String(200), primary_key=True),
    Column("article_id", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

intervention = Table(
    "intervention",
    metadata,
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("what", String(16), primary_key=True),
    Column("by", String(100), nullable=False),
    Column("before", JSON(none_as_null=True)),  # columns of the article, where they are needed to undo it
    sqlite_with_rowid=False,
)

api_key = Table(
    "api_key",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("label", String(100), nullable=False),
    Column("secret_hash", LargeBinary(32), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("made_by", String(12)),
    Column("expires_at", BigInteger),
    Index(None, "site_id"),
)

key_in_use = Table(
    "key_in_use",
    metadata,
    Column("purpose", String(32), primary_key=True),
    Column("key_id", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

editor_session = Table(
    "editor_session",
    metadata,
    Column("id", LargeBinary(32), primary_key=True),
    Column("key_id", String(12), nullable=False),  # empty for a person whom an identity provider has signed in
    *(Column(name, BigInteger, nullable=False) for name in ("created_at", "used_at")),
    Column("person", String(320)),
    Column("grants", JSON),  # scopes by the id of their site
    Column("site_id", Integer),  # the site that is looked at
    sqlite_with_rowid=False,
)

alert = Table(
    "alert",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("rule", String(16), nullable=False),
    Column("article_id", BigInteger, nullable=False),
    Column("raised_at", BigInteger, nullable=False),
    Column("said", JSON, nullable=False),
    Index(None, "site_id", "raised_at"),
)

cooling_off = Table(
    "cooling_off",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("rule", String(16), primary_key=True),
    Column("article_id", BigInteger, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

webhook = Table(
    "webhook",
    metadata,
    Column("id", String(12), primary_key=True),
    Column("site_id", Integer, nullable=False),
    Column("url", String(2000), nullable=False),
    Column("kind", String(8), nullable=False, server_default="plain"),
    Column("created_at", BigInteger, nullable=False),
    Index(None, "site_id"),
)

digest_subscriber = Table(
    "digest_subscriber",
    metadata,
    Column("site_id", Integer, primary_key=True, autoincrement=False),
    Column("address", String(254), primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("by", String(100), nullable=False),
    sqlite_with_rowid=False,
)

delivery = Table(
    "delivery",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("webhook_id", String(12), nullable=False),
    Column("alert_id", String(32), nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("settled_at", BigInteger),
    Column("problem", String(300)),
    Index(None, "state", "next_at"),
    Index(None, "webhook_id"),
)
