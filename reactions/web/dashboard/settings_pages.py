"""The settings of the site: one page for each part, and each button one call of what the API does.

A form that is refused comes back as it was filled in, with the reason; nothing of it is saved. The form of the settings and that
of the reaction set carry the version that their editor saw, so of two who change one thing at once the second is told.
The file is longer than others because every part of the settings is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from flask import flash, g, get_flashed_messages, make_response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from reactions import languages
from reactions.imports import record
from reactions.languages import gettext, ngettext
from reactions.newsroom import alert_rules, api_keys, editor_sessions, sites, subscribers
from reactions.notices import webhooks
from reactions.refusals import MalformedSite, Refusal
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.web import current, editors, settings_api
from reactions.web.dashboard import error_pages, pages, set_form
from reactions.web.dashboard.pages import blueprint
from reactions.web.dashboard.set_form import Stale
from reactions.web.problems import STATUS_OF
from reactions.web.requests import whole_number


@blueprint.app_template_filter("local_day")
def local_day(at_ms: int) -> str:
    """A day on the site's clock: 27 November 2026."""
    return languages.shown(datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(ZoneInfo(g.site.time_zone)), "yMMMMd")


@blueprint.get("/settings")
def settings() -> ResponseReturnValue:
    """The first part of the settings that whoever is signed in may see."""
    return redirect(url_for("dashboard.settings_part", part="site" if editors.may("admin") else "keys"), 303)


@blueprint.get("/settings/<any(site, reactions, keys, alerts, digest, imports):part>")
def settings_part(part: str) -> ResponseReturnValue:
    """A page of the settings."""
    return _may_not(part) or _page(part)


@blueprint.get("/settings/imports/remove")
def ask_about_import() -> ResponseReturnValue:
    """Ask before an import is removed, and say what would go."""
    if refused := _may_not("imports"):
        return refused
    with current.reading() as connection:
        known = record.get(connection, g.site, request.args.get("source", ""))
    shown = next(each for each in settings_api.shown_imports(g.site) if each["source"] == known.source)
    return _render("import_asked", "imports", known=shown)


@blueprint.post("/settings/<any(site, reactions, keys, alerts, digest, imports):part>/<action>")
def change_settings(part: str, action: str) -> ResponseReturnValue:
    """Do what a button of the settings says."""
    if refused := _may_not(part):
        return refused
    if (act := _ACTIONS.get((part, action))) is None:
        raise NotFound
    try:
        done = act(request.form)
    except Stale as stale:
        return make_response(_page(part, wrong=str(stale), form=request.form), 409)
    except Refusal as refusal:
        return make_response(
            _page(part, wrong=gettext("%(reason)s Nothing was changed.", reason=refusal.detail), form=request.form),
            STATUS_OF[type(refusal)][0],
        )
    if isinstance(done, dict):
        return _page(part, **done)  # what is shown this once
    flash({"text": done})  # type: ignore[arg-type]
    return redirect(url_for("dashboard.settings_part", part=part), 303)


def _may_not(part: str) -> ResponseReturnValue | None:
    scope = "keys" if part == "keys" else "admin"
    if editors.may(scope):
        return None
    detail = gettext("To change the settings of a site, sign in with a key that has the scope %(scope)s.", scope=scope)
    return error_pages.page(403, gettext("Not allowed"), detail)


def _part_names() -> dict[str, str]:
    """What the pages of the settings are called."""
    return {
        "site": gettext("Site"), "reactions": gettext("Reactions"), "keys": gettext("Keys and people"),
        "alerts": gettext("Alerts"), "digest": gettext("Digest"), "imports": gettext("Imports"),
    }  # fmt: skip


def _page(part: str, *, wrong: str = "", form: Any = None, **more: Any) -> str:
    return _render(f"settings_{part}", part, wrong=wrong, form=form, **{**_MODELS[part](form), **more})


def _render(template: str, part: str, **model: Any) -> str:
    allowed = {name: title for name, title in _part_names().items() if editors.may("keys" if name == "keys" else "admin")}
    return pages.render(template, here="settings", part=part, parts=allowed, said=get_flashed_messages(), **model)


# --- the site ---


def _site(form: Mapping[str, str] | None) -> dict[str, Any]:
    site = g.site
    stored = {
        "name": site.name, "origins": "\n".join(sorted(site.origins)), "time_zone": site.time_zone,
        "article_policy": site.article_policy, "new_articles_per_day": site.new_articles_per_day,
        "article_patterns": "\n".join(site.article_patterns), "close_after_days": site.close_after_days or "",
        "keep_votes_days": site.keep_votes_days or "", "forgotten_votes": site.forgotten_votes, "reader_scope": site.reader_scope,
        "language": site.language, "count_views": site.count_views,
    }  # fmt: skip
    tongues = {each: languages.own_name(each) for each in languages.KNOWN}
    version = sites.version_of_settings(site)
    return {"values": {**stored, **(form or {})}, "version": version, "zones": _zones(), "tongues": tongues}


