"""The bytes of an XML file as a parser takes them, whose encoding is often named wrongly, and which HTML would understand.

Lines stay where they are, so that a fault can be found. Bytes that are not what they are said to be are refused, never guessed:
a title in another encoding would be stored as nonsense.
"""

from __future__ import annotations

import codecs
import re
from html.entities import html5

from reactions.refusals import UnreadableImport

ENCODING_HINT = (
    " Its bytes are not in the encoding that the first line names, or not in UTF-8 where it names none."
    ' Name the right one there, such as <?xml version="1.0" encoding="windows-1252"?>, or save the file as UTF-8.'
)
STARTS = (b"<", b"\xff\xfe<", b"\xfe\xff\0<", b"\xff\xfe\0\0<", b"\0\0\xfe\xff\0\0\0<", b"\0<", b"\0\0\0<")
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le", codecs.BOM_UTF32_BE: "utf-32-be", codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be", codecs.BOM_UTF8: "utf-8", b"<\0\0\0": "utf-32-le", b"\0\0\0<": "utf-32-be",
    b"<\0": "utf-16-le", b"\0<": "utf-16-be",
}  # fmt: skip  # the longer first; without a mark by the first character, XML 1.0, appendix F
# What browsers understand by labels that mean less to a parser, https://encoding.spec.whatwg.org/#names-and-labels
_LARGER = {
    "gb18030": ("gb2312", "gb_2312-80", "csgb2312", "chinese", "x-gbk"),
    "cp932": ("shift_jis", "shift-jis", "sjis", "x-sjis", "ms_kanji", "ms932", "csshiftjis", "windows-31j"),
    "cp949": ("euc-kr", "ks_c_5601-1987", "ks_c_5601-1989", "ksc5601", "ksc_5601", "korean", "windows-949"),
    "big5hkscs": ("big5", "big5-hkscs", "cn-big5", "x-x-big5", "csbig5"),
    "ascii": ("us-ascii", "ascii", "ansi_x3.4-1968"),
    "utf-8": ("utf-16", "utf-16le", "utf-16be", "utf-32", "ucs-2", "iso-10646-ucs-2", "unicode"),  # the label was read: it is not
} | {f"cp125{n}": (f"x-cp125{n}",) for n in range(9)}  # fmt: skip
_CODECS = {label: codec for codec, labels in _LARGER.items() for label in labels}
_ENCODING = re.compile(rb"""(<\?xml[^>]*?)\s+encoding\s*=\s*["\']([^"\']*)["\']""")
_AMPERSAND = re.compile(rb"(<!\[CDATA\[.*?\]\]>|<!--.*?-->)|&(?:(#\w+|\w+);)?", re.DOTALL)
_XML_ENTITIES = {b"amp", b"lt", b"gt", b"quot", b"apos"}
_CUT_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|RDF|urlset)\s*\Z")


def readable(content: bytes) -> tuple[bytes, int]:
    """The document without what stands before it, its entities as numbers; and the number of lines that stood before it.

    Raises UnreadableImport.
    """
    text = _in_utf8(content)
    if b"&" in text or b"<!--" in text:
        text = _AMPERSAND.sub(_numbered, text)
    bare = text.lstrip()
    before = text[: len(text) - len(bare)].count(b"\n")
    bare = bare.rstrip(b"\0 \t\r\n")  # some programs fill a block up with zeros
    return bare + b">" * bool(_CUT_END.search(bare)), before  # the root's last character is all that is missing


def _in_utf8(content: bytes) -> bytes:
    """The document in UTF-8 if it is in another form of Unicode, or if its label means more than its parser knows."""
    for mark, codec in _MARKS.items():
        if content.startswith(mark):
            return _without_label(_decoded(content, codec).removeprefix("\ufeff").encode())
    named = _ENCODING.match(content.lstrip())
    codec = _CODECS.get(named[2].decode("latin-1").strip().lower(), "") if named else ""
    if codec == "ascii":
        codec = "utf-8" if _is_utf8(content) else "cp1252"
    return _without_label(_decoded(content, codec).encode()) if codec else content


def _decoded(content: bytes, codec: str) -> str:
    try:
        return content.decode(codec)
    except UnicodeDecodeError as error:
        line = content[: error.start].decode(codec, errors="replace").count("\n") + 1
        raise UnreadableImport(f"Line {line:,}: not {codec.upper()}.{ENCODING_HINT}") from None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _without_label(text: bytes) -> bytes:
    return _ENCODING.sub(rb"\1", text, count=1)


def _numbered(found: re.Match[bytes]) -> bytes:
    """An entity of HTML as numbers, a bare ampersand as XML writes it, a comment as its line ends; what XML knows, as it is.

    Comments go because many hold what XML allows in none: two hyphens, or a place before the declaration.
    """
    section, name = found.groups()
    if section is not None and section.startswith(b"<!--"):
        return b"\n" * section.count(b"\n")
    if section is not None or (name is not None and (name.startswith(b"#") or name in _XML_ENTITIES)):
        return found[0].replace(b"&#X", b"&#x") if section is None else found[0]
    if name is None:
        return b"&amp;"
    letters = html5.get(f"{name.decode(errors='replace')};")
    return found[0] if letters is None else b"".join(b"&#%d;" % ord(letter) for letter in letters)
