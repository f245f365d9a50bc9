"""The rules of voting: a request becomes a ballot, or a refusal. What depends on stored votes is decided in `counting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from reactions import articles, tallies
from reactions.articles import DAY_MS
from reactions.refusals import SeqOutOfRange
from reactions.sites import Site


@dataclass(frozen=True, slots=True)
class Ballot:
    """A reader's wish for one article: this reaction, or none; `ballot` makes one.

    `reader` is the raw id and is never stored. `at_ms` is UTC.
    """

    site: Site
    article: str
    article_id: int
    reaction: str | None
    reader: bytes
    seq: int
    at_ms: int
    cause: str


@dataclass(frozen=True, slots=True)
class Counts:
    """What is shown of an article: every reaction on offer, zeros included."""

    article: str
    open: bool
    by_reaction: Mapping[str, int]

    @property
    def total(self) -> int:
        """The sum of what is shown."""
        return sum(self.by_reaction.values())


@dataclass(frozen=True, slots=True)
class Receipt:
    """A durable ballot: the reader's present reaction, and the counts as they stand after it."""

    reaction: str | None
    counts: Counts


def ballot(
    site: Site, *, article: str, reaction: str | None, reader: bytes, seq: int, now_ms: int, cause: str = "vote"
) -> Ballot:
    """A ballot by the rules of the site. Raises MalformedKey, UnknownReaction, RetiredReaction or SeqOutOfRange."""
    key = articles.canonical_key(article)
    if reaction is not None:
        site.reactions.choose(reaction)
    if not 0 <= seq <= now_ms + DAY_MS:
        raise SeqOutOfRange("seq is the device's clock in milliseconds: 0 or more, at most a day ahead of the server's.")
    return Ballot(site, key, articles.id_of(site.key, key), reaction, reader, seq, now_ms, cause)


def shown(site: Site, article: str, counted: Mapping[str, int], *, is_open: bool = True) -> Counts:
    """The counts of an article in the order of the site's row; retired reactions are left out, their tallies kept."""
    return Counts(article, is_open, {key: counted.get(key, 0) for key in site.reactions.keys})


def counts_of(connection: Connection, site: Site, keys: Sequence[str]) -> list[Counts]:
    """The counts of articles, in the order asked. An article nobody voted on has zeros; nothing is created.

    Raises MalformedKey.
    """
    canonical = [articles.canonical_key(key) for key in keys]
    found = articles.find(connection, site, set(canonical))
    counted = tallies.counts_of(connection, [article.article_id for article in found.values()])
    answer = []
    for key in canonical:
        article = found.get(key)
        takes_votes = not article.closed if article else site.article_policy == "open"
        answer.append(shown(site, key, counted[article.article_id] if article else {}, is_open=takes_votes))
    return answer
