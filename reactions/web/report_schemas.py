"""The answers of the report routes, as /openapi.json describes them; `reactions.reports` has the dataclasses they are made of."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields

_LOCAL = "RFC 3339, with the offset of the time zone"


def _whole(description: str = "", **options: Any) -> fields.Integer:
    return fields.Integer(required=True, metadata={"description": description} if description else {}, **options)


def _number(description: str = "", **options: Any) -> fields.Float:
    return fields.Float(required=True, metadata={"description": description} if description else {}, **options)


def _time(description: str = _LOCAL, **options: Any) -> fields.DateTime:
    return fields.DateTime(required=True, metadata={"description": description}, **options)


def _text(description: str = "", **options: Any) -> fields.String:
    return fields.String(required=True, metadata={"description": description} if description else {}, **options)


def _many(schema: type[Schema]) -> fields.List[Any]:
    return fields.List(fields.Nested(schema), required=True)


class MeasureShown(Schema):
    """A value drawn towards the site's average, with its 95 % interval. docs/metrics.md has the formulas."""

    value = _number()
    low = _number()
    high = _number()
    few = fields.Boolean(required=True, metadata={"description": "True while fewer than 10 votes are behind it"})


def _measure() -> fields.Nested:
    """A measure of votes; null where there are none."""
    described = {"description": "Null where there are no votes"}
    return fields.Nested(MeasureShown, required=True, allow_none=True, metadata=described)


class MovesShown(Schema):
    """Reactions added and removed, the difference, and readers. A changed vote removes one reaction and adds another."""

    added = _whole()
    removed = _whole()
    net = _whole()
    readers = _whole("Readers who voted on an article for the first time, by their first reaction")


class BucketShown(MovesShown):
    """One step of a series."""

    start = _time()
    start_utc = _time("The UTC hour from which it counts, RFC 3339")
    reactions = fields.Dict(keys=fields.String(), values=fields.Nested(MovesShown), required=True)


class RateShown(Schema):
    """How many of 1,000 who saw the row reacted, with its 95 % interval (Wilson's)."""

    per_1000 = _number()
    low = _number()
    high = _number()


class PeriodShown(Schema):
    """What the figures are about: from `from` up to, but without, `to`."""

    name = _text("The preset, or custom")
    from_ = _time(data_key="from")
    to = _time()
    unit = _text("hour, day or week")
    time_zone = _text()


class EarlierShown(Schema):
    """The period that this one is compared with."""

    from_ = _time(data_key="from")
    to = _time()


class TrendShown(Schema):
    """Readers gained in the last three hours and the usual number at its age, those who began with a mood of -1 left out."""

    ratio = _number("For ranking: (gained + 3) / (expected + 3)")
    gained = _whole()
    expected = _number()


class GroupNamed(Schema):
    """Whom an article is compared with."""

    kind = _text("section, author or site")
    name = _text(allow_none=True)


class SurpriseShown(Schema):
    """The reaction of which an article has most compared with its peers' median at the same age."""

    reaction = _text()
    ratio = _number("How many times the median; null where the median is below five", allow_none=True)
    count = _whole()
    median = _number()
    against = fields.Nested(GroupNamed, required=True)
    age_hours = _whole()


class RowShown(MovesShown):
    """An article. `added`, `removed`, `net`, `readers`, `views`, `reaction_rate` and `sparkline` are of the period.

    `total`, `counts`, `mood` and `split` are of all time.
    """

    article = _text()
    title = _text(allow_none=True)
    url = _text(allow_none=True)
    section = _text(allow_none=True)
    authors = fields.List(fields.String(), required=True)
    tags = fields.List(fields.String(), required=True)
    published_at = _time(allow_none=True)
    first_seen_at = _time()
    age_hours = _number()
    closed = fields.Boolean(required=True)
    hidden = fields.Boolean(required=True)
    total = _whole()
    given = fields.Integer(required=True, allow_none=True, metadata={"description": "The period's net of the reaction asked for"})
    readers_now = _whole("Readers who voted on it for the first time in this hour or the last")
    imported = _whole("The part of `total` that imports brought; no votes of this service")
    counts = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    views = fields.Integer(
        required=True, allow_none=True, metadata={"description": "How often its row was seen; null if that was never counted"}
    )
    reaction_rate = fields.Nested(
        RateShown,
        required=True,
        allow_none=True,
        metadata={"description": "Null for fewer than 100 views, for more readers than views, and after a merge"},
    )
    mood = _measure()
    split = _measure()
    trending = fields.Nested(TrendShown, required=True)
    surprise = fields.Nested(SurpriseShown, required=True, allow_none=True)
    sparkline = fields.List(fields.Integer(), required=True, metadata={"description": "Readers in at most 48 equal slices"})


