"""Rate limits on votes: per network on a site and on all sites, per reader, per article. Reads have none, a cache absorbs them.

The limits are written in Flask-Limiter's notation and counted as the sliding windows of `limits`, but asked once for a whole
batch, by the ballot box: a round trip to Redis for each vote costs as much as the vote (docs/decisions/0005-limits.md). A vote
counts against all of its limits or, if one of them is spent, against none. If the store does not answer, the same limits count in
this process and voting goes on (`limit_fallback`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from limits import parse_many

from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.articles import Place
from reactions.newsroom.sites import Site
from reactions.settings import Settings
from reactions.votes import networks, readers
from reactions.votes.rules import Ballot
from reactions.web import metrics
from reactions.web.limit_fallback import Store
from reactions.web.limit_store import Ask, Policy, WindowMemory

_REMEMBERED = 4096  # addresses
_VIEWS_PER_NETWORK, _VIEWS_PER_NETWORK_AND_ARTICLE = "6000/hour", "60/hour"
_MOST_SEEN = 100_000  # networks and articles whose views are remembered


class TooMany(Exception):
    """A limit is spent. `policy` names it; further votes are possible after `retry_after_s`."""

    def __init__(self, policy: str, *, retry_after_s: int) -> None:
        super().__init__(policy)
        self.policy = policy
        self.retry_after_s = retry_after_s


class Voter(NamedTuple):
    """Who votes, as far as limits go: keyed hashes of the network, of the wider network around it, and of the reader.

    Each is another on each site. `of_networks` are the limits on the two networks, some of which count on all sites together.
    """

    network: str
    wide_network: str | None
    reader: str
    of_networks: tuple[Ask, ...]


def policies(name: str, notation: str, *, everywhere: bool = False) -> tuple[Policy, ...]:
    """The limits in Flask-Limiter's notation; a second one gets its window into its name."""
    items = parse_many(notation)
    names = [name if item is items[0] else f"{name}-{item.get_expiry()}s" for item in items]
    return tuple(Policy(each, item.amount, item.get_expiry(), everywhere) for each, item in zip(names, items, strict=True))


