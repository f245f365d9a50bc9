"""Words, labels and numbers in the language of the page, and in the publisher's own words."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.widget.publisher import Publisher, number, row
from tests.widget.steps import (
    button,
    expect_said,
    open_row,
)


def test_the_words_are_the_publishers_to_choose(failing_page: Page, publisher: Publisher) -> None:
    words = 'heading="Com’è andata?" unsaved="Non salvato" offline="sei offline"'
    reactions = open_row(failing_page, publisher.page(row(publisher.key(), words), lang="it"))
    expect(reactions.get_by_role("group")).to_have_accessible_name("Com’è andata?")
    expect(reactions.get_by_role("button", name="Mi piace, 0", exact=True)).to_be_visible()
    failing_page.context.set_offline(True)

    button(reactions, "like").click()

    expect_said(reactions, "Non salvato – sei offline")


@pytest.mark.parametrize(
    ("lang", "heading"),
    [
        ("en", "What’s your reaction?"),
        ("de-AT", "Wie reagieren Sie darauf?"),
        ("fr", "Quelle est votre réaction ?"),
        ("es-MX", "¿Cuál es su reacción?"),
        ("it", "Qual è la tua reazione?"),
        ("pt-BR", "Qual é a sua reação?"),
        ("nl", "Wat is uw reactie?"),
        ("pl", "Jaka jest Twoja reakcja?"),
        ("sv", "Hur reagerar du?"),
        ("tr", "Tepkiniz nedir?"),
        ("uk", "Яка ваша реакція?"),
        ("ar", "ما هو تفاعلك؟"),
        ("fi", "What’s your reaction?"),
        ("de_AT", "Wie reagieren Sie darauf?"),
        ("", "What’s your reaction?"),
        ("x<y>", "What’s your reaction?"),
    ],
)
def test_the_heading_speaks_the_language_of_the_page(page: Page, publisher: Publisher, lang: str, heading: str) -> None:
    reactions = open_row(page, publisher.article(publisher.key(), lang=lang.replace("<", "&lt;")))

    expect(reactions.locator("[part=heading]")).to_have_text(heading)


@pytest.mark.parametrize(
    ("lang", "shown"),
    [("en", "1,234,567"), ("de", "1.234.567"), ("fr", "1 234 567"), ("hi", "12,34,567"), ("ar-EG", "١٬٢٣٤٬٥٦٧")],
)
def test_numbers_are_written_as_in_the_language_of_the_page(page: Page, publisher: Publisher, lang: str, shown: str) -> None:
    key = publisher.key()

    def many(route: object) -> None:
        answer = route.fetch()  # type: ignore[attr-defined]
        seen = answer.json()
        seen["reactions"][0]["count"] = seen["total"] = 1_234_567
        route.fulfill(response=answer, json=seen)  # type: ignore[attr-defined]

    page.route("**/reactions?*", many)
    reactions = open_row(page, publisher.page(row(key) + number(key), lang=lang))

    assert reactions.locator("[part=count]").first.inner_text().replace("\u202f", " ") == shown
    expect(page.locator("reaction-count")).to_have_text(shown.replace(" ", "\u202f"))
