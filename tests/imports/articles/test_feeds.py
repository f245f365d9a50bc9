"""Feeds as publishers' programs really write them: each kind of strangeness, read as it is meant or refused with its reason."""

from __future__ import annotations

import gzip
from io import BytesIO

import pytest

from reactions.imports import article_files
from reactions.imports.article_files import ArticleOptions, Reading
from reactions.imports.sources import Source
from reactions.refusals import UnreadableImport

LINK = "<link>https://daily.example/a</link>"


def read(content: str | bytes, **options: str) -> Reading:
    file = BytesIO(content.encode() if isinstance(content, str) else content)
    return article_files.check(article_files.read(Source(file)), ArticleOptions(**options))


def rss(item: str, *, attributes: str = "", channel: str = "", head: str = "") -> str:
    return f'{head}<rss version="2.0" {attributes}><channel>{channel}\n<item>{item}</item></channel></rss>'


def title(content: str | bytes) -> object:
    reading = read(content)
    assert reading.faults == ()
    (article,) = reading.articles
    return article.fields["title"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("It&#146;s &#x93;over&#x94; &#133;", "It’s “over” …"),
        ("&amp;#145;quoted&amp;#146;", "‘quoted’"),
        ("<![CDATA[A &#150; B]]>", "A – B"),
        ("Caf&eacute;&nbsp;au lait &mdash; &hellip;", "Café au lait — …"),
        ("<![CDATA[Caf&eacute;]]>", "Café"),
        ("Tom & Jerry & co.", "Tom & Jerry & co."),
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("<![CDATA[Budget vote<br>Live updates]]>", "Budget vote Live updates"),
        ("<![CDATA[One<br/>two<p>three</p>four]]>", "One two three four"),
        ("<![CDATA[<strong>Bold</strong>ly <img src='x'> <del>not</del>]]>", "Boldly not"),
        ("1 &lt; 2 &amp;lt; 3", "1 < 2 < 3"),
        ("<![CDATA[Safe<script>alert('<br>')</script> text<style>b {}</style>]]>", "Safe text"),
        ("How &lt;video&gt; works", "How <video> works"),
        ("Budget\u202f:\u00a0le\n\tvote", "Budget : le vote"),
        ("رئیس\u200cجمهور", "رئیس\u200cجمهور"),
        ("👩\u200d💻 and 🫨", "👩\u200d💻 and 🫨"),
    ],
)
def test_titles_are_read_as_html_means_them(written: str, meant: str) -> None:
    assert title(rss(f"<title>{written}</title>{LINK}")) == meant


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252"])
def test_bytes_of_windows_1252_are_read_under_either_name(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'

    assert title(rss(f"<title>It’s “over”, Zoë</title>{LINK}", head=head).encode("windows-1252")) == "It’s “over”, Zoë"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_its_mark_is_read(encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    content = rss(f"<title>Zoë &eacute; & co.</title>{LINK}", head='<?xml version="1.0" encoding="UTF-16"?>\n')

    assert title(mark + content.encode(encoding)) == "Zoë é & co."


@pytest.mark.parametrize("before", ["<!-- a -- b -->", "<!--\n-->\n", "\n", "\n\n  ", "\ufeff", "\ufeff\r\n"])
def test_what_stands_before_the_declaration_is_skipped_and_lines_are_counted(before: str) -> None:
    content = before + rss(f"<title>A</title>{LINK}", head='<?xml version="1.0"?>\n')

    (article,) = read(content).articles
    assert article.line == 3 + before.count("\n")
    with pytest.raises(UnreadableImport, match=f"Line {3 + before.count(chr(10))}: not XML: "):
        read(content.replace("</item>", "</items>"))


def test_atom_without_a_namespace_is_read() -> None:
    assert title('<feed><entry><title>A</title><link href="https://daily.example/a"/></entry></feed>') == "A"


def test_a_packed_file_is_read_like_the_file_inside() -> None:
    assert title(gzip.compress(rss(f"<title>A</title>{LINK}").encode())) == "A"


@pytest.mark.parametrize(
    ("item", "channel", "url"),
    [
        ("<link>/news/1</link>", "<link>https://daily.example/</link>", "https://daily.example/news/1"),
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


RSS_SPACES = [
    "http://backend.userland.com/rss2", "http://backend.userland.com/RSS2", "http://blogs.law.harvard.edu/tech/rss",
    "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/", "http://channel.netscape.com/rdf/simple/0.9/",
    "https://channel.netscape.com/rdf/simple/0.9",
]  # fmt: skip


@pytest.mark.parametrize("space", RSS_SPACES)
def test_rss_is_read_in_every_namespace_it_has_had(space: str) -> None:
    rdf = 'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"'
    item = f"<item><title>A</title>{LINK}</item>"

    assert title(rss(f"<title>A</title>{LINK}", attributes=f'xmlns="{space}"')) == "A"
    assert title(f'<rdf:RDF {rdf} xmlns="{space}"><channel><title>T</title></channel>{item}</rdf:RDF>') == "A"


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("slash", ["", "/"])
def test_namespaces_of_sitemaps_and_atom_may_differ_in_scheme_and_slash(scheme: str, slash: str) -> None:
    spaces = (
        f'xmlns="{scheme}://www.sitemaps.org/schemas/sitemap/0.9{slash}" '
        f'xmlns:n="{scheme}://www.google.com/schemas/sitemap-news/0.9{slash}"'
    )
    url = "<url><loc>https://daily.example/a</loc><n:news><n:title>A</n:title></n:news></url>"

    assert title(f"<urlset {spaces}>{url}</urlset>") == "A"
    atom = (
        f'<feed xmlns="{scheme}://www.w3.org/2005/Atom{slash}"><entry><title>A</title><link href="https://d.example/a"/></entry>'
    )
    assert title(f"{atom}</feed>") == "A"


@pytest.mark.parametrize("attributes", ['xmlns:media=" http://search.yahoo.com/mrss/"', 'xmlns:media="not a uri"', ""])
def test_faults_of_namespaces_do_not_stop_it(attributes: str) -> None:
    content = rss(f"<title>A</title>{LINK}<dc:creator>Anna</dc:creator><media:title>no</media:title>", attributes=attributes)

    (article,) = read(content).articles
    assert (article.fields["title"], article.fields["authors"]) == ("A", ["Anna"])


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (f'<rss xmlns="urn:other"><channel><item><title>A</title>{LINK}</item></channel></rss>', "the namespace 'urn:other'"),
        (f'<rss><channel xmlns="urn:other"><item><title>A</title>{LINK}</item></channel></rss>', "the namespace 'urn:other'"),
        ('<feed xmlns="urn:other"><entry><title>A</title></entry></feed>', "the namespace 'urn:other'"),
        ("<rss><channel/></rss>", "The file has no articles: there is no <item> in it."),
        ('<feed xmlns="http://www.w3.org/2005/Atom"/>', "there is no <entry> in it."),
        ('<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"/>', "there is no <url> in it."),
    ],
)
def test_nothing_found_is_a_refusal_with_its_reason(content: str, why: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read(content)

    assert why in refusal.value.detail


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<rss>\n<channel>&nosuch;</channel></rss>", "Line 2: not XML: Entity 'nosuch' not defined."),
        (
            "<rss>\n<channel>\n<item></channel></rss>",
            "Line 3: not XML: Opening and ending tag mismatch: item line 3 and channel.",
        ),
        ("<rss>\n\x0b</rss>", "Line 2: not XML: PCDATA invalid Char value 11."),
        ('<?xml version="1.0" encoding="utf-8"?>\n<rss>\n\x92</rss>'.encode("latin-1"), "Line 3: not XML: "),
        ('<?xml version="1.0" encoding="nonesuch"?><rss/>', "Line 1: not XML: Unsupported encoding: nonesuch."),
        ("<rss><channel>", "Line 1: not XML: Premature end of data"),
    ],
)
def test_the_parsers_own_reason_and_line_are_given(content: str | bytes, why: str) -> None:
    with pytest.raises(UnreadableImport) as refusal:
        read(content)

    assert refusal.value.detail.startswith(why)


def test_atom_0_3() -> None:
    feed = """<feed version="0.3" xmlns="http://purl.org/atom/ns#">
      <link rel="alternate" type="text/html" href="https://daily.example/"/>
      <author><name>Anna</name></author>
      <entry>
        <title mode="escaped" type="text/html">Five &lt;b&gt;goals&lt;/b&gt; &amp;amp; more</title>
        <link rel="alternate" type="text/html" href="sport/goals"/>
        <id>tag:daily.example,2004:1</id>
        <issued>2004-03-01T07:30:00+01:00</issued>
        <modified>2005-01-01T00:00:00Z</modified>
      </entry>
    </feed>"""

    (article,) = read(feed, key="guid").articles

    assert article.key == "tag:daily.example,2004:1"
    assert article.fields == {
        "title": "Five goals & more",
        "url": "https://daily.example/sport/goals",
        "published_at": 1_078_122_600_000,
        "authors": ["Anna"],
    }


def test_xhtml_in_a_title_breaks_lines_into_spaces() -> None:
    xhtml = '<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">One<br/>two <i>three</i>four<p>five</p></div></title>'
    entry = f'<entry>{xhtml}<link href="https://daily.example/a"/></entry>'

    assert title(f'<feed xmlns="http://www.w3.org/2005/Atom">{entry}</feed>') == "One two threefour five"


@pytest.mark.parametrize("how", ['mode="base64" type="text/html"', 'type="application/octet-stream"'])
def test_a_title_in_base64(how: str) -> None:
    link, space = '<link href="https://daily.example/a"/>', 'xmlns="http://www.w3.org/2005/Atom"'
    good, bad = (
        f"<feed {space}><entry><title {how}>{text}</title>{link}</entry></feed>" for text in ("QSA8Yj5iPC9iPiDDqQ==", "no!")
    )

    assert title(good) == "A b é"
    (fault,) = read(bad).faults
    assert fault.detail == "has no title."


def test_the_title_of_dublin_core() -> None:
    dc = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'

    assert title(rss(f"<dc:title>A</dc:title>{LINK}", attributes=dc)) == "A"


def test_the_author_of_a_podcast() -> None:
    itunes = 'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'

    (article,) = read(rss(f"<title>A</title>{LINK}<itunes:author>Anna</itunes:author>", attributes=itunes)).articles

    assert article.fields["authors"] == ["Anna"]


def test_a_date_that_means_nothing_is_none_and_one_in_another_zone_is_honoured() -> None:
    (none,) = read(rss(f"<title>A</title>{LINK}<pubDate>Mon, 01 Jan 0001 00:00:00 +0000</pubDate>")).articles
    (tokyo,) = read(rss(f"<title>A</title>{LINK}<pubDate>Thu, 26 Nov 2026 10:00:00 JST</pubDate>")).articles
    (fault,) = read(rss(f"<title>A</title>{LINK}<pubDate>Thu, 26 Nov 2026 10:00:00 XYZ</pubDate>")).faults

    assert none.fields["published_at"] is None
    assert tokyo.fields["published_at"] == 1_795_654_800_000
    assert fault.detail.startswith("published_at 'Thu, 26 Nov 2026 10:00:00 XYZ' has the time zone 'XYZ', which is not known")


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
