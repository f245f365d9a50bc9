"""Importing totals: read a file to its end, compare it with what its source has brought before, and bring the difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from reactions.imports import bringing, record
from reactions.imports.choices import Choices, checked_reactions
from reactions.imports.found import Fault, Found
from reactions.imports.record import Import
from reactions.imports.staging import Stage
from reactions.imports.total_checking import Amounts, check
from reactions.newsroom import articles
from reactions.newsroom.sites import Site
from reactions.refusals import ImportConflict, UnreadableImport
from reactions.storage.engines import plan_lists_anew, snapshot
from reactions.votes import imported
from reactions.votes.ballot_box import BallotBox

MOST_FAULTS = 20  # that are told; the rest of the file is not read


class Faulty(Exception):
    """The file has faults; nothing was imported."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("the file has faults")
        self.faults = faults


@dataclass(frozen=True)
class Plan:
    """What an import would change: from the import that is known, if any, and how many articles, new articles and amounts."""

    site: Site
    known: Import | None
    stage: Stage
    articles: int
    new: int
    changed: int
    before: int
    after: int


def gather(stage: Stage, entries: Iterable[Found | Fault], template: str, choices: Choices, theirs: Mapping[str, str]) -> None:
    """Read all entries onto the stage. Raises Faulty, UnreadableImport or UnknownReaction."""
    reactions = {**theirs, **checked_reactions(choices.site, choices.reactions)}
    faults: list[Fault] = []
    for entry in entries:
        said = entry if isinstance(entry, Fault) else check(entry, template, reactions, choices)
        fault = stage.add(said, add_up=choices.add_up) if isinstance(said, Amounts) else said
        if fault is not None:
            faults.append(fault)
            if len(faults) == MOST_FAULTS:
                break
    if faults:
        raise Faulty(faults)


def plan(engine: Engine, site: Site, source: str, stage: Stage) -> Plan:
    """Compare the stage with what the source has brought; changes nothing.

    Raises MalformedKey, UnreadableImport or ImportConflict.
    """
    with snapshot(engine) as connection:
        plan_lists_anew(connection)
        known = record.find(connection, site, source)
        if known is not None and known.votes:
            raise ImportConflict(f"{source} has brought votes, not totals. Give this import another name with --source.")
        _place(connection, site, stage)
        if not stage.figures()[0]:
            raise UnreadableImport(
                f"The file holds no reaction at all. `reactions import remove {site.key} {source}` takes totals away."
            )
        for amounts in imported.amounts_of(connection, site, source):
            stage.had(amounts)
    return Plan(site, known, stage, *stage.figures())


def bring(box: BallotBox, planned: Plan, new: Import) -> bool:
    """Bring what was planned, in one transaction; return whether there was anything. Raises ImportConflict."""
    known = planned.known
    if not planned.changed and known is not None and (known.file_hash, known.format) == (new.file_hash, new.format):
        return False
    box.transact(lambda connection: bringing.bring(connection, planned.site, new, planned.stage, known=known))
    return True


@contextmanager
def removal(engine: Engine, site: Site, source: str) -> Iterator[Plan]:
    """The plan to take all totals of a source back. Raises UnknownImport."""
    with Stage() as stage:
        with snapshot(engine) as connection:
            known = record.named(connection, site, source)
            for amounts in imported.amounts_of(connection, site, source):
                stage.had(amounts)
        yield Plan(site, known, stage, *stage.figures())


def _place(connection: Connection, site: Site, stage: Stage) -> None:
    for keys in stage.article_keys():
        ids = articles.ids_of(connection, site, keys)
        stage.place(ids, articles.ids_known(connection, set(ids.values())))
    stage.sum_up()
