"""A digest as text and as HTML for mail: no script, no remote image, no style sheet that a mail program would drop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from reactions.notices import words
from reactions.notices.digest import LIST, Digest
from reactions.reports.listings import Row

WIDTH = 72  # columns of the text


@dataclass(frozen=True, slots=True)
class Section:
    """A list of articles, each with the words that say why it is there."""

    title: str
    entries: Sequence[tuple[Row, str]]


def subject(digest: Digest) -> str:
    """The subject of the mail: "The Daily, Tuesday: 12,345 reactions"."""
    net = digest.board.totals.net
    return f"{digest.board.site.name}, {digest.day:%A}: {words.number(net)} reaction{'s' * (net != 1)}"


def text(digest: Digest, *, dashboard_url: str) -> str:
    """The digest for terminals and for the text part of the mail."""
    return _rendered("digest.txt", digest, dashboard_url)


def html(digest: Digest, *, dashboard_url: str) -> str:
    """The digest as a page that mail programs show."""
    return _rendered("digest.html", digest, dashboard_url)


def sections(digest: Digest) -> list[Section]:
    """The lists of a digest; one without an article is left out."""
    lists = digest.board.lists
    labels = {reaction.key: reaction.label for reaction in digest.board.reactions}
    found = [
        _section("Most reacted to", lists.top, words.votes),
        _section("Trending now", digest.trending, lambda row: words.trend(row.trending)),
        _section("Most loved", digest.loved, words.loved),
        _section("Most divided", digest.divided, words.divided),
        _section("Surprising", lists.surprising, lambda row: words.surprise(row.surprise, labels)),
    ]
    return [section for section in found if section.entries]


def _section(title: str, rows: Sequence[Row], why: Callable[[Row], str]) -> Section:
    return Section(title, [(row, why(row)) for row in rows[:LIST]])


def _rendered(template: str, digest: Digest, dashboard_url: str) -> str:
    return (
        _environment()
        .get_template(template)
        .render(
            digest=digest,
            board=digest.board,
            sections=sections(digest),
            reactions=[reaction for reaction in digest.board.reactions if reaction.net > 0],
            desks=[group for group in digest.board.sections if group.net > 0],
            dashboard_url=dashboard_url,
            width=WIDTH,
        )
    )


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
    made.filters |= {"number": words.number, "percent": words.percent, "mood": words.mood}
    made.globals["change"] = words.change
    return made
