"""Lists by reaction rate, and the rate of a whole day. On both engines."""

from __future__ import annotations

from sqlalchemy import Engine

from reactions.notices import digest
from reactions.reports.query import Memory, Reading
from reactions.storage.engines import snapshot
from tests.reports.stage import HOUR_MS, NOON, Stage, asked, stage


def seen(engine: Engine) -> Stage:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    for key, views, readers in (("few", 100, 20), ("many", 5000, 800), ("dull", 5000, 50), ("unseen", 0, 70)):
        here.publish(key, at_ms=NOON - 5 * HOUR_MS)
        here.give(key, "like", readers, NOON - HOUR_MS)
        if views:
            here.see(key, views, NOON - HOUR_MS)
    return here


def test_the_lower_end_ranks_and_an_article_without_a_rate_comes_last_either_way(engine: Engine) -> None:
    here = seen(engine)

    rows = here.reports().articles(here.site, asked(), sort="rate", limit=10).articles
    backwards = here.reports().articles(here.site, asked(), sort="-rate", limit=10).articles

    assert [row.article for row in rows] == ["many", "few", "dull", "unseen"]
    assert [row.article for row in backwards] == ["dull", "few", "many", "unseen"]
    lows = [row.reaction_rate.low for row in rows if row.reaction_rate]
    assert lows == sorted(lows, reverse=True)
    assert [row.reaction_rate.per_1000 for row in rows if row.reaction_rate] == [160, 200, 10]


def test_views_and_the_rate_of_the_day_are_in_the_digest(engine: Engine) -> None:
    here = seen(engine)
    with snapshot(engine) as connection:
        reading = Reading(connection, here.site, here.now_ms, Memory(keep_s=0, items=0))
        found = digest.read(reading, digest.yesterday("UTC", here.now_ms + 24 * HOUR_MS))

    text = digest.text(found, dashboard_url="")

    assert "10,100 views; 86.1 of 1,000 who saw the row reacted (80.8 to 91.8)" in text
    assert "800 reactions; 160.0 of 1,000 who saw the row reacted" in text
    assert "10,100 views" in digest.html(found, dashboard_url="")