@cache
def _zones() -> list[str]:
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")


def _change_site(form: Mapping[str, str]) -> str:
    changes: dict[str, Any] = {
        name: form.get(name, "")
        for name in ("name", "time_zone", "language", "article_policy", "forgotten_votes", "reader_scope")
    }
    changes |= {name: form.get(name, "").split() for name in ("origins", "article_patterns")}
    changes |= {name: _number(form, name, none=True) for name in ("close_after_days", "keep_votes_days")}
    changes |= {name: _number(form, name) for name in ("new_articles_per_day", "count_views")}
    with writing(current.engine()) as connection:
        site = sites.get_to_change(connection, g.site.key)
        if form.get("version") != sites.version_of_settings(site):
            g.site = site
            raise Stale(
                gettext(
                    "Somebody else changed these settings while you did. Nothing of yours is saved yet: if you save again, yours "
                    "replace theirs."
                )
            )
        sites.change(connection, site.key, **changes)
    return gettext("The settings are saved.")


def _number(form: Mapping[str, str], name: str, *, none: bool = False) -> int | None:
    text = form.get(name, "").strip().replace(",", "")
    if none and not text:
        return None
    if (number := whole_number(text)) is None:
        reason = gettext("write a whole number, or nothing.") if none else gettext("write a whole number.")
        raise MalformedSite(f"{_field_names()[name]}: {reason}")
    return number


def _field_names() -> dict[str, str]:
    """What the fields for numbers are called where one is refused."""
    return {
        "close_after_days": gettext("Voting ends after"),
        "keep_votes_days": gettext("Votes are dropped after"),
        "new_articles_per_day": gettext("New articles a day by votes"),
        "count_views": gettext("Count how often rows are seen"),
        "expires_after_days": gettext("Expires after"),
    }


# --- the reaction set ---


def _reactions(form: Any) -> dict[str, Any]:
    return set_form.shown(g.site, form)


def _change_set(form: Any) -> str:
    new, sections = set_form.read(form)
    with writing(current.engine()) as connection:
        site = sites.get_to_change(connection, g.site.key)
        if form.get("version") != sites.version_of_set(site):
            g.site = site
            raise Stale(set_form.what_differs(site, form))
        sites.replace_set(connection, site, new, sections=sections)
        offered = sites.get(connection, site.key).reactions.offered
    labels = ", ".join(each.label_in(languages.spoken()) for each in offered)
    return gettext("The set is saved. Readers are offered: %(labels)s.", labels=labels)


# --- keys and people ---


def _keys(_form: Any) -> dict[str, Any]:
    now_ms = current.now_ms()
    with current.reading() as connection:
        every = api_keys.all_of(connection, g.site)
        people = editor_sessions.people_at(connection, g.site, now_ms=now_ms)
    own = editors.key()
    return {
        "keys": [key for key in every if key.good_at(now_ms)],
        "ended": [key for key in every if not key.good_at(now_ms)],
        "people": people,
        "own": own.id if own else None,
        "scopes": [scope for scope in api_keys.SCOPES if editors.may(scope)],
    }


def _add_key(form: Any) -> dict[str, Any]:
    scopes, days = form.getlist("scope"), _number(form, "expires_after_days", none=True)
    chosen = [scope for scope in scopes if editors.may(scope)]
    expires_at = None if days is None else current.now_ms() + days * DAY_MS
    with writing(current.engine()) as connection:
        made, text = api_keys.create(
            connection, g.site, scopes=chosen, label=form.get("label", ""), now_ms=current.now_ms(), made_by=editors.key(),
            expires_at=expires_at,
        )  # fmt: skip
    return {"made": made, "text": text, **_keys(None)}


def _revoke_key(form: Mapping[str, str]) -> str:
    with writing(current.engine()) as connection:
        ended = api_keys.revoke(connection, g.site, form.get("id", ""), now_ms=current.now_ms())
    return gettext("The key “%(label)s” is revoked, and so are those that were made with it.", label=ended.label)


def _end_sessions(form: Mapping[str, str]) -> str:
    person = form.get("person", "")
    with writing(current.engine()) as connection:
        editor_sessions.end_person_at(connection, g.site, person, now_ms=current.now_ms())
    return gettext("%(person)s is signed out everywhere.", person=person)


