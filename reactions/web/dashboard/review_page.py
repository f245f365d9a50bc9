"""The review page: the votes that are held or suspect, the verdicts, and which votes its forms mean.

A form names its votes by hour (`only`, `window`), by id (`vote`), or by a verdict, a network, a decision (`settled`) or all of
them, on an article or everywhere, and by `shown`: the list that the editor looked at. Nothing outside that list is decided.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from marshmallow import ValidationError
from sqlalchemy import Connection
from werkzeug.datastructures import MultiDict

from reactions.languages import gettext, ngettext
from reactions.newsroom import article_keys, articles
from reactions.newsroom.sites import Site
from reactions.reports import words
from reactions.times import HOUR_MS
from reactions.votes import review, under_review, verdicts
from reactions.votes.holds import HELD, REJECTED, RELEASED, STATES, SUSPECT
from reactions.votes.review import Choice
from reactions.votes.under_review import Burst, Listed
from reactions.votes.verdicts import Verdict
from reactions.web import current, editors
from reactions.web.requests import place_of

WINDOWS, VERDICTS, VOTES, NETWORKS = 50, 10, 100, 20  # on one page
LISTS = {"waiting": (HELD, SUSPECT), "rejected": (REJECTED,), "released": (RELEASED,)}
_DECISIONS = {"release": review.release, "reject": review.reject}
_DONE = {"release": "released", "reject": "rejected"}
_OPPOSITE = {"release": "reject", "reject": "release"}
_WINDOW = re.compile("([0-9a-f]{16})-([0-9]{1,8})")
_VOTE = re.compile("[0-9a-f]{16}")
_NETWORK = re.compile("[!-~]{1,24}")
_SETTLED = re.compile("[0-9]{1,15}")


class Name(NamedTuple):
    """An article as `pieces.title` and `pieces.unverified` show it."""

    article: str
    title: str | None


class Window(NamedTuple):
    """The votes on an article of one hour, as they are shown."""

    id: str
    name: Name
    burst: Burst
    start: datetime
    end: datetime
    states: str
    choices: Sequence[tuple[str, int]]

    @property
    def share(self) -> float:
        """The part of the hour's readers of the article that these votes are: all by fresh readers."""
        return self.burst.votes / max(self.burst.readers, self.burst.votes)


class Suspicion(NamedTuple):
    """A verdict, as it is shown. `lists` are those in which it has votes, with how many."""

    verdict: Verdict
    text: str
    name: Name
    at: datetime
    states: str
    lists: Mapping[str, int]
    holds: bool


