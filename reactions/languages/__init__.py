"""The languages of pages, mails and feeds: their words, and how each writes numbers, shares and dates.

A language is a file in this folder, such as de.po; English is what the source is written in. Catalogues are read when they are
first needed, so nothing has to be compiled. A message that a file lacks, marks fuzzy, or has with other placeholders stays
English. Formats are those of CLDR. Whoever writes to an editor says in which language by `speaking`; everything else, such as the
API, goes on in English.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date, datetime
from functools import cache
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

SOURCE = "en"
FOLDER = Path(__file__).parent
KNOWN = (SOURCE, *sorted(path.stem for path in FOLDER.glob("*.po")))
MINUS = "\u2212"
_PLACEHOLDER = re.compile(r"%\(\w+\)[a-z]|%%")
_LOCALES = {SOURCE: "en_GB"}  # days before months, and the clock has 24 hours
# British newspapers write a day without CLDR's comma, which would meet that before the time.
_HOUSE = {SOURCE: {"MMMEd": "EEE d MMM", "yMMMEd": "EEE d MMM y"}}
_speaking: ContextVar[str] = ContextVar("language", default=SOURCE)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Use a language for everything said inside; English for one without a file."""
    token = _speaking.set(language if language in KNOWN else SOURCE)
    try:
        yield
    finally:
        _speaking.reset(token)


def speak(language: str) -> None:
    """Use a language from now on, as `speaking` does for a while."""
    _speaking.set(language if language in KNOWN else SOURCE)


def spoken() -> str:
    """The language in use, as the html element names it."""
    return _speaking.get()


def own_name(language: str) -> str:
    """What a language calls itself: Deutsch."""
    return Locale.parse(language).get_language_name(language) or language


def gettext(message: str, /, **values: object) -> str:
    """A message in the language in use."""
    return translations().ugettext(message) % values


def ngettext(one: str, many: str, n: float, /, **values: object) -> str:
    """A message in the plural that a number asks for; `%(n)s` is the number as it is written."""
    return translations().ungettext(one, many, n) % {"n": decimal(n), **values}  # type: ignore[arg-type]  # a median has a half


def pgettext(context: str, message: str, /, **values: object) -> str:
    """A message that is translated in another way in another place."""
    return translations().upgettext(context, message) % values


def translations() -> Translations:
    """The catalogue of the language in use."""
    return _translations(_speaking.get())


def decimal(value: float, pattern: str = "#,##0.#") -> str:
    """A number as the language writes it, with a true minus."""
    return numbers.format_decimal(value, pattern, locale=_locale()).replace("-", MINUS)


def percent(share: float) -> str:
    """A share in whole per cent: 42%, 42 %."""
    return numbers.format_percent(share, locale=_locale()).replace("-", MINUS)


def shown(at: date | datetime, skeleton: str) -> str:
    """A date or a time with the parts of a CLDR skeleton (MMMEd, MMMMd, Hm), "full" or "weekday", as the language orders them.

    It is shown as it stands, not moved to another zone.
    """
    if skeleton == "full":
        return dates.format_date(at, "full", locale=_locale())
    if skeleton == "weekday":
        return dates.format_date(at, "EEEE", locale=_locale())
    if pattern := _HOUSE.get(_speaking.get(), {}).get(skeleton):
        return dates.format_date(at, pattern, locale=_locale())
    plain = at.replace(tzinfo=None) if isinstance(at, datetime) else datetime(at.year, at.month, at.day)  # noqa: DTZ001
    return dates.format_skeleton(skeleton, plain, locale=_locale())


def catalogue(language: str) -> Catalog:
    """The file of a language, as it stands."""
    with (FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def is_whole(message: Message) -> bool:
    """True if a message is translated, nobody doubts it, and every form has the placeholders of the English one."""
    ids, strings = ((each,) if isinstance(each, str) else tuple(each or ()) for each in (message.id, message.string))
    wanted = set(_PLACEHOLDER.findall(ids[-1]))
    # A singular may do without the number: "ein Artikel".
    least = wanted & set(_PLACEHOLDER.findall(ids[0])) - {"%(n)s"}
    found = [set(_PLACEHOLDER.findall(string)) for string in strings]
    stray = any("%" in _PLACEHOLDER.sub("", string) for string in strings)
    return (
        not message.fuzzy
        and not stray
        and bool(strings)
        and all(strings)
        and all(least <= each <= wanted for each in found)
        and found[-1] == wanted
    )


@cache
def _translations(language: str) -> Translations:
    if language == SOURCE:
        return Translations()
    file = catalogue(language)
    kept = Catalog(locale=language, domain="messages")
    for message in file:
        if message.id and is_whole(message):
            kept.add(message.id, message.string, context=message.context)
    compiled = io.BytesIO()
    write_mo(compiled, kept)
    compiled.seek(0)
    return Translations(compiled, domain="messages")


def _locale() -> Locale:
    return _locale_of(_speaking.get())


@cache
def _locale_of(language: str) -> Locale:
    return Locale.parse(_LOCALES.get(language, language))
