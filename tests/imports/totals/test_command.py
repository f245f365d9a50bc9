"""`reactions import`, as it is typed: dry run, twice, other totals, list, remove. On both engines."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import Engine, update

from reactions.newsroom import sites
from reactions.newsroom.article_keys import article_key
from reactions.refusals import ArticleQuotaSpent
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.votes import revising, rules
from reactions.votes.revising import Editor
from tests import make
from tests.boxes import NOON_MS, Booth
from tests.imports.totals.conftest import ImportFile, everything, faults, imported
from tests.make import ADA, BEN, CIA
from tests.web.terminal import Terminal

CSV = "post_id,re_like,re_sad\nrain,5,1\nsun,2,0\n"


def test_totals_are_shown_beside_votes_and_never_mixed_with_them(import_file: ImportFile, daily: Booth) -> None:
    daily.cast(ADA, "like", seq=1, article="rain")

    said = import_file("varient", CSV)

    assert said.out == "varient: 2 articles, 1 of them new; 0 reactions before, 8 now.\n"
    assert daily.shown("rain") == {"like": 6, "sad": 1}
    assert daily.cast(BEN, "like", seq=1, article="rain").counts.total == 8
    with daily.engine.connect() as connection:
        rows = connection.execute(tables.tally.select().order_by(tables.tally.c.reaction)).all()
    assert {(row.reaction, row.n, row.imported) for row in rows if row.n} == {("like", 2, 5)}
    assert faults(daily.engine) == []


def test_a_dry_run_shows_what_would_change_and_changes_nothing(import_file: ImportFile, engine: Engine) -> None:
    import_file("varient", CSV)
    before = everything(engine)

    said = import_file("varient", "post_id,re_like,re_sad\nrain,6,1\nfog,1,0\n", "--dry-run")

    assert said.code == 0
    assert sorted(said.out.splitlines()[:-1]) == ["fog  like  0 -> 1", "rain  like  5 -> 6", "sun  like  2 -> 0"]
    assert said.out.splitlines()[-1] == ("Would be: 2 articles, 1 of them new; 8 reactions before, 8 now. Nothing was changed.")
    assert everything(engine) == before


def test_importing_twice_changes_nothing(import_file: ImportFile, engine: Engine) -> None:
    import_file("varient", CSV)
    before = everything(engine)

    said = import_file("varient", CSV)

    assert said.out == "varient: everything in this file was imported already; nothing was changed.\n"
    assert everything(engine) == before


def test_another_file_of_a_source_takes_the_place_of_the_first(import_file: ImportFile, engine: Engine) -> None:
    import_file("varient", CSV)

    import_file("varient", "post_id,re_like,re_sad\nrain,4,0\nfog,1,0\n")

    assert imported(engine) == {"rain": {"like": 4}, "fog": {"like": 1}}
    assert faults(engine) == []


def test_sources_add_up_and_each_is_removed_exactly(import_file: ImportFile, engine: Engine, terminal: Terminal) -> None:
    import_file("varient", CSV)
    import_file("open-heart", '{"👍": 3}', "--article", "rain", "--source", "old-blog")
    assert imported(engine) == {"rain": {"like": 8, "sad": 1}, "sun": {"like": 2}}

    assert terminal.do("import", "remove", "daily", "varient") == "8 reactions from varient removed.\n"

    assert imported(engine) == {"rain": {"like": 3}}
    assert faults(engine) == []
    assert terminal.fail("import", "remove", "daily", "varient").startswith("daily has no import 'varient'.")


def test_a_removal_can_be_tried_first(import_file: ImportFile, engine: Engine, terminal: Terminal) -> None:
    import_file("open-heart", '{"👍": 3}', "--article", "rain")
    before = everything(engine)

    said = terminal.do("import", "remove", "daily", "open-heart", "--dry-run")

    assert said.splitlines()[0] == "rain  like  3 -> 0"
    assert everything(engine) == before


def test_the_list_says_from_where_when_by_whom_and_how_much(import_file: ImportFile, terminal: Terminal) -> None:
    import_file("varient", CSV, name="dump.csv")

    (line,) = terminal.do("import", "list", "daily").splitlines()

    assert re.fullmatch(r"varient +8  varient +\d{4}-\d\d-\d\d \d\d:\d\d UTC  dump.csv, by operator \S+", line)


def test_totals_of_another_site_are_not_touched(
    import_file: ImportFile, engine: Engine, terminal: Terminal, database_url: str
) -> None:
    make.site(database_url, "weekly")
    import_file("varient", CSV)
    file = terminal.folder / "weekly.csv"
    file.write_text("post_id,re_like\nhail,9\n", encoding="utf-8")
    terminal.do("import", "varient", "weekly", str(file))

    terminal.do("import", "remove", "daily", "varient")

    assert imported(engine) == {"hail": {"like": 9}}


def test_a_former_key_leads_to_the_article_and_both_add_up(import_file: ImportFile, engine: Engine, terminal: Terminal) -> None:
    import_file("varient", CSV)
    terminal.do("article", "move", "daily", "rain", "weather")

    import_file("varient", "post_id,re_like\nrain,5\nweather,2\n")

    assert imported(engine) == {"weather": {"like": 7}}


def test_a_merge_takes_imported_totals_along(import_file: ImportFile, daily: Booth) -> None:
    import_file("varient", CSV)
    daily.cast(ADA, "like", seq=1, article="rain")
    desk = Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS)

    revising.merge(desk, "rain", into="sun")

    assert daily.shown("rain") == daily.shown("sun") == {"like": 8, "sad": 1}
    assert faults(daily.engine) == []
    assert import_file("varient", CSV).out.startswith("varient: everything in this file was imported already")
    assert imported(daily.engine) == {"sun": {"like": 7, "sad": 1}}


def test_a_reset_leaves_imported_totals(import_file: ImportFile, daily: Booth) -> None:
    import_file("varient", CSV)
    daily.cast(ADA, "like", seq=1, article="rain")

    revising.reset(Editor(daily.engine, daily.box, daily.site, by="a test", now_ms=NOON_MS), "rain")

    assert daily.shown("rain") == {"like": 5, "sad": 1}


def test_articles_from_an_import_do_not_use_up_the_readers_quota(import_file: ImportFile, engine: Engine, daily: Booth) -> None:
    with writing(engine) as connection:
        sites.change(connection, "daily", new_articles_per_day=1)
        daily.site = sites.get(connection, "daily")
        connection.execute(update(tables.site).values(article_policy="open"))
    import_file("varient", CSV)
    with writing(engine) as connection:
        connection.execute(update(tables.article).values(first_seen_at=NOON_MS))

    assert daily.cast(ADA, "like", seq=1, article="new").reaction == "like"
    with pytest.raises(ArticleQuotaSpent):
        daily.cast(BEN, "like", seq=1, article="newer")


def test_where_only_known_articles_take_votes_an_import_makes_them_known(
    import_file: ImportFile, engine: Engine, daily: Booth
) -> None:
    with writing(engine) as connection:
        sites.change(connection, "daily", article_policy="known")
        daily.site = sites.get(connection, "daily")

    import_file("varient", CSV)

    assert daily.cast(CIA, "like", seq=1, article="sun").counts.by_reaction["like"] == 3


def test_retired_reactions_take_totals_and_are_not_shown(import_file: ImportFile, terminal: Terminal, engine: Engine) -> None:
    terminal.do("set", "retire", "daily", "sad")

    import_file("varient", CSV)

    assert imported(engine)["rain"] == {"like": 5, "sad": 1}
    with engine.connect() as connection:
        (counts,) = rules.counts_of(connection, sites.get(connection, "daily"), [article_key("daily", "rain")], now_ms=NOON_MS)
    assert counts.total == 5


def test_verify_finds_an_imported_total_that_was_tampered_with(
    import_file: ImportFile, terminal: Terminal, engine: Engine
) -> None:
    import_file("varient", CSV)
    assert "0 numbers differ" in terminal.do("verify")
    with writing(engine) as connection:
        connection.execute(update(tables.tally).where(tables.tally.c.reaction == "sad").values(imported=9))

    said = terminal.type("verify")

    assert said.code == 1
    assert "ImportedDifference" in said.out
    assert "served=9, recorded=1" in said.out


def test_entries_about_one_article_are_added_up_when_asked_for(import_file: ImportFile, engine: Engine) -> None:
    import_file("waline", "url,reaction0\n/a,1\n/a?x=1,2\n", "--reaction", "0=like", "--add-up")

    assert imported(engine) == {"/a": {"like": 3}}
