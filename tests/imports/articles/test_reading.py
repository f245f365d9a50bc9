"""What each format says, line by line, and what is refused."""

from __future__ import annotations

import gzip
import socket
from datetime import UTC, datetime
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest

from reactions.imports import article_files, sources
from reactions.imports.article_files import ArticleOptions, DescribedArticle, Reading
from reactions.imports.sources import Fault, Source
from reactions.newsroom import article_keys
from reactions.refusals import UnreadableImport
from tests.imports.articles import samples

BERLIN = ZoneInfo("Europe/Berlin")


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def read(content: bytes, format_: str | None = None, **options: object) -> Reading:
    wanted = ArticleOptions(**{"time_zone": BERLIN, **options})  # type: ignore[arg-type]
    return article_files.check(article_files.read(Source(BytesIO(content)), format_=format_), wanted)


def test_rss() -> None:
    assert read(samples.RSS) == Reading(
        (
            DescribedArticle(
                6,
                "/news/tom-and-jerry",
                {
                    "title": "Tom & Jerry at last agree",
                    "url": "https://daily.example/news/tom-and-jerry?utm_source=rss",
                    "published_at": ms("2026-03-01T07:30:00+01:00"),
                    "authors": ["Anna Schmidt", "Ben Okafor"],
                    "tags": ["Animals", "Peace"],
                },
            ),
            DescribedArticle(
                17,
                "/weather/über-regen%2F2",
                {"title": "Rain", "url": "https://daily.example/weather/%C3%BCber-regen%2F2", "authors": ["Cia Rossi"]},
            ),
        ),
        (),
    )


def test_rss_1_0() -> None:
    fields = {
        "title": "Old but gold",
        "url": "https://daily.example/old",
        "published_at": ms("2026-03-01T06:30:00Z"),
        "tags": ["History"],
    }

    assert read(samples.RDF) == Reading((DescribedArticle(4, "/old", fields),), ())
    assert read(samples.RDF, key="guid").articles[0].key == "urn:1"


def test_atom() -> None:
    goals, quiet = read(samples.ATOM, key="guid").articles

    assert goals == DescribedArticle(
        4,
        "tag:daily.example,2026:goals",
        {
            "title": "Five goals – in ten minutes",
            "url": "https://daily.example/sport/goals",
            "published_at": ms("2026-03-01T20:15:00+01:00"),
            "authors": ["Dee"],
            "tags": ["Football"],
        },
    )
    assert quiet.fields == {"title": "A quiet day", "url": "https://daily.example/quiet", "authors": ["The desk"]}


def test_a_news_sitemap_whose_days_are_days_of_the_site() -> None:
    fields = {
        "title": "Pie prices climb",
        "url": "https://daily.example/economy/pie",
        "published_at": ms("2026-03-01T00:00:00+01:00"),
        "tags": ["pie", "prices"],
        "section": "Economy",
    }

    assert read(samples.SITEMAP, section="Economy") == Reading((DescribedArticle(3, "/economy/pie", fields),), ())


def test_a_table_whose_empty_cells_say_that_there_is_none() -> None:
    pie, rain = read(samples.CSV).articles

    assert pie == DescribedArticle(
        2,
        "pie",
        {
            "title": "Pie prices climb",
            "url": "https://daily.example/economy/pie",
            "section": "Economy",
            "published_at": ms("2026-03-01T07:30:00+01:00"),
            "authors": ["Anna Schmidt", "Ben Okafor"],
            "tags": ["pie", "prices"],
        },
    )
    assert rain.fields["title"] == "Rain, and more rain"
    assert rain.fields["url"] is None
    assert rain.fields["tags"] == []


def test_a_table_with_windows_line_ends_and_a_byte_order_mark() -> None:
    table = "\ufeffTitle,URL\r\nPie,https://daily.example/pie\r\n"

    assert read(table.encode()).articles == (DescribedArticle(2, "/pie", {"title": "Pie", "url": "https://daily.example/pie"}),)


NOT_IN_KEYS = (
    "An article key must not contain {} here: no control, direction, invisible or unassigned characters, and joiners only "
    "where a word or an emoji is written with them."
)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://daily.example", "/"),
        ("https://daily.example/a/b/?x=1#top", "/a/b/"),
        ("https://daily.example/a%20b", "/a b"),
        ("https://daily.example/%e2%9c%93", "/✓"),
        ("https://daily.example/100%25%3f", "/100%%3f"),
        ("https://daily.example/%E2%9C", "/%E2%9C"),
    ],
)
def test_the_key_of_an_address_is_what_the_widget_takes_there(url: str, key: str) -> None:
    assert article_keys.path_key(url) == key


