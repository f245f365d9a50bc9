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
# What is opened and never closed reaches to the end, so that nothing is searched for twice.
_AMPERSAND = re.compile(rb"(<!\[CDATA\[.*?(?:\]\]>|\Z)|<!--.*?(?:-->|\Z))|&(?:(#\w+|\w+);)?", re.DOTALL)
_SURROGATES = re.compile(rb"&#(x[dD][89abAB]\w\w|5[56]\d{3});&#(x[dD][c-fC-F]\w\w|5[67]\d{3});")  # as Xalan writes an emoji
_SINGLE_BYTE = re.compile(r"(?:x-)?(?:iso[-_]?8859|windows-125|cp-?125|latin|l\d$|koi8|mac)", re.IGNORECASE)
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\r\x0e\x0f\x1b")  # the last three switch sets in ISO 2022
_AS_SPACES = bytes.maketrans(_CONTROLS, b" " * len(_CONTROLS))
_NO_CHARACTERS = {*_CONTROLS}
_XML_ENTITIES = {b"amp", b"lt", b"gt", b"quot", b"apos"}
_CUT_END = re.compile(rb"</(?:\w+:)?(?:rss|feed|RDF|urlset)\s*\Z")


def readable(content: bytes) -> tuple[bytes, int]:
    """The document without what stands before it, its entities as numbers; and the number of lines that stood before it.

    Raises UnreadableImport.
    """
    text = _in_utf8(content)
    if text.translate(None, _CONTROLS) != text:  # no XML may have them; word processors leave them in articles
        text = text.rstrip(b"\0").translate(_AS_SPACES)
    if b"&" in text or b"<!--" in text:
        text = _AMPERSAND.sub(_numbered, _SURROGATES.sub(_joined, text))
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
    label = named[2].decode("latin-1").strip().lower() if named else ""
    codec = _CODECS.get(label, "")
    if codec == "ascii":
        codec = "utf-8" if _is_utf8(content) else "cp1252"
    elif _SINGLE_BYTE.match(label) and not content.isascii() and _is_utf8(content):
        codec = "utf-8"  # any bytes are text in those encodings, but what is UTF-8 by its bytes is hardly ever anything else
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


def _number(reference: bytes) -> int | None:
    """The number in a reference such as #x27; None if there is none."""
    try:
        return int(reference[2:], 16) if reference[1:2] in b"xX" else int(reference[1:])
    except ValueError:
        return None


def _joined(found: re.Match[bytes]) -> bytes:
    """One character that was written as the two halves of its UTF-16."""
    high, low = (_number(b"#" + half) or 0 for half in found.groups())
    is_one = 0xD800 <= high < 0xDC00 <= low < 0xE000
    return b"&#%d;" % (0x10000 + (high - 0xD800 << 10) + low - 0xDC00) if is_one else found[0]


def _numbered(found: re.Match[bytes]) -> bytes:
    """An entity of HTML as numbers, a bare ampersand as XML writes it, a comment as its line ends; what XML knows, as it is.

    Comments go because many hold what XML allows in none: two hyphens, or a place before the declaration.
    """
    section, name = found.groups()
    if section is not None and section.startswith(b"<!--"):
        return b"\n" * section.count(b"\n")
    if name is not None and name.startswith(b"#"):
        return b" " if _number(name) in _NO_CHARACTERS else found[0].replace(b"&#X", b"&#x")
    if section is not None or name in _XML_ENTITIES:
        return found[0]
    if name is None:
        return b"&amp;"
    letters = html5.get(f"{name.decode(errors='replace')};")
    return found[0] if letters is None else b"".join(b"&#%d;" % ord(letter) for letter in letters)