class SiteNamed(Schema):
    """Which site."""

    key = _text()
    name = _text()
    time_zone = _text()


class LiveShown(Schema):
    """Readers who voted on an article for the first time in the UTC hour that runs, and in the one before, and their articles.

    The comparison is null in the first ten minutes of an hour.
    """

    this_hour = _whole()
    last_hour = _whole()
    until = _time("The end of the last full ten minutes, up to which is compared", allow_none=True)
    so_far = _whole("Of this hour, until then", allow_none=True)
    last_hour_so_far = _whole("Of the same minutes of the hour before", allow_none=True)
    usual = _number("The median of the same minutes in the same hour of the last four weeks", allow_none=True)
    articles = _many(RowShown)


class TotalsShown(MovesShown):
    """What the period brought. `change` compares its full hours with the same hours of the period before.

    It is null where these brought fewer than five, and where the period before began before the site's first vote.
    """

    previous_net = _whole("Of the same full hours of the period before")
    change = _number(allow_none=True)


class ReactionShown(TotalsShown):
    """What the period brought of one reaction."""

    key = _text()
    label = _text()
    emoji = _text()
    mood = _whole()
    retired = fields.Boolean(required=True, metadata={"description": "True where it is no longer offered"})
    share = _number("Its part of the period's net, 0 to 1; null where that is 0", allow_none=True)


class RetiredShown(Schema):
    """A reaction that is no longer offered and still has votes. They come back with it when it is revived."""

    key = _text()
    label = _text()
    emoji = _text()
    total = _whole("Its votes as they stand now")


class GroupShown(Schema):
    """A section or an author."""

    name = _text()
    articles = _whole()
    added = _whole()
    net = _whole()
    readers = _whole()
    mood = _measure()


class ListsShown(Schema):
    """The articles worth a look."""

    top = _many(RowShown)
    trending = _many(RowShown)
    divided = _many(RowShown)
    surprising = _many(RowShown)


class DashboardResponse(Schema):
    """Everything about a site, or about its articles that match."""

    site = fields.Nested(SiteNamed, required=True)
    generated_at = _time()
    period = fields.Nested(PeriodShown, required=True)
    previous = fields.Nested(EarlierShown, required=True)
    since = _time("The site's first vote, if the period before began earlier: nothing is compared then", allow_none=True)
    live = fields.Nested(LiveShown, required=True)
    totals = fields.Nested(TotalsShown, required=True)
    reactions = _many(ReactionShown)
    retired = _many(RetiredShown)
    mood = _measure()
    split = _measure()
    series = _many(BucketShown)
    lists = fields.Nested(ListsShown, required=True)
    sections = _many(GroupShown)
    authors = _many(GroupShown)


class ListingResponse(Schema):
    """A page of articles; `next` is the cursor of the next one, null on the last."""

    articles = _many(RowShown)
    next = _text(allow_none=True)
    period = fields.Nested(PeriodShown, required=True)


class MarkShown(Schema):
    """Something that was done to an article."""

    at = _time()
    what = _text()


class AgeShown(Schema):
    """Its readers at an age, null before it is reached, and the quartiles of its peers, the same ones at every age."""

    age_hours = _whole()
    own = _whole(allow_none=True)
    median = _number()
    low = _number()
    high = _number()


class ComparisonShown(Schema):
    """The articles it is compared with; without enough of them `kind` is null and `ages` is empty."""

    kind = _text("section, author or site", allow_none=True)
    group = _text(allow_none=True)
    ages = _many(AgeShown)


class ArticleResponse(Schema):
    """All about one article, since its publication."""

    article = fields.Nested(RowShown, required=True)
    mixed_words = fields.List(
        fields.String(), required=True, metadata={"description": "Words of the key whose letters are of several alphabets."}
    )
    unit = _text()
    series = _many(BucketShown)
    marks = _many(MarkShown)
    peers = fields.Nested(ComparisonShown, required=True)


class SeriesResponse(Schema):
    """A series without gaps."""

    time_zone = _text()
    unit = _text()
    period = fields.Nested(PeriodShown, required=True)
    series = _many(BucketShown)
