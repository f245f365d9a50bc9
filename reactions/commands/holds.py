"""`reactions holds`: list the votes under review and the verdicts about them, release votes and reject them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from flask.cli import AppGroup

from reactions.commands import as_json, operator, print_json
from reactions.commands.arguments import Moment
from reactions.newsroom import article_keys, articles, sites
from reactions.newsroom.sites import Site
from reactions.reports import words
from reactions.times import rfc3339
from reactions.votes import review, under_review, verdicts
from reactions.votes.holds import HELD, REJECTED, STATES, SUSPECT
from reactions.votes.review import Choice
from reactions.web import current, holds_api

_SHOWN = 100

holds = AppGroup("holds", help="List, release and reject votes that are held or suspect.")


def _choosing(command: Any) -> Any:
    """The options that choose votes."""
    for option in (
        click.option("--vote", "ids", multiple=True, metavar="ID", help="A vote by its id. Repeatable."),
        click.option("--article", metavar="KEY", help="The votes on an article."),
        click.option("--verdict", metavar="ID", help="The votes that a verdict names."),
        click.option("--network", metavar="HASH", help="The votes of a network, by its hash."),
        click.option("--from", "since", type=Moment(), help="Votes held at this time or later: 2026-03-01T07:30:00+01:00."),
        click.option("--until", type=Moment(), help="Votes held before this time."),
    ):
        command = option(command)
    return command


@holds.command("list")
@click.argument("site")
@_choosing
@click.option("--state", type=click.Choice(STATES), help="Only votes in this state.")
@as_json
def list_all(site: str, state: str | None, *, as_json: bool, **chosen: Any) -> None:
    """List the latest 100 votes under review."""
    with current.reading() as connection:
        choice = _choice(connection, sites.get(connection, site), (state,) if state else STATES, **chosen)
        found = under_review.listed(connection, choice, limit=_SHOWN + 1)
    if as_json:
        print_json({"holds": [holds_api.shown_vote(vote) for vote in found[:_SHOWN]], "more": len(found) > _SHOWN})
        return
    if not found:
        click.echo("none yet")
        return
    for vote in found[:_SHOWN]:
        why = f"{vote.cause} {vote.verdict or ''}".strip()
        click.echo(f"{vote.id}  {vote.state:8}  {rfc3339(vote.at_ms)}  {vote.reaction or '-':10}  {vote.article}  ({why})")
    click.echo("There are more." if len(found) > _SHOWN else f"{words.counted(len(found), 'vote')}.", err=True)


@holds.command("verdicts")
@click.argument("site")
@as_json
def list_verdicts(site: str, *, as_json: bool) -> None:
    """List the latest 100 verdicts of the detector."""
    with current.reading() as connection:
        found = verdicts.of_site(connection, sites.get(connection, site), limit=_SHOWN)
        names = under_review.names_of(connection, {verdict.article_id for verdict in found})
        states = under_review.states_by_verdict(connection, [verdict.id for verdict in found])
    if as_json:
        shown = [holds_api.shown_verdict(each, names[each.article_id][0], states.get(each.id, {})) for each in found]
        print_json({"verdicts": shown})
        return
    if not found:
        click.echo("none yet")
    for verdict in found:
        stands = ", ".join(f"{n:,} {state}" for state, n in sorted(states.get(verdict.id, {}).items()))
        click.echo(f"{verdict.id}  {rfc3339(verdict.at_ms)}  {names[verdict.article_id][0]}\n    {verdict.text} ({stands})")


@holds.command("release")
@click.argument("site", required=False)
@_choosing
@click.option("--all", "every", is_flag=True, help="All votes of the site that are held or suspect.")
@click.option(
    "--due", is_flag=True, help="The held votes of all sites that are due. Run it every minute, from cron or a systemd timer."
)
@click.option("--rejected", is_flag=True, help="Release rejected votes as well.")
def release(site: str | None, *, every: bool, due: bool, rejected: bool, **chosen: Any) -> None:
    """Count votes that are held or suspect. Idempotent."""
    if due:
        if site or every or rejected or any(chosen.values()):
            raise click.UsageError("Use --due alone: it is about all sites.")
        count = review.release_due(current.parts().ballot_box, now_ms=current.now_ms())
    else:
        states = (HELD, SUSPECT, REJECTED) if rejected else (HELD, SUSPECT)
        count = _decide(review.release, site, states, every=every, chosen=chosen)
    click.echo(f"{words.counted(count, 'vote')} released.")


@holds.command("reject")
@click.argument("site")
@_choosing
@click.option("--all", "every", is_flag=True, help="All votes of the site that are held or suspect.")
def reject(site: str, *, every: bool, **chosen: Any) -> None:
    """Never count votes that are held or suspect. `release --rejected` undoes it."""
    count = _decide(review.reject, site, (HELD, SUSPECT), every=every, chosen=chosen)
    click.echo(f"{words.counted(count, 'vote')} rejected.")


def _decide(
    decision: Callable[..., int], site: str | None, states: tuple[str, ...], *, every: bool, chosen: dict[str, Any]
) -> int:
    if site is None or not (every or any(chosen.values())):
        raise click.UsageError(
            "Name a site, and say which votes: --vote, --article, --verdict, --network, --from, --until or --all."
        )
    with current.reading() as connection:
        choice = _choice(connection, sites.get(connection, site), states, **chosen)
    return decision(current.parts().ballot_box, choice, by=operator(), now_ms=current.now_ms())


def _choice(connection: Any, site: Site, states: tuple[str, ...], **chosen: Any) -> Choice:
    key = chosen["article"]
    if chosen["verdict"]:
        verdicts.get(connection, site, chosen["verdict"])
    return Choice(
        site_id=site.id,
        ids=chosen["ids"] or None,
        article_id=None if key is None else articles.get(connection, site, article_keys.canonical_key(key)).article_id,
        verdict=chosen["verdict"],
        network=chosen["network"],
        from_ms=chosen["since"],
        until_ms=chosen["until"],
        states=states,
    )
