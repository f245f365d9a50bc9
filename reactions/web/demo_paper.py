"""The demo newspaper's pages: what a publisher's site looks like with the widget in it.

The articles are loaded once, at the first request; the counts come from the service, through the widget.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from flask import Blueprint, current_app, render_template
from flask.typing import ResponseReturnValue

from reactions import demo
from reactions.reports import words
from reactions.times import HOUR_MS
from reactions.web import headers

LATEST = 6
SECOND = 2
LEAD_MAX_AGE_HOURS = 48
SECOND_MAX_AGE_HOURS = 7 * 24


@dataclass(frozen=True, slots=True)
class Edition:
    """The paper of one day: every article, newest first, and those at the top of the front page."""

    paper: demo.Newspaper
    articles: Sequence[demo.DemoArticle]
    lead: demo.DemoArticle
    second: Sequence[demo.DemoArticle]

    @property
    def latest(self) -> list[demo.DemoArticle]:
        """The newest articles that are not at the top."""
        above = [self.lead, *self.second]
        return [article for article in self.articles if article not in above][:LATEST]

    def of(self, section: str) -> list[demo.DemoArticle]:
        """The articles of a section, newest first."""
        return [article for article in self.articles if article.section == section]

    def beside(self, article: demo.DemoArticle) -> list[demo.DemoArticle]:
        """Four other articles of the same section."""
        return [other for other in self.of(article.section) if other is not article][:4]


def edition(now_ms: int) -> Edition:
    """The paper as printed at `now_ms`; the most read recent articles are at the top."""
    articles = demo.articles(now_ms)
    lead = _biggest(articles, now_ms - LEAD_MAX_AGE_HOURS * HOUR_MS)[0]
    week = _biggest(articles, now_ms - SECOND_MAX_AGE_HOURS * HOUR_MS)
    # From other sections, so that the top of the page is not one subject three times.
    second = [article for article in week if article.section != lead.section][:SECOND]
    return Edition(demo.newspaper(), articles, lead, second)


def _biggest(articles: Sequence[demo.DemoArticle], since_ms: int) -> list[demo.DemoArticle]:
    recent = [article for article in articles if article.published_at_ms >= since_ms]
    return sorted(recent, key=_readers, reverse=True)


def _readers(article: demo.DemoArticle) -> int:
    return sum(wave.votes for wave in article.waves)


def blueprint(printed_at_ms: Callable[[], int]) -> Blueprint:
    """The pages under /demo. `printed_at_ms` is called once, at the first request; the articles are dated back from it."""
    today = cache(lambda: edition(printed_at_ms()))
    pages = Blueprint("demo", __name__, url_prefix="/demo", template_folder="templates", static_folder="static/demo")

    @pages.get("/")
    def front() -> ResponseReturnValue:
        return render_template("demo/front.html")

    @pages.get("/gallery")
    def gallery() -> ResponseReturnValue:
        return render_template("demo/gallery.html", busy=today().lead, quiet=_quietest(today()))

    @pages.get("/<path:key>")
    def article(key: str) -> ResponseReturnValue:
        for each in today().articles:
            if each.key == key:
                return render_template("demo/article.html", article=each)
        return render_template("demo/missing.html"), 404

    pages.after_request(headers.page)

    @pages.context_processor
    def what_every_page_shows() -> dict[str, object]:
        return {
            "edition": today(),
            "paper": today().paper,
            "links": current_app.config.get("DEMO_LINKS", []),
            "now": datetime.now(ZoneInfo(today().paper.time_zone)),
        }

    pages.add_app_template_filter(_local_time, "demo_local_time")
    pages.add_app_template_filter(_age, "demo_age")
    return pages


def _quietest(today: Edition) -> demo.DemoArticle:
    return min(today.articles, key=_readers)


def _local_time(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(demo.newspaper().time_zone))


def _age(at_ms: int) -> str:
    """How long ago, in the words of a news page: minutes and hours at first, then the date."""
    minutes = max(0, round(time.time() - at_ms / 1000) // 60)
    if minutes < 60:
        return f"{max(1, minutes)} min ago"
    if minutes < 24 * 60:
        return f"{words.counted(minutes // 60, 'hour')} ago"
    at = _local_time(at_ms)
    return f"{at.day} {at:%B}"
