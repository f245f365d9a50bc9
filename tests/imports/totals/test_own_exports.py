"""What was exported comes back: the same counts, the same series, the same files. On both engines.

The file is longer than 300 lines because every test needs the same two sites and the folder between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select, text

from reactions.exports import files, scope
from reactions.exports.columns import TABLES
from reactions.exports.files import Form
from reactions.exports.scope import Choice
from reactions.imports import apply
from reactions.imports.own_exports import RestoredArticle
from reactions.newsroom import sites
from reactions.refusals import ArticleClosed
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.times import DAY_MS
from reactions.votes import retention, revising, rollups, tallies
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, booth, prepared
from tests.databases import SqliteFiles
from tests.exports.asking import content
from tests.exports.test_totals import NOWS, paper
from tests.imports.totals.conftest import everything, faults
from tests.imports.totals.test_model import import_totals
from tests.lengths import only_sqlite
from tests.make import ADA, BEN, CIA
from tests.reports.stage import Stage, stage
from tests.votes.months.stage import LATE_JANUARY, drop
from tests.web.terminal import Terminal


@pytest.fixture
def elsewhere(sqlite_files: SqliteFiles, tmp_path: Path) -> Iterator[Engine]:
    """The database that exports come from."""
    (tmp_path / "elsewhere").mkdir()
    with prepared(sqlite_files.copy_to(tmp_path / "elsewhere")) as engine:
        yield engine


@pytest.fixture
def terminal(tmp_path: Path, database_url: str) -> Iterator[Terminal]:
    with Terminal(tmp_path, database_url) as opened:
        yield opened


def write(here: Stage, folder: Path, *, form: Form | None = None, choice: Choice | None = None) -> None:
    with scope.opened(here.engine, here.site, choice or Choice(), now_ms=here.now_ms) as found:
        files.write_folder(found, list(TABLES.values()), form or Form(), folder)


def small(engine: Engine) -> Stage:
    """A site with a few articles, votes and imported totals."""
    here = stage(engine, now_ms=NOON_MS)
    daily = booth(engine, here.site.key)
    for reader, reaction, seq, article in (
        (ADA, "like", 1, "rain"), (BEN, "like", 1, "rain"), (ADA, "sad", 2, "rain"), (CIA, "wow", 1, "=sun; \U0001f31e"),
        (BEN, None, 2, "rain"), (BEN, "love", 3, "rain"),
    ):  # fmt: skip
        daily.cast(reader, reaction, seq=seq, article=article, now_ms=NOON_MS + seq * 3_600_000)
    import_totals(daily, "waline", {"rain": {"like": 7}, "fog": {"sad": 2}})
    return here


def rows_of(engine: Engine, key: str, *, now_ms: int) -> dict[str, bytes]:
    with engine.connect() as connection:
        site = sites.get(connection, key)
    return {table: content(engine, site, table, now_ms=now_ms) for table in TABLES}


def rewrites(engine: Engine) -> int:
    with engine.connect() as connection:
        return tallies.rewrites(connection)


def hours(engine: Engine, key: str = "daily") -> list[object]:
    h, a, s = tables.hourly.c, tables.article.c, tables.site.c
    mine = select(a.article_id).join(tables.site, s.id == a.site_id).where(s.key == key)
    with engine.connect() as connection:
        # Not the readers: the files do not say who votes again after a withdrawal, so each such vote is a new invented voter's.
        asked = select(h.article_id, h.hour_utc, h.reaction, h.added, h.removed).where(h.article_id.in_(mine))
        return list(connection.execute(asked.order_by(text("1, 2, 3"))).all())


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("form", [Form(), Form(gzip=True, bom=True)], ids=["plain", "packed"])
def test_a_site_comes_back_as_it_was(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, seed: int, form: Form
) -> None:
    here = paper(elsewhere, seed, NOWS[0], "Europe/Berlin")
    stage(engine, here.site.key, time_zone="Europe/Berlin", now_ms=here.now_ms)
    write(here, tmp_path / "export", form=form)

    said = terminal.do("import", "export", here.site.key, str(tmp_path / "export"))

    assert said.endswith("changes of votes restored.\n")
    assert rows_of(engine, here.site.key, now_ms=here.now_ms) == rows_of(elsewhere, here.site.key, now_ms=here.now_ms)
    assert hours(engine, here.site.key) == hours(elsewhere, here.site.key)
    assert faults(engine) == []


def test_imported_totals_and_strange_keys_come_back(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    here = small(elsewhere)
    stage(engine, now_ms=here.now_ms)
    write(here, tmp_path / "export")

    terminal.do("import", "export", "daily", str(tmp_path / "export"))

    assert rows_of(engine, "daily", now_ms=here.now_ms) == rows_of(elsewhere, "daily", now_ms=here.now_ms)
    assert booth(engine).shown("rain") == {"like": 7, "sad": 1, "love": 1}
    assert faults(engine) == []


def test_editors_can_work_on_other_articles_while_an_export_is_restored(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All who change the past share one row, and the restore takes it last. On SQLite there is one writer at a time anyway."""
    write(small(elsewhere), tmp_path / "export")
    here = stage(engine, now_ms=NOON_MS)
    daily = booth(engine)
    for reader, article in ((ADA, "old"), (BEN, "older"), (CIA, "oldest")):
        daily.cast(reader, "like", seq=1, article=article)
    rollups.roll_up(engine, now_ms=NOON_MS + DAY_MS, within_s=60)
    editor = Editor(engine, daily.box, here.site, by="an editor", now_ms=NOON_MS)
    before, check, worked = rewrites(engine), apply._check_counts, []

    def work_meanwhile(connection: Connection, chunk: Sequence[RestoredArticle]) -> None:
        check(connection, chunk)
        if engine.dialect.name == "postgresql":  # a restore that kept them waiting would be ended for its idleness, and run again
            worked.append(revising.reset(editor, "old") + revising.merge(editor, "older", into="oldest"))

    monkeypatch.setattr(apply, "_check_counts", work_meanwhile)
    terminal.do("import", "export", "daily", str(tmp_path / "export"))

    assert worked == ([2] if engine.dialect.name == "postgresql" else [])
    assert rewrites(engine) > before
    with snapshot(engine) as connection:
        assert rollups.covered_before(connection) == 0
    assert faults(engine) == []


