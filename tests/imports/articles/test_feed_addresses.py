"""Addresses of articles in feeds: where they stand, and what they are relative to."""

from __future__ import annotations

import pytest

from tests.imports.articles.feed_texts import read, rss


@pytest.mark.parametrize(
    ("item", "channel", "url"),
    [
        ("<link>/news/1</link>", "<link>https://daily.example/</link>", "https://daily.example/news/1"),
        ("<link href='https://daily.example/a'/>", "<link>https://daily.example/</link>", "https://daily.example/a"),
        ("<link>1?x=2</link>", "<link>https://daily.example/news/</link>", "https://daily.example/news/1?x=2"),
        ("<link>//cdn.example/1</link>", "<link>https://daily.example/</link>", "https://cdn.example/1"),
        (
            "<link xml:base='https://other.example/b/'>../1</link>",
            "<link>https://daily.example/</link>",
            "https://other.example/1",
        ),
        ("<link>https://daily.example/1</link>", "<link>https://other.example/</link>", "https://daily.example/1"),
    ],
)
def test_relative_links_of_rss_are_resolved(item: str, channel: str, url: str) -> None:
    (article,) = read(rss(f"<title>A</title>{item}", channel=channel)).articles

    assert article.fields["url"] == url


def test_a_link_that_stays_relative_is_a_fault() -> None:
    (fault,) = read(rss("<title>A</title><link>/news/1</link>")).faults

    assert fault.detail == "url '/news/1' is not a web address such as https://www.example.org/news/1."


@pytest.mark.parametrize(
    ("feed", "url"),
    [
        ('<feed {ns} xml:base="https://daily.example/b/"><entry xml:base="2026/">{title}<link href="a"/></entry></feed>',
         "https://daily.example/b/2026/a"),
        ('<feed {ns}><link rel="self" href="https://x.example/f"/><link href="https://daily.example/b/"/><entry>{title}'
         '<link href="a"/></entry></feed>', "https://daily.example/b/a"),
        ('<feed {ns}><entry>{title}<link rel="enclosure" href="/m.mp3"/>'
         '<link xml:base="https://daily.example" href="/a"/></entry></feed>', "https://daily.example/a"),
    ],
)  # fmt: skip
def test_relative_links_of_atom_are_resolved(feed: str, url: str) -> None:
    content = feed.format(ns='xmlns="http://www.w3.org/2005/Atom"', title="<title>A</title>")

    assert read(content).articles[0].fields["url"] == url


def test_articles_that_differ_only_by_their_query_are_two_with_another_key() -> None:
    items = "".join(
        f'<item><title>{name}</title><link>https://daily.example/?p={name}</link><guid isPermaLink="false">{name}</guid></item>'
        for name in ("1", "2")
    )
    content = f"<rss><channel>{items}</channel></rss>"

    (fault,) = read(content).faults
    assert fault.detail.endswith("If they are two articles with one path, add --key url or --key guid.")
    assert [article.key for article in read(content, key="url").articles] == [
        "https://daily.example/?p=1",
        "https://daily.example/?p=2",
    ]
    assert [article.key for article in read(content, key="guid").articles] == ["1", "2"]


@pytest.mark.parametrize(
    ("item", "url"),
    [
        (
            '<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="alternate" href="https://daily.example/a"/>',
            "https://daily.example/a",
        ),
        (
            '<link>https://feedproxy.example/1</link><f:origLink xmlns:f="http://rssnamespace.org/feedburner/ext/1.0">'
            "https://daily.example/b</f:origLink>",
            "https://daily.example/b",
        ),
        ("<guid>https://daily.example/c</guid>", "https://daily.example/c"),
    ],
)
def test_the_address_of_rss_stands_in_several_places(item: str, url: str) -> None:
    (article,) = read(rss(f"<title>A</title>{item}")).articles
    assert article.fields["url"] == url


def test_a_guid_that_is_no_address_gives_none() -> None:
    (fault,) = read(rss("<title>A</title><guid>tag:daily.example,2026:1</guid>")).faults

    assert "has no url" in fault.detail


@pytest.mark.parametrize(
    "links",
    [
        '<link rel="http://www.iana.org/assignments/relation/alternate" href="https://daily.example/a"/>',
        '<link type="application/json" href="https://daily.example/a.json"/><link type="text/html" href="https://daily.example/a"/>',
        '<link rel="self" href="https://daily.example/a.atom"/><link href=" https://daily.example/a "/>',
        "<link>https://daily.example/a</link>",
    ],
)
def test_the_link_of_atom_is_the_one_to_the_page(links: str) -> None:
    (article,) = read(f'<feed xmlns="http://www.w3.org/2005/Atom"><entry><title>A</title>{links}</entry></feed>').articles
    assert article.fields["url"] == "https://daily.example/a"


def test_what_is_relative_is_relative_to_where_the_feed_says_it_is() -> None:
    own = '<a:link xmlns:a="http://www.w3.org/2005/Atom" rel="self" href="https://daily.example/news/feed.xml"/>'
    atom = '<feed xmlns="http://www.w3.org/2005/Atom"><link rel="self" href="https://daily.example/news/feed"/>'

    for content in (
        rss("<title>A</title><link>/a</link>", channel=own),
        f'{atom}<entry><title>A</title><link href="/a"/></entry></feed>',
    ):
        (article,) = read(content).articles
        assert article.fields["url"] == "https://daily.example/a"
