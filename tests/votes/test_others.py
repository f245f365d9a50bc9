"""The votes on a site's other articles, added up once, are what going through them for each article finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from reactions.votes.detector import Seen
from reactions.votes.others import SiteVotes

NOW_MS, WINDOWS = 100, (10, 60)
NETWORKS = ("a", "b", "c")

votes = st.lists(
    st.builds(
        Seen,
        st.integers(0, NOW_MS),
        st.binary(min_size=1, max_size=1),
        st.just("like"),
        st.lists(st.sampled_from(NETWORKS), max_size=2, unique=True).map(tuple),
        st.booleans(),
        st.booleans(),
    ),
    max_size=8,
)


@given(st.dictionaries(st.integers(1, 4), votes, min_size=1), st.dictionaries(st.integers(1, 4), votes))
def test_all_but_one_article(first: Mapping[int, Sequence[Seen]], again: Mapping[int, Sequence[Seen]]) -> None:
    site = SiteVotes(WINDOWS, now_ms=NOW_MS)
    for article_id, seen in [*first.items(), *again.items()]:  # what is taken again stands in the place of the first
        site.take(article_id, seen)
    latest = {**first, **again}

    for chosen in range(1, 6):
        rest = [vote for article_id, seen in latest.items() if article_id != chosen for vote in seen]
        proven = [vote for vote in rest if not vote.fresh]
        for window_ms in WINDOWS:
            others = site.but(chosen, window_ms)
            assert (others.votes, others.fresh, others.proven) == (len(rest), len(rest) - len(proven), len(proven))
            assert sum(others.beside.values()) == sum(vote.at_ms >= NOW_MS - window_ms for vote in rest)
            if proven:
                shares = {each: sum(each in vote.networks for vote in proven) / len(proven) for each in NETWORKS}
                assert others.shares(NETWORKS) == shares
