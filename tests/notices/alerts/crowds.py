"""Readers by the dozen, whose votes go through the ballot box like any."""

from __future__ import annotations

from itertools import count

from reactions.newsroom import articles
from reactions.newsroom.articles import Description
from reactions.storage.engines import writing
from reactions.votes import rules
from tests import boxes, make
from tests.boxes import NOON_MS
from tests.notices.alerts.conftest import Newsroom

HOUR_MS = 3_600_000
_readers = count(1)


class Crowd:
    """Readers of one site. Times are hours before noon."""

    def __init__(self, newsroom: Newsroom) -> None:
        self.newsroom = newsroom
        self.box = boxes.booth(newsroom.engine).box

    def publish(self, key: str, *, hours_ago: float, section: str | None = None, title: str | None = None) -> None:
        said = Description(
            key=key,
            title=title or key.title(),
            url=f"https://daily.example/{key}",
            section=section,
            published_at=NOON_MS - round(hours_ago * HOUR_MS),
        )
        with writing(self.newsroom.engine) as connection:
            articles.describe(connection, self.newsroom.site, [said], at_ms=NOON_MS)

    def vote(self, key: str, *, hours_ago: float = 0, **reactions: int) -> None:
        """So many new readers give each reaction."""
        at_ms = NOON_MS - round(hours_ago * HOUR_MS)
        ballots = [
            rules.ballot(
                self.newsroom.site,
                article=key,
                reaction=reaction,
                reader=bytes.fromhex(make.reader(next(_readers))),
                seq=1,
                now_ms=at_ms,
            )
            for reaction, n in reactions.items()
            for _ in range(n)
        ]
        self.box.count(ballots)

    def usual_paper(self, articles: int = 25, votes: int = 8) -> None:
        """Articles of the days before, each of which drew so many likes in each of its first three hours."""
        for number in range(articles):
            hours_ago = 24 + 3 * number
            self.publish(f"usual-{number}", hours_ago=hours_ago, section="News")
            for hour in range(3):
                self.vote(f"usual-{number}", hours_ago=hours_ago - hour - 0.5, like=votes)
