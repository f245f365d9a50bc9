"""The transactions of imports: totals of other tools come and go, an export of ours comes back, all of it or nothing.

Views are the exception: those of a year hold SQLite's write lock for too long, so they change in short transactions. Each
replaces what stands, so a run that was cut short is finished by running it again; its record has no file's hash until then.

All run in the ballot box. Totals are the other part of a tally and never touch a vote. The votes of an export are counted by
`counting`, as any others; only their voters are invented.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection

from reactions.imports import record
from reactions.imports.own_exports import Restoration, RestoredArticle, refuse_occupied
from reactions.imports.record import Import
from reactions.imports.sources import chunks
from reactions.imports.totals import Plan, Stage
from reactions.newsroom import articles, interventions
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, KeyTaken, UnreadableImport
from reactions.storage import locks
from reactions.storage.engines import plan_lists_anew
from reactions.times import HOUR_MS, now_ms
from reactions.votes import counting, imported, imported_views, integrity, ledger, retention, sealing, tallies
from reactions.votes.ballot_box import BallotBox
from reactions.votes.imported_views import DayChange

_ARTICLES_AT_ONCE = 200
_ALIASES_AT_ONCE = 500


def apply_import(box: BallotBox, plan: Plan, new: Import) -> bool:
    """Apply a plan, and record it as `new`; return whether there was anything to change. Raises ImportConflict."""
    known = plan.known
    if not plan.changed and known is not None and (known.file_hash, known.format) == (new.file_hash, new.format):
        return False
    if new.brings_views:
        begun = _change_views(box, plan, new)
        box.transact(lambda connection: record.put(connection, new, known=begun))
    else:
        box.transact(lambda connection: _apply(connection, plan, new))
    return True


def remove_import(box: BallotBox, plan: Plan) -> None:
    """Undo an import by the plan of its removal; votes that it brought are as if they had never been. Raises ImportConflict."""
    assert plan.known is not None
    known = plan.known
    if known.brings_views:
        begun = _change_views(box, plan, known)
        box.transact(lambda connection: record.delete_import(connection, begun))
    else:
        box.transact(lambda connection: _remove(connection, plan, known))


def restore_export(box: BallotBox, site: Site, new: Import, restoration: Restoration) -> Import:
    """Restore an export; return what was recorded. Raises ImportConflict where articles have votes, or the source an import.

    Raises UnreadableImport unless the votes add up to the counts in the export.
    """
    return box.transact(lambda connection: _restore(connection, site, new, restoration))


def _apply(connection: Connection, plan: Plan, new: Import) -> None:
    plan_lists_anew(connection)
    record.put(connection, new, known=plan.known)
    try:
        for newcomers in plan.stage.newcomers():
            articles.register(connection, plan.site, dict(newcomers), at_ms=new.at, by=new.by)
        _change_amounts(connection, new.source, plan.stage)
        for newcomers in plan.stage.newcomers():
            articles.refuse_moved(connection, plan.site, [key for _, key in newcomers])
    except KeyTaken:  # an article has moved there since the plan
        raise record.changed() from None
    articles.note_change(connection, plan.site)
    tallies.note_rewrite(connection, from_hour=tallies.NO_HOUR)


def _remove(connection: Connection, plan: Plan, known: Import) -> None:
    site = plan.site
    plan_lists_anew(connection)
    record.delete_import(connection, known)
    _change_amounts(connection, known.source, plan.stage)
    first = tallies.NO_HOUR
    if known.votes:
        sealing.take_turn(connection)  # nobody drops any of them from here on
        retention.refuse_take_back(connection, site)
        tag = record.tag_of(site, known.source)
        first = _strike_out(connection, articles.ids_in(connection, site), tag)
        locks.stop_counting(connection)  # until now a merge may have moved some of them where they had gone already
        first = min(first, _strike_out(connection, interventions.ids_merged_into(connection, site), tag))
    tallies.note_rewrite(connection, from_hour=first)


def _strike_out(connection: Connection, article_ids: Iterable[int], tag: bytes) -> int:
    """Let the votes of voters that begin with a tag be as if they had never been; return the first UTC hour that changes."""
    first = tallies.NO_HOUR
    for ids in chunks(article_ids, _ARTICLES_AT_ONCE):
        shifts = ledger.strike_out(connection, ids, tag, what="take back", at_ms=now_ms())
        tallies.unshift(connection, shifts)
        first = min([first, *(shift.at_ms // HOUR_MS for shift in shifts)])
    return first


def _restore(connection: Connection, site: Site, new: Import, restoration: Restoration) -> Import:
    plan_lists_anew(connection)
    merges: dict[int, int] = {}
    aliases: dict[str, int] = {}
    for chunk in restoration.articles():
        _restore_articles(connection, site, chunk)
        merges |= {a.article_id: a.merged_into for a in chunk if a.merged_into is not None}
        aliases |= {alias: a.article_id for a in chunk for alias in a.aliases}
    votes = 0
    for ballots in restoration.ballots():
        votes += len(counting.count(connection, ballots, pseudonym_key=b""))
    for chunk in restoration.articles():
        ledger.account_for(connection, [a.article_id for a in chunk], record.tag_of(site, new.source), at_ms=new.at)
    for changes in restoration.amounts():
        imported.change(connection, new.source, changes)
        tallies.shift_imported(connection, {(c.article_id, c.reaction): c.after for c in changes})
    for chunk in restoration.articles():
        _check_counts(connection, chunk)
    done = replace(new, votes=votes)
    record.put(connection, done, known=None)
    for chunk in restoration.articles():
        articles.refuse_moved(connection, site, [a.key for a in chunk])
    interventions.restore_merges(connection, merges)
    _refuse_votes_meanwhile(connection, site, merges, aliases)
    articles.note_change(connection, site)
    tallies.note_rewrite(connection)
    return done


def _change_amounts(connection: Connection, source: str, stage: Stage) -> None:
    """Change the tallies last, because theirs are the locks that votes wait for."""
    for chunk in stage.changes():
        imported.change(connection, source, chunk)
    for chunk in stage.changes():
        _refuse_gone(connection, {c.article_id for c in chunk if c.after}, record.changed())
        tallies.shift_imported(connection, {(c.article_id, c.reaction): c.after - c.before for c in chunk})


def _change_views(box: BallotBox, plan: Plan, new: Import) -> Import:
    """Change views step by step; return what was recorded to be under way. Raises ImportConflict."""
    begun = box.transact(lambda connection: record.begin(connection, new, known=plan.known))
    for chunk in plan.stage.changes():
        days = [(c, imported_views.day_of(c.reaction), plan.hours.get(c.reaction, range(0))) for c in chunk]
        changes = [DayChange(c.article_id, day, c.after, hours) for c, day, hours in days]
        box.transact(partial(_change_some_views, begun=begun, changes=changes))
    return begun


def _change_some_views(connection: Connection, *, begun: Import, changes: Sequence[DayChange]) -> None:
    plan_lists_anew(connection)
    record.hold(connection, begun)  # first, as other imports and merges lock the row of a source before articles
    _refuse_gone(connection, {change.article_id for change in changes if change.after}, record.interrupted())
    imported_views.change(connection, begun.source, changes)


def _refuse_gone(connection: Connection, article_ids: Collection[int], refusal: ImportConflict) -> None:
    """Raise the refusal if an article was merged into another or deleted since the plan: nobody would look there any more.

    None of them is before this transaction ends.
    """
    if articles.lock_standing(connection, article_ids) != article_ids:
        raise refusal


def _restore_articles(connection: Connection, site: Site, chunk: Sequence[RestoredArticle]) -> None:
    refuse_occupied(connection, site, chunk)
    articles.write_rows(connection, site, {a.article_id: {"key": a.key, **a.fields} for a in chunk})
    aliases = {alias: a.article_id for a in chunk for alias in a.aliases}
    articles.refuse_taken(connection, site, aliases, unless_new=True)
    articles.add_aliases(connection, site, aliases)


def _refuse_votes_meanwhile(connection: Connection, site: Site, merges: Mapping[int, int], aliases: Mapping[str, int]) -> None:
    """Raise ImportConflict if a reader has voted on an article that leads elsewhere from now on, or has registered such a key.

    The last step, because nobody votes until the transaction ends.
    """
    locks.stop_counting(connection)
    if integrity.left_behind(connection, list(merges)):
        raise ImportConflict("Readers voted meanwhile on articles that the export merges. Nothing was changed; run it again.")
    for some in chunks(aliases, _ALIASES_AT_ONCE):
        articles.refuse_taken(connection, site, {alias: aliases[alias] for alias in some})


def _check_counts(connection: Connection, chunk: Sequence[RestoredArticle]) -> None:
    counted = tallies.counts_of(connection, [article.article_id for article in chunk])
    for article in chunk:
        for reaction, count in article.counts.items():
            if (votes := counted[article.article_id].get(reaction, 0)) != count:
                raise UnreadableImport(
                    f"{article.place}: has {count:,} {reaction}, but the votes and imports of the export make {votes:,}: its "
                    "files are of different moments, or were changed. Nothing was changed here; export again, all at once."
                )
