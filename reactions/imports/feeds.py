"""Feeds: RSS (0.9 to 2.0), Atom (0.3 and 1.0) and news sitemaps, as publishers' programs really write them.

The file is longer than 300 lines because the three formats share what makes them readable: namespaces, addresses, HTML.

lxml parses: it knows the line of every element, and it is the fastest. Declared entities, which entity bombs and external
entities need, are refused before anything of them is used, and nothing is ever fetched. What HTML would understand is understood:
characters 128 to 159, which mean Windows-1252, and what `xml_text` makes readable.
"""

from __future__ import annotations

import base64
import html
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from functools import lru_cache
from urllib.parse import urljoin

from lxml import etree

from reactions import texts
from reactions.imports import xml_text
from reactions.refusals import UnreadableImport

# Namespaces by the form that `_plain` makes of them: without scheme, case and closing slash, in which programs differ.
_ATOM = {"", "www.w3.org/2005/atom", "purl.org/atom/ns#"}
_RSS = {
    "", "purl.org/rss/1.0", "purl.org/net/rss1.1#", "my.netscape.com/rdf/simple/0.9", "channel.netscape.com/rdf/simple/0.9",
    "backend.userland.com/rss", "backend.userland.com/rss2", "backend.userland.com/rss091", "backend.userland.com/rss092",
    "blogs.law.harvard.edu/tech/rss", "cyber.law.harvard.edu/rss", "my.netscape.com/publish/formats/rss-0.91.dtd",
    "purl.org/rss/2.0", "www.rssboard.org/rss-specification",
}  # fmt: skip
_RDF = {"www.w3.org/1999/02/22-rdf-syntax-ns#"}
_SITEMAP = {
    "",
    "www.sitemaps.org/schemas/sitemap/0.9",
    "www.google.com/schemas/sitemap/0.84",
    "www.google.com/schemas/sitemap/0.9",
}
_NEWS = {"www.google.com/schemas/sitemap-news/0.9"}
_DC = {"purl.org/dc/elements/1.1", "purl.org/dc/elements/1.0", "purl.org/dc/terms"}
_ITUNES = {"www.itunes.com/dtds/podcast-1.0.dtd", "example.com/dtds/podcast-1.0.dtd"}
_MEDIA = {"search.yahoo.com/mrss"}
_FEEDBURNER = {"rssnamespace.org/feedburner/ext/1.0"}  # which puts an address of its own into `link`
_ATOM_ALONE = _ATOM - {""}
_RELATIONS = "http://www.iana.org/assignments/relation/"  # the long form of a link's relation, RFC 4287, 4.2.7.2
_PAGES = ("text/html", "application/xhtml+xml")
_WEB = re.compile("https?://", re.IGNORECASE)
_PREFIXES = {"dc": _DC, "itunes": _ITUNES, "news": _NEWS}  # of elements whose prefix is declared nowhere
_ROOTS = {"rss": ("rss", _RSS), "RDF": ("rss", _RDF), "feed": ("atom", _ATOM), "urlset": ("sitemap", _SITEMAP)}
_ITEMS = {"rss": ("item", _RSS), "atom": ("entry", _ATOM), "sitemap": ("url", _SITEMAP)}

