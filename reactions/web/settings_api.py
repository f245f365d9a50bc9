"""How a site is set up: its policies, reaction set, alerts, webhooks, digest and imports, with a key that has the scope admin.

Who is signed in is shown to keys with the scope keys. The file is longer than others because it has all routes of the settings.
The dashboard's pages call the same functions.
"""

from __future__ import annotations

from typing import Any

from flask import Response, request

from reactions.imports import apply, record, totals
from reactions.languages import gettext
from reactions.newsroom import alert_rules, editor_sessions, reaction_sets, sites, subscribers
from reactions.newsroom.sites import Site
from reactions.notices import alerts, messages, outbox, webhooks
from reactions.notices.webhooks import Unreachable, Webhook
from reactions.storage.engines import writing
from reactions.times import rfc3339
from reactions.votes import imported, imported_views
from reactions.web import conditional, current, editors
from reactions.web import settings_schemas as schemas
from reactions.web.newsroom_api import respond
from reactions.web.openapi import ApiBlueprint
from reactions.web.requests import body_of

SET_BYTES = 65_536
_SITE = "/v1/sites/<site_key>"
_TAGGED = ("Cache-Control", "ETag")
_site_body, _set_body, _rules_body = schemas.SiteBody(), schemas.SetBody(), schemas.AlertRulesBody()
_webhook_body, _subscriber_body, _person_body = schemas.WebhookBody(), schemas.SubscriberBody(), schemas.PersonBody()
_MEMBERS = tuple(name for name in schemas.SiteResponse().fields if name not in ("site", "origins"))

blueprint = ApiBlueprint("settings", description="How a site is set up. Needs a key of the site with the scope admin.")


@blueprint.get(_SITE, "getSite", response=schemas.SiteResponse, headers=_TAGGED, scope="admin")
def get_site(site_key: str) -> Response:
    """Get a site's name, origins, time zone and policies."""
    return _site_response(editors.require(site_key, "admin"))


@blueprint.patch(
    _SITE, "changeSite", body=schemas.SiteBody, response=schemas.SiteResponse, headers=_TAGGED, problems=["malformed-site"],
    scope="admin",
)  # fmt: skip
def change_site(site_key: str) -> Response:
    """Change a site's name, origins, time zone or policies. With If-Match, only if nobody has changed them meanwhile."""
    editors.require(site_key, "admin")
    changes = body_of(request, _site_body, tagged=True, most_bytes=SET_BYTES)
    with writing(current.engine()) as connection:
        site = sites.get_to_change(connection, site_key)
        conditional.check_version(_quoted(sites.version_of_settings(site)), required=False)
        if changes:
            sites.change(connection, site_key, **changes)
        return _site_response(sites.get(connection, site_key))


@blueprint.get(f"{_SITE}/set", "getSet", response=schemas.SetResponse, headers=_TAGGED, scope="admin")
def get_set(site_key: str) -> Response:
    """Get the reaction set with its labels in every language, retired reactions included."""
    return _set_response(editors.require(site_key, "admin"))


@blueprint.put(
    f"{_SITE}/set",
    "replaceSet",
    body=schemas.SetBody,
    response=schemas.SetResponse,
    headers=_TAGGED,
    problems=["malformed-reaction-set", "malformed-site", "unknown-reaction", "precondition-required"],
    scope="admin",
)
def replace_set(site_key: str) -> Response:
    """Replace the reaction set: labels, order, retired or on offer. No change loses a count. Needs If-Match with its ETag."""
    editors.require(site_key, "admin")
    body = body_of(request, _set_body, tagged=True, most_bytes=SET_BYTES)
    new = reaction_sets.from_stored(body["reactions"])
    with writing(current.engine()) as connection:
        site = sites.get_to_change(connection, site_key)
        conditional.check_version(_quoted(sites.version_of_set(site)), required=True)
        sites.replace_set(connection, site, new, sections=body.get("sections", site.section_reactions))
        return _set_response(sites.get(connection, site_key))


@blueprint.get(f"{_SITE}/alert-rules", "getAlertRules", response=schemas.AlertRulesResponse, scope="admin")
def get_alert_rules(site_key: str) -> Response:
    """Get the alert rules with their thresholds."""
    return respond(alert_rules.completed(editors.require(site_key, "admin").alert_rules))


@blueprint.patch(
    f"{_SITE}/alert-rules", "changeAlertRules", body=schemas.AlertRulesBody, response=schemas.AlertRulesResponse,
    problems=["malformed-site"], scope="admin",
)  # fmt: skip
def change_alert_rules(site_key: str) -> Response:
    """Turn alert rules on or off, or change their thresholds."""
    editors.require(site_key, "admin")
    changes = body_of(request, _rules_body)
    with writing(current.engine()) as connection:
        rules = alert_rules.completed(sites.get_to_change(connection, site_key).alert_rules)
        rules = {rule: {**thresholds, **changes.get(rule, {})} for rule, thresholds in rules.items()}
        sites.change(connection, site_key, alert_rules=rules)
    return respond(rules)


