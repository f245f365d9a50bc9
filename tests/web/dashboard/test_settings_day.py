"""A day of settings in a real browser: everything an editor needs, and nothing of a terminal."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import create_engine, func, select

from reactions.storage import tables
from tests.browsers import Complaints, violations
from tests.lengths import played_at_length
from tests.notices.alerts.receiver import receiving
from tests.web.dashboard.conftest import Paper, come_in, sign_in
from tests.web.dashboard.test_looks import looked_at

PARTS = ("site", "reactions", "keys", "alerts", "digest", "imports", "imports/remove?source=old-blog")
ASKED = ("merge?id={id}&into=b", "delete?id={id}")


@pytest.fixture
def desk(context: BrowserContext, office: Paper) -> Page:
    page = context.new_page()
    sign_in(page, office)
    return page


def open_part(page: Page, name: str) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Settings").click()
    page.get_by_role("navigation", name="Parts of the settings").get_by_role("link", name=name).click()


def said(page: Page, text: str | re.Pattern[str]) -> None:
    expect(page.get_by_role("status").filter(has_text=text).first).to_be_visible()


def test_a_day_of_settings_needs_no_terminal(desk: Page, office: Paper, complaints: Complaints) -> None:
    make_a_set(desk)
    desk.goto(office.at("/dashboard/article?article=a"))
    close_an_article_and_undo_it(desk)
    make_a_key_and_revoke_it(desk)
    hear_why_a_receiver_refuses(desk)
    remove_an_import(desk)

    assert votes_on(office) == {"a": 3}
    assert complaints.texts == []


def make_a_set(desk: Page) -> None:
    """Rename, retire, move and add; the widget shows it before it is saved."""
    open_part(desk, "Reactions")
    desk.locator("#stage").scroll_into_view_if_needed()
    preview = desk.locator("#stage reader-reactions")
    expect(preview.get_by_role("button", name="Like, 128", exact=True)).to_be_visible()
    desk.get_by_label("Label (en), Like").fill("Agree")
    desk.get_by_label(re.compile("Retired, +Wow")).check()
    desk.get_by_role("button", name="Up: Dislike").click()
    desk.get_by_text("Add a reaction").click()
    desk.locator('input[name="emoji..new"]').fill("👏")
    desk.get_by_label("Label (en), the new reaction").fill("Well done")
    expect(preview.get_by_role("button")).to_have_text([re.compile(f"^.*{name}") for name in
        ("Dislike", "Agree", "Love", "Funny", "Angry", "Sad", "Well done")])  # fmt: skip
    tell_whose_faces(desk)
    preview.get_by_role("button", name="Agree").click()
    expect(preview.get_by_role("button", name="Agree, 13", exact=True)).to_have_attribute("aria-pressed", "true")
    desk.get_by_role("combobox", name=re.compile("^Language")).select_option("de")
    expect(preview.get_by_role("button", name=re.compile("Gefällt mir, "))).to_be_visible()
    desk.get_by_role("button", name="Save the set").click()
    said(desk, "Readers are offered: Dislike, Agree, Love, Funny, Angry, Sad, Well done.")


def tell_whose_faces(desk: Page) -> None:
    """The widget draws the faces that it has; the preview shows the choice, and names what the system draws."""
    faceless, choice = desk.locator("#faceless"), desk.get_by_role("combobox", name="Faces")
    expect(faceless).to_have_text(re.compile("each reader sees their system’s emoji: 👏 Well done$"))
    expect(desk.locator("#stage reader-reactions svg").first).to_be_visible()
    choice.select_option("The system’s emoji")
    expect(faceless).to_be_hidden()
    expect(desk.locator("#stage reader-reactions svg")).to_have_count(0)
    expect(desk.locator("#code")).to_contain_text('icons="emoji"')
    choice.select_option("The widget’s own")
    expect(faceless).to_be_visible()


def close_an_article_and_undo_it(desk: Page) -> None:
    """Close it, and open it again by undoing that."""
    desk.get_by_role("button", name="Close voting").click()
    said(desk, "Voting on this article has ended.")
    desk.get_by_role("button", name="Undo Voting ended").click()
    said(desk, "Undone: Voting ended.")
    expect(desk.get_by_role("button", name="Close voting")).to_be_visible()


def make_a_key_and_revoke_it(desk: Page) -> None:
    """It is shown once."""
    open_part(desk, "Keys and people")
    desk.get_by_label("What it is for").fill("CMS")
    desk.get_by_role("checkbox", name=re.compile("^write")).check()
    desk.get_by_role("button", name="Make the key").click()
    assert re.fullmatch(r"rk_[0-9a-f]{12}_[\w-]{43}", desk.locator("code.secret").inner_text())
    desk.get_by_role("button", name=re.compile("Revoke CMS")).click()
    said(desk, "The key “CMS” is revoked")


def hear_why_a_receiver_refuses(desk: Page) -> None:
    """A webhook whose receiver refuses a test, with its own reason."""
    open_part(desk, "Alerts")
    with receiving((403, {"Content-Type": "text/plain"}, b"This channel is archived")) as receiver:
        desk.get_by_label("Send alerts to").fill(receiver.url)
        desk.get_by_role("button", name="Add the webhook").click()
        said(desk, "Alerts go to")
        desk.get_by_role("button", name=re.compile("Send a test")).click()
        said(desk, "The test did not arrive. 127.0.0.1 answered 403: This channel is archived")


def remove_an_import(desk: Page) -> None:
    """After a question."""
    open_part(desk, "Imports")
    desk.get_by_role("button", name="Remove … old-blog").click()
    desk.get_by_role("button", name="Remove it").click()
    said(desk, "from old-blog are removed")
    expect(desk.get_by_text("None yet.")).to_be_visible()


def votes_on(office: Paper) -> dict[str, int]:
    """The preview has asked nobody: only the three votes from before are there."""
    engine = create_engine(office.database_url)
    per_article = select(tables.article.c.key, func.count()).join(
        tables.vote, tables.vote.c.article_id == tables.article.c.article_id
    )
    with engine.connect() as connection:
        found = connection.execute(per_article.group_by(tables.article.c.key)).all()
    engine.dispose()
    return dict(map(tuple, found))


@played_at_length
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_settings_is_accessible_and_fits_every_screen(
    browser: Browser, office: Paper, complaints: Complaints, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme, locale="en-GB")  # type: ignore[arg-type]
    context.on("page", complaints.watch)
    page = context.new_page()
    come_in(page, office)
    complaints.network_fails = True  # the import may be gone by now
    page.goto(office.at("/dashboard/article?article=a"))
    article_id = page.locator('.doing input[name="id"]').first.get_attribute("value") or ""
    paths = [f"settings/{part}" for part in PARTS] + [f"article/{path.format(id=article_id)}" for path in ASKED]

    for place, path in enumerate([*paths, "article?article=a"]):
        page.goto(office.at(f"/dashboard/{path}"))
        page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
        for shape, (width, height) in {"phone": (360, 780), "desk": (1280, 900)}.items():
            page.set_viewport_size({"width": width, "height": height})

            assert page.evaluate("document.documentElement.scrollWidth") == width, path
            if shape in looked_at(scheme, place):
                assert violations(page) == [], (path, width)
    context.close()


def test_without_javascript_a_set_is_changed_all_the_same(browser: Browser, office: Paper) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    page = context.new_page()
    sign_in(page, office)
    open_part(page, "Reactions")

    expect(page.get_by_text("The preview needs JavaScript.")).to_be_visible()
    page.get_by_label("Place, Sad").fill("0")
    page.get_by_role("button", name="Save the set").click()

    said(page, "Readers are offered: Sad,")
    context.close()
