"""Feeds: RSS (0.9 to 2.0), Atom and news sitemaps.

lxml parses: it tells the line of every element, and it is the fastest. A document type declaration, the door of
entity bombs and external entities, is refused before anything of it is used, and nothing is ever fetched.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr

from lxml import etree

from reactions.refusals import UnreadableImport

_ATOM, _DC = "{http://www.w3.org/2005/Atom}", "{http://purl.org/dc/elements/1.1/}"
_RSS_1, _RSS_09 = "{http://purl.org/rss/1.0/}", "{http://my.netscape.com/rdf/simple/0.9/}"
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}RDF"
_SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
_NEWS = "{http://www.google.com/schemas/sitemap-news/0.9}"
_RSS_SPACES = ("", _RSS_1, _RSS_09)
_INLINE = re.compile(r"</?(?:a|abbr|b|br|cite|code|em|i|mark|q|s|small|span|strong|sub|sup|u)\b[^<>]*>", re.IGNORECASE)

_FORMAT_OF_ROOT = {"rss": "rss", _RDF: "rss", f"{_ATOM}feed": "atom", f"{_SITEMAP}urlset": "sitemap"}
_ITEMS = {
    "rss": {f"{space}item" for space in _RSS_SPACES},
    "atom": {f"{_ATOM}entry"},
    "sitemap": {f"{_SITEMAP}url"},
}


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file has at `line` about an article, as text. A field that is absent was not mentioned; one that is empty was."""

    line: int
    texts: Mapping[str, str] = field(default_factory=dict)  # key, guid, title, url, section, published_at
    lists: Mapping[str, list[str]] = field(default_factory=dict)  # authors, tags


def format_of(content: bytes) -> str:
    """rss, atom or sitemap. Raises UnreadableImport."""
    for _, root in _parsed(content, ("start",)):
        return _format_of_root(root)
    raise UnreadableImport("The file is empty.")


def read(content: bytes) -> Iterator[Entry]:
    """Yield the items of a feed or the addresses of a news sitemap. Raises UnreadableImport."""
    events = _parsed(content, ("start", "end"))
    format_ = _format_of_root(next(events)[1])
    items, entry_of = _ITEMS[format_], _ENTRY_OF[format_]
    before: etree._Element | None = None
    for event, element in events:
        if event == "end" and element.tag in items:
            yield entry_of(element)
            _let_go(before)
            before = element


def _let_go(item: etree._Element | None) -> None:
    """Forget an item that was read, so that memory does not grow with the file; the one before the present, as lxml wants."""
    if item is not None and (parent := item.getparent()) is not None:
        parent.remove(item)


def _parsed(content: bytes, events: tuple[str, ...]) -> Iterator[tuple[str, etree._Element]]:
    parsing = etree.iterparse(
        io.BytesIO(content), events=events, resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    checked = False
    try:
        for event, element in parsing:
            if not checked:
                _refuse_declarations(element)
                checked = True
            yield event, element
    except etree.XMLSyntaxError as error:
        raise UnreadableImport(f"Line {error.lineno or 1}: not XML: {error.msg}.") from None


def _refuse_declarations(root: etree._Element) -> None:
    if root.getroottree().docinfo.internalDTD is not None:
        raise UnreadableImport("The file has a document type declaration (<!DOCTYPE …>), which may define entities. Remove it.")


def _format_of_root(root: etree._Element) -> str:
    if format_ := _FORMAT_OF_ROOT.get(str(root.tag)):
        return format_
    name = etree.QName(root).localname
    if root.tag == f"{_SITEMAP}sitemapindex":
        raise UnreadableImport("This is a sitemap index. Import the news sitemaps that it names.")
    raise UnreadableImport(f"<{name}> is no feed: expected <rss>, <feed> of Atom, or <urlset> of a sitemap.")


def _rss(item: etree._Element) -> Entry:
    texts = {
        "title": _first(item, "title", as_html=True),
        "url": _first(item, "link") or _permanent_guid(item),
        "guid": _first(item, "guid") or item.get(_RDF.replace("RDF", "about")),
        "published_at": _first(item, "pubDate") or _text(item.find(f"{_DC}date")),
    }
    authors = [_text(creator) for creator in item.iterfind(f"{_DC}creator")] or [_name(a) for a in _all(item, "author")]
    tags = _all(item, "category") or [_text(subject) for subject in item.iterfind(f"{_DC}subject")]
    return _entry(item, texts, authors=authors, tags=tags)


def _atom(entry: etree._Element) -> Entry:
    links = [link for link in entry.iterfind(f"{_ATOM}link") if link.get("rel", "alternate") == "alternate"]
    title = entry.find(f"{_ATOM}title")
    texts = {
        "title": _text(title, as_html=title is not None and title.get("type") == "html"),
        "url": links[0].get("href", "") if links else "",
        "guid": _text(entry.find(f"{_ATOM}id")),
        "published_at": _text(entry.find(f"{_ATOM}published")),
    }
    named = f"{_ATOM}author/{_ATOM}name"
    feed = entry.getparent()
    authors = [_text(name) for name in entry.iterfind(named)]
    if not authors and feed is not None:
        authors = [_text(name) for name in feed.iterfind(named)]
    tags = [category.get("label") or category.get("term", "") for category in entry.iterfind(f"{_ATOM}category")]
    return _entry(entry, texts, authors=authors, tags=tags)


def _sitemap(url: etree._Element) -> Entry:
    news = f"{_NEWS}news/{_NEWS}"
    texts = {
        "title": _text(url.find(f"{news}title")),
        "url": _text(url.find(f"{_SITEMAP}loc")),
        "published_at": _text(url.find(f"{news}publication_date")),
    }
    return _entry(url, texts, authors=[], tags=_text(url.find(f"{news}keywords")).split(","))


_ENTRY_OF: dict[str, Callable[[etree._Element], Entry]] = {"rss": _rss, "atom": _atom, "sitemap": _sitemap}


def _entry(element: etree._Element, texts: Mapping[str, str | None], *, authors: list[str], tags: list[str]) -> Entry:
    """What the element says; a feed has no way to say that there is none."""
    lists = {"authors": _said(authors), "tags": _said(tags)}
    return Entry(
        int(element.sourceline or 0),
        {name: text.strip() for name, text in texts.items() if text and text.strip()},
        {name: values for name, values in lists.items() if values},
    )


def _said(values: list[str]) -> list[str]:
    return list(dict.fromkeys(value.strip() for value in values if value.strip()))


def _all(item: etree._Element, name: str) -> list[str]:
    return [_text(element) for element in item.iterfind(_space(item) + name)]


def _first(item: etree._Element, name: str, *, as_html: bool = False) -> str:
    return _text(item.find(_space(item) + name), as_html=as_html)


def _space(item: etree._Element) -> str:
    """The namespace of the item, which is that of its parts: "" in RSS 2.0."""
    return str(item.tag).removesuffix("item")


def _permanent_guid(item: etree._Element) -> str:
    guid = item.find("guid")
    return _text(guid) if guid is not None and guid.get("isPermaLink", "true") == "true" else ""


def _name(author: str) -> str:
    """RSS has "anna@daily.example (Anna Smith)" where a name is meant; an address alone is no name."""
    name, address = parseaddr(author)
    return name or ("" if "@" in address else author)


def _text(element: etree._Element | None, *, as_html: bool = False) -> str:
    """The element's text on one line; of HTML, without inline tags and with its entities read."""
    if element is None:
        return ""
    text = "".join(map(str, element.itertext())) if len(element) else element.text or ""
    if as_html:
        text = html.unescape(_INLINE.sub("", text))
    return " ".join(text.split())
