"""Every catalogue is complete, and what a language lacks is English, never empty and never an error."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from reactions import languages
from reactions.languages import gettext, ngettext
from reactions.reports import words
from tests.languages import extracted

TRANSLATED = [language for language in languages.KNOWN if language != languages.SOURCE]
NOON = datetime(2026, 11, 3, 14, 5)


def test_every_file_is_a_language() -> None:
    assert languages.KNOWN == ("en", "de", "es", "fr")
    assert [languages.own_name(each) for each in languages.KNOWN] == ["English", "Deutsch", "español", "français"]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_catalogue_has_every_message_whole_and_nothing_else(language: str) -> None:
    catalogue = languages.catalogue(language)
    wanted = {message.id for message in extracted() if message.id}

    assert {message.id for message in catalogue if message.id} == wanted
    assert [message.id for message in catalogue if message.id and not languages.is_whole(message)] == []
    assert not catalogue.obsolete


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A language with a word missing, one in doubt, and placeholders that are wrong."""
    (tmp_path / "it.po").write_text(
        'msgid ""\nmsgstr "Content-Type: text/plain; charset=utf-8\\n"\n\n'
        'msgid "Today"\nmsgstr "Oggi"\n\n'
        'msgid "Yesterday"\nmsgstr ""\n\n'
        '#, fuzzy\nmsgid "Review"\nmsgstr "Boh"\n\n'
        'msgid "since %(date)s"\nmsgstr "dal %(data)s"\n\n'
        'msgid "%(n)s more"\nmsgstr "%(n)s di più %"\n\n'
        'msgid "%(n)s reader"\nmsgid_plural "%(n)s readers"\nmsgstr[0] "%(n)s lettore"\nmsgstr[1] ""\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    monkeypatch.setattr(languages, "KNOWN", ("en", "it"))
    languages._translations.cache_clear()
    with languages.speaking("it"):
        yield
    languages._translations.cache_clear()


@pytest.mark.usefixtures("spoilt")
def test_a_word_that_is_missing_doubted_or_broken_is_english() -> None:
    assert gettext("Today") == "Oggi"
    assert gettext("Yesterday") == "Yesterday"
    assert gettext("Review") == "Review"
    assert gettext("Never heard of") == "Never heard of"
    assert gettext("since %(date)s", date="May") == "since May"
    assert gettext("%(n)s more", n=3) == "3 more"
    assert ngettext("%(n)s reader", "%(n)s readers", 2) == "2 readers"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["12,345.5", "42%", "+0.42", "Tue 3 Nov", "Tue 3 Nov 2026, 14:05", "3 November"]),
        ("de", ["12.345,5", "42 %", "+0,42", "Di., 3. Nov.", "Di., 3. Nov. 2026, 14:05", "3. November"]),
        ("fr", ["12 345,5", "42 %", "+0,42", "mar. 3 nov.", "mar. 3 nov. 2026, 14:05", "3 novembre"]),
        ("es", ["12.345,5", "42 %", "+0,42", "mar, 3 nov", "mar, 3 nov 2026, 14:05", "3 de noviembre"]),
    ],
)
def test_numbers_and_days_are_written_as_the_language_writes_them(language: str, said: list[str]) -> None:
    with languages.speaking(language):
        found = [
            words.number(12345.5), words.percent(0.42), words.signed(0.42), words.day(NOON), words.moment(NOON), words.date(NOON),
        ]  # fmt: skip

    assert [text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ") for text in found] == said


def test_a_language_without_a_file_is_english() -> None:
    with languages.speaking("xx"):
        assert languages.spoken() == "en"
    assert languages.spoken() == "en"