def overview(site: Site, args: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows. Raises MalformedCursor, UnknownArticle or ValidationError."""
    shown = _list(args)
    with current.reading() as connection:
        article_id = _article(connection, site, args.get("article", ""))
        choice = Choice(site_id=site.id, article_id=article_id, states=LISTS[shown])
        found = under_review.bursts(connection, choice, before=_before(args.get("before")), limit=WINDOWS + 1)
        known = verdicts.of_site(connection, site, article_id=article_id, before=place_of(args.get("older")), limit=VERDICTS + 1)
        votes = under_review.states_by_verdict(connection, [verdict.id for verdict in known])
        every = under_review.states(connection, Choice(site_id=site.id, article_id=article_id, states=STATES))
        about = {burst.article_id for burst in found} | {verdict.article_id for verdict in known}
        names = _names(connection, about if article_id is None else {*about, article_id})
    return {
        "shown": shown,
        "counts": {name: sum(every.get(state, 0) for state in states) for name, states in LISTS.items()},
        "waiting": _in_words(every, (HELD, SUSPECT)),
        "article": None if article_id is None else article_keys.shown_id(article_id),
        "name": None if article_id is None else names[article_id],
        "windows": [_window(site, burst, names) for burst in found[:WINDOWS]],
        "before": _window_id(found[WINDOWS - 1]) if len(found) > WINDOWS else None,
        "suspicions": [_suspicion(site, verdict, names, votes.get(verdict.id, {})) for verdict in known[:VERDICTS]],
        "older": f"{known[VERDICTS - 1].at_ms}-{known[VERDICTS - 1].id}" if len(known) > VERDICTS else None,
        "may_decide": editors.may("review"),
        "list_names": list_names(),
        "state_names": _state_names(),
    }


def one_by_one(site: Site, args: Mapping[str, str]) -> dict[str, Any]:
    """What the page of one window shows: its votes and the networks they came from. Raises as `overview` does."""
    shown = _list(args)
    with current.reading() as connection:
        choice = _window_choice(connection, site, args.get("window", ""), LISTS[shown])
        found = under_review.listed(connection, choice, before=place_of(args.get("before")), limit=VOTES + 1)
        networks = under_review.networks(connection, choice, limit=NETWORKS)
        names = _names(connection, [choice.article_id or 0])
    return {
        "shown": shown,
        "window": args.get("window"),
        "name": names[choice.article_id or 0],
        "start": _local(site, choice.from_ms or 0),
        "votes": [(vote, _local(site, vote.at_ms), _fate(site, vote)) for vote in found[:VOTES]],
        "networks": networks,
        "before": f"{found[VOTES - 1].at_ms}-{found[VOTES - 1].id}" if len(found) > VOTES else None,
        "may_decide": True,
        "list_names": list_names(),
    }


def waiting(site: Site, key: str) -> tuple[str, str]:
    """How many votes on an article wait for review, in words (empty if none), and the article's id as addresses have it."""
    with current.reading() as connection:
        article_id = articles.get(connection, site, article_keys.canonical_key(key)).article_id
        choice = Choice(site_id=site.id, article_id=article_id, states=LISTS["waiting"])
        return _in_words(under_review.states(connection, choice), choice.states), article_keys.shown_id(article_id)


def decide(site: Site, decision: str, form: MultiDict[str, str]) -> dict[str, Any]:
    """Release or reject the votes that a form means; return what to say of it, and how to take it back.

    Raises UnknownArticle, UnknownVerdict or ValidationError.
    """
    with current.reading() as connection:
        choices = _choices(connection, site, form)
    if not choices:
        return {"text": gettext("No vote was changed: tick the votes first, or use the buttons beside them.")}
    now_ms = current.now_ms()
    box, by = current.parts().ballot_box, editors.by()
    count = sum(_DECISIONS[decision](box, choice, by=by, now_ms=now_ms) for choice in choices)
    if not count:
        return {"text": gettext("No vote was changed: somebody has decided about them already, or their time had come.")}
    undo = {"decision": _OPPOSITE[decision], "shown": _DONE[decision], "settled": now_ms}
    if decision == "release":
        return {"text": ngettext("%(n)s vote was released.", "%(n)s votes were released.", count), **undo}
    return {"text": ngettext("%(n)s vote was rejected.", "%(n)s votes were rejected.", count), **undo}


def _choices(connection: Connection, site: Site, form: MultiDict[str, str]) -> list[Choice]:
    states = LISTS[_list(form)]
    if windows := [form["only"]] if "only" in form else form.getlist("window"):
        return [_window_choice(connection, site, window, states) for window in dict.fromkeys(windows)]
    if ids := form.getlist("vote"):
        return [Choice(site_id=site.id, ids=[_matched(_VOTE, vote)[0] for vote in ids], states=states)]
    if not any(form.get(name) for name in ("verdict", "network", "settled", "all")):
        return []  # an article alone does not do: it only says where the editor came from
    verdict, network, settled = (form.get(name) or None for name in ("verdict", "network", "settled"))
    return [
        Choice(
            site_id=site.id,
            article_id=_article(connection, site, form.get("article", "")),
            verdict=None if verdict is None else verdicts.get(connection, site, verdict).id,
            network=None if network is None else _matched(_NETWORK, network)[0],
            settled_ms=None if settled is None else int(_matched(_SETTLED, settled)[0]),
            states=states,
        )
    ]


def _list(given: Mapping[str, str]) -> str:
    if (shown := given.get("shown") or "waiting") not in LISTS:
        raise ValidationError(gettext("There is no such list of votes. There are: %(lists)s.", lists=", ".join(LISTS)))
    return shown


def _article(connection: Connection, site: Site, text: str) -> int | None:
    """The article whose id a form has; None if it has none."""
    if not text:
        return None
    key = articles.key_by_id(connection, site, article_keys.id_shown(text))
    return articles.get(connection, site, key).article_id


def _window_choice(connection: Connection, site: Site, text: str, states: Sequence[str]) -> Choice:
    match = _matched(_WINDOW, text)
    from_ms = int(match[2]) * HOUR_MS
    article_id = article_keys.id_shown(match[1])
    articles.key_by_id(connection, site, article_id)
    return Choice(site_id=site.id, article_id=article_id, from_ms=from_ms, until_ms=from_ms + HOUR_MS, states=states)


def _before(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    match = _matched(_WINDOW, text)
    return int(match[2]), article_keys.id_shown(match[1]) or 0


def _matched(form: re.Pattern[str], text: str) -> re.Match[str]:
    if (match := form.fullmatch(text)) is None:
        raise ValidationError(gettext("The form names votes in a way that this page does not. Load it again."))
    return match


def _names(connection: Connection, article_ids: Collection[int]) -> dict[int, Name]:
    return {article_id: Name(*named) for article_id, named in under_review.names_of(connection, article_ids).items()}


def _window_id(burst: Burst) -> str:
    return f"{article_keys.shown_id(burst.article_id)}-{burst.hour}"


def _window(site: Site, burst: Burst, names: Mapping[int, Name]) -> Window:
    chosen = sorted(burst.reactions.items(), key=lambda each: (-each[1], str(each[0])))
    return Window(
        id=_window_id(burst),
        name=names[burst.article_id],
        burst=burst,
        start=_local(site, burst.from_ms),
        end=_local(site, burst.to_ms),
        states=_in_words(burst.states, (HELD, SUSPECT)),
        choices=[(reaction or "", n) for reaction, n in chosen],
    )


def _suspicion(site: Site, verdict: Verdict, names: Mapping[int, Name], states: Mapping[str, int]) -> Suspicion:
    lists = {name: sum(states.get(state, 0) for state in of_list) for name, of_list in LISTS.items()}
    return Suspicion(
        verdict,
        verdicts.in_words(site, verdict),
        names[verdict.article_id],
        _local(site, verdict.at_ms),
        _in_words(states, STATES),
        {name: n for name, n in lists.items() if n},
        holds=verdict.enforced and verdict.until_ms > current.now_ms(),
    )


def _in_words(states: Mapping[str, int], shown: Sequence[str]) -> str:
    """How many votes are in which state: "5 held, 60 counted, but suspect"; empty if none is in any of those to be shown."""
    names = _state_names()
    return "; ".join(f"{words.number(states[state])} {names[state]}" for state in shown if states.get(state))


def _fate(site: Site, vote: Listed) -> str:
    """How a vote stands, and by whom or until when."""
    state = _state_names()[vote.state]
    if vote.settled_at_ms is not None:
        settled = words.moment(_local(site, vote.settled_at_ms))
        return gettext("%(state)s %(moment)s by %(editor)s", state=state, moment=settled, editor=vote.settled_by)
    if vote.state == HELD:
        return gettext("held until %(moment)s", moment=words.moment(_local(site, vote.due_at_ms)))
    return state


def _state_names() -> dict[str, str]:
    """What a vote is, behind its number: 5 held."""
    return {
        HELD: gettext("held"), SUSPECT: gettext("counted, but suspect"), REJECTED: gettext("rejected"),
        RELEASED: gettext("released"),
    }  # fmt: skip


def list_names() -> dict[str, str]:
    """What the lists of votes are called."""
    return {"waiting": gettext("Waiting"), "rejected": gettext("Rejected"), "released": gettext("Released")}


def _local(site: Site, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, ZoneInfo(site.time_zone))
