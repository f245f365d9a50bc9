"""`reactions recount`: show the numbers that disagree, and correct them on request."""

from __future__ import annotations

from collections.abc import Sequence

import click
from flask.cli import with_appcontext

from reactions.commands import as_json, operator, print_json
from reactions.newsroom import article_keys, articles, sites
from reactions.reports import words
from reactions.storage.engines import snapshot
from reactions.votes import recounting
from reactions.votes.integrity import Difference
from reactions.votes.recounting import Finding
from reactions.web import current


@click.command("recount")
@click.option("--site", help="Only this site.")
@click.option("--article", metavar="KEY", help="Only this article of the site.")
@click.option("--apply", is_flag=True, help="Correct the numbers. Without it, nothing is changed.")
@as_json
@with_appcontext
def recount(site: str | None, article: str | None, *, apply: bool, as_json: bool) -> None:
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
    left = _report_as_json(names, found, apply=apply) if as_json else _report(names, found, apply=apply)
    if left:
        raise click.exceptions.Exit(1)


def _report(names: dict[int, str], found: list[Finding], *, apply: bool) -> int:
    """Print what disagrees, correct it on request, and return how many numbers disagree still."""
    left = 0
    for finding in found:
        _show(names[finding.article.site_id], finding)
        still = _correct(finding) if apply else None
        left += len(finding.differences if still is None else still)
        if still is not None:
            click.echo("\n".join(f"    not set: {difference}" for difference in still) or "    set.")
    if not found:
        click.echo("Every number agrees.")
    elif left:
        hint = "" if apply else " --apply sets what can be set."
        click.echo(f"{words.counted(left, 'number disagrees', 'numbers disagree')}.{hint}")
    return left


def _report_as_json(names: dict[int, str], found: list[Finding], *, apply: bool) -> int:
    articles_ = []
    for finding in found:
        left = _correct(finding) if apply else finding.differences
        named = {"site": names[finding.article.site_id], "article": finding.article.key}
        articles_.append({**named, "differences": [*map(str, finding.differences)], "left": [*map(str, left)]})
    left_over = sum(len(each["left"]) for each in articles_)
    print_json({"articles": articles_, "disagreeing": left_over})
    return left_over


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


def _correct(finding: Finding) -> Sequence[object]:
    """Correct an article; those of its numbers that disagree still."""
    return recounting.correct(current.parts().ballot_box, finding.article, by=operator(), now_ms=current.now_ms())
