"""The bodies and responses about a site's settings, as /openapi.json describes them. `newsroom` and `notices` check values."""

from __future__ import annotations

from typing import Any

from marshmallow import Schema, fields, validate

from reactions import languages
from reactions.newsroom import sites
from reactions.notices import messages
from reactions.web.schemas import Body, StrictBoolean, StrictInteger


def _text(description: str = "", **options: Any) -> fields.String:
    return fields.String(metadata={"description": description} if description else {}, **options)


def _days(description: str) -> StrictInteger:
    return StrictInteger(allow_none=True, metadata={"description": f"{description}; null: never"})


def _count(description: str = "", **options: Any) -> fields.Integer:
    return fields.Integer(
        required=True, metadata={"minimum": 0, **({"description": description} if description else {})}, **options
    )


def _on() -> fields.Boolean:
    return StrictBoolean(metadata={"description": "Whether the rule is applied"})


class StrictNumber(fields.Float):
    """A number that was written as one: no text, no true."""

    def _validated(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class SiteBody(Body):
    """What is to change of a site; what is left out stays."""

    name = _text(validate=validate.Length(1, 200))
    origins = fields.List(fields.String(), validate=validate.Length(1, 100))
    time_zone = _text("Of the days in reports, such as Europe/Berlin")
    article_policy = _text(validate=validate.OneOf(sites.POLICIES))
    new_articles_per_day = StrictInteger(validate=validate.Range(0, 2**31 - 1))
    article_patterns = fields.List(fields.String())
    close_after_days = _days("Age at which articles close")
    keep_votes_days = _days("Days without a vote after which an article's votes are dropped")
    forgotten_votes = _text(validate=validate.OneOf(sites.FORGOTTEN))
    reader_scope = _text(validate=validate.OneOf(sites.SCOPES))
    language = _text("Of the dashboard, the digest and the alerts", validate=validate.OneOf(languages.KNOWN))
    count_views = StrictInteger(
        validate=validate.Range(0, 1000), metadata={"description": "0 counts no views, 1 each page view, 10 one in ten"}
    )


class SiteResponse(Schema):
    """A site as it is set up, its reaction set apart."""

    site = fields.String(required=True, metadata={"description": "Its key, which never changes"})
    name = fields.String(required=True)
    origins = fields.List(fields.String(), required=True)
    time_zone = fields.String(required=True)
    vanished_time_zone = _text("The one that was chosen, if this machine no longer knows it", required=True, allow_none=True)
    article_policy = fields.String(required=True)
    new_articles_per_day = _count()
    article_patterns = fields.List(fields.String(), required=True)
    close_after_days = fields.Integer(required=True, allow_none=True)
    keep_votes_days = fields.Integer(required=True, allow_none=True)
    forgotten_votes = fields.String(required=True)
    reader_scope = fields.String(required=True)
    language = fields.String(required=True)
    count_views = _count()


class SetBody(Body):
    """The whole reaction set in its order. Reactions that it lacks are retired; their counts are kept."""

    reactions = fields.List(
        fields.Dict(keys=fields.String(), values=fields.Raw()),
        required=True,
        validate=validate.Length(1, 24),
        metadata={
            "description": (
                "Each with key, emoji, mood (-1, 0, 1), label by language, retired, "
                "colour (#rrggbb on the dashboard; null: its own choice; left out: as it was) "
                "and icon (face: the widget's own where it has one; emoji: the system's; left out: as it was)"
            )
        },
    )
    sections = fields.Dict(
        keys=fields.String(validate=validate.Length(1, 200)),
        values=fields.List(fields.String()),
        metadata={"description": "Sections in which only some are offered, by key; left out, they stay"},
    )


class ReactionOfSet(Schema):
    """A reaction of the set."""

    key = fields.String(required=True)
    emoji = fields.String(required=True)
    mood = fields.Integer(required=True)
    label = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    retired = fields.Boolean(required=True)
    colour = _text("#rrggbb on the dashboard; left out where it chooses")
    icon = _text("emoji where the row shows the system's; left out where it shows the widget's own face, if there is one")


class SetResponse(Schema):
    """The reaction set in its order, retired reactions included."""

    reactions = fields.List(fields.Nested(ReactionOfSet), required=True)
    sections = fields.Dict(keys=fields.String(), values=fields.List(fields.String()), required=True)


class SwitchShown(Schema):
    """A rule without a threshold."""

    on = _on()


class VotesRuleShown(SwitchShown):
    """A rule for articles with so many votes."""

    votes = StrictInteger()


class SurgingShown(SwitchShown):
    """The rule for articles that gain far more readers than is usual."""

    times = StrictNumber(metadata={"description": "Times what its age predicts"})
    readers = StrictInteger(metadata={"description": "Readers of the last three hours"})


class SwitchBody(SwitchShown, Body):
    """A rule without a threshold."""


class VotesRuleBody(VotesRuleShown, Body):
    """A rule for articles with so many votes."""


class SurgingBody(SurgingShown, Body):
    """The rule for articles that gain far more readers than is usual."""


class AlertRulesBody(Body):
    """What is to change of the alert rules; what is left out stays."""

    surging = fields.Nested(SurgingBody)
    turned_sour = fields.Nested(VotesRuleBody)
    most_loved = fields.Nested(VotesRuleBody)
    record = fields.Nested(VotesRuleBody)
    suspicious_votes = fields.Nested(SwitchBody)


class AlertRulesResponse(Schema):
    """Every alert rule with its thresholds."""

    surging = fields.Nested(SurgingShown, required=True)
    turned_sour = fields.Nested(VotesRuleShown, required=True)
    most_loved = fields.Nested(VotesRuleShown, required=True)
    record = fields.Nested(VotesRuleShown, required=True)
    suspicious_votes = fields.Nested(SwitchShown, required=True)


class WebhookBody(Body):
    """Where alerts are to be sent."""

    url = fields.String(required=True, validate=validate.Length(1, 2000))
    kind = _text("What the receiver takes; left out, its host tells", validate=validate.OneOf(messages.KINDS))


class WebhookResponse(Schema):
    """A webhook with the state of its messages."""

    id = fields.String(required=True)
    url = fields.String(required=True)
    kind = fields.String(required=True)
    created_at = fields.DateTime(required=True)
    sent = _count("Messages that arrived within the last month")
    waiting = _count()
    given_up = _count()
    problem = _text("Why the last message that did not arrive did not", required=True, allow_none=True)


class NewWebhookResponse(WebhookResponse):
    """A webhook, and the secret with which its receiver verifies messages."""

    secret = fields.String(required=True)


class WebhooksResponse(Schema):
    """The site's webhooks, oldest first."""

    webhooks = fields.List(fields.Nested(WebhookResponse), required=True)


class WebhookTestResponse(Schema):
    """What became of a test message: the receiver's status and its own reason, as far as it answered."""

    delivered = fields.Boolean(required=True)
    status = fields.Integer(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)
    detail = fields.String(required=True)


class ImportResponse(Schema):
    """What a source has brought."""

    source = fields.String(required=True)
    format = fields.String(required=True)
    file = fields.String(required=True)
    by = fields.String(required=True)
    at = fields.DateTime(required=True)
    reactions = _count("Imported totals")
    votes = _count("Changes of votes that were restored")
    views = _count("Imported views, of a source that has no reactions")
    unfinished = fields.Boolean(
        required=True, metadata={"description": "An import or a removal of views is under way, or was cut short: do it again"}
    )


class ImportsResponse(Schema):
    """The site's imports, the oldest first."""

    imports = fields.List(fields.Nested(ImportResponse), required=True)


class SubscriberBody(Body):
    """An address that gets the digest."""

    address = fields.String(required=True, validate=validate.Length(1, 254))


class SubscriberResponse(Schema):
    """An address that gets the digest."""

    address = fields.String(required=True)
    at = fields.DateTime(required=True)
    by = fields.String(required=True)


class SubscribersResponse(Schema):
    """Who gets the digest, by address."""

    subscribers = fields.List(fields.Nested(SubscriberResponse), required=True)


class PersonBody(Body):
    """Somebody who is signed in."""

    person = fields.String(required=True, validate=validate.Length(1, 320))


class PersonResponse(Schema):
    """Somebody who is signed in with the newsroom's own account."""

    person = fields.String(required=True)
    scopes = fields.List(fields.String(), required=True)
    since = fields.DateTime(required=True)
    last_used_at = fields.DateTime(required=True)


class PeopleResponse(Schema):
    """The people who are signed in, by name."""

    people = fields.List(fields.Nested(PersonResponse), required=True)


class EndedResponse(Schema):
    """How many sessions have ended."""

    sessions = _count()