@blueprint.get(f"{_SITE}/webhooks", "listWebhooks", response=schemas.WebhooksResponse, scope="admin")
def list_webhooks(site_key: str) -> Response:
    """List the site's webhooks with the state of their messages."""
    site = editors.require(site_key, "admin")
    with current.reading() as connection:
        return respond({"webhooks": [shown_webhook(connection, each) for each in webhooks.all_of(connection, site)]})


@blueprint.post(
    f"{_SITE}/webhooks", "addWebhook", body=schemas.WebhookBody, response=schemas.NewWebhookResponse,
    problems=["malformed-webhook"], scope="admin",
)  # fmt: skip
def add_webhook(site_key: str) -> Response:
    """Send the site's alerts to an address, too. The response has the secret with which the receiver verifies them."""
    site = editors.require(site_key, "admin")
    body = body_of(request, _webhook_body)
    made = added_webhook(site, body["url"], kind=body.get("kind", ""))
    with current.reading() as connection:
        return respond({**shown_webhook(connection, made), "secret": secret_of(made)})


@blueprint.delete(
    f"{_SITE}/webhooks/<webhook_id>", "removeWebhook", response=schemas.WebhookResponse, problems=["unknown-webhook"],
    scope="admin",
)  # fmt: skip
def remove_webhook(site_key: str, webhook_id: str) -> Response:
    """Remove a webhook and the messages that wait for it; the response says what it was."""
    site = editors.require(site_key, "admin")
    conditional.check_change()
    with writing(current.engine()) as connection:
        shown = shown_webhook(connection, webhooks.get(connection, site, webhook_id))
        webhooks.remove(connection, site, webhook_id)
    return respond(shown)


@blueprint.post(
    f"{_SITE}/webhooks/<webhook_id>/test", "testWebhook", response=schemas.WebhookTestResponse, problems=["unknown-webhook"],
    scope="admin",
)  # fmt: skip
def test_webhook(site_key: str, webhook_id: str) -> Response:
    """Send a test message at once. The response has the receiver's status and its own reason if it refuses."""
    site = editors.require(site_key, "admin")
    conditional.check_change()
    return respond(tested_webhook(site, webhook_id))


@blueprint.get(f"{_SITE}/imports", "listImports", response=schemas.ImportsResponse, scope="admin")
def list_imports(site_key: str) -> Response:
    """List what was imported: from where, when, by whom, and how much."""
    return respond({"imports": shown_imports(editors.require(site_key, "admin"))})


@blueprint.delete(
    f"{_SITE}/imports/<source>", "removeImport", response=schemas.ImportResponse, problems=["unknown-import", "import-conflict"],
    scope="admin",
)  # fmt: skip
def remove_import(site_key: str, source: str) -> Response:
    """Remove what was imported from a source. Readers' votes and other sources stay."""
    site = editors.require(site_key, "admin")
    conditional.check_change()
    return respond(removed_import(site, source))


@blueprint.get(f"{_SITE}/digest/subscribers", "listSubscribers", response=schemas.SubscribersResponse, scope="admin")
def list_subscribers(site_key: str) -> Response:
    """List who gets the digest by mail."""
    site = editors.require(site_key, "admin")
    with current.reading() as connection:
        return respond({"subscribers": [shown_subscriber(each) for each in subscribers.all_of(connection, site)]})


@blueprint.post(
    f"{_SITE}/digest/subscribers", "addSubscriber", body=schemas.SubscriberBody, response=schemas.SubscriberResponse,
    problems=["malformed-subscriber"], scope="admin",
)  # fmt: skip
def add_subscriber(site_key: str) -> Response:
    """Send the digest to an address, too. Idempotent."""
    site = editors.require(site_key, "admin")
    address = body_of(request, _subscriber_body)["address"]
    with writing(current.engine()) as connection:
        return respond(shown_subscriber(subscribers.add(connection, site, address, at_ms=current.now_ms(), by=editors.by())))


@blueprint.delete(
    f"{_SITE}/digest/subscribers", "removeSubscriber", body=schemas.SubscriberBody, response=schemas.SubscribersResponse,
    problems=["unknown-subscriber"], scope="admin",
)  # fmt: skip
def remove_subscriber(site_key: str) -> Response:
    """Take an address off the digest's list; the response has those that are left."""
    site = editors.require(site_key, "admin")
    address = body_of(request, _subscriber_body)["address"]
    with writing(current.engine()) as connection:
        subscribers.remove(connection, site, address)
        return respond({"subscribers": [shown_subscriber(each) for each in subscribers.all_of(connection, site)]})


@blueprint.get(f"{_SITE}/people", "listPeople", response=schemas.PeopleResponse, scope="keys")
def list_people(site_key: str) -> Response:
    """List the people who are signed in with the newsroom's own accounts, and what they may do."""
    site = editors.require(site_key, "keys")
    with current.reading() as connection:
        people = editor_sessions.people_at(connection, site, now_ms=current.now_ms())
    return respond({"people": [_person(each) for each in people]})


