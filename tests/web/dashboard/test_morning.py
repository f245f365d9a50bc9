"""An editor's whole morning, in one browser: from the door to the sheet for the conference."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browsers import Complaints
from tests.web.dashboard.conftest import Paper, come_in, sign_in
from tests.widget.publisher import Pages

PAY_RISE = "Council votes itself a pay rise of 38 per cent, in eleven minutes"


def query_of(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def test_an_editors_morning(context: BrowserContext, paper: Paper, complaints: Complaints, tmp_path: Path) -> None:
    page = context.new_page()
    page.goto(paper.at("/dashboard?period=7d"))

    pass_the_door(page, paper, complaints)
    page.wait_for_url("**/dashboard?period=7d")
    read_the_overview(page)
    go_down_to_an_article(page)
    read_its_chart(page)
    titles = find_what_divides(page)
    assert titles_in_the_sheet(page, tmp_path) == titles
    assert titles_that_a_colleague_sees(page, paper) == titles

    view = page.url
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()
    page.goto(view)
    expect(page.get_by_label("API key")).to_be_visible()


def pass_the_door(page: Page, paper: Paper, complaints: Complaints) -> None:
    """Try with half of the key first."""
    expect(page).to_have_title(re.compile("Sign in"))
    complaints.network_fails = True  # Chromium writes about the 401
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(paper.key[:20])
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This key is not known")
    complaints.network_fails = False
    expect(page.get_by_label("API key")).to_be_focused()
    page.get_by_label("API key").fill(paper.key)
    page.keyboard.press("Enter")


def read_the_overview(page: Page) -> None:
    """The questions stand in their order."""
    expect(page.get_by_role("heading", level=1)).to_have_text("The Pellhaven Courier")
    headings = page.get_by_role("heading", level=2).all_inner_texts()
    wanted = ["Last 7 days", "Hot now", "Most reactions", "Is that normal?", "What divides readers", "Sections", "Authors"]
    assert [heading for heading in headings if heading in wanted] == wanted


def go_down_to_an_article(page: Page) -> None:
    """By way of its section."""
    page.locator("#sections").get_by_role("link", name="Politics").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Politics")
    assert query_of(page) == {"period": ["7d"], "section": ["Politics"]}
    expect(page.locator(".meta a", has_text="Local")).to_have_count(0)
    page.get_by_role("link", name=PAY_RISE).last.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(PAY_RISE)


def read_its_chart(page: Page) -> None:
    """With the keyboard, then as a table."""
    chart = page.locator("figure[data-chart=bands]")
    expect(chart.locator("canvas")).to_be_visible()
    chart.locator(".plot").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(chart.locator(".readout")).to_contain_text(re.compile(r"given · .*Angry \d+"))
    assert chart.locator(".plot").get_attribute("aria-valuetext") == chart.locator(".readout").inner_text()
    chart.get_by_text("As a table").click()
    expect(chart.get_by_role("table").get_by_role("columnheader", name="Angry")).to_be_visible()
    expect(page.locator("figure[data-chart=peers] canvas")).to_be_visible()


def find_what_divides(page: Page) -> list[str]:
    """All articles of the section about the council, the most divided first."""
    page.get_by_role("link", name="Articles", exact=True).click()
    page.get_by_role("link", name="Split").click()
    expect(page.get_by_role("columnheader", name="Split")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("searchbox").fill("council")
    page.keyboard.press("Enter")
    page.wait_for_url("**q=council**")
    titles = page.locator(".listing .title").all_inner_texts()
    assert len(titles) > 1
    assert all("council" in title.lower() for title in titles)
    return titles


def titles_in_the_sheet(page: Page, folder: Path) -> list[str]:
    with page.expect_download() as download:
        page.get_by_role("link", name="Download as CSV").click()
    download.value.save_as(folder / "sheet.csv")
    with (folder / "sheet.csv").open(encoding="utf-8-sig", newline="") as file:
        return [row["title"] for row in csv.DictReader(file)]


def titles_that_a_colleague_sees(page: Page, paper: Paper) -> list[str]:
    """In a browser of their own, at the same address."""
    assert page.context.browser
    theirs = page.context.browser.new_context()
    tab = theirs.new_page()
    come_in(tab, paper)
    tab.goto(page.url)
    titles = tab.locator(".listing .title").all_inner_texts()
    theirs.close()
    return titles


def test_a_link_in_a_mail_or_a_chat_opens_without_signing_in_again(page: Page, paper: Paper) -> None:
    """The cookie is kept from requests that other sites cause; the page asks again by itself."""
    elsewhere = Pages()
    chat = elsewhere.put(f'<title>Chat</title><a href="{paper.at("/dashboard?period=yesterday")}">Look at this</a>')
    page.goto(chat)

    page.get_by_role("link", name="Look at this").click()

    expect(page.get_by_role("link", name="Yesterday")).to_have_attribute("aria-current", "true")
    elsewhere.close()


def test_everything_can_be_reached_with_the_keyboard(page: Page, paper: Paper) -> None:
    page.goto(paper.at("/dashboard"))
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the figures")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()

    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_without_scripts_the_figures_are_there_as_tables(browser: Browser, paper: Paper) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    sign_in(page, paper)

    expect(page.locator(".lead")).to_contain_text("since")
    expect(page.locator(".plot")).to_be_hidden()
    page.get_by_text("As a table").click()
    expect(page.get_by_role("columnheader", name="Taken back")).to_be_visible()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_role("combobox", name="Section").fill("Sport")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sport")
    context.close()