_BREAK = re.compile(r"</?(?:br|p|div|h[1-6]|li|ul|ol|td|tr|hr|blockquote)\b[^<>]*>", re.IGNORECASE)
_SCRIPT = re.compile(r"<(script|style)\b[^<>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_INLINE = re.compile(
    r"</?(?:a|abbr|acronym|b|bdi|bdo|big|cite|code|del|em|font|i|img|ins|kbd|mark|q|s|samp|small|span|strike|strong|sub|sup|time|tt"
    r"|u|var|wbr)\b[^<>]*>",
    re.IGNORECASE,
)
_BREAKING = {"br", "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "td", "tr", "hr", "blockquote"}
_WINDOWS_1252 = {
    code: bytes([code]).decode("cp1252", errors="ignore") or chr(code) for code in range(128, 160)
}  # what HTML reads there


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file has at `line` about an article, as text. A field that is absent was not mentioned; one that is empty was."""

    line: int
    texts: Mapping[str, str] = field(default_factory=dict)  # key, guid, title, url, section, published_at
    lists: Mapping[str, list[str]] = field(default_factory=dict)  # authors, tags


def format_of(content: bytes) -> str:
    """rss, atom or sitemap. Raises UnreadableImport."""
    for _, root in _Events(content):
        return _format_of_root(root)
    raise UnreadableImport("The file is empty.")


def read(content: bytes) -> Iterator[Entry]:
    """Yield the items of a feed or the addresses of a news sitemap. Raises UnreadableImport, also if there are none."""
    events = _Events(content)
    format_ = _format_of_root(next(iter(events))[1])
    name, spaces = _ITEMS[format_]
    before: etree._Element | None = None
    others: set[str] = set()
    titled = False
    for event, element in events:
        if event == "end" and _name(element) == name:
            if _space(element) not in spaces:
                others.add(_namespace(element))
                continue
            entry = _ENTRY_OF[format_](element, int(element.sourceline or 0) + events.skipped)
            titled = titled or bool(entry.texts.get("title"))
            yield entry
            _forget(before)
            before = element
    if before is None:
        raise UnreadableImport(_nothing_found(name, others))
    if format_ == "sitemap" and not titled:
        raise UnreadableImport(_UNTITLED)


_UNTITLED = "The sitemap has no titles: in a news sitemap, each is in <news:title>. Import the site's feed, or its news sitemap."


def _nothing_found(name: str, others: set[str]) -> str:
    if others:
        return f"The file has no articles: its <{name}> elements are in the namespace {min(others)[:100]!r}, which is not known."
    return f"The file has no articles: there is no <{name}> in it."


def _forget(item: etree._Element | None) -> None:
    """Forget an item that was read, so that memory does not grow with the file; the one before the present, as lxml wants."""
    if item is not None and (parent := item.getparent()) is not None:
        parent.remove(item)


class _Events(Iterator[tuple[str, etree._Element]]):
    """The elements of a document as they begin and end. `skipped` is the number of lines before the part that is parsed."""

    def __init__(self, content: bytes) -> None:
        text, self.skipped = xml_text.readable(content)
        self._parsing = etree.iterparse(
            io.BytesIO(text), events=("start", "end"), resolve_entities=False, load_dtd=False, no_network=True, huge_tree=False,
            remove_comments=True, remove_pis=True,
        )  # fmt: skip
        self._checked = False

    def __next__(self) -> tuple[str, etree._Element]:
        try:
            event, element = next(self._parsing)
        except etree.XMLSyntaxError as error:
            raise self._refusal(error) from None
        if not self._checked:
            _refuse_declared_entities(element)
            self._checked = True
        return event, element

    def _refusal(self, error: etree.XMLSyntaxError) -> Exception:
        """The parser's own first reason. Faults of namespaces do not stop it: it reports them at the end, and they are none."""
        fatal = [entry for entry in self._parsing.error_log if entry.level_name == "FATAL"]
        if not fatal and self._checked:
            return StopIteration()
        line, reason = (fatal[0].line, fatal[0].message) if fatal else (error.lineno or 1, str(error.msg))
        hint = xml_text.ENCODING_HINT if "encoding" in reason else ""
        return UnreadableImport(f"Line {line + self.skipped:,}: not XML: {reason.strip()}.{hint}")


def _refuse_declared_entities(root: etree._Element) -> None:
    declared = root.getroottree().docinfo.internalDTD
    if declared is not None and (any(declared.iterentities()) or any(declared.iterelements())):
        raise UnreadableImport("The file's document type declaration (<!DOCTYPE … [ … ]>) declares entities. Remove it.")


def _format_of_root(root: etree._Element) -> str:
    name, space = _name(root), _space(root)
    if name == "sitemapindex":
        raise UnreadableImport("This is a sitemap index. Import the news sitemaps that it names.")
    if name not in _ROOTS:
        raise UnreadableImport(f"<{name}> is not a feed: expected <rss>, <feed> of Atom, or <urlset> of a sitemap.")
    format_, spaces = _ROOTS[name]
    if space not in spaces:
        raise UnreadableImport(f"<{name}> is in the namespace {_namespace(root)[:100]!r}, which is not known.")
    return format_


def _space(element: etree._Element) -> str:
    """The element's namespace, in the form in which they are compared."""
    return _plain(_namespace(element))


@lru_cache(maxsize=256)
def _plain(namespace: str) -> str:
    return re.sub(r"^https?://", "", namespace.strip().lower()).rstrip("/")


def _namespace(element: etree._Element) -> str:
    tag = str(element.tag)
    return tag[1:].partition("}")[0] if tag.startswith("{") else ""


def _name(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _parts(element: etree._Element, name: str, spaces: Iterable[str]) -> Iterator[etree._Element]:
    """The children of this name in any of the namespaces; and where its prefix is declared nowhere, by the prefix."""
    prefix = next((prefix for prefix, known in _PREFIXES.items() if known is spaces), None)
    for child in element:
        if isinstance(child.tag, str) and (
            (_name(child) == name and _space(child) in spaces) or (prefix and child.tag == f"{prefix}:{name}")
        ):
            yield child


def _texts_of(element: etree._Element, name: str, spaces: Iterable[str]) -> list[str]:
    return [_text(part) for part in _parts(element, name, spaces)]


def _first(element: etree._Element, name: str, spaces: Iterable[str]) -> str:
    return next(iter(_texts_of(element, name, spaces)), "")


def _rss(item: etree._Element, line: int) -> Entry:
    own = {_space(item)}
    title = next(_parts(item, "title", own), None)
    link = next(_parts(item, "link", own), None)
    fields = {
        "title": _text(title, as_html=True) or _first(item, "title", _DC) or _first(item, "title", _MEDIA),
        "url": _first(item, "origLink", _FEEDBURNER)
        or _resolved(link, _text(link) or _href(link), lambda: _site_of(item, own))
        or _permanent_guid(item, own)
        or _href(_alternate(item, _ATOM_ALONE)),
        "guid": _first(item, "guid", own) or _about(item),
        "published_at": _first(item, "pubDate", own) or _dublin_core_date(item),
    }
    authors = _texts_of(item, "creator", _DC) or [_person(author) for author in _texts_of(item, "author", own)]
    tags = _texts_of(item, "category", own) or _texts_of(item, "subject", _DC)
    return _entry(line, fields, authors=authors or _texts_of(item, "author", _ITUNES), tags=tags)


def _dublin_core_date(element: etree._Element) -> str:
    return next((text for name in ("date", "issued", "created") if (text := _first(element, name, _DC))), "")


def _about(item: etree._Element) -> str:
    return next((value for name, value in item.items() if name.endswith(("}about", "}resource"))), "")


def _site_of(item: etree._Element, own: set[str]) -> str:
    """The address of the channel that an item is in, or that stands beside it in RDF."""
    parent = item.getparent()
    channels = [] if parent is None else [parent, *_parts(parent, "channel", own)]
    link = next((link for channel in channels if (link := _first(channel, "link", own))), "")
    return link or next((link for channel in channels if (link := _own_address(channel, _ATOM_ALONE))), "")


def _permanent_guid(item: etree._Element, own: set[str]) -> str:
    """The guid that is an address: one that says so, or says nothing and looks like one."""
    guid = next(_parts(item, "guid", own), None)
    text = _text(guid)
    is_one = guid is not None and guid.get("isPermaLink", "true").lower() == "true" and _WEB.match(text)
    return text if is_one else ""


def _atom(entry: etree._Element, line: int) -> Entry:
    own = {_space(entry)}
    link = _alternate(entry, own)
    fields = {
        "title": _title(next(_parts(entry, "title", own), None)),
        "url": _first(entry, "origLink", _FEEDBURNER) or _resolved(link, _href(link), lambda: _home_of(entry, own)),
        "guid": _first(entry, "id", own),
        "published_at": next((text for name in ("published", "issued", "created") if (text := _first(entry, name, own))), "")
        or _dublin_core_date(entry),
    }
    feed = entry.getparent()
    authors = _names(entry, own) or ([] if feed is None else _names(feed, own))
    tags = [category.get("label") or category.get("term", "") for category in _parts(entry, "category", own)]
    return _entry(line, fields, authors=authors, tags=tags or _texts_of(entry, "subject", _DC))


def _title(title: etree._Element | None) -> str:
    """A title of Atom: HTML by its type, or where Atom 0.3 calls it escaped; either version may have it in base64."""
    if title is None:
        return ""
    if title.get("mode") == "base64" or title.get("type") == "application/octet-stream":
        try:
            return _of_html(base64.b64decode(_text(title), validate=True).decode())
        except ValueError:
            return ""
    return _text(title, as_html=title.get("type") in ("html", "text/html") or title.get("mode") == "escaped")


def _alternate(element: etree._Element, own: set[str]) -> etree._Element | None:
    """The link to the page that an element is about: one to HTML before one to another form of it."""
    links = [
        link for link in _parts(element, "link", own) if link.get("rel", "alternate").removeprefix(_RELATIONS) == "alternate"
    ]
    return min(links, key=lambda link: link.get("type", "text/html") not in _PAGES, default=None)


def _href(link: etree._Element | None) -> str:
    return "" if link is None else link.get("href", "").strip() or _text(link)


def _home_of(entry: etree._Element, own: set[str]) -> str:
    feed = entry.getparent()
    return "" if feed is None else _href(_alternate(feed, own)) or _own_address(feed, own)


def _own_address(feed: etree._Element, own: set[str]) -> str:
    """Where a feed says it is: what is relative in it is relative to that."""
    return next((_href(link) for link in _parts(feed, "link", own) if link.get("rel") == "self"), "")


def _names(element: etree._Element, own: set[str]) -> list[str]:
    return [_first(author, "name", own) for author in _parts(element, "author", own)]


def _sitemap(url: etree._Element, line: int) -> Entry:
    news = next(_parts(url, "news", _NEWS), None)
    about = {} if news is None else {name: _first(news, name, _NEWS) for name in ("title", "publication_date", "keywords")}
    fields = {
        "title": about.get("title"),
        "url": _first(url, "loc", {_space(url)}),
        "published_at": about.get("publication_date"),
    }
    return _entry(line, fields, authors=[], tags=about.get("keywords", "").split(","))


_ENTRY_OF: dict[str, Callable[[etree._Element, int], Entry]] = {"rss": _rss, "atom": _atom, "sitemap": _sitemap}


def _entry(line: int, fields: Mapping[str, str | None], *, authors: list[str], tags: list[str]) -> Entry:
    """What the element says; a feed has no way to say that there is none."""
    lists = {"authors": _unique(authors), "tags": _unique(tags)}
    return Entry(
        line,
        {name: text.strip() for name, text in fields.items() if text and text.strip()},
        {name: values for name, values in lists.items() if values},
    )


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(value.strip() for value in values if value.strip()))


def _resolved(element: etree._Element | None, address: str, site_of: Callable[[], str]) -> str:
    """An address by RFC 3986: against xml:base where it stands, else against the site's."""
    if element is None or address.startswith(("https://", "http://")):
        return address
    try:
        return str(urljoin(urljoin(site_of(), element.base or ""), address) if address else "")
    except ValueError:
        return address


def _person(author: str) -> str:
    """RSS has "anna@daily.example (Anna Smith)" where a name is meant; an address alone is no name."""
    name, address = parseaddr(author)
    return name or ("" if "@" in address else author)


def _text(element: etree._Element | None, *, as_html: bool = False) -> str:
    """The element's text on one line; it may be HTML."""
    if element is None:
        return ""
    text = "".join(_pieces(element)) if len(element) else element.text or ""
    return _of_html(text) if as_html else texts.folded(str(text).translate(_WINDOWS_1252))


def _of_html(markup: str) -> str:
    """The text of HTML, without tags that may be within a line, and with its entities read."""
    text = html.unescape(_INLINE.sub("", _BREAK.sub(" ", _SCRIPT.sub("", markup))))
    return texts.folded(text.translate(_WINDOWS_1252))


def _pieces(element: etree._Element) -> Iterator[str]:
    """The text within an element, with a space where XHTML breaks a line."""
    yield element.text or ""
    for child in element:
        space = " " if isinstance(child.tag, str) and _name(child) in _BREAKING else ""
        yield space
        if not space and _name(child) in ("script", "style"):
            yield child.tail or ""
            continue
        yield from _pieces(child)
        yield space
        yield child.tail or ""
