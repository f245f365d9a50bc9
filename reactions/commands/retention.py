"""`reactions retention`: what is kept no longer. For a timer, once a day."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from reactions.newsroom import registering, sites
from reactions.storage.engines import writing
from reactions.times import DAY_MS
from reactions.votes import removing
from reactions.web import current


@click.command("retention")
@with_appcontext
def retention() -> None:
    """Remove articles that strangers made up: no description, fewer than 2 votes, a week old."""
    engine, box, now_ms = current.engine(), current.parts().ballot_box, current.now_ms()
    with current.reading() as connection:
        every = sites.all_sites(connection)
    for site in every:
        removed = removing.collect_junk(engine, box, site, now_ms=now_ms)
        click.echo(f"{site.key}: {removed:,} articles without a description removed.")
    with writing(engine) as connection:
        registering.forget_quotas(connection, before_ms=now_ms - DAY_MS)
