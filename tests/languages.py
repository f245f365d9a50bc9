"""The messages of the source, and their way into the catalogues: `python -m tests.languages` after words were changed.

It adds what is new, empty, and removes what is no more; a translator fills in the rest.
"""

from __future__ import annotations

from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from reactions import languages

ROOT = Path(__file__).parent.parent / "reactions"
_METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
_OPTIONS = {"**/templates/**.html": {"newstyle_gettext": "true"}, "**/templates/**.txt": {"newstyle_gettext": "true"}}
_KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}


def extracted() -> Catalog:
    """All messages of the package, with where they stand."""
    found = Catalog(project="Reader Reactions")
    every = extract_from_dir(str(ROOT), _METHODS, _OPTIONS, keywords=_KEYWORDS)
    for file, _, message, _, context in every:
        found.add(message, locations=[(file, 0)], context=context)
    return found


def write(language: str) -> None:
    """Bring a catalogue to the messages of the source; what is translated stays."""
    catalogue, found = languages.catalogue(language), extracted()
    catalogue.update(found, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    with (languages.FOLDER / f"{language}.po").open("wb") as file:
        write_po(file, catalogue, width=120, include_lineno=False, sort_output=True)


if __name__ == "__main__":
    for each in languages.KNOWN:
        if each != languages.SOURCE:
            write(each)