# --- alerts and webhooks ---


def _alerts(_form: Any) -> dict[str, Any]:
    with current.reading() as connection:
        hooks = [settings_api.shown_webhook(connection, each) for each in webhooks.all_of(connection, g.site)]
        secrets = {each.id: settings_api.secret_of(each) for each in webhooks.all_of(connection, g.site)}
    rules = alert_rules.completed(g.site.alert_rules)
    return {"rule_names": alert_rules.names(), "rules": rules, "usual": alert_rules.DEFAULTS, "hooks": hooks, "secrets": secrets}


def _change_rules(form: Mapping[str, str]) -> str:
    rules = {
        rule: {name: _threshold(form, rule, name) for name in thresholds} for rule, thresholds in alert_rules.DEFAULTS.items()
    }
    with writing(current.engine()) as connection:
        sites.change(connection, g.site.key, alert_rules=rules)
    return gettext("The alert rules are saved.")


def _threshold(form: Mapping[str, str], rule: str, name: str) -> Any:
    text = form.get(f"{rule}.{name}", "").strip().replace(",", "")
    if name == "on":
        return bool(text)
    try:
        return float(text) if name == "times" else int(text)
    except ValueError:
        raise MalformedSite(gettext("%(rule)s: write numbers.", rule=alert_rules.names()[rule])) from None


def _add_webhook(form: Mapping[str, str]) -> str:
    made = settings_api.added_webhook(g.site, form.get("url", "").strip(), kind=form.get("kind", ""))
    return gettext(
        "Alerts go to %(address)s from now on. Send it a test, and give its receiver the secret.",
        address=made.url.partition("?")[0],
    )


def _test_webhook(form: Mapping[str, str]) -> str:
    return str(settings_api.tested_webhook(g.site, form.get("id", ""))["detail"])


def _remove_webhook(form: Mapping[str, str]) -> str:
    with writing(current.engine()) as connection:
        gone = webhooks.remove(connection, g.site, form.get("id", ""))
    return gettext("%(address)s gets no more alerts.", address=gone.url.partition("?")[0])


# --- the digest ---


def _digest(_form: Any) -> dict[str, Any]:
    settings = current.parts().settings
    with current.reading() as connection:
        return {"subscribers": subscribers.all_of(connection, g.site), "can_mail": bool(settings.smtp_url and settings.mail_from)}


def _subscribe(form: Mapping[str, str]) -> str:
    with writing(current.engine()) as connection:
        made = subscribers.add(connection, g.site, form.get("address", ""), at_ms=current.now_ms(), by=editors.by())
    return gettext("%(address)s gets the digest.", address=made.address)


def _unsubscribe(form: Mapping[str, str]) -> str:
    with writing(current.engine()) as connection:
        subscribers.remove(connection, g.site, form.get("address", ""))
    return gettext("%(address)s no longer gets the digest.", address=form["address"])


# --- imports ---


def _imports(_form: Any) -> dict[str, Any]:
    return {"imports": settings_api.shown_imports(g.site)}


def _remove_import(form: Mapping[str, str]) -> str:
    gone = settings_api.removed_import(g.site, form.get("source", ""))
    if gone["views"]:
        return ngettext(
            "The %(n)s view from %(source)s is removed. Readers’ votes stay.",
            "The %(n)s views from %(source)s are removed. Readers’ votes stay.",
            gone["views"],
            source=gone["source"],
        )
    return ngettext(
        "The %(n)s reaction from %(source)s is removed. Readers’ votes stay.",
        "The %(n)s reactions from %(source)s are removed. Readers’ votes stay.",
        gone["reactions"],
        source=gone["source"],
    )


_MODELS: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "site": _site, "reactions": _reactions, "keys": _keys, "alerts": _alerts, "digest": _digest, "imports": _imports,
}  # fmt: skip
_ACTIONS: Mapping[tuple[str, str], Callable[[Any], str | dict[str, Any]]] = {
    ("site", "save"): _change_site,
    ("reactions", "save"): _change_set,
    ("keys", "add"): _add_key,
    ("keys", "revoke"): _revoke_key,
    ("keys", "sign-out"): _end_sessions,
    ("alerts", "save"): _change_rules,
    ("alerts", "add"): _add_webhook,
    ("alerts", "test"): _test_webhook,
    ("alerts", "remove"): _remove_webhook,
    ("digest", "add"): _subscribe,
    ("digest", "remove"): _unsubscribe,
    ("imports", "remove"): _remove_import,
}
