"""`reactions import views`, as it is typed: what three tools write, faults, replacing, removing. On both engines.

The file is longer than 300 lines because every test needs the same few files of the tools.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, delete, select, update

from reactions.newsroom import articles, sites
from reactions.newsroom.articles import Description
from reactions.notices import digest
from reactions.reports import periods
from reactions.reports.query import Memory, Reading
from reactions.storage import tables
from reactions.storage.engines import snapshot, writing
from reactions.votes import integrity, removing, revising, views
from reactions.votes.revising import Editor
from tests.boxes import Booth
from tests.databases import PROJECT
from tests.imports.totals.conftest import everything
from tests.reports.stage import HOUR_MS, Stage, asked, at
from tests.web.terminal import Said, Terminal

PLAUSIBLE = (
    "date,hostname,page,visits,visitors,pageviews,total_scroll_depth,total_scroll_depth_visits\n"
    "2026-03-01,daily.example,/rain,90,80,120,0,0\n"
    "2026-03-01,daily.example,/rain?utm_source=x,9,8,11,0,0\n"
    "2026-03-02,daily.example,/rain,40,30,50,0,0\n"
    "2026-03-02,daily.example,/sun,4,3,5,0,0\n"
    "2026-03-02,daily.example,/about,7,7,9,0,0\n"
)
PLAUSIBLE_VIEWS = {("/rain", 1): 131, ("/rain", 2): 50, ("/sun", 2): 5}
MATOMO = (
    "date,label,nb_visits,nb_hits,sum_time_spent,metadata_url\n"
    "2026-03-01,/rain,90,120,7,https://daily.example/rain\n"
    "2026-03-01,/sun,4,5,7,https://daily.example/sun\n"
    "2026-03-01,Others,4,77,7,\n"
)
GA4 = (
    "# ----------------------------------------\n# Pages and screens: Page path and screen class\n# Account: Daily\n"
    "# ----------------------------------------\n#\n# All Users\n# Start date: 20260301\n# End date: 20260301\n"
    "Page path and screen class,Views,Active users,Views per active user\n/rain,120,80,1.5\n(not set),3,1,3\n"
)
GA4_BY_DAY = (
    "# Daily\n# Free form-Free form 1\n# 20260301-20260302\n\nDate,Page path and screen class,Active users,Views\n"
    ",,211078,309558,Grand total\n20260301,/rain,80,120\n20260302,/rain,40,50\n"
)

ImportViews = Callable[..., Said]


@pytest.fixture
def see(terminal: Terminal, engine: Engine) -> ImportViews:
    """Type `reactions import views daily FILE --from TOOL`, with a file of this content, beside three articles."""
    publish(engine, "/rain", "/sun", "/fog")

    def type_(tool: str, content: str | bytes, *options: str) -> Said:
        file = terminal.folder / "their.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return terminal.type("import", "views", "daily", str(file), "--from", tool, *options)

    return type_


def publish(engine: Engine, *keys: str) -> None:
    with writing(engine) as connection:
        said = [Description(key, key, None, None, [], [], None) for key in keys]
        articles.describe(connection, sites.get(connection, "daily"), said, at_ms=1)


def seen(engine: Engine) -> dict[tuple[str, int], int]:
    """The views of articles by key and day of March 2026 (UTC); and that each day has an end, which counts nothing."""
    a, v = tables.article.c, tables.views.c
    asked = select(a.key, v.hour_utc, v.n).join(tables.article, a.article_id == v.article_id).where(v.n != 0)
    with engine.connect() as connection:
        return {(key, datetime.fromtimestamp(hour * 3600, UTC).day): n for key, hour, n in connection.execute(asked)}


def faults(engine: Engine) -> list[object]:
    with snapshot(engine) as connection:
        return integrity.all_differences(connection)


def test_plausible(see: ImportViews, engine: Engine) -> None:
    said = see("plausible", PLAUSIBLE)

    assert said.out == "plausible: 2 days, 2 articles; 0 views before, 186 now.\n"
    assert said.err == "1 page with 9 views left out, because no article has such a key: '/about'\n"
    assert seen(engine) == PLAUSIBLE_VIEWS
    assert faults(engine) == []


def test_plausibles_top_pages_need_a_day(see: ImportViews, engine: Engine) -> None:
    top = "name,visitors,pageviews,bounce_rate,time_on_page,scroll_depth\n/rain,80,120,50,30,80\n"

    refused = see("plausible", top)
    said = see("plausible", top, "--day", "2026-03-01")

    assert refused.err == "Error: The file has no dates. Say which day it is about: --day 2026-03-01, or export it by day.\n"
    assert said.code == 0
    assert seen(engine) == {("/rain", 1): 120}


@pytest.mark.parametrize(
    "content",
    [MATOMO, b"\xff\xfe" + MATOMO.encode("utf-16-le"), MATOMO.replace(",", ";"), b"\xef\xbb\xbf" + MATOMO.encode()],
    ids=["utf-8", "utf-16", "semicolons", "mark"],
)
def test_matomo(see: ImportViews, engine: Engine, content: str | bytes) -> None:
    said = see("matomo", content)

    assert said.code == 0
    assert seen(engine) == {("/rain", 1): 120, ("/sun", 1): 5}
    assert "1 page with 77 views left out, because no article has such a key: 'Others'" in said.err


def test_matomos_translated_columns(see: ImportViews, engine: Engine) -> None:
    table = "Label,Unique Pageviews,Pageviews,Bounce Rate,Metadata: url\n/rain,90,120,50%,https://daily.example/rain\n"
    assert see("matomo", table, "--day", "2026-03-01").code == 0
    assert seen(engine) == {("/rain", 1): 120}


def test_matomos_folders_would_count_pages_twice(see: ImportViews, engine: Engine) -> None:
    said = see("matomo", "label,nb_visits,nb_hits,idsubdatatable\nnews,9,10,3\n/rain,4,5,\n", "--day", "2026-03-01")
    assert said.err.startswith("Line 2: is a folder with pages below it (idsubdatatable). Export the report flat: flat=1.\n")
    assert seen(engine) == {}


def test_ga4s_comments_name_the_day(see: ImportViews, engine: Engine) -> None:
    said = see("ga4", GA4)
    assert said.code == 0, said
    assert seen(engine) == {("/rain", 1): 120}
    assert see("ga4", GA4, "--day", "2026-03-02").err == "Error: The file is about 20260301, and --day is 2026-03-02.\n"


def test_ga4_by_day_without_its_grand_total(see: ImportViews, engine: Engine) -> None:
    assert see("ga4", GA4_BY_DAY).code == 0
    assert seen(engine) == {("/rain", 1): 120, ("/rain", 2): 50}


def test_ga4s_other_tables_are_passed_over(see: ImportViews, engine: Engine) -> None:
    charts = GA4.replace("Page path and screen class,Views,", "Nth day,Views\n0000,123\n\nPage path and screen class,Views,")
    assert see("ga4", charts).code == 0
    assert seen(engine) == {("/rain", 1): 120}


def test_a_sum_of_many_days_is_no_day(see: ImportViews, engine: Engine) -> None:
    said = see("ga4", GA4.replace("End date: 20260301", "End date: 20260331"), "--day", "2026-03-01")
    assert said.err.startswith("Error: The file adds up 2026-03-01 to 2026-03-31. Export one day at a time")
    assert seen(engine) == {}


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("-5", "pageviews is -5, and no total is less than 0."),
        ("1.5", "pageviews is '1.5', which is not a whole number."),
        ('"1,234"', "pageviews is '1,234': a fraction, or thousands? Export whole numbers without separators."),
        ("1.234", "pageviews is '1.234': a fraction, or thousands? Export whole numbers without separators."),
        ("99999999999", "pageviews is 99999999999, more than 2,147,483,647."),
        ("many", "pageviews is 'many', which is not a whole number."),
        ("", "has no pageviews."),
    ],
)
def test_a_file_with_a_fault_stores_nothing(see: ImportViews, engine: Engine, cell: str, why: str) -> None:
    before = everything(engine)
    said = see("plausible", f"date,page,pageviews\n2026-03-01,/rain,5\n2026-03-01,/sun,{cell}\n")
    assert said.code == 1
    assert said.err.splitlines()[0] == f"Line 3: {why}"
    assert everything(engine) == before


@pytest.mark.parametrize("cell", ["1 234", "1\u202f234", "1'234", "001234"])
def test_separators_that_mean_one_thing(see: ImportViews, engine: Engine, cell: str) -> None:
    assert see("plausible", f"date,page,pageviews\n2026-03-01,/rain,{cell}\n").code == 0
    assert seen(engine) == {("/rain", 1): 1234}


def test_rows_that_add_up_beyond_what_is_stored(see: ImportViews) -> None:
    lines = "2026-03-01,/rain,2000000000\n" * 2
    assert "Line 3: The sum of 2026-03-01 is 4,000,000,000, more than" in see("plausible", f"date,page,pageviews\n{lines}").err


@pytest.mark.parametrize("day", ["2026-02-30", "01/03/2026", "2026-03", "9999-01-01", "From 2026-03-02", "0001-01-01"])
def test_what_is_no_day_of_the_past(see: ImportViews, day: str) -> None:
    said = see("plausible", f"date,page,pageviews\n{day},/rain,5\n")
    assert (said.code, said.err.startswith("Line 2: date is")) == (1, True)


def test_today_is_left_out_and_refused_when_it_is_named(see: ImportViews, engine: Engine) -> None:
    today = datetime.now(UTC).date().isoformat()
    said = see("plausible", f"date,page,pageviews\n2026-03-01,/rain,5\n{today},/rain,7\n")
    assert said.err == "1 line of today left out, because the day is not over.\n"
    assert seen(engine) == {("/rain", 1): 5}
    refused = see("plausible", "name,pageviews\n/rain,7\n", "--day", today)
    assert refused.err.startswith(f"Error: {today} is not over yet in UTC.")


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati"])
def test_a_day_is_the_sites_own(see: ImportViews, engine: Engine, zone: str) -> None:
    with writing(engine) as connection:
        sites.change(connection, "daily", time_zone=zone)
    see("plausible", "date,page,pageviews\n2026-03-01,/rain,5\n")

    hours = periods.read(zone=zone, now_ms=1_790_000_000_000, first="2026-03-01", last="2026-03-01").hours
    with engine.connect() as connection:
        rows = connection.execute(select(tables.views.c.hour_utc, tables.views.c.n).order_by(tables.views.c.hour_utc)).all()
    assert [tuple(row) for row in rows] == [(hours.start, 5), (hours.stop - 1, 0)]


def test_the_same_file_twice_changes_nothing_and_a_newer_one_replaces_its_days(see: ImportViews, engine: Engine) -> None:
    see("plausible", PLAUSIBLE)
    before = everything(engine)

    assert see("plausible", PLAUSIBLE).out == "plausible: everything in this file was imported already; nothing was changed.\n"
    assert everything(engine) == before

    said = see("plausible", "date,page,pageviews\n2026-03-02,/rain,60\n2026-03-03,/sun,1\n")
    assert said.out == "plausible: 2 days, 2 articles; 55 views before, 61 now.\n"
    assert seen(engine) == {("/rain", 1): 131, ("/rain", 2): 60, ("/sun", 3): 1}
    assert faults(engine) == []


def test_a_dry_run_changes_nothing(see: ImportViews, engine: Engine) -> None:
    before = everything(engine)
    said = see("plausible", PLAUSIBLE, "--dry-run")
    assert "/rain  2026-03-01  0 -> 131\n" in said.out
    assert said.out.endswith("Would be: 2 articles; 0 views before, 186 now. Nothing was changed.\n")
    assert everything(engine) == before


def test_removing_takes_back_exactly_what_came_even_in_another_zone(see: ImportViews, engine: Engine, terminal: Terminal) -> None:
    before = everything(engine)
    see("plausible", PLAUSIBLE)
    with writing(engine) as connection:
        sites.change(connection, "daily", time_zone="America/New_York")

    assert "/rain  2026-03-01  131 -> 0\n" in terminal.do("import", "remove", "daily", "plausible", "--dry-run")
    assert "186  plausible" in terminal.do("import", "list", "daily")
    assert terminal.do("import", "remove", "daily", "plausible") == "186 views from plausible removed.\n"

    with writing(engine) as connection:
        sites.change(connection, "daily", time_zone="UTC")
    assert everything(engine) == before


def test_a_file_after_the_zone_changed_replaces_the_day_and_no_other(see: ImportViews, engine: Engine) -> None:
    see("plausible", PLAUSIBLE)
    with writing(engine) as connection:
        sites.change(connection, "daily", time_zone="America/New_York")
    see("plausible", "date,page,pageviews\n2026-03-01,/rain,7\n")
    assert seen(engine) == {("/rain", 1): 7, ("/rain", 2): 50, ("/sun", 2): 5}
    assert faults(engine) == []


def test_a_site_that_counts_does_not_import(see: ImportViews, engine: Engine) -> None:
    with writing(engine) as connection:
        sites.change(connection, "daily", count_views=1)
    said = see("plausible", PLAUSIBLE)
    assert said.err.startswith("Error: daily counts views itself (count_views is 1), and a site either counts or imports them.")
    assert seen(engine) == {}


def test_a_day_with_counted_views_is_refused(see: ImportViews, engine: Engine) -> None:
    see("plausible", "date,page,pageviews\n2026-03-01,/rain,5\n")
    hour = at("2026-03-02 15:00") // HOUR_MS
    with writing(engine) as connection:
        fog = articles.get(connection, sites.get(connection, "daily"), "/fog").article_id
        views.add_sums(connection, [{"article_id": fog, "hour_utc": hour, "n": 3}])
    said = see("plausible", PLAUSIBLE)
    assert said.err.endswith("Error: On 2026-03-02 the widget counted views, and these are never added up. Leave that day out.\n")
    assert seen(engine) == {("/rain", 1): 5, ("/fog", 2): 3}


def test_two_tools_are_never_added_up(see: ImportViews, engine: Engine) -> None:
    see("plausible", PLAUSIBLE)
    said = see("matomo", MATOMO)
    assert "Error: 2026-03-01 has views from plausible already." in said.err
    assert seen(engine) == PLAUSIBLE_VIEWS
    assert see("matomo", MATOMO, "--source", "plausible").code == 0
    assert seen(engine) == {("/rain", 1): 120, ("/sun", 1): 5, ("/rain", 2): 50, ("/sun", 2): 5}


def test_views_and_reactions_are_different_sources(see: ImportViews, terminal: Terminal) -> None:
    see("plausible", PLAUSIBLE)
    file = terminal.folder / "their.csv"
    file.write_text("post_id,re_like\nrain,5\n")
    refused = terminal.fail("import", "varient", "daily", str(file), "--source", "plausible")
    assert re.fullmatch(
        r"daily already has [\d,]+ views imported from plausible \(.+\), and these are totals. Give them a name of their own "
        r"with --source\.",
        refused,
    )
    terminal.do("import", "varient", "daily", str(file))
    assert "reactions imported from varient (" in see("plausible", PLAUSIBLE, "--source", "varient").err


def test_keys_are_the_whole_address_where_the_site_has_those(see: ImportViews, engine: Engine) -> None:
    publish(engine, "https://daily.example/snow", "https://daily.example/ice")
    see("plausible", "date,hostname,page,pageviews\n2026-03-01,daily.example,/snow?a=b#c,5\n2026-03-01,daily.example,/ice,1\n")
    assert seen(engine) == {("https://daily.example/snow", 1): 5, ("https://daily.example/ice", 1): 1}


def test_keys_are_paths_without_their_slashes_where_the_site_has_those(see: ImportViews, engine: Engine) -> None:
    publish(engine, "sport/cup-final", "news/ice")
    see("plausible", "date,page,pageviews\n2026-03-01,/sport/cup-final/,5\n2026-03-01,/news/ice,1\n2026-03-01,/,9\n")
    assert seen(engine) == {("sport/cup-final", 1): 5, ("news/ice", 1): 1}


def test_a_file_about_no_article_is_refused(see: ImportViews) -> None:
    said = see("plausible", "date,page,pageviews\n2026-03-01,/elsewhere,5\n")
    assert said.err.startswith("Error: No page of the file is an article of daily, for example '/elsewhere'.")


def test_the_first_ten_unknown_pages_are_told(see: ImportViews) -> None:
    lines = "".join(f"2026-03-01,/x{n},{n}\n" for n in range(1, 13))
    said = see("plausible", f"date,page,pageviews\n2026-03-01,/rain,5\n2026-03-01,/{'long' * 100},50\n{lines}")
    assert said.err.startswith("13 pages with 128 views left out, because no article has such a key: '/long")
    assert said.err.endswith("'/x12', '/x11', '/x10', '/x9', '/x8', '/x7', '/x6', '/x5', '/x4' …\n")


def test_a_zip_is_not_a_table(see: ImportViews) -> None:
    assert see("plausible", b"PK\x03\x04rest").err.startswith("Error: This is a ZIP archive.")


def test_other_columns_are_refused_with_those_that_are_needed(see: ImportViews) -> None:
    assert "Plausible's imported_pages has" in see("plausible", "date,source,visitors\n2026-03-01,x,1\n").err
    assert "There is no table of pages" in see("ga4", "# x\nCity,Views\nRome,3\n").err


def test_a_merge_adds_up_and_a_newer_file_still_replaces(see: ImportViews, daily: Booth, engine: Engine) -> None:
    see("plausible", PLAUSIBLE)
    revising.merge(Editor(engine, daily.box, daily.site, by="ed", now_ms=2), "/sun", into="/rain")

    assert seen(engine) == {("/rain", 1): 131, ("/rain", 2): 55}
    assert faults(engine) == []
    assert see("plausible", PLAUSIBLE).out == "plausible: everything in this file was imported already; nothing was changed.\n"
    see("plausible", "date,page,pageviews\n2026-03-02,/sun,2\n2026-03-02,/rain,3\n")
    assert seen(engine) == {("/rain", 1): 131, ("/rain", 2): 5}


def test_deleting_an_article_forgets_its_views(see: ImportViews, daily: Booth, engine: Engine, terminal: Terminal) -> None:
    see("plausible", PLAUSIBLE)
    removing.delete_article(Editor(engine, daily.box, daily.site, by="ed", now_ms=2), "/rain")
    assert seen(engine) == {("/sun", 2): 5}
    assert faults(engine) == []
    assert terminal.do("import", "remove", "daily", "plausible") == "5 views from plausible removed.\n"
    assert seen(engine) == {}


def test_verify_finds_views_that_went_missing(see: ImportViews, engine: Engine) -> None:
    see("plausible", PLAUSIBLE)
    with writing(engine) as connection:
        connection.execute(update(tables.views).where(tables.views.c.n == 131).values(n=130))
        connection.execute(delete(tables.views).where(tables.views.c.n == 5))
    assert sorted((each.views, each.imported) for each in faults(engine)) == [(0, 5), (130, 131)]  # type: ignore[attr-defined]


def test_the_rate_of_an_imported_day_has_the_readers_of_the_whole_day(see: ImportViews, engine: Engine) -> None:
    zone = "America/New_York"
    with writing(engine) as connection:
        sites.change(connection, "daily", time_zone=zone)
        site = sites.get(connection, "daily")
    here = Stage(engine, site, at("2026-03-05 12:00", zone))
    for when, readers in (("01 23:30", 40), ("02 00:10", 10), ("02 23:50", 20), ("03 00:10", 7)):
        here.give("/rain", "like", readers, at(f"2026-03-{when}", zone))

    see("plausible", "date,page,pageviews\n2026-03-02,/rain,1000\n2026-03-02,/sun,500\n")

    for about in (asked(first="2026-03-02", last="2026-03-02"), asked(first="2026-03-01", last="2026-03-04")):
        (row,) = here.reports().articles(site, about, sort="rate", limit=1).articles
        assert (row.article, row.views) == ("/rain", 1000)
        assert row.reaction_rate is not None
        assert round(row.reaction_rate.per_1000, 6) == 30
    with snapshot(engine) as connection:
        reading = Reading(connection, site, here.now_ms, Memory(keep_s=0, items=0))
        found = digest.read(reading, digest.yesterday(zone, at("2026-03-03 09:00", zone)))
    assert "1,500 views; 20.0 of 1,000 who saw the row reacted" in digest.text(found, dashboard_url="")


def recipes() -> list[str]:
    """The commands of docs/import.md that import views."""
    page = (PROJECT / "docs" / "import.md").read_text(encoding="utf-8")
    return re.findall(r"^reactions (import views daily .*)$", page, re.MULTILINE)


FILES = {
    "imported_pages_20260301_20260331.csv": PLAUSIBLE,
    "pages.csv": "name,visitors,pageviews,bounce_rate,time_on_page,scroll_depth\n/rain,80,120,50,30,80\n",
    "matomo.csv": MATOMO,
    "free-form.csv": GA4_BY_DAY,
}


@pytest.mark.parametrize("recipe", recipes())
def test_every_recipe_of_the_page_imports_what_the_tool_writes(terminal: Terminal, engine: Engine, recipe: str) -> None:
    publish(engine, "/rain", "/sun")
    words = shlex.split(recipe)
    (terminal.folder / words[3]).write_text(FILES[words[3]])

    said = terminal.type(*words[:3], str(terminal.folder / words[3]), *words[4:])

    assert said.code == 0, said
    assert seen(engine).get(("/rain", 1), 0) >= 120 or "--dry-run" in words


def test_a_day_that_is_none_in_the_comments_of_ga4(see: ImportViews) -> None:
    said = see("ga4", "# Start date: 20261301\n# End date: 20261302\nPage path and screen class,Views\n/rain,5\n")

    assert (said.code, "20261301, which is no day" in said.err) == (1, True)
