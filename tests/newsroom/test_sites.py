"""Sites: what may be said of one, in which form it is kept, and how long a process remembers it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from reactions.newsroom import sites
from reactions.newsroom.sites import Directory, origin_of
from reactions.refusals import MalformedSite, UnknownSite
from reactions.storage.engines import writing
from tests import make
from tests.boxes import hanging
from tests.lengths import only_sqlite
from tests.web.test_limit_store import Clock

CANONICAL = {
    "https://www.example.org": "https://www.example.org",
    "https://www.example.org/": "https://www.example.org",
    "  https://www.example.org\n": "https://www.example.org",
    "HTTPS://WWW.Example.ORG": "https://www.example.org",
    "https://www.example.org:443": "https://www.example.org",
    "https://www.example.org:": "https://www.example.org",
    "https://www.example.org:8443": "https://www.example.org:8443",
    "https://www.example.org:80": "https://www.example.org:80",
    "http://www.example.org:80": "http://www.example.org",
    "http://localhost:5173": "http://localhost:5173",
    "http://127.0.0.1:8000": "http://127.0.0.1:8000",
    "http://[::1]:8000": "http://[::1]:8000",
    "https://münchen.example": "https://xn--mnchen-3ya.example",
    "https://xn--mnchen-3ya.example": "https://xn--mnchen-3ya.example",
    "https://日本.example": "https://xn--wgv71a.example",
    "https://under_score.example": "https://under_score.example",
    "https://www.example.org.": "https://www.example.org.",
    "capacitor://localhost": "capacitor://localhost",
    "ionic://localhost": "ionic://localhost",
    "Org.Example.News://app": "org.example.news://app",
}
NO_ORIGINS = [
    "javascript://a", "data://a", "blob://a", "wss://a", "capacitor://localhost/a", "capacitor:localhost",
    "", " ", "null", "*", "www.example.org", "//www.example.org", "https://", "https:///a", "ftp://www.example.org", "file:///a",
    "javascript:alert(1)", "data:text/html,a", "https://www.example.org/news", "https://www.example.org?a=1", "https://www.example.org#a",
    "https://user@www.example.org", "https://user:pw@www.example.org", "https://@www.example.org", "https://*.example.org",
    "https://www.example.org:0", "https://www.example.org:65536", "https://www.example.org:x", "https://www.example.org:-1",
    "https://www.exam ple.org", "https://www.exam\nple.org", "https://www.exam\tple.org", "https://www.example.org\\@evil.example",
    "https://www.example.org\\a", "https://a..b", "https://.example", "https://" + "a" * 64 + ".example", "https://[::1", "https://[::1%25eth0]",
    "https://www.example.org,https://evil.example", "https://www.example.org https://evil.example", "https://a\u202eb.example", "https://<a>",
    "https://www.example.org\0", "https:www.example.org", "https:/www.example.org", "http s://www.example.org", "https://%65xample.org",
]  # fmt: skip


@pytest.mark.parametrize(("text", "origin"), CANONICAL.items())
def test_an_origin_is_kept_as_browsers_send_it(text: str, origin: str) -> None:
    assert origin_of(text) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize("text", NO_ORIGINS)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(MalformedSite) as refused:
        origin_of(text)

    assert refused.value.detail == f"{text!r} is no origin. Write https://www.example.org, without a path."


@pytest.mark.parametrize("host", ["straße.example", "STRAẞE.example", "νίκος.example"])
def test_a_host_that_browsers_write_otherwise_than_idna_2003_must_be_given_as_they_write_it(host: str) -> None:
    with pytest.raises(MalformedSite, match=r"in its xn-- form, as a browser copies it from its address bar\.$"):
        origin_of(f"https://{host}")


@given(st.text(max_size=30) | st.text(max_size=20).map("https://{}".format))
def test_an_origin_is_either_refused_or_its_own_canonical_form(text: str) -> None:
    try:
        origin = origin_of(text)
    except MalformedSite:
        return

    assert origin_of(origin) == origin
    assert origin.isascii()
    assert origin == origin.lower()


def add(engine: Engine, key: str = "weekly", **changes: object) -> None:
    given = {"name": "The Weekly", "origins": [make.ORIGIN], "reactions": make.reactions("like", "love"), **changes}
    with writing(engine) as connection:
        sites.add(connection, key=key, **given)  # type: ignore[arg-type]


def read(engine: Engine, key: str = "weekly") -> sites.Site:
    with engine.connect() as connection:
        return sites.get(connection, key)


def test_a_site_is_read_as_it_was_added(engine: Engine) -> None:
    add(
        engine, name=" The  Weekly ", origins=["https://B.example/", "https://a.example", "https://b.example:443"],
        time_zone="Europe/Berlin", article_policy="known", new_articles_per_day=0, reader_scope="site",
    )  # fmt: skip

    found = read(engine)

    assert (found.key, found.name, found.time_zone) == ("weekly", "The  Weekly", "Europe/Berlin")
    assert found.origins == {"https://a.example", "https://b.example"}
    assert found.reactions == make.reactions("like", "love")
    assert (found.article_policy, found.new_articles_per_day, found.reader_scope) == ("known", 0, "site")


def test_a_site_has_defaults_for_what_is_not_said(engine: Engine) -> None:
    add(engine)

    found = read(engine)

    assert (found.time_zone, found.article_policy, found.new_articles_per_day, found.reader_scope) == (
        "UTC",
        "open",
        10_000,
        "article",
    )


def test_what_is_changed_changes_and_the_rest_stays(engine: Engine) -> None:
    add(engine, origins=["https://a.example"], time_zone="Asia/Tokyo")
    before = read(engine)

    with writing(engine) as connection:
        sites.change(connection, "weekly", name="Weekly", article_policy="known")

    after = read(engine)
    fields = {"name": "Weekly", "article_policy": "known"}
    assert {f: getattr(after, f) for f in vars(after)} == {f: getattr(replace(before, **fields), f) for f in vars(before)}


WRONG = [
    ({"key": ""}, "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."),
    ({"key": "Daily"}, "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."),
    ({"key": "-daily"}, "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."),
    ({"key": "the daily"}, "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."),
    ({"key": "d" * 64}, "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."),
    ({"key": "daily\n"}, "A site's key has 1 to 63 of a-z, 0-9 and -, such as daily-herald."),
    ({"name": ""}, "A site's name has 1 to 200 printable characters."),
    ({"name": "  "}, "A site's name has 1 to 200 printable characters."),
    ({"name": "n" * 201}, "A site's name has 1 to 200 printable characters."),
    ({"name": "The\nDaily"}, "A site's name has 1 to 200 printable characters."),
    ({"origins": []}, "A site needs at least one origin, such as https://www.example.org."),
    ({"origins": [make.ORIGIN, "null"]}, "'null' is no origin. Write https://www.example.org, without a path."),
    ({"time_zone": "Berlin"}, "'Berlin' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"time_zone": ""}, "'' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"time_zone": "/etc/passwd"}, "'/etc/passwd' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"time_zone": "../UTC"}, "'../UTC' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"time_zone": "Europe"}, "'Europe' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"time_zone": "UTC\0"}, "'UTC\\x00' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"article_policy": "closed"}, "'closed' is not one of open, known."),
    ({"reader_scope": "world"}, "'world' is not one of article, site."),
    ({"time_zone": "localtime"}, "'localtime' is not a time zone. Write Europe/Berlin, America/New_York or UTC."),
    ({"new_articles_per_day": -1}, "new_articles_per_day is a number from 0 to 2,147,483,647."),
    ({"new_articles_per_day": 2**31}, "new_articles_per_day is a number from 0 to 2,147,483,647."),
    ({"close_after_days": 36_501}, "close_after_days is a number of days from 1 to 36,500, or none."),
]  # fmt: skip


@only_sqlite
def test_what_cannot_be_used_is_refused_and_nothing_is_stored(engine: Engine) -> None:
    for given_wrong, detail in WRONG:
        with pytest.raises(MalformedSite) as refused:
            add(engine, **given_wrong)  # type: ignore[arg-type]

        assert refused.value.detail == detail
    with engine.connect() as connection:
        assert sites.all_sites(connection) == []


@only_sqlite
def test_a_change_is_checked_like_the_first_word(engine: Engine) -> None:
    add(engine)
    before = vars(read(engine))

    for given_wrong, detail in WRONG:
        if "key" in given_wrong:
            continue
        with pytest.raises(MalformedSite) as refused, writing(engine) as connection:
            sites.change(connection, "weekly", **given_wrong)

        assert refused.value.detail == detail
    assert vars(read(engine)) == before


def test_a_site_is_added_once_and_only_a_known_one_is_changed(engine: Engine) -> None:
    add(engine)

    with pytest.raises(MalformedSite, match=r"^The site weekly already exists\. `reactions site set weekly` changes it\.$"):
        add(engine)
    with pytest.raises(UnknownSite, match=r"^There is no site 'daily'\.$"), writing(engine) as connection:
        sites.change(connection, "daily", name="x")


def test_sites_are_listed_by_key(engine: Engine) -> None:
    for key in ("weekly", "daily", "monthly"):
        add(engine, key)

    with engine.connect() as connection:
        assert [site.key for site in sites.all_sites(connection)] == ["daily", "monthly", "weekly"]


def test_a_directory_reads_a_site_once_for_as_long_as_it_may_remember_it(engine: Engine) -> None:
    add(engine)
    clock, asked = Clock(), 0
    directory = Directory(engine, memory_s=2.0, clock=clock)

    def ask(*_: object) -> None:
        nonlocal asked
        asked += 1

    event.listen(engine, "before_cursor_execute", ask)
    seen = []
    for clock.now in (0.0, 1.9, 2.0, 3.9):
        seen.append((directory.find("weekly").name, asked))
        if clock.now == 1.9:
            with writing(engine) as connection:
                sites.change(connection, "weekly", name="Renamed")
            asked = 1

    assert seen == [("The Weekly", 1), ("The Weekly", 1), ("Renamed", 2), ("Renamed", 2)]


def test_a_directory_remembers_what_is_unknown_and_asks_for_nothing_that_cannot_be_known(engine: Engine) -> None:
    asked: list[object] = []
    directory = Directory(engine, memory_s=60, clock=Clock())
    event.listen(engine, "before_cursor_execute", lambda *given: asked.append(given[3]))

    for key in ("nobody", "nobody", "NOBODY", "", "no\0body", "n" * 64, "\ud800", "../daily", "daily "):
        with pytest.raises(UnknownSite, match=r"^There is no such site\. The key is the one shown by `reactions site list`\.$"):
            directory.find(key)

    assert len(asked) == 1


@only_sqlite
def test_a_directory_remembers_only_so_many_unknown_sites(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sites, "_REMEMBERED", 10)
    directory = Directory(engine, memory_s=60, clock=Clock())

    for number in range(100):
        with pytest.raises(UnknownSite):
            directory.find(f"nobody-{number}")

    assert len(directory._remembered) <= 10


def test_while_a_site_is_read_again_everybody_else_goes_on_however_long_that_takes(engine: Engine) -> None:
    add(engine)
    clock = Clock()
    directory = Directory(engine, memory_s=2.0, clock=clock)
    directory.find("weekly")
    reading, leave = hanging(engine)
    with ThreadPoolExecutor(1) as pool:
        clock.now = 2.0
        stuck = pool.submit(directory.find, "weekly")
        reading.wait(10)
        clock.now = 60.0

        assert directory.find("weekly").name == "The Weekly"
        assert not stuck.done()

        leave.set()
        assert stuck.result(10).name == "The Weekly"


@only_sqlite
def test_a_name_may_be_written_in_any_script(engine: Engine) -> None:
    name = "رئیس\u200cجمهور 👩\u200d💻 🫨"
    add(engine, name=name)

    assert read(engine).name == name
