"""Feeds as publishers' programs really write them: each kind of strangeness, read as it is meant or refused with its reason."""

from __future__ import annotations

import gzip

import pytest

from reactions.refusals import UnreadableImport
from tests.imports.articles.feed_texts import LINK, read, rss, title

RSS_SPACES = [
    "http://backend.userland.com/rss2", "http://backend.userland.com/RSS2", "http://blogs.law.harvard.edu/tech/rss",
    "http://purl.org/rss/1.0/", "http://my.netscape.com/rdf/simple/0.9/", "http://channel.netscape.com/rdf/simple/0.9/",
    "https://channel.netscape.com/rdf/simple/0.9",
]  # fmt: skip


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


def test_atom_without_a_namespace_is_read() -> None:
    assert title('<feed><entry><title>A</title><link href="https://daily.example/a"/></entry></feed>') == "A"


def test_a_packed_file_is_read_like_the_file_inside() -> None:
    assert title(gzip.compress(rss(f"<title>A</title>{LINK}").encode())) == "A"


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
        (
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://daily.example/a</loc></url></urlset>',
            "The sitemap has no titles: in a news sitemap, each is in <news:title>. Import the site's feed, or its news sitemap.",
        ),
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
        ("<rss>\n&#xD83D;</rss>", "Line 2: not XML: xmlParseCharRef: invalid xmlChar value 55357."),
        ("<rss>\n" + "<!--" * 100_000, "Line 1: not XML: Premature end of data"),
        ("<rss>\n" + "<![CDATA[" * 100_000, "Line 2: not XML: CData section not finished"),
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


@pytest.mark.parametrize("name", ["dc:date", "dcterms:issued", "dcterms:created"])
def test_dates_of_dublin_core(name: str) -> None:
    spaces = 'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"'
    (article,) = read(rss(f"<title>A</title>{LINK}<{name}>2003-12-31T10:14:55Z</{name}>", attributes=spaces)).articles

    assert article.fields["published_at"] == 1_072_865_695_000


def test_the_title_of_media_where_there_is_no_other() -> None:
    media = '<m:title xmlns:m="http://search.yahoo.com/mrss/">Caption</m:title>'

    assert title(rss(f"{media}{LINK}")) == "Caption"
    assert title(rss(f"{media}<title>A</title>{LINK}")) == "A"
