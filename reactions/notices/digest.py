"""The digest: the dashboard of one local day as text and as HTML for mail.

The HTML has no script, no remote image and no style sheet, because mail programs drop them. A figure that rests on too few votes
is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from reactions import languages
from reactions.languages import gettext, ngettext
from reactions.newsroom import article_keys, articles
from reactions.reports import dashboard, figures, listings, metrics, periods, words
from reactions.reports.dashboard import Dashboard, Totals
from reactions.reports.figures import Seen
from reactions.reports.listings import ListRequest, Row
from reactions.reports.metrics import Measure
from reactions.reports.norms import Surprise
from reactions.reports.query import Filters, Reading
from reactions.reports.ranking import Trend
from reactions.votes import under_review

TEXT_COLUMNS = 72
_ROWS = 5  # articles in each list
_CANDIDATES = 100  # of the best moods; those from few votes are passed over
_MIN_TREND = 1.5  # times what its age predicts
_DIVIDED = 0.5  # the split from which readers count as divided


@dataclass(frozen=True, slots=True)
class Digest:
    """A day of a site. `trending` is of the moment of reading, and empty unless the day is today or yesterday.

    No article is both loved and divided. `ids` are those of the articles without a title, by key. `waiting` is how many votes of
    an article wait for review, where any does. `seen` are the day's views, none where they are not counted.
    """

    day: date
    board: Dashboard
    trending: Sequence[Row]
    loved: Sequence[Row]
    divided: Sequence[Row]
    ids: Mapping[str, int]
    waiting: Mapping[str, int]
    seen: Seen


@dataclass(frozen=True, slots=True)
class ArticleList:
    """A titled list of articles, each with the words that say why it is there."""

    title: str
    entries: Sequence[tuple[Row, str]]


def read(reading: Reading, day: date) -> Digest:
    """The digest of a local day. Raises MalformedPeriod for a future one."""
    zone = reading.site.time_zone
    period = periods.read(zone=zone, now_ms=reading.now_ms, first=day.isoformat(), last=day.isoformat())
    board = dashboard.read(reading, period, Filters())
    fresh = day >= yesterday(zone, reading.now_ms)
    best = listings.read(reading, ListRequest(period, Filters(), sort="mood", limit=_CANDIDATES), key=b"", bound_to=())
    rows = [*_rows_of(board), *best.articles]
    untitled = {row.article for row in rows if not row.title}
    return Digest(
        day,
        board,
        trending=[row for row in board.lists.trending if fresh and row.trending.ratio >= _MIN_TREND],
        loved=[row for row in best.articles if _is_loved(row)],
        divided=[row for row in board.lists.divided if row.split and row.split.value >= _DIVIDED],
        ids=articles.ids_of(reading.connection, reading.site, untitled) if untitled else {},
        waiting=under_review.waiting_by_key(reading.connection, reading.site, {row.article for row in rows}),
        seen=figures.seen_in_all(reading.connection, reading.site, period.hours),
    )


def _is_loved(row: Row) -> bool:
    """True if enough readers voted, the mood is good even at the lower end of its interval, and they agree."""
    if row.mood is None or row.split is None:
        return False
    return not row.mood.few and row.mood.low > 0 and row.split.value < _DIVIDED


def _rows_of(board: Dashboard) -> list[Row]:
    lists = board.lists
    return [*lists.top, *lists.trending, *lists.divided, *lists.surprising]


def yesterday(zone: str, now_ms: int) -> date:
    """The day before today in a time zone."""
    return datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone)).date() - timedelta(days=1)


def subject(digest: Digest) -> str:
    """The subject of the mail: "The Daily, Tuesday: 12,345 reactions"."""
    with languages.speaking(digest.board.site.language):
        drawn = _reactions(digest.board.totals.net)
        return gettext("%(site)s, %(day)s: %(reactions)s", site=digest.board.site.name, day=_weekday(digest.day), reactions=drawn)


def text(digest: Digest, *, dashboard_url: str) -> str:
    """The digest for terminals and for the text part of the mail."""
    with languages.speaking(digest.board.site.language):
        return _rendered("digest.txt", digest, dashboard_url)


def html(digest: Digest, *, dashboard_url: str) -> str:
    """The digest as a page that mail programs display."""
    with languages.speaking(digest.board.site.language):
        return _rendered("digest.html", digest, dashboard_url)


def article_lists(digest: Digest) -> list[ArticleList]:
    """The lists of a digest, without the empty ones."""
    lists = digest.board.lists
    labels = _labels(digest)
    every = [
        _article_list(digest, gettext("Most reacted to"), lists.top, top),
        _article_list(digest, gettext("Trending now"), digest.trending, lambda row: trend(row.trending)),
        _article_list(digest, gettext("Most loved"), digest.loved, loved),
        _article_list(digest, gettext("Most divided"), digest.divided, divided),
        _article_list(digest, gettext("Surprising"), lists.surprising, lambda row: surprise(row.surprise, labels)),
    ]
    return [each for each in every if each.entries]


def _article_list(digest: Digest, title: str, rows: Sequence[Row], why: Callable[[Row], str]) -> ArticleList:
    return ArticleList(title, [(row, why(row) + _doubt(digest, row)) for row in rows[:_ROWS]])


def _doubt(digest: Digest, row: Row) -> str:
    """What the article's page says of votes that wait for review: "; 60 votes under review"."""
    waiting = digest.waiting.get(row.article, 0)
    said = ngettext("; %(votes)s vote under review", "; %(votes)s votes under review", waiting, votes=words.number(waiting))
    return said if waiting else ""


