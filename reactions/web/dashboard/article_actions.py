"""What editors do to an article from its page: close, hide, describe, move, merge, delete; who did what, and its undoing.

Every form is a POST that redirects to the article's page, or a page that asks first where nothing can be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from flask import flash, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from marshmallow import ValidationError
from sqlalchemy import Connection
from werkzeug.exceptions import Forbidden

from reactions.languages import gettext, ngettext
from reactions.newsroom import article_keys, articles, interventions
from reactions.newsroom.articles import Description
from reactions.newsroom.interventions import Done
from reactions.newsroom.sites import Site
from reactions.refusals import ChangedMeanwhile
from reactions.storage.engines import writing
from reactions.votes import removing, revising, tallies, under_review
from reactions.votes.revising import Editor
from reactions.web import current, editors, problems
from reactions.web.dashboard import pages
from reactions.web.dashboard.pages import blueprint
from reactions.web.schemas import ArticleBody

_SWITCHES: Mapping[str, Callable[..., None]] = {
    "close": interventions.close, "reopen": interventions.reopen, "hide": interventions.hide, "show": interventions.show,
}  # fmt: skip
_FINAL = {"merged away", "merged in"}
_SCOPES = ("write", "review")
_body = ArticleBody()


class Entry(NamedTuple):
    """One line of an article's log."""

    at: datetime
    id: str
    text: str
    by: str
    may_undo: bool
    is_final: bool


@blueprint.app_template_global()
def doing_of(row: Any) -> dict[str, Any]:
    """What the page of an article offers to do, and what was done to it."""
    with current.reading() as connection:
        article_id = articles.get(connection, g.site, article_keys.canonical_key(row.article)).article_id
        log = interventions.log_of(connection, article_id)
        other_keys = interventions.keys_of(connection, g.site, article_id)
    last = next((done.what for done in log if done.what in ("closed", "reopened")), None)
    return {
        "id": article_keys.shown_id(article_id),
        "may": {scope: editors.may(scope) for scope in _SCOPES},
        "closed_by_age": row.closed and last != "closed",
        "log": [_entry(g.site, done) for done in log],
        "other_keys": [key for key in other_keys if key != row.article],
    }


@blueprint.post("/article/<any(close, reopen, hide, show):switch>")
def switch_article(switch: str) -> ResponseReturnValue:
    """Close or open an article, hide or show its counts."""
    _require("review")
    with writing(current.engine()) as connection:
        key = _key(connection)
        _SWITCHES[switch](connection, g.site, key, at_ms=current.now_ms(), by=editors.by())
    return _back(f"{_switched(switch)} {_soon()}", key)


@blueprint.post("/article/describe")
def describe_article() -> ResponseReturnValue:
    """Give an article a title, a section, authors, tags, an address and a date."""
    _require("write")
    with writing(current.engine()) as connection:
        key = _key(connection)
        said = Description(**_checked(_described(key)))
        interventions.describe(connection, g.site, said, at_ms=current.now_ms(), by=editors.by())
    return _back(gettext("The description is saved."), key)


@blueprint.post("/article/move")
def move_article() -> ResponseReturnValue:
    """Give an article another key."""
    _require("write")
    with writing(current.engine()) as connection:
        key, to = _key(connection), article_keys.canonical_key(request.form.get("to", ""))
        interventions.move(connection, g.site, key, to=to, at_ms=current.now_ms(), by=editors.by())
    return _back(gettext("The article has its new key. The old one keeps working."), to)


@blueprint.post("/article/undo")
def undo_on_article() -> ResponseReturnValue:
    """Undo one line of an article's log."""
    at, _, what = request.form.get("done", "").partition(" ")
    _require("write" if what in ("moved", "described") else "review")
    if not at.isdecimal() or len(at) > 15:
        raise ValidationError(gettext("The form does not say what to undo. Load the page again."))
    with current.reading() as connection:
        key = _key(connection)
    if what == "reset":
        _undo_reset(key, int(at))
    else:
        with writing(current.engine()) as connection:
            done = int(at), what
            interventions.undo(connection, g.site, key, done, at_ms=current.now_ms(), by=editors.by())
    undone = gettext("Undone: %(what)s.", what=_done_names()[what])
    return _back(undone if what == "described" else f"{undone} {_soon()}", None)


def _undo_reset(key: str, at_ms: int) -> None:
    with current.reading() as connection:
        log = interventions.log_of(connection, articles.get(connection, g.site, key).article_id)
    if not any((done.at, done.what, done.may_undo) == (at_ms, "reset", True) for done in log):
        raise ChangedMeanwhile(interventions.too_late())
    revising.undo_reset(_editor(), key)


@blueprint.get("/article/<any(merge, delete):decision>")
def ask_about_article(decision: str) -> ResponseReturnValue:
    """Ask before what cannot be undone, and say what it would do."""
    _require("review")
    with current.reading() as connection:
        this = _counted(connection, _key(connection))
        into = request.args.get("into", "").strip()
        target = _counted(connection, article_keys.canonical_key(into)) if decision == "merge" else None
    if target is not None and target["id"] == this["id"]:
        raise ValidationError(gettext("Both keys lead to this article already: there is nothing to merge."))
    return pages.render("article_asked", here="articles", decision=decision, this=this, target=target)


