"""The transactions of imports: totals of other tools come and go, and an export of ours comes back, all of it or nothing.

Each function is work for `BallotBox.transact`. Totals are the other part of a tally and never touch a vote. The votes of
an export are counted by `counting`, as any others, only that their voters are invented.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from sqlalchemy import Connection

from reactions.imports import record
from reactions.imports.record import Changes, Import
from reactions.imports.restored import Restoration, Restored
from reactions.newsroom import articles, interventions
from reactions.newsroom.sites import Site
from reactions.refusals import UnreadableImport
from reactions.storage.engines import plan_lists_anew
from reactions.votes import counting, imported, ledger, tallies

_ARTICLES_AT_ONCE = 200


def bring(connection: Connection, site: Site, new: Import, changes: Changes, *, known: Import | None) -> None:
    """Let a source have brought other amounts than the import that is known. Raises ImportConflict if that changed meanwhile.

    The tallies come last, because theirs are the locks that votes wait for.
    """
    plan_lists_anew(connection)
    record.record(connection, new, known=known)
    for newcomers in changes.newcomers():
        articles.register(connection, site, dict(newcomers), at_ms=new.at, by=new.by)
    _change_amounts(connection, new.source, changes)


def take_back(connection: Connection, site: Site, known: Import, changes: Changes) -> None:
    """Undo an import: `changes` brings all its amounts to 0, and votes that it brought are as if they had never been.

    Raises ImportConflict if it changed meanwhile.
    """
    plan_lists_anew(connection)
    record.forget(connection, known)
    _change_amounts(connection, known.source, changes)
    if known.votes:
        ids = articles.ids_in(connection, site)
        while chunk := list(islice(ids, _ARTICLES_AT_ONCE)):
            tallies.unshift(connection, ledger.strike_out(connection, chunk, record.tag_of(site, known.source)))


def restore(connection: Connection, site: Site, new: Import, restoration: Restoration) -> Import:
    """Bring back an export; return what was recorded. Raises ImportConflict where articles have votes, or the source an import.

    Raises UnreadableImport unless the votes add up to the counts that the export tells of.
    """
    plan_lists_anew(connection)
    for chunk in restoration.articles():
        _restore_articles(connection, site, chunk)
    for chunk in restoration.articles():
        interventions.restore_merges(connection, {a.article_id: a.merged_into for a in chunk if a.merged_into is not None})
    votes = 0
    for ballots in restoration.ballots():
        votes += len(counting.count(connection, ballots, pseudonym_key=b""))
    for amounts in restoration.amounts():
        imported.change(connection, new.source, amounts)
        tallies.shift_imported(connection, {(c.article_id, c.reaction): c.after for c in amounts})
    for chunk in restoration.articles():
        _check_counts(connection, chunk)
    done = record.with_votes(new, votes)
    record.record(connection, done, known=None)
    return done


def _change_amounts(connection: Connection, source: str, changes: Changes) -> None:
    for chunk in changes.amounts():
        imported.change(connection, source, chunk)
    for chunk in changes.amounts():
        tallies.shift_imported(connection, {(c.article_id, c.reaction): c.after - c.before for c in chunk})


def _restore_articles(connection: Connection, site: Site, chunk: Sequence[Restored]) -> None:
    ledger.refuse_any_of(connection, site.key, {article.article_id: article.key for article in chunk})
    articles.write_rows(connection, site, {a.article_id: {"key": a.key, **a.said} for a in chunk})
    articles.add_aliases(connection, site, {alias: a.article_id for a in chunk for alias in a.aliases})


def _check_counts(connection: Connection, chunk: Sequence[Restored]) -> None:
    counted = tallies.counts_of(connection, [article.article_id for article in chunk])
    for article in chunk:
        for reaction, count in article.counts.items():
            if (found := counted[article.article_id].get(reaction, 0)) != count:
                raise UnreadableImport(
                    f"{article.place}: tells of {count:,} {reaction}, but the export makes {found:,}. Nothing was changed."
                )