def _rendered(template: str, digest: Digest, dashboard_url: str) -> str:
    return (
        _environment()
        .get_template(template)
        .render(
            digest=digest,
            board=digest.board,
            lists=article_lists(digest),
            reactions=[reaction for reaction in digest.board.reactions if reaction.net > 0],
            sections=[group for group in digest.board.sections if group.net > 0],
            labels=_labels(digest),
            language=languages.spoken(),
            dashboard_url=dashboard_url,
            width=TEXT_COLUMNS,
            views=views(digest.seen),
            link=lambda row: row.url or _page_of(row, digest, dashboard_url),
        )
    )


def _page_of(row: Row, digest: Digest, dashboard_url: str) -> str:
    """The dashboard's page of an article that has no title, by its id: not even the address tells its key."""
    article_id = digest.ids.get(row.article)
    address = dashboard_url.partition("?")[0]
    return f"{address}/article?id={article_keys.shown_id(article_id)}" if address and article_id is not None else ""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("reactions.notices"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.add_extension("jinja2.ext.i18n")
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension brings it
        gettext=lambda text: languages.translations().ugettext(text),
        ngettext=lambda one, many, n: languages.translations().ungettext(one, many, n),
        newstyle=True,
    )
    made.filters |= {"number": words.number, "percent": words.percent, "mood": mood, "headline": articles.headline}
    made.globals |= {"change": change, "full_day": lambda day: languages.shown(day, "full")}
    return made


def _labels(digest: Digest) -> dict[str, str]:
    return {entry.key: entry.label_in(languages.spoken()) for entry in digest.board.site.reactions.entries}


def _weekday(day: date) -> str:
    return languages.shown(day, "weekday")


def _reactions(n: int) -> str:
    return ngettext("%(n)s reaction", "%(n)s reactions", n)


def mood(measure: Measure | None) -> str:
    """+0.42; empty if the votes are too few, or none."""
    return "" if measure is None or measure.few else words.signed(measure.value)


def change(totals: Totals) -> str:
    """How a day compares with the one before: "6% more than the day before (11,646)"."""
    part, before = totals.change, words.number(totals.previous_net)
    if part is None:
        return gettext("none the day before") if totals.previous_net == 0 else gettext("%(n)s the day before", n=before)
    if abs(part) < 0.005:
        return gettext("as many as the day before (%(n)s)", n=before)
    if part >= 2:
        return gettext("%(times)s × as many as the day before (%(n)s)", times=words.ratio(1 + part), n=before)
    return gettext("%(change)s than the day before (%(n)s)", change=words.change(part), n=before)


def reactions_drawn(row: Row) -> str:
    """The reactions to an article on the day: "1,204 reactions"."""
    return _reactions(row.net)


def top(row: Row) -> str:
    """The reactions to an article on the day, and its rate where views are counted."""
    return reactions_drawn(row) + ("; " + words.reaction_rate(row.reaction_rate) if row.reaction_rate else "")


def views(seen: Seen) -> str:
    """How often rows were seen on the day, and how many reacted: "12,345 views; 12.4 of 1,000 who saw the row reacted (…)"."""
    if not seen.views:
        return ""
    counted, rate = ngettext("%(n)s view", "%(n)s views", seen.views), metrics.reaction_rate(seen.readers, seen.views)
    return f"{counted}; {words.reaction_rate(rate)}" if rate else counted


def trend(found: Trend) -> str:
    """An article's readers of the last three hours, and the usual number at its age."""
    return words.trend(found)


def loved(row: Row) -> str:
    """The mood of an article, and the number of votes behind it."""
    return gettext("mood %(mood)s from %(n)s votes", mood=mood(row.mood), n=words.number(row.total))


def divided(row: Row) -> str:
    """How divided an article's readers are."""
    split, n = words.decimals(row.split.value) if row.split else "–", words.number(row.total)
    return gettext("divided %(split)s (1 is half against half), %(n)s votes", split=split, n=n)


def surprise(found: Surprise | None, labels: Mapping[str, str]) -> str:
    """What is unusual about an article: "3.1 × the usual Angry: 31 in its first 2 h; articles in Politics usually have 10"."""
    return "".join(words.surprise(found, labels.get(found.reaction, found.reaction))) if found else ""
