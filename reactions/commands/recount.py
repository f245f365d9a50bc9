"""`reactions recount`: show the numbers that disagree, and correct them on request."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from reactions.commands import operator
from reactions.newsroom import article_keys, articles, sites
from reactions.storage.engines import snapshot
from reactions.votes import recounting
from reactions.votes.integrity import Difference
from reactions.votes.recounting import Finding
from reactions.web import current


@click.command("recount")
@click.option("--site", help="Only this site.")
@click.option("--article", metavar="KEY", help="Only this article of the site.")
@click.option("--apply", is_flag=True, help="Correct the numbers. Without it, nothing is changed.")
@with_appcontext
def recount(site: str | None, article: str | None, *, apply: bool) -> None:
    """Show the numbers of articles that disagree, and correct them with --apply.

    The votes decide, because every other number is computed from them. Tallies are set to what the votes say. If the ledger does
    not end at a vote's present state, an event with the cause "recount" is added to it; no event is changed. The hourly series is
    set to what the ledger says. Votes cast meanwhile are counted.

    A difference is a bug, or somebody changed the database by hand: find the cause first, because this hides it. Exit code 1 if
    numbers disagree at the end.
    """
    if article is not None and site is None:
        raise click.UsageError("--article needs --site.")
    with snapshot(current.engine()) as connection:
        chosen = None if site is None else sites.get(connection, site)
        named = None
        if article is not None and chosen is not None:
            named = articles.get(connection, chosen, article_keys.canonical_key(article)).article_id
        names = {each.id: each.key for each in sites.all_sites(connection)}
        found = list(recounting.find(connection, chosen, named))
    left = 0
    for finding in found:
        _show(names[finding.article.site_id], finding)
        left += _apply(finding) if apply else len(finding.differences)
    if not found:
        click.echo("Every number agrees.")
    elif left:
        hint = "" if apply else " --apply sets what can be set."
        click.echo(f"{left:,} number{'s' * (left != 1)} disagree{'s' * (left == 1)}.{hint}")
        raise click.exceptions.Exit(1)


def _show(site: str, finding: Finding) -> None:
    click.echo(f"{site} {finding.article.key}")
    for difference in finding.differences:
        if isinstance(difference, Difference):
            reaction, said = difference.reaction, finding.votes.get(difference.reaction, 0)
            click.echo(
                f"    {reaction:10} served {difference.served:,}, votes {difference.recounted:,}, ledger {difference.folded:,}, "
                f"hourly series {difference.hourly:,}: to be set to {said:,}"
            )
        else:
            click.echo(f"    {difference}")


def _apply(finding: Finding) -> int:
    """Correct an article; how many of its numbers disagree still."""
    box = current.parts().ballot_box
    still = recounting.correct(box, finding.article, by=operator(), now_ms=current.now_ms())
    for difference in still:
        click.echo(f"    not set: {difference}")
    if not still:
        click.echo("    set.")
    return len(still)