@pytest.mark.parametrize(
    ("row", "detail"),
    [
        (",No key,,,,,", "has no url to take the article's key from."),
        ("a,,,,,,", "has no title."),
        ("a,b", "has 2 cells, but the header has 7."),
        ("a,b,javascript:alert(1),,,,", "url 'javascript:alert(1)' is not a web address such as https://www.example.org/news/1."),
        ("a,b,,,,,yesterday", "published_at 'yesterday' is not a time such as 2026-03-01T07:30:00+01:00."),
        ("a,b,,,,,10000-01-01", "published_at '10000-01-01' is not a time such as 2026-03-01T07:30:00+01:00."),
        (
            "a\u202e,b,,,,,",
            NOT_IN_KEYS.format("U+202E"),
        ),
        (
            "1.23457E+14,b,,,,,",
            "has the key 1.23457E+14, a number that a spreadsheet has shortened. Format the column as text and export again.",
        ),
        (f"a,{'b' * 501},,,,,", "title has 501 characters, more than 500."),
        ("a,b\x07c,,,,,", "title contains U+0007, a control character or line separator."),
        (f"a,b,,,,{';'.join('t' * 51)},", "has 51 tags, more than 50."),
    ],
)
def test_a_line_that_cannot_be_imported_is_named_with_the_reason(row: str, detail: str) -> None:
    reading = read(samples.table("good,Good,,,,,", row))

    assert [article.key for article in reading.articles] == ["good"]
    assert reading.faults == (Fault("Line 3", detail),)


def test_an_article_described_twice_alike_is_one_and_otherwise_a_fault() -> None:
    reading = read(samples.table("a,A,,,,,", "a,A,,,,,", "a,B,,,,,"))

    assert reading.faults == (Fault("Line 4", "describes 'a' again, and differently from line 2."),)
    assert len(reading.articles) == 1


def test_a_sitemap_has_no_guid_and_says_so_of_each_line() -> None:
    assert read(samples.SITEMAP, key="guid").faults == (Fault("Line 3", "has no guid to take the article's key from."),)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "The file is empty."),
        (b" \n\t", "The file is empty."),
        (b"<rss><channel>", "Line 1: not XML: "),
        (b"<rss>\n<channel>\n</rss>", "Line 3: not XML: "),
        (b"<html><body/></html>", "The file is a web page."),
        (b"<?xml version='1.0'?><html/>", "<html> is not a feed"),
        (b'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>', "This is a sitemap index."),
        (b"<!DOCTYPE HTML><p>Not found", "The file is a web page. Its source names its feed: <link "),
        (
            b'\xef\xbb\xbf {"version": "https://jsonfeed.org/version/1.1"}',
            "The file is JSON. Import RSS, Atom, a news sitemap or a CSV",
        ),
        (b"Warning: a.php\n<?xml version='1.0'?><rss/>", "Text stands before the feed: 'Warning: a.php'. Remove it."),
        (b"hello, world", "Line 1: the header has 'hello'. A header is key,title,url,section,authors,tags,published_at"),
        (b"key,url\n", "Line 1: the header needs title, and key or url."),
        (b"key:title\n", "Line 1: the header has 'key:title'."),
        (b"key,title,key\n", "Line 1: the header has 'key' more than once."),
        (b'key,title\na,"b\n', "not CSV: "),
        (b"key,title\na,b\xff\n", "Line 2: not UTF-8."),
        (samples.BOMB, "document type declaration (<!DOCTYPE … [ … ]>) declares entities"),
        (samples.EXTERNAL, "document type declaration (<!DOCTYPE … [ … ]>) declares entities"),
        (b"<rss><channel><title>Nothing yet</title></channel></rss>", "The file has no articles: there is no <item> in it."),
        (b"key,title\n", "The table has no rows."),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(content: bytes, says: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read(content)

    assert says in refusal.value.detail


def test_a_document_type_without_declarations_is_read_and_nothing_is_fetched() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        (article,) = read(samples.REMOTE_DTD % server.getsockname()[1]).articles

        with pytest.raises(TimeoutError):
            server.accept()
    assert article.fields["title"] == "a"


def test_a_file_of_another_format_than_was_said_is_refused() -> None:
    with pytest.raises(UnreadableImport, match="The file is atom, not rss"):
        read(samples.ATOM, "rss")
    with pytest.raises(UnreadableImport, match="not XML"):
        read(samples.CSV, "atom")
    with pytest.raises(UnreadableImport, match="the header has"):
        read(samples.RSS, "csv")


def test_a_file_may_have_fifty_thousand_articles_and_not_one_more() -> None:
    assert len(read(samples.long_table(50_000)).articles) == 50_000
    with pytest.raises(UnreadableImport, match="more than 50,000 articles"):
        read(samples.long_table(50_001))


def test_a_file_of_half_a_gigabyte_is_refused_before_it_is_read() -> None:
    with pytest.raises(UnreadableImport, match="larger than"):
        read(b"<" + bytes(sources.MOST_WHOLE))


def test_lines_are_named_far_down_in_a_feed() -> None:
    item = b"<item>\n<title>Story %d</title>\n<link>https://daily.example/%d</link></item>\n"
    items = b"".join(item % (number, number) for number in range(30_000))
    reading = read(b"<rss><channel>\n" + items + b"<item><title>Bad</title></item></channel></rss>")

    assert abs(reading.articles[-1].line - (2 + 3 * 29_999)) <= 1  # past line 65,535 libxml2 asks the neighbours
    assert reading.faults == (Fault("Line 90,002", "has no url to take the article's key from."),)


@pytest.mark.parametrize("packed", [False, True])
def test_a_table_is_no_larger_than_a_feed_may_be(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOST_WHOLE", 1000)
    table = b"key,title\n" + b"a,A\n" * 300

    with pytest.raises(UnreadableImport, match="larger than 1,000 bytes"):
        read(gzip.compress(table) if packed else table)
