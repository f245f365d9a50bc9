"""The rules of voting: a request becomes a ballot, or a refusal. What depends on stored votes is decided in `counting`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from reactions.newsroom import article_keys, articles
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.articles import Article
from reactions.newsroom.reaction_sets import ReactionSet
from reactions.newsroom.sites import Site
from reactions.refusals import SeqOutOfRange
from reactions.storage import statements
from reactions.times import DAY_MS
from reactions.votes import tallies
from reactions.votes.holds import Hold, Sender

CAST = "vote"  # the cause of a reader's own ballot
RELEASE = "release"  # the cause of a held vote's counting from now on
# A reader counts in the series once, when a vote of theirs on the article is first counted: at their own ballot, or, if that was
# held, at its release. A vote that an editor brought (merge, restore) and one that stops counting change nothing of that.
BRING_A_READER = (CAST, RELEASE)


@dataclass(slots=True)  # not frozen: that would make it four times as dear, and one is made for each vote
class Ballot:
    """A request for one vote: this reaction, or none; `ballot` makes a reader's, `revising` an editor's. Nobody changes it.

    `reader` is the raw id and is never stored. `at_ms` is UTC. `voter` is the pseudonym of the vote that an editor revises;
    such ballots are counted on closed articles too. `network` and `signed` are those of `articles.Place`. A ballot that is `held`
    makes no new vote that counts; one that counts already goes on counting.
    """

    site: Site
    article: str
    article_id: int
    reaction: str | None
    reader: bytes
    seq: int
    at_ms: int
    cause: str
    voter: bytes | None = None
    network: str = ""
    signed: bool = False
    sender: Sender | None = None
    held: Hold | None = None


@dataclass(slots=True)  # not frozen, as a ballot is not
class Counts:
    """What is shown of an article: every reaction on offer, zeros included; None while editors hide the counts."""

    article: str
    open: bool
    by_reaction: Mapping[str, int | None]
    offered: ReactionSet = field(repr=False)

    @property
    def total(self) -> int | None:
        """The sum of what is shown."""
        numbers = self.by_reaction.values()
        return None if None in numbers else sum(numbers)  # type: ignore[arg-type]


@dataclass(slots=True)  # not frozen, as a ballot is not
class Receipt:
    """A durable ballot: the reader's present reaction, and the counts after it, which a held vote is shown to be part of."""

    reaction: str | None
    counts: Counts
    article_id: int
    voter: bytes = field(default=b"", repr=False)
    held: bool = False


def ballot(
    site: Site,
    *,
    article: str,
    reaction: str | None,
    reader: bytes,
    seq: int,
    now_ms: int,
    cause: str = "vote",
    network: str = "",
    signed: bool = False,
    sender: Sender | None = None,
) -> Ballot:
    """A ballot by the rules of the site. Raises MalformedKey, UnknownReaction, RetiredReaction or SeqOutOfRange."""
    key = article_keys.article_key(site.key, article)
    if reaction is not None:
        site.reactions.choose(reaction)
    if not 0 <= seq <= now_ms + DAY_MS:
        raise SeqOutOfRange("seq is the device's clock in milliseconds: 0 or more, at most a day ahead of the server's.")
    return Ballot(site, key.text, key.id, reaction, reader, seq, now_ms, cause, None, network, signed, sender)


def shown(site: Site, key: str, counted: Mapping[str, int], article: Article | None = None) -> Counts:
    """The counts of an article under the key it was asked by, in the order of its row.

    Reactions that are retired, or not offered in the article's section, are left out; their tallies are kept.
    """
    offered = site.offered_in(article.section) if article else site.reactions
    hidden = article is not None and article.hidden
    takes_votes = not article.closed if article else site.article_policy == "open"
    return Counts(key, takes_votes, {r: None if hidden else counted.get(r, 0) for r in offered.keys}, offered)


def with_one_more(counts: Counts, reaction: str | None) -> Counts:
    """The counts as shown to the reader of a held vote: their own choice is part of them."""
    n = None if reaction is None else counts.by_reaction.get(reaction)
    return counts if reaction is None or n is None else replace(counts, by_reaction={**counts.by_reaction, reaction: n + 1})


def counts_of(connection: Connection, site: Site, keys: Sequence[ArticleKey], *, now_ms: int) -> list[Counts]:
    """The counts of articles, in the order asked. An article nobody voted on has zeros; nothing is created."""
    ids = {key.id for key in keys}
    with statements.in_one_trip(connection, commits=not connection.in_transaction()):
        asked_for = articles.ask(connection, ids)
        answer = tallies.ask_counts(connection, ids)
    found = articles.find(connection, site, set(keys), now_ms=now_ms, asked=asked_for)
    counted = answer()
    if elsewhere := {article.article_id for article in found.values()} - ids:  # which aliases and merged articles lead to
        counted |= tallies.counts_of(connection, elsewhere)
    asked = [(key.text, found.get(key.text)) for key in keys]
    return [shown(site, key, counted[article.article_id] if article else {}, article) for key, article in asked]
