"""`reactions retention`: remove what is kept no longer. For a timer, once a day."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from reactions.commands import as_json, print_json
from reactions.newsroom import registering, sites
from reactions.reports import words
from reactions.storage import partitions
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import removing
from reactions.votes import retention as retention_
from reactions.web import current


@click.command("retention")
@as_json
@with_appcontext
def retention(*, as_json: bool) -> None:
    """Remove made-up articles, and votes older than their site keeps them. Idempotent.

    An article is taken for made up if readers registered it more than a week ago, nobody described or changed it, and it has
    fewer than 2 votes. `reactions site set KEY --keep-votes-days` says when votes and their events are dropped; counts and the
    hourly series stay. Run it once a day, from cron or a systemd timer.
    """
    engine, box, now_ms = current.engine(), current.parts().ballot_box, current.now_ms()
    with current.reading() as connection:
        every = sites.all_sites(connection)
    outcome = []
    for site in every:
        removed = removing.collect_junk(engine, box, site, now_ms=now_ms)
        dropped = retention_.drop_old_votes(engine, box, site, now_ms=now_ms)
        outcome.append({"site": site.key, "articles_removed": removed, "articles_with_votes_dropped": dropped})
        if not as_json:
            click.echo(f"{site.key}: {words.counted(removed, 'article')} without a description removed.")
        if not as_json and (dropped or site.keep_votes_days is not None):
            click.echo(f"{site.key}: the votes of {words.counted(dropped, 'article')} dropped.")
    if as_json:
        print_json({"sites": outcome})
    with writing(engine) as connection:
        registering.forget_quotas(connection, before_ms=now_ms - DAY_MS)
    partitions.keep_ahead(engine, now_ms=now_ms)