class VoteLimits:
    """The limits of the vote route, for one application. `admit` is for the ballot box."""

    def __init__(self, settings: Settings, *, key: bytes) -> None:
        self._key = key
        self._networks: dict[tuple[str, str], tuple[str, str | None, tuple[Ask, ...]]] = {}  # four hashes cost as much as a limit
        self._viewers: dict[tuple[str, str], str] = {}  # one hash is enough for a beacon
        self.store = Store(settings)
        self._per_network = policies("network", settings.votes_per_network)
        self._per_wide_network = policies("wide-network", settings.votes_per_wide_network)
        self._network_everywhere = policies("network-everywhere", settings.votes_per_network_everywhere, everywhere=True)
        self._wide_network_everywhere = policies(
            "wide-network-everywhere", settings.votes_per_wide_network_everywhere, everywhere=True
        )
        self._per_reader = policies("reader", settings.votes_per_reader)
        self._per_article = policies("article", settings.votes_per_article)
        self._forgetting = policies("forgetting", settings.forgettings_per_network)
        self._new_articles = policies("new-articles", settings.new_articles_per_network)
        self._seen = WindowMemory()  # of each process by itself: views need no round trip
        self._seen.most_keys = _MOST_SEEN
        self._views = policies("views", _VIEWS_PER_NETWORK)
        self._views_of_article = policies("views-of-article", _VIEWS_PER_NETWORK_AND_ARTICLE)
        networks_ = (*self._per_network, *self._per_wide_network, *self._network_everywhere, *self._wide_network_everywhere)
        every = (*self._per_reader, *networks_, *self._per_article)
        self.policy_field = ", ".join(f'"{p.name}";q={p.amount};w={p.window_s}' for p in every)

    def voter(self, *, site: str, address: str, reader: bytes) -> Voter:
        """Who a request comes from."""
        network, wide, asks = self._networks.get((site, address)) or self._networks_of(site, address)
        return Voter(network, wide, readers.limit_key(self._key, site, reader.hex()), asks)

    def _networks_of(self, site: str, address: str) -> tuple[str, str | None, tuple[Ask, ...]]:
        if len(self._networks) >= _REMEMBERED:
            self._networks = {}
        network, wide = networks.prefixes_of(address)
        here, wide_here = readers.limit_key(self._key, site, network), None
        asks = [(policy, here) for policy in self._per_network]
        everywhere = readers.limit_key(self._key, network)
        asks += [(policy, everywhere) for policy in self._network_everywhere]
        if wide is not None:
            wide_here, everywhere = readers.limit_key(self._key, site, wide), readers.limit_key(self._key, wide)
            asks += [(policy, wide_here) for policy in self._per_wide_network]
            asks += [(policy, everywhere) for policy in self._wide_network_everywhere]
        found = self._networks[site, address] = here, wide_here, tuple(asks)
        return found

    def admit(
        self, ballots: Sequence[Ballot], facts: Sequence[object], then: Sequence[Sequence[Ask]]
    ) -> tuple[Sequence[Ballot | Exception], Sequence[bool]]:
        """Count a batch against its limits, in order: each ballot, or the TooMany that turns it down.

        `then` are further limits of each ballot, counted unless it is turned down; they turn nothing down, and it is told which
        of them are spent.
        """
        asks = [self._asks(b, voter) if isinstance(voter, Voter) else () for b, voter in zip(ballots, facts, strict=True)]
        spent = self.store.hit([ballot.site.id for ballot in ballots], asks, then)
        mine, others = spent[: len(ballots)], spent[len(ballots) :]
        admitted = [_refused(each) if each else ballot for ballot, each in zip(ballots, mine, strict=True)]
        return admitted, [each is not None for each in others]

    def may_register(self, places: Sequence[Place]) -> Sequence[bool]:
        """Whether the network of each place may register one more article; counts those that may."""
        asks: list[list[Ask]] = [[(policy, place.network) for policy in self._new_articles if place.network] for place in places]
        return [spent is None for spent in self.store.hit([place.site.id for place in places], asks)]

    def take_forgetting(self, site: Site, address: str) -> None:
        """Count a request to forget a reader, which looks at every article of the site. Raises TooMany."""
        network, wide = networks.prefixes_of(address)
        who = readers.limit_key(self._key, site.key, wide or network)
        (spent,) = self.store.hit([site.id], [[(policy, who) for policy in self._forgetting]])
        if spent:
            raise _refused(spent)

    def may_see(self, site: Site, address: str, keys: Iterable[ArticleKey]) -> list[ArticleKey]:
        """The articles of a beacon, each once, to which the sender's network (IPv4, IPv6 /48) may still add a view."""
        who, each_once = self._viewer(site.key, address), list(dict.fromkeys(keys))
        (in_all,), (of_article,) = self._views, self._views_of_article
        of_all = in_all, who
        asks = [(of_all, (of_article, f"{who}{key.id}")) for key in each_once]
        return [key for key, spent in zip(each_once, self._seen.hit_all([], asks), strict=True) if spent is None]

    def _viewer(self, site: str, address: str) -> str:
        found = self._viewers.get((site, address))
        if found is None:
            if len(self._viewers) >= _REMEMBERED:
                self._viewers = {}
            network, wide = networks.prefixes_of(address)
            found = self._viewers[site, address] = readers.limit_key(self._key, site, wide or network)
        return found

    def _asks(self, ballot: Ballot, voter: Voter) -> Sequence[Ask]:
        article = str(ballot.article_id)
        of_reader, of_article = [(p, voter.reader) for p in self._per_reader], [(p, article) for p in self._per_article]
        return [*voter.of_networks, *of_reader, *of_article]


def _refused(spent: tuple[Policy, float]) -> TooMany:
    policy, wait_s = spent
    metrics.limited.labels(policy.name).inc()
    return TooMany(policy.name, retry_after_s=max(1, math.floor(wait_s) + 1))  # just after, not at