@blueprint.post("/article/merge")
def merge_article() -> ResponseReturnValue:
    """Move the votes and the keys of an article to another."""
    _require("review")
    into = article_keys.canonical_key(request.form.get("into", ""))
    with current.reading() as connection:
        key = _key(connection)
    votes = revising.merge(_editor(), key, into=into)
    said = ngettext(
        "%(n)s vote moved here. The other article’s keys lead here from now on.",
        "%(n)s votes moved here. The other article’s keys lead here from now on.",
        votes,
    )
    flash({"text": said})  # type: ignore[arg-type]
    return redirect(url_for("dashboard.article", article=into), 303)


@blueprint.post("/article/delete")
def delete_article() -> ResponseReturnValue:
    """Delete an article with its votes, for good."""
    _require("review")
    with current.reading() as connection:
        this = _counted(connection, _key(connection))
    removing.delete_article(_editor(), this["key"])
    return pages.render("article_deleted", here="articles", this=this)


def _require(scope: str) -> None:
    if not editors.may(scope):
        raise Forbidden(
            gettext("To describe or move articles, sign in with a key that has the scope write.")
            if scope == "write"
            else gettext("To close, hide, merge or delete articles, sign in with a key that has the scope review.")
        )


def _soon() -> str:
    """When readers see what was done: when caches have asked again, as `counts_max_age_s` and `site_memory_s` say."""
    return gettext("Readers see it within a few seconds.")


def _switched(switch: str) -> str:
    """What the page says after each switch."""
    return {
        "close": gettext("Voting on this article has ended. Its counts stay visible."),
        "reopen": gettext("Readers can vote on this article again."),
        "hide": gettext("Readers no longer see the counts of this article. They can still vote."),
        "show": gettext("Readers see the counts of this article again."),
    }[switch]


def _done_names() -> dict[str, str]:
    """What the log of an article calls what was done to it."""
    return {
        "closed": gettext("Voting ended"), "reopened": gettext("Voting opened again"), "hidden": gettext("Counts hidden"),
        "shown": gettext("Counts shown again"), "moved": gettext("Given another key"), "described": gettext("Described"),
        "reset": gettext("Every vote withdrawn"), "restored": gettext("Votes restored"),
        "merged away": gettext("Merged into another article"),
        "merged in": gettext("Another article merged into this one"),
        "recounted": gettext("Counts put right after a recount"), "votes dropped": gettext("Single votes dropped, counts kept"),
        "imported": gettext("Registered by an import"), "signed": gettext("Registered with a signed key"),
    }  # fmt: skip


def _key(connection: Connection) -> str:
    """The key of the article that a form or an address names by its id. Raises UnknownArticle."""
    return articles.key_by_id(connection, g.site, article_keys.id_shown(request.values.get("id", "")))


def _back(said: str, key: str | None) -> ResponseReturnValue:
    flash({"text": said})  # type: ignore[arg-type]
    named = {"article": key} if key else {"id": request.form["id"]}
    return redirect(url_for("dashboard.article", **named, _anchor="doing"), 303)  # type: ignore[arg-type]


def _described(key: str) -> dict[str, Any]:
    """The body that the API would be sent. An empty field is none."""
    form = request.form
    said: dict[str, Any] = {"key": key, "title": form.get("title", "")}
    said |= {name: form.get(name, "").strip() or None for name in ("url", "section")}
    said |= {name: [part.strip() for part in form.get(name, "").split(",") if part.strip()] for name in ("authors", "tags")}
    published = form.get("published_at", "").strip()
    return {**said, "published_at": _with_offset(published) if published else None}


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    """The body by the API's own rule. Raises ValidationError with the names of the fields in its text."""
    try:
        checked: dict[str, Any] = _body.load(body)
    except ValidationError as error:
        faults = problems.errors_of(error.messages, "")
        names = _field_names()
        said = [f"{names.get(name := fault['pointer'].split('/')[1], name)}: {fault['detail']}" for fault in faults]
        raise ValidationError([gettext("Nothing was changed."), *said]) from None
    return checked


def _field_names() -> dict[str, str]:
    """What the fields of a description are called in the form."""
    return {
        "title": gettext("Title"), "section": gettext("Section"), "published_at": gettext("Published"),
        "authors": gettext("Authors"), "tags": gettext("Tags"), "url": gettext("Address"),
    }  # fmt: skip


def _with_offset(text: str) -> str:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(g.site.time_zone)).isoformat()
    except ValueError:
        raise ValidationError(gettext("Write the time of publication as 2026-03-01T07:30.")) from None


def _counted(connection: Connection, key: str) -> dict[str, Any]:
    """An article in figures, for a question about it."""
    article = articles.get(connection, g.site, key)
    counts = tallies.counts_of(connection, [article.article_id])[article.article_id]
    _, title = under_review.names_of(connection, [article.article_id])[article.article_id]
    shown = article_keys.shown_id(article.article_id)
    return {"id": shown, "key": article.key, "title": title, "article": article.key, "votes": sum(counts.values())}


def _editor() -> Editor:
    return Editor(current.engine(), current.parts().ballot_box, g.site, by=editors.by(), now_ms=current.now_ms())


def _entry(site: Site, done: Done) -> Entry:
    at = datetime.fromtimestamp(done.at / 1000, UTC).astimezone(ZoneInfo(site.time_zone))
    text = _done_names().get(done.what, done.what)
    if done.what == "moved" and done.before:
        text = gettext("Given another key; it was %(key)s", key=done.before["key"])
    return Entry(at, f"{done.at} {done.what}", text, done.by, done.may_undo, done.what in _FINAL)
