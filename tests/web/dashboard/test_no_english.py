"""No English is left on any page of a German site: what a page says in both languages is a name, a key or a number."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import ClassVar

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from reactions.imports import record
from reactions.imports.record import Import
from reactions.newsroom import interventions, sites, subscribers
from reactions.newsroom.article_keys import id_of
from reactions.notices import alerts, rules, webhooks
from reactions.notices.alerts import Finding
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.votes import verdicts
from reactions.votes.detector import Pattern
from reactions.web.extensions import db
from tests.web.dashboard.newsroom import Newsroom, key_of

# What is the same in both languages: names, keys, formats, and words that both have.
SAME = {
    "The Daily", "Reader Reactions", "Harbour bridge to close", "Politics", "Ada Writer", "harbour", "bridge", "CSV", "English",
    "Deutsch", "español", "français", "Slack", "Discord", "Microsoft Teams", "Emoji", "a test", "UTC", "CMS", "pt-BR", "in UTC",
    "Webhooks", "nothing",
    "read", "write", "review", "keys", "admin", "admin, keys, read, review, write", "old-blog", "old.csv, csv",
}  # fmt: skip
FORMS = re.compile(
    r"(a test )?[0-9a-f]{8,}|usual-\d|\w[\w.+-]*@[\w.-]+|https?://\S+|[a-z_]+=\S*|[\d.,:%×–−+\s]+(h|min)?|20\d\d-\d\d-\d\d|[a-z]{2}(-[A-Z]\w+)?|[\w-]+/\*"
)
PAGES = [
    "", "?period=28d", "?q=nothing", "/articles", "/articles?sort=reaction", "/article?article=bridge", "/review",
    "/review?shown=rejected", "/review?shown=released", "/nothing", "/article?article=unknown", "?from=2010-01-01&to=2020-01-01",
    "/settings/site", "/settings/reactions", "/settings/keys", "/settings/alerts", "/settings/digest", "/settings/imports",
    "/settings/imports/remove?source=old-blog", "/article/merge?id={bridge}&into=usual-1", "/article/delete?id={bridge}",
]  # fmt: skip


class Words(HTMLParser):
    """What a page shows or reads out, piece by piece. Code, scripts and the names of time zones are no words."""

    silent: ClassVar = {"script", "style", "code", "pre", "datalist", "title"}

    def __init__(self) -> None:
        super().__init__()
        self.pieces: set[str] = set()
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag in self.silent
        said = {value for name, value in attrs if value and name in ("aria-label", "title", "placeholder", "alt")}
        self.pieces |= {text.strip() for text in said}

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag in self.silent

    def handle_data(self, data: str) -> None:
        if not self._depth and data.strip():
            self.pieces.add(" ".join(data.split()))


def pieces_of(client: FlaskClient, path: str) -> set[str]:
    words = Words()
    words.feed(client.get(f"/dashboard{path}").text)
    return words.pieces


def is_word(piece: str) -> bool:
    plain = piece.strip("“”„‚‘’,.;: ()")
    return any(letter.isalpha() for letter in plain) and plain not in SAME and not FORMS.fullmatch(plain)


@pytest.fixture
def chief(app: Flask, politics: Newsroom) -> FlaskClient:
    """Somebody who may do everything, at a site where everything has happened once."""
    held = politics.held("bridge", angry=40)
    politics.verdict(held, "an old verdict in English")
    with app.app_context(), writing(db.engine) as connection:
        at = {"at_ms": 1_760_000_000_000, "by": "a test"}
        interventions.close(connection, politics.site, "bridge", **at)
        record.put(connection, Import(politics.site.id, "old-blog", "csv", "old.csv", "0" * 64, "a test", 1), known=None)
        subscribers.add(connection, politics.site, "news@example.org", **at)
        webhooks.add(
            connection, politics.site, "https://hooks.example.org/x", kind="plain", private_allowed=True, ports=[], now_ms=1
        )
        connection.execute(
            tables.verdict.update().values(figures={"votes": 70, "suspects": 60, "fresh": 60, "networks": 1}, text="English")
        )
    client = app.test_client()
    client.post("/dashboard/sign-in", data={"key": key_of(app, scopes=["read", "write", "review", "keys", "admin"])})
    return client


def speak(app: Flask, language: str) -> None:
    with app.app_context(), writing(db.engine) as connection:
        sites.change(connection, "daily", language=language)


# Words that one of the languages has, too.
ALSO = {
    "de": {"Name", "Filter", "Trend", "Median", "Tag", "Wow", ", Wow", "Position", "😮 Wow"},
    "es": {"Total"},
    "fr": {
        "Articles", "Pages", "Pause", "Section", "Site", "Secret", "Type", "Article", "Record", ", Record", "Place", "Votes",
        "total", "verdict", "votes", "Suspect",
    },
}  # fmt: skip


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_no_page_of_a_site_says_anything_in_english(app: Flask, chief: FlaskClient, language: str) -> None:
    paths = [path.replace("{bridge}", f"{id_of('daily', 'bridge') % 2**64:016x}") for path in PAGES]
    english = {path: pieces_of(chief, path) for path in paths}
    speak(app, language)

    left = {path: sorted(filter(is_word, (pieces_of(chief, path) & english[path]) - ALSO[language])) for path in paths}

    assert sorted({word for words in left.values() for word in words}) == []


def test_a_verdict_is_worded_when_it_is_read_and_an_old_one_keeps_its_text(app: Flask, chief: FlaskClient) -> None:
    speak(app, "de")
    assert "60 von 70 Stimmen zwischen " in chief.get("/dashboard/review").text

    with app.app_context(), writing(db.engine) as connection:
        connection.execute(tables.verdict.update().values(figures={"networks": 1}, text="As it was written"))
    assert "As it was written." in chief.get("/dashboard/review").text


def test_an_alert_is_told_in_the_sites_language_and_an_old_one_as_it_was_written(app: Flask, politics: Newsroom) -> None:
    speak(app, "de")
    figures = {"votes": 1105, "former": 24}
    with app.app_context():
        with db.engine.connect() as connection:
            site = sites.get(connection, "daily")
        found = Finding(
            rules.RECORD, id_of("daily", "bridge"), {"key": "bridge", "title": "Bridge", "url": None, "section": None},
            "A record: Bridge", "As it was written", figures, 1,
        )  # fmt: skip
        alerts.raise_all(db.engine, site, [found], now_ms=1)
        with db.engine.connect() as connection:
            (alert,) = alerts.latest(connection, site, limit=1)
            told = alerts.in_words(connection, site, alert)
            old = alerts.in_words(connection, site, replace(alert, figures={}))

    assert (told.headline, told.detail) == (
        "Ein Rekord: Bridge", "1.105 Stimmen, mehr als jeder andere Artikel von The Daily; der alte Rekord war 24.",
    )  # fmt: skip
    assert (old.headline, old.detail) == ("A record: Bridge", "As it was written")


@pytest.mark.parametrize(
    ("cause", "figures", "said"),
    [
        ("networks", {"networks": 3}, "came from fresh readers in 3 networks"),
        ("repeats", {"networks": 1}, "came from fresh readers in 1 network that sent 5 or more each"),
        (
            "mix",
            {"share": 0.9, "share_before": 0.1, "times_expected": 4.25},
            "are fresh readers’ for Angry, which 10% of the votes before chose; 4.2 times as many as age and hour predict",
        ),
    ],
)
def test_a_verdict_says_how_many_of_how_many_when_and_from_where(
    app: Flask, politics: Newsroom, cause: str, figures: dict[str, float], said: str
) -> None:
    politics.verdict(politics.held("bridge", angry=1), "old")
    with app.app_context(), db.engine.connect() as connection:
        site = sites.get(connection, "daily")
        first_ms = 1_763_992_920_000  # 14:02 in UTC
        known = verdicts.get(connection, site, connection.execute(select(tables.verdict.c.id)).scalar_one())
    utc = replace(site, time_zone="UTC")
    of = {"votes": 430, "suspects": 412, **figures}
    verdict = replace(
        known, cause=cause, figures=of, from_ms=first_ms, to_ms=first_ms + 7 * 60_000, pattern=Pattern(reaction="angry")
    )

    assert verdicts.in_words(utc, verdict) == f"412 of 430 votes between 14:02 and 14:09 {said}"