def test_votes_that_were_dropped_come_back_as_imported_totals(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    here = small(elsewhere)
    with writing(elsewhere) as connection:
        sites.change(connection, "daily", keep_votes_days=30)
        site = sites.get(connection, "daily")
    daily, later_ms = booth(elsewhere), NOON_MS + 90 * DAY_MS
    assert retention.drop_old_votes(elsewhere, daily.box, site, now_ms=later_ms) == 2
    daily.cast(ADA, "wow", seq=1, article="new", now_ms=later_ms)
    here.now_ms = later_ms
    write(here, tmp_path / "export")
    stage(engine, now_ms=later_ms)

    terminal.do("import", "export", "daily", str(tmp_path / "export"))

    mine = booth(engine)
    for article in ("rain", "=sun; \U0001f31e", "fog", "new"):
        assert mine.shown(article) == daily.shown(article) != {}
    assert faults(engine) == []
    with pytest.raises(ArticleClosed):
        mine.cast(ADA, "like", seq=9, article="rain", now_ms=later_ms)


def test_votes_that_are_just_being_dropped_come_back_as_imported_totals_too(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retention was cut short: an article has some of its changes left."""
    here = small(elsewhere)
    with writing(elsewhere) as connection:
        sites.change(connection, "daily", keep_votes_days=30)
        site = sites.get(connection, "daily")
    daily, here.now_ms = booth(elsewhere), NOON_MS + 90 * DAY_MS
    monkeypatch.setattr(retention, "AT_ONCE", 1)
    monkeypatch.setattr(retention, "drop_votes", lambda box, each, *, now_ms: box.transact(_drops_some(each, now_ms)))
    retention.drop_old_votes(elsewhere, daily.box, site, now_ms=here.now_ms)
    write(here, tmp_path / "export")
    assert b",rain," in (tmp_path / "export" / "votes.csv").read_bytes()
    stage(engine, now_ms=here.now_ms)

    terminal.do("import", "export", "daily", str(tmp_path / "export"))

    assert booth(engine).shown("rain") == daily.shown("rain") == {"like": 7, "sad": 1, "love": 1}
    assert faults(engine) == []


def _drops_some(article_id: int, now_ms: int) -> Callable[[Connection], object]:
    return lambda connection: retention._drop_some(connection, article_id, now_ms)


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_where_months_were_dropped_nothing_comes_back_and_how_to_go_on_is_told(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Whether or not the votes before add up to nothing, the series would lack them."""
    here = small(elsewhere)
    daily, here.now_ms = booth(elsewhere), LATE_JANUARY
    drop(daily)
    daily.cast(CIA, None, seq=2, article="=sun; \U0001f31e", now_ms=LATE_JANUARY)
    daily.cast(ADA, "like", seq=1, article="new", now_ms=LATE_JANUARY)
    write(here, tmp_path / "export")
    stage(engine, now_ms=LATE_JANUARY)
    before = everything(engine)

    said = terminal.fail("import", "export", "daily", str(tmp_path / "export"), *options)

    assert said == (
        "articles.csv, line 3: '=sun; \U0001f31e' had votes before 2026-01-01T00:00:00Z, and the export lacks them: months of "
        "the ledger had been dropped. Restore a backup of the database, or import the counts alone, as totals: `reactions import "
        "csv`."
    )
    assert everything(engine) == before
    mapping = tmp_path / "counts.toml"
    columns = "".join(f'count_{reaction} = "{reaction}"\n' for reaction in make.SEVEN)
    mapping.write_text(f'key = "{{article}}"\n[reactions]\n{columns}', encoding="utf-8")
    terminal.do("import", "csv", "daily", str(tmp_path / "export" / "articles.csv"), "--mapping", str(mapping))
    for article in ("rain", "fog", "new"):
        assert booth(engine).shown(article) == daily.shown(article) != {}


def test_a_site_without_votes_in_the_months_that_were_dropped_comes_back(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    stage(elsewhere, "other", now_ms=NOON_MS)
    booth(elsewhere, "other").cast(ADA, "like", seq=1, article="rain")
    here = stage(elsewhere, now_ms=LATE_JANUARY)
    daily = booth(elsewhere)
    drop(daily)
    daily.cast(ADA, "like", seq=1, article="new", now_ms=LATE_JANUARY)
    daily.cast(ADA, "sad", seq=2, article="new", now_ms=LATE_JANUARY)
    write(here, tmp_path / "export")
    stage(engine, now_ms=LATE_JANUARY)

    terminal.do("import", "export", "daily", str(tmp_path / "export"))

    assert booth(engine).shown("new") == {"sad": 1}
    assert hours(engine) == hours(elsewhere)
    assert faults(engine) == []


def test_readers_vote_on_and_the_export_can_be_taken_back(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    here = small(elsewhere)
    stage(engine, now_ms=here.now_ms)
    write(here, tmp_path / "export")
    terminal.do("import", "export", "daily", str(tmp_path / "export"))
    assert rewrites(engine) == 1  # what processes remember of past hours ends here, and once more below
    booth(engine).cast(ADA, "like", seq=1, article="rain", now_ms=NOON_MS + 3_600_000)
    assert "and 6 changes of votes" in terminal.do("import", "list", "daily")
    before = rewrites(engine)

    said = terminal.do("import", "remove", "daily", "export")

    assert said == "9 reactions from export, and 6 changes of votes removed.\n"
    assert booth(engine).shown("rain") == {"like": 1}
    assert len(hours(engine)) == 1
    assert faults(engine) == []
    assert rewrites(engine) == before + 1


def test_importing_an_export_twice_changes_nothing(elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    terminal.do("import", "export", "daily", str(tmp_path / "export"))
    before = everything(engine)

    said = terminal.do("import", "export", "daily", str(tmp_path / "export"))

    assert said == "export: everything in this export was imported already; nothing was changed.\n"
    assert everything(engine) == before


def test_a_dry_run_reads_everything_and_changes_nothing(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    before = everything(engine)

    said = terminal.do("import", "export", "daily", str(tmp_path / "export"), "--dry-run")

    assert said == "Would restore 3 articles and 6 changes of votes. Nothing was changed.\n"
    assert everything(engine) == before


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_where_readers_have_voted_nothing_comes_back(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, options: tuple[str, ...]
) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    booth(engine).cast(ADA, "like", seq=1, article="rain")
    before = everything(engine)

    said = terminal.fail("import", "export", "daily", str(tmp_path / "export"), *options)

    assert said == (
        "'rain' already has votes in daily, and the export brings its own. Restore it into an empty site (`reactions site add`), "
        "or delete the articles that are in both first: `reactions article delete daily KEY`."
    )
    assert everything(engine) == before


def test_another_export_under_the_same_name_is_refused(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    stage(engine, now_ms=NOON_MS)
    here = small(elsewhere)
    write(here, tmp_path / "export")
    terminal.do("import", "export", "daily", str(tmp_path / "export"))
    booth(elsewhere).cast(make.reader(9), "like", seq=1, article="new")
    write(here, tmp_path / "later")

    said = terminal.fail("import", "export", "daily", str(tmp_path / "later"))

    assert re.fullmatch(
        r"daily already has \d+ changes of votes imported from export \(export, 20\d\d-\d\d-\d\d\)\. This is another file: "
        r"`reactions import remove daily export` removes what is there, and --source gives this one a name of its own\.",
        said,
    )


@pytest.mark.parametrize("options", [(), ("--dry-run",)])
def test_where_totals_were_imported_nothing_comes_back_and_how_to_go_on_is_told(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, options: tuple[str, ...]
) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    old = tmp_path / "old.csv"
    old.write_text("post_id,re_like,re_sad\nrain,7,5\n", encoding="utf-8")
    terminal.do("import", "varient", "daily", str(old), "--source", "old-blog")
    before = everything(engine)

    said = terminal.fail("import", "export", "daily", str(tmp_path / "export"), *options)

    assert said == (
        "'rain' already has 12 reactions imported from old-blog in daily, and the export brings its own counts. `reactions "
        "import remove daily old-blog` removes what is there; or restore it into an empty site."
    )
    assert everything(engine) == before
    terminal.do("import", "remove", "daily", "old-blog")
    terminal.do("import", "export", "daily", str(tmp_path / "export"))


@only_sqlite
@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("votes.csv", b"like", b"lick", "votes.csv, line 3: to is 'lick', which is not a reaction of the export."),
        ("votes.csv", b",false", b",true", "votes.csv, line 2: the vote is held for review."),
        ("votes.csv", b",sad,vote", b",wow,vote", "is not the file that datapackage.json describes"),
        ("votes.csv", b",like,sad,", b",love,sad,", "removes love, which nobody has at that time."),
        ("votes.csv", b"\r\n2025", b"\r\n20x5", "at cannot be '20x5"),
        ("votes.csv", b"Z,", b",", "at cannot be '2025-"),
        ("datapackage.json", b'"schema"', b'"scheme"', "does not describe an export of this service."),
        ("datapackage.json", b'"fields": [', b'"fields": [7, ', "does not describe an export of this service."),
        ("votes.csv", b"at,article", b"at,articles", "votes.csv, line 1: the header is not the one"),
        ("articles.csv", b"[]", b"{}", "articles.csv, line 2: authors is not a list of names."),
        ("articles.csv", b"\xf0\x9f\x8c\x9e", b"\xff", "not UTF-8."),
        ("datapackage.json", b'"1.2"', b'"2.0"', "The export has version 2.0; this service reads 1.2."),
        ("datapackage.json", b'"min_group": 0', b'"min_group": 5', "The export holds only a part of its site."),
        ("datapackage.json", b'"resources"', b'"sources"', "does not describe an export of this service."),
    ],
)  # fmt: skip
def test_an_export_that_is_not_whole_is_refused(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, file: str, old: bytes, new: bytes, told: str
) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    path = tmp_path / "export" / file
    assert old in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(old, new, 1))
    before = everything(engine)

    assert told in terminal.fail("import", "export", "daily", str(tmp_path / "export"))
    assert everything(engine) == before


def test_counts_that_the_votes_do_not_make_are_refused(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    stage(engine, now_ms=NOON_MS)
    here = small(elsewhere)
    write(here, tmp_path / "export")
    with writing(elsewhere) as connection:
        connection.execute(tables.tally.update().where(tables.tally.c.reaction == "love").values(n=5))
    write(here, tmp_path / "wrong")
    before = everything(engine)

    said = terminal.fail("import", "export", "daily", str(tmp_path / "wrong"))

    assert "has 5 love, but the votes and imports of the export make 1: its files are of different moments" in said
    assert everything(engine) == before


@pytest.mark.parametrize("missing", ["datapackage.json", "votes.csv"])
def test_an_export_without_one_of_its_files_is_refused(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path, missing: str
) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    (tmp_path / "export" / missing).unlink()

    assert missing in terminal.fail("import", "export", "daily", str(tmp_path / "export"))


def test_a_site_that_lacks_a_reaction_is_told_which(
    elsewhere: Engine, engine: Engine, terminal: Terminal, tmp_path: Path
) -> None:
    stage(engine, now_ms=NOON_MS)
    write(small(elsewhere), tmp_path / "export")
    with writing(engine) as connection:
        sites.change(connection, "daily", reactions=make.reactions("like", "sad"))

    said = terminal.fail("import", "export", "daily", str(tmp_path / "export"))

    assert said.startswith("The export has 'dislike', which daily lacks.")