@blueprint.post(
    f"{_SITE}/people/end-sessions", "endSessions", body=schemas.PersonBody, response=schemas.EndedResponse,
    problems=["unknown-person"], scope="keys",
)  # fmt: skip
def end_sessions(site_key: str) -> Response:
    """Sign somebody out everywhere, at once. They can sign in again for as long as the identity provider lets them."""
    site = editors.require(site_key, "keys")
    person = body_of(request, _person_body)["person"]
    with writing(current.engine()) as connection:
        ended = editor_sessions.end_person_at(connection, site, person, now_ms=current.now_ms())
    return respond({"sessions": ended})


def added_webhook(site: Site, url: str, *, kind: str = "") -> Webhook:
    """Send the site's alerts to an address from now on; its host tells the kind unless it is given. Raises MalformedWebhook."""
    settings = current.parts().settings
    allowed, ports = settings.webhook_private_targets, frozenset(map(int, settings.webhook_ports))
    with writing(current.engine()) as connection:
        return webhooks.add(connection, site, url, kind=kind, private_allowed=allowed, ports=ports, now_ms=current.now_ms())


def secret_of(webhook: Webhook) -> str:
    """The secret with which the receiver of a webhook verifies messages."""
    return webhooks.displayed(webhooks.secret_of(current.parts().keys.signing("webhooks"), webhook.id))


def tested_webhook(site: Site, webhook_id: str) -> dict[str, Any]:
    """Send a webhook a test message; what became of it. Raises UnknownWebhook."""
    parts = current.parts()
    with current.reading() as connection:
        webhook = webhooks.get(connection, site, webhook_id)
    sender = outbox.sender_of(parts.settings, parts.keys, current.engine(), clock=current.now_ms)
    try:
        said = messages.body(webhook.kind, alerts.trial_message(site, now_ms=current.now_ms()))
        status = outbox.send_test(sender, webhook, said)
    except Unreachable as refusal:
        detail = gettext("The test did not arrive. %(reason)s", reason=refusal)
        return {"delivered": False, "status": refusal.status, "reason": refusal.reason or None, "detail": detail}
    detail = gettext("The test arrived: the receiver answered %(status)s.", status=status)
    return {"delivered": True, "status": status, "reason": None, "detail": detail}


def shown_webhook(connection: Any, webhook: Webhook) -> dict[str, Any]:
    """A webhook as it is listed."""
    state = webhooks.deliveries(connection, webhook)
    return {
        "id": webhook.id, "url": webhook.url, "kind": webhook.kind, "created_at": rfc3339(webhook.created_at),
        "sent": state.sent, "waiting": state.waiting, "given_up": state.given_up, "problem": state.problem,
    }  # fmt: skip


def shown_imports(site: Site) -> list[dict[str, Any]]:
    """What was imported, as it is listed."""
    with current.reading() as connection:
        known = record.imports_of(connection, site)
        totals_of = [imported_views.total_of if each.brings_views else imported.total_of for each in known]
        return [_import(each, total(connection, site, each.source)) for each, total in zip(known, totals_of, strict=True)]


def removed_import(site: Site, source: str) -> dict[str, Any]:
    """Remove an import; what it had brought. Raises UnknownImport or ImportConflict."""
    with totals.plan_removal(current.engine(), site, source) as plan:
        apply.remove_import(current.parts().ballot_box, plan)
        assert plan.known is not None
        return _import(plan.known, plan.before)


def _import(known: record.Import, total: int) -> dict[str, Any]:
    reactions, views = (0, total) if known.brings_views else (total, 0)
    return {
        "source": known.source, "format": known.format, "file": known.file_name, "by": known.by, "at": rfc3339(known.at),
        "reactions": reactions, "votes": known.votes, "views": views, "unfinished": known.is_unfinished,
    }  # fmt: skip


def shown_subscriber(each: subscribers.Subscriber) -> dict[str, Any]:
    """An address that gets the digest, as it is listed."""
    return {"address": each.address, "at": rfc3339(each.at), "by": each.by}


def _person(each: editor_sessions.PersonSignedIn) -> dict[str, Any]:
    times = {"since": rfc3339(each.since), "last_used_at": rfc3339(each.used_at)}
    return {"person": each.person, "scopes": sorted(each.scopes), **times}


def shown_site(site: Site) -> dict[str, Any]:
    """A site as it is set up, its reaction set apart."""
    return {"site": site.key, "origins": sorted(site.origins), **{name: getattr(site, name) for name in _MEMBERS}}


def shown_set(site: Site) -> dict[str, Any]:
    """A site's reaction set."""
    return {"reactions": reaction_sets.stored(site.reactions), "sections": dict(site.section_reactions)}


def _site_response(site: Site) -> Response:
    return _tagged(shown_site(site), sites.version_of_settings(site))


def _set_response(site: Site) -> Response:
    return _tagged(shown_set(site), sites.version_of_set(site))


def _tagged(shown: dict[str, Any], version: str) -> Response:
    response = respond(shown)
    response.headers["ETag"] = _quoted(version)
    return response


def _quoted(version: str) -> str:
    return f'"{version}"'
