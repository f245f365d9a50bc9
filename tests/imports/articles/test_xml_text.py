"""Files of XML whose bytes are not quite XML: encodings, what stands before and after, numbers of characters."""

from __future__ import annotations

import pytest

from reactions.refusals import UnreadableImport
from tests.imports.articles.feed_texts import LINK, read, rss, title


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252"])
def test_bytes_of_windows_1252_are_read_under_either_name(encoding: str) -> None:
    head = f'<?xml version="1.0" encoding="{encoding}"?>'

    assert title(rss(f"<title>It’s “over”, Zoë</title>{LINK}", head=head).encode("windows-1252")) == "It’s “over”, Zoë"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be"])
def test_utf_16_with_its_mark_is_read(encoding: str) -> None:
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    content = rss(f"<title>Zoë &eacute; & co.</title>{LINK}", head='<?xml version="1.0" encoding="UTF-16"?>\n')

    assert title(mark + content.encode(encoding)) == "Zoë é & co."


@pytest.mark.parametrize(
    ("label", "encoding", "text"),
    [
        ("utf-16", "utf-8", "Zoë"),  # a label that was read byte by byte is wrong
        ("UTF-16", "utf-16-le", "Zoë"),
        ("utf-16", "utf-16-be", "Zoë"),
        ("utf-32", "utf-32", "Zoë"),
        ("us-ascii", "utf-8", "Zoë"),
        ("US-ASCII", "windows-1252", "“Zoë”"),
        ("gb2312", "gbk", "中文镕"),
        ("Shift_JIS", "cp932", "日本語①"),
        ("x-sjis", "cp932", "日本語"),
        ("euc-kr", "cp949", "한국어뷁"),
        ("big5", "big5hkscs", "中文嘅"),
        ("x-cp1251", "cp1251", "Привет"),
        ("windows-1251", "cp1251", "Привет"),
        ("KOI8-R", "koi8-r", "Привет"),
        ("EUC-JP", "euc-jp", "日本語"),
        ("iso-8859-15", "iso-8859-15", "5 €"),
    ],
)
def test_labels_of_encodings_mean_what_browsers_take_them_for(label: str, encoding: str, text: str) -> None:
    head = f"<?xml version='1.0' encoding='{label}' ?>\n"

    assert title(rss(f"<title>{text}</title>{LINK}", head=head).encode(encoding)) == text


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("", "windows-1252"),
        ('<?xml version="1.0" encoding="utf-8"?>', "windows-1252"),
        ('<?xml version="1.0" encoding="shift_jis"?>', "utf-8"),
        ('<?xml version="1.0" encoding="nonesuch"?>', "utf-8"),
    ],
)
def test_bytes_of_another_encoding_are_refused_with_the_line_and_the_way_out(head: str, encoding: str) -> None:
    with pytest.raises(UnreadableImport, match=r"^Line \d: not .*Name the right one there, such as <\?xml"):
        read(rss(f"<title>A\n“Zoë”</title>{LINK}", head=head).encode(encoding))


@pytest.mark.parametrize("end", ["\0\0\0", "\n\0\n", "\r\n "])
def test_what_fills_up_the_end_is_no_fault(end: str) -> None:
    assert title(rss(f"<title>A</title>{LINK}") + end) == "A"


def test_a_root_whose_very_last_character_is_missing_is_whole() -> None:
    content = rss(f"<title>A</title>{LINK}").removesuffix(">")

    assert title(content) == "A"
    with pytest.raises(UnreadableImport):
        read(content.removesuffix("s"))


@pytest.mark.parametrize("before", ["<!-- a -- b -->", "<!--\n-->\n", "\n", "\n\n  ", "\ufeff", "\ufeff\r\n"])
def test_what_stands_before_the_declaration_is_skipped_and_lines_are_counted(before: str) -> None:
    content = before + rss(f"<title>A</title>{LINK}", head='<?xml version="1.0"?>\n')

    (article,) = read(content).articles
    assert article.line == 3 + before.count("\n")
    with pytest.raises(UnreadableImport, match=f"Line {3 + before.count(chr(10))}: not XML: "):
        read(content.replace("</item>", "</items>"))


@pytest.mark.parametrize("control", ["\x02", "\x08", "\x0b", "\x0c", "\x1f", "\0", "&#8;", "&#x1F;", "&#0;"])
def test_a_control_character_in_one_article_is_a_space_and_blocks_no_other(control: str) -> None:
    content = rss(f"<title>A{control}B</title>{LINK}<description>x{control}y</description>")

    assert title(content) == "A B"


@pytest.mark.parametrize("halves", ["&#55357;&#56832;", "&#xD83D;&#xDE00;", "&#xd83d;&#xde00;"])
def test_a_character_that_was_written_in_two_halves_is_one(halves: str) -> None:
    assert title(rss(f"<title>A {halves}</title>{LINK}")) == "A 😀"


@pytest.mark.parametrize("label", ["iso-8859-1", "ISO-8859-15", "windows-1252", "latin1", "koi8-r", "windows-1251"])
def test_utf_8_with_the_label_of_a_single_byte_encoding_is_read_as_what_it_is(label: str) -> None:
    content = rss(f"<title>Brücke “Дом”</title>{LINK}", head=f'<?xml version="1.0" encoding="{label}"?>')

    assert title(content.encode()) == "Brücke “Дом”"


def test_an_encoding_that_switches_sets_is_read() -> None:
    content = rss(f"<title>日本語</title>{LINK}", head='<?xml version="1.0" encoding="iso-2022-jp"?>')

    assert title(content.encode("iso-2022-jp")) == "日本語"


def test_markup_that_is_never_closed_takes_no_longer() -> None:
    """Quadratic, this took minutes."""
    content = rss(f"<title>A{'&lt;script&gt;' * 100_000}</title>{LINK}")

    assert title(content) == "A"


def test_hexadecimal_numbers_of_characters_may_begin_with_either_x() -> None:
    assert title(rss(f"<title>&#X41;&#x42;<![CDATA[&#X43;]]></title>{LINK}")) == "ABC"
