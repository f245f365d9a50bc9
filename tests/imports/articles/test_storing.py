"""What an import leaves in the catalogue, and that it is there as a whole or not at all. On both engines."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BytesIO
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select

from reactions.imports import article_files, descriptions
from reactions.imports.article_files import ArticleOptions
from reactions.imports.descriptions import Outcome
from reactions.imports.sources import Source
from reactions.newsroom import articles, interventions, sites
from reactions.newsroom.articles import Description
from reactions.newsroom.sites import Site
from reactions.storage import tables
from reactions.storage.engines import writing
from tests import make
from tests.imports.articles import samples
from tests.lengths import amount, played_at_length

NOW_MS = 1_772_400_000_000


@pytest.fixture
def site(engine: Engine, database_url: str) -> Site:
    make.site(database_url)
    with engine.connect() as connection:
        return sites.get(connection, "daily")


@pytest.fixture
def import_(engine: Engine, site: Site) -> Callable[..., Outcome]:
    def imported(content: bytes, *, now_ms: int = NOW_MS, **options: Any) -> Outcome:
        reading = article_files.check(article_files.read(Source(BytesIO(content))), ArticleOptions(**options))
        return descriptions.store(engine, site, reading.articles, now_ms=now_ms)

    return imported


def stored(engine: Engine) -> dict[str, dict[str, Any]]:
    a = tables.article.c
    columns = (a.key, a.title, a.url, a.section, a.authors, a.tags, a.published_at, a.first_seen_at)
    with engine.connect() as connection:
        return {row["key"]: dict(row) for row in connection.execute(select(*columns)).mappings()}


def test_an_import_registers_articles(engine: Engine, import_: Callable[..., Outcome]) -> None:
    assert import_(samples.CSV) == Outcome(new=2, changed=0, same=0)

    assert stored(engine)["pie"] == {
        "key": "pie",
        "title": "Pie prices climb",
        "url": "https://daily.example/economy/pie",
        "section": "Economy",
        "authors": ["Anna Schmidt", "Ben Okafor"],
        "tags": ["pie", "prices"],
        "published_at": 1_772_350_200_000,
        "first_seen_at": NOW_MS,
    }


def test_an_import_repeated_writes_nothing(engine: Engine, import_: Callable[..., Outcome]) -> None:
    import_(samples.RSS)
    before = stored(engine)
    statements: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))

    assert import_(samples.RSS, now_ms=NOW_MS + 1) == Outcome(new=0, changed=0, same=2)
    assert stored(engine) == before
    assert [text for text in statements if not text.lstrip().upper().startswith(("SELECT", "SET LOCAL"))] == []


def test_what_a_file_does_not_mention_stays_and_what_it_empties_goes(engine: Engine, import_: Callable[..., Outcome]) -> None:
    import_(samples.CSV)

    outcome = import_(b"key,title,tags\npie,Pie prices fall,\n")

    assert outcome == Outcome(new=0, changed=1, same=0)
    pie = stored(engine)["pie"]
    assert (pie["title"], pie["tags"]) == ("Pie prices fall", [])
    assert (pie["section"], pie["authors"]) == ("Economy", ["Anna Schmidt", "Ben Okafor"])


def test_what_an_editor_describes_while_a_file_is_imported_stays_where_the_file_says_nothing(
    engine: Engine, site: Site, import_: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    import_(b"key,title,section\nrain,Rain,Weather\nsun,Sun,Weather\n")
    editors = [Description("rain", "Rain", section="Politics"), Description("snow", "Snow", section="Sport")]
    begin = descriptions.writing

    def begin_after_an_editor(engine: Engine) -> AbstractContextManager[Connection]:
        monkeypatch.setattr(descriptions, "writing", begin)
        with begin(engine) as connection:
            articles.describe(connection, site, editors, at_ms=NOW_MS)
        return begin(engine)

    monkeypatch.setattr(descriptions, "writing", begin_after_an_editor)
    import_(b"key,title\nrain,Rain at last\nsnow,Snow\n")

    sections = {key: row["section"] for key, row in stored(engine).items()}
    assert sections == {"rain": "Politics", "snow": "Sport", "sun": "Weather"}
    assert stored(engine)["rain"]["title"] == "Rain at last"


def test_a_former_key_leads_to_the_article_unless_the_file_has_its_own_too(
    engine: Engine, site: Site, import_: Callable[..., Outcome]
) -> None:
    import_(b"key,title\nold,Title\n")
    with writing(engine) as connection:
        interventions.move(connection, site, "old", to="new", at_ms=NOW_MS, by="a test")

    assert import_(b"key,title\nold,Better title\n") == Outcome(new=0, changed=1, same=0)
    assert import_(b"key,title\nnew,Best title\nold,Worst title\n") == Outcome(new=0, changed=1, same=1)
    assert {key: row["title"] for key, row in stored(engine).items()} == {"new": "Best title"}


def test_an_import_that_fails_midway_leaves_nothing(
    engine: Engine, import_: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = articles._describe
    calls: list[int] = []

    def cut_off(*given: Any) -> bool:
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("the machine lost power")
        return describe(*given)

    monkeypatch.setattr(articles, "_describe", cut_off)
    with pytest.raises(RuntimeError):
        import_(samples.long_table(1_600))

    assert stored(engine) == {}


@played_at_length
def test_thousands_of_articles(engine: Engine, import_: Callable[..., Outcome]) -> None:
    many = amount(5_000, 50_000)

    assert import_(samples.long_table(many)) == Outcome(new=many, changed=0, same=0)
    assert len(stored(engine)) == many
