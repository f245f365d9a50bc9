"""Fills a database with the demo newspaper: its site, its articles and its readers' votes, added like any others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Engine

from reactions.demo.crowd import ballots
from reactions.demo.newspaper import DemoArticle, articles, newspaper
from reactions.newsroom import api_keys, reaction_sets, sites
from reactions.newsroom.articles import Description, describe, last_registered_at
from reactions.settings import shipped
from reactions.storage.engines import writing
from reactions.votes import rules
from reactions.votes.ballot_box import BallotBox


def printed(engine: Engine) -> bool:
    """True if the demo site exists."""
    with engine.connect() as connection:
        return any(site.key == newspaper().site for site in sites.all_sites(connection))


def printed_at_ms(engine: Engine) -> int:
    """When the paper was printed: its articles are registered with that time, and its votes were cast before it."""
    with engine.connect() as connection:
        return last_registered_at(connection, sites.get(connection, newspaper().site))


def key_file(data_path: Path) -> Path:
    """The file with the demo's API key, which its sign-in page offers."""
    return data_path / "demo-key"


def add_key(engine: Engine, data_path: Path, *, now_ms: int) -> None:
    """Add the demo's API key, once, with every scope."""
    path = key_file(data_path)
    if path.exists():
        return
    with writing(engine) as connection:
        site = sites.get(connection, newspaper().site)
        _, text = api_keys.create(connection, site, scopes=api_keys.SCOPES, label="The demo's editor", now_ms=now_ms)
    path.touch(mode=0o600)
    path.write_text(text, encoding="ascii")


def allow_origins(engine: Engine, origins: Sequence[str]) -> None:
    """Let the pages vote from the address at which they are served now."""
    with writing(engine) as connection:
        sites.change(connection, newspaper().site, origins=origins)


def add_site(engine: Engine, *, origins: Sequence[str], now_ms: int, address: str) -> None:
    """Add the site and register its articles."""
    paper = newspaper()
    shipped_set = (shipped("config") / "reactions.toml").read_text(encoding="utf-8")
    with writing(engine) as connection:
        sites.add(
            connection,
            key=paper.site,
            name=paper.name,
            origins=origins,
            reactions=reaction_sets.from_toml(shipped_set),
            time_zone=paper.time_zone,
            article_policy="known",
        )
        site = sites.get(connection, paper.site)
        describe(connection, site, [_description(article, address) for article in articles(now_ms)], at_ms=now_ms)


def cast_votes(engine: Engine, box: BallotBox, *, now_ms: int) -> int:
    """Cast a month of votes through the ballot box; return the number of ballots."""
    with engine.connect() as connection:
        site = sites.get(connection, newspaper().site)
    month = [
        rules.ballot(site, article=vote.key, reaction=vote.reaction, reader=vote.reader, seq=vote.seq, now_ms=vote.at_ms)
        for vote in ballots(articles(now_ms), now_ms)
    ]
    return len(box.count(month))


def _description(article: DemoArticle, address: str) -> Description:
    return Description(
        key=article.key,
        title=article.title,
        url=f"{address}/demo/{article.key}",
        section=article.section,
        authors=article.authors,
        tags=article.tags,
        published_at=article.published_at_ms,
    )
