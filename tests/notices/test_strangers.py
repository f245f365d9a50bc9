"""What a stranger votes on becomes no headline: not in a mail, not in a webhook, not in a feed. On both engines."""

from __future__ import annotations

import json
from html import unescape
from typing import Any

import pytest
from lxml import etree
from sqlalchemy import func, select

from reactions.newsroom.article_keys import id_of, shown_id
from reactions.notices import alerts, digest, feed, mail, rules, suspicion
from reactions.notices.alerts import Alert
from reactions.refusals import MalformedKey
from reactions.reports.memory import Memory
from reactions.reports.query import Reading
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import verdicts
from reactions.votes.detector import Pattern
from reactions.votes.verdicts import Verdict
from tests.notices.alerts.conftest import HOUR_MS, Newsroom, make_newsroom, newsroom, terminal
from tests.notices.alerts.crowds import Crowd
from tests.notices.alerts.receiver import receiving

__all__ = ["make_newsroom", "newsroom", "terminal"]

EVIL = ["http://evil.example/buy now", "<a href=//evil.example>evil</a> [evil](//evil.example)", "קנו עכשיו evil.example"]
DASHBOARD = "https://reactions.example/dashboard"


@pytest.fixture(params=EVIL)
def evil(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def crowd(newsroom: Newsroom, evil: str) -> Crowd:
    """A stranger lets an article that nobody described win everything there is to win, and turn sour on top of it."""
    crowd = Crowd(newsroom)
    crowd.usual_paper()
    crowd.publish("good", hours_ago=48)
    crowd.vote("good", hours_ago=40, love=60)
    crowd.vote(evil, hours_ago=8, love=100)
    crowd.vote(evil, hours_ago=1, like=80, angry=200)
    crowd.vote(f"{evil} too", hours_ago=1, love=300)
    return crowd


def told(newsroom: Newsroom) -> list[Alert]:
    with snapshot(newsroom.engine) as connection:
        found = rules.findings(connection, newsroom.site, now_ms=newsroom.now_ms)
    return alerts.raise_all(newsroom.engine, newsroom.site, found, now_ms=newsroom.now_ms, dashboard_url=DASHBOARD)


def suspect(newsroom: Newsroom, evil: str) -> None:
    """Raise the alert about a verdict on the stranger's article."""
    at_ms, article_id = newsroom.now_ms, id_of("daily", evil)
    times = dict.fromkeys(("at_ms", "from_ms", "to_ms", "until_ms"), at_ms)
    what: dict[str, Any] = {"cause": "networks", "text": "60 of 61 votes", "pattern": Pattern(), "figures": {}, "enforced": False}
    verdict = Verdict(id="a" * 16, site_id=newsroom.site.id, article_id=article_id, **times, **what)
    with writing(newsroom.engine) as connection:
        verdicts.write(connection, verdict)
    suspicion.raise_alert(newsroom.engine, newsroom.site, verdict, now_ms=at_ms, dashboard_url=DASHBOARD)


def clean(text: str, evil: str) -> bool:
    """Whether a text has nothing of the key, as it is or escaped."""
    return not any(part in unescape(text).replace("%20", " ") for part in (evil, "evil", "קנו"))


def test_a_digest_tells_of_an_article_without_a_title_and_links_to_the_dashboard(
    newsroom: Newsroom, crowd: Crowd, evil: str
) -> None:
    newsroom.now_ms += 18 * HOUR_MS
    with snapshot(newsroom.engine) as connection:
        reading = Reading(connection, newsroom.site, newsroom.now_ms, Memory(keep_s=0, items=0))
        found = digest.read(reading, digest.yesterday(newsroom.site.time_zone, newsroom.now_ms))
    text = digest.text(found, dashboard_url=f"{DASHBOARD}?from=2025-11-25&to=2025-11-25")
    html = digest.html(found, dashboard_url=f"{DASHBOARD}?from=2025-11-25&to=2025-11-25")
    sent = mail.message(
        sender="a@daily.example", recipients=["b@daily.example"], subject=digest.subject(found), text=text, html=html, now_ms=1
    )

    page = f"{DASHBOARD}/article?id={shown_id(id_of('daily', evil))}"
    for part in (text, html, *(str(part.get_content()) for part in sent.iter_parts()), str(sent["Subject"])):
        assert clean(part, evil)
    assert " 1. An article without a title\n" in text
    assert f"    {page}\n" in text
    assert f'<a href="{page}"' in html
    assert "An article without a title" in html
    assert "id=" not in digest.text(found, dashboard_url="")


def test_an_alert_has_the_key_as_data_and_in_no_words(newsroom: Newsroom, crowd: Crowd, evil: str) -> None:
    with receiving() as receiver:
        newsroom.webhook(receiver.url)
        told(newsroom)
        suspect(newsroom, evil)
        newsroom.deliver()
    document = feed.atom(newsroom.site, newsroom.alerts(), waiting={}, address="https://reactions.example/alerts.atom", now_ms=1)

    bodies = [json.loads(sent.body)["data"] for sent in receiver.sent]
    assert {body["rule"] for body in bodies} >= {"surging", "most loved", "record", "suspicious votes"}
    for body in bodies:
        assert body["article"].pop("key").startswith(evil)
        assert clean(json.dumps(body, ensure_ascii=False), evil)
        assert body["headline"].endswith(": An article without a title")
        assert body["article"]["title"] is body["article"]["url"] is body["article"]["section"] is None
    assert clean(document.decode(), evil)
    links = [link.get("href") for link in etree.fromstring(document).iter("{*}link") if link.get("rel") == "alternate"]
    assert sorted(map(str, links)) == sorted(body["article"]["dashboard_url"] for body in bodies)
    assert all(str(link).startswith(f"{DASHBOARD}/article?id=") for link in links)


@pytest.mark.parametrize("evil", EVIL[:1], indirect=True)
def test_a_title_that_the_publisher_gives_is_told(newsroom: Newsroom, crowd: Crowd, evil: str) -> None:
    crowd.publish(evil, hours_ago=9, title="Goat takes the 7:42")

    assert "A record: Goat takes the 7:42" in {alert.headline for alert in told(newsroom)}


@pytest.mark.parametrize("key", ["evil\u202egpj.exe", "evil\u2066x", "evil\x1b[31m", "evil\nSubject: x"])
def test_what_would_turn_a_line_round_is_no_key_at_all(newsroom: Newsroom, key: str) -> None:
    with pytest.raises(MalformedKey):
        Crowd(newsroom).vote(key, like=1)


def test_no_alert_is_raised_about_an_article_that_was_deleted_meanwhile(newsroom: Newsroom) -> None:
    suspect(newsroom, "deleted")

    with newsroom.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.alert)).scalar_one() == 0
