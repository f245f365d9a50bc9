"""Every page in every shape: accessible, nothing cut off, nothing from elsewhere, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, expect

from reactions.web.dashboard import view_models
from tests.browsers import Complaints, violations
from tests.lengths import amount, played_at_length
from tests.web.dashboard.conftest import Paper, come_in

ARTICLE = "/dashboard/article?article=politics/council-pay-rise-in-eleven-minutes"
PAGES = {
    "overview": "/dashboard?period=7d",
    "filtered": "/dashboard?period=28d&section=Politics&q=council",
    "nothing found": "/dashboard?q=no+such+words",
    "articles": "/dashboard/articles?period=28d&sort=split",
    "article": ARTICLE,
    "review": "/dashboard/review",
    "nothing rejected": "/dashboard/review?shown=rejected",
    "refused": "/dashboard?from=2025-11-02&to=2025-11-01",
    "no such article": "/dashboard/article?article=nothing",
}
REFUSED = {"refused", "no such article"}
SHAPES = {"phone": (360, 780), "tablet": (820, 1180), "desk": (1280, 900), "wall": (2560, 1440)}


def looked_at(scheme: str, place: int) -> tuple[str, ...]:
    """The shapes in which axe looks at the page in this place of a list: the others have the same elements in other places."""
    in_light = amount((("phone", "desk")[place % 2],), ("phone", "desk"))
    return {"light": in_light, "dark": ("phone",)}[scheme]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def tab(browser: Browser, complaints: Complaints, scheme: str, paper: Paper) -> Iterator[Page]:
    context = browser.new_context(color_scheme=scheme, locale="en-GB")  # type: ignore[arg-type]
    context.on("page", complaints.watch)
    page = context.new_page()
    come_in(page, paper)
    yield page
    context.close()


@played_at_length
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_and_fits_every_screen(
    tab: Page, paper: Paper, complaints: Complaints, scheme: str, name: str
) -> None:
    complaints.network_fails = name in REFUSED  # Chromium writes about every 4xx
    tab.goto(paper.at(PAGES[name]))
    for shape, (width, height) in SHAPES.items():
        tab.set_viewport_size({"width": width, "height": height})

        assert tab.evaluate("document.documentElement.scrollWidth") == width
        assert shape not in looked_at(scheme, list(PAGES).index(name)) or violations(tab) == []


def test_a_chart_that_still_has_its_old_width_does_not_widen_the_page(tab: Page, paper: Paper) -> None:
    tab.add_init_script("window.ResizeObserver = class { observe() {} }")
    tab.goto(paper.at("/dashboard?period=7d"))

    tab.set_viewport_size({"width": 360, "height": 780})

    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    assert tab.evaluate("document.querySelector('canvas').clientWidth") > 360


@pytest.mark.parametrize("width", [360, 1280])
def test_the_bars_of_a_week_of_hours_can_be_seen(tab: Page, paper: Paper, width: int) -> None:
    """On a phone a bar is two pixels wide: a line around it in the page's colour would leave nothing of it."""
    tab.set_viewport_size({"width": width, "height": 780})
    tab.goto(paper.at("/dashboard?period=7d"))
    expect(tab.locator("figure[data-chart] canvas").first).to_be_visible()

    coloured = tab.evaluate("""() => {
        const canvas = document.querySelector('figure[data-chart] canvas')
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        const style = getComputedStyle(document.documentElement)
        const numbers = (colour) => colour.trim().slice(1).match(/../g).map((part) => parseInt(part, 16))
        const wanted = ['--r1', '--r3'].map((name) => numbers(style.getPropertyValue(name)))
        let found = 0
        for (let at = 0; at < data.length; at += 4)
            if (wanted.some((rgb) => rgb.every((c, place) => Math.abs(c - data[at + place]) < 12))) found += 1
        return found
    }""")

    assert coloured > 1_000


@pytest.mark.parametrize("name", ["refused", "articles"])
def test_on_a_phone_nothing_lies_over_or_beside_what_is_to_be_read(
    tab: Page, paper: Paper, complaints: Complaints, name: str
) -> None:
    complaints.network_fails = name in REFUSED
    tab.set_viewport_size({"width": 360, "height": 1600})
    tab.goto(paper.at(PAGES[name]))
    read = {"refused": "[role=alert] p", "articles": ".listing tbody tr:first-child :is(.title, .count b, .split .value)"}[name]

    parts = tab.locator(read).all()
    assert parts
    for part in parts:
        assert part.evaluate("""element => {
            const {left, right, top, bottom} = element.getBoundingClientRect()
            const seen = document.elementFromPoint((left + right) / 2, (top + bottom) / 2)
            return left >= 0 && right <= innerWidth && (element.contains(seen) || seen?.contains(element))
        }"""), part.inner_text()


def test_the_door_is_accessible(tab: Page, paper: Paper, complaints: Complaints) -> None:
    complaints.network_fails = True
    tab.context.clear_cookies()
    tab.set_viewport_size({"width": 360, "height": 780})
    tab.goto(paper.at("/dashboard"))
    expect(tab.get_by_label("API key")).to_be_focused()
    tab.get_by_label("API key").fill("rk_wrong")
    tab.get_by_role("button", name="Sign in").click()

    expect(tab.get_by_role("alert")).to_contain_text("This key is not known")
    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_an_open_filter_and_an_open_table_are_accessible_on_a_phone(tab: Page, paper: Paper) -> None:
    tab.set_viewport_size({"width": 360, "height": 780})
    tab.goto(paper.at("/dashboard?period=24h"))
    tab.get_by_text("Filter", exact=True).click()
    tab.get_by_text("As a table").click()
    tab.get_by_text("What the numbers mean").click()

    assert violations(tab) == []
    assert tab.evaluate("document.documentElement.scrollWidth") == 360


def test_votes_are_reviewed_without_javascript(browser: Browser, paper: Paper) -> None:
    context = browser.new_context(java_script_enabled=False, locale="en-GB")
    tab = context.new_page()
    come_in(tab, paper)
    tab.goto(paper.at("/dashboard"))
    tab.get_by_role("link", name="Review").click()
    expect(tab.get_by_role("link", name="Waiting 76")).to_be_visible()
    expect(tab.locator(".unverified").first).to_contain_text("unverified key http://cheap.example")

    tab.get_by_role("checkbox", name="Choose 1 vote from").check()
    tab.get_by_role("checkbox", name="Choose 12 votes from").check()
    tab.get_by_role("button", name="Reject ticked").click()

    expect(tab.locator(".done")).to_contain_text("13 votes were rejected.")
    tab.get_by_role("link", name="Rejected 13").click()
    expect(tab.get_by_role("checkbox")).to_have_count(2)
    assert tab.evaluate("document.documentElement.scrollWidth") == 1280
    context.close()


@pytest.mark.parametrize("scheme", ["light"], indirect=True)  # what is loaded depends on no colour
def test_nothing_comes_from_another_host(tab: Page, paper: Paper) -> None:
    asked: list[Request] = []
    tab.on("request", lambda request: asked.append(request))

    for address in PAGES.values():
        if "nothing" not in address and "from=" not in address:
            tab.goto(paper.at(address), wait_until="networkidle")

    hosts = {urlsplit(request.url).netloc for request in asked if not request.url.startswith("data:")}
    assert hosts == {urlsplit(paper.service.url).netloc}


def test_reactions_can_be_told_from_the_page_and_from_each_other(tab: Page, paper: Paper) -> None:
    """WCAG asks 3:1 of what carries meaning, against what is beside it; reactions touch each other only with a line between."""
    tab.goto(paper.at("/dashboard?period=7d"))

    ratios = tab.evaluate("""() => {
        const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
        const light = (name) => {
            canvas.fillStyle = getComputedStyle(document.documentElement).getPropertyValue(name).trim()
            canvas.fillRect(0, 0, 1, 1)
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
                .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const names = Array.from({length: 16}, (_, place) => `r${place + 1}`)
        const paper = light('--paper')
        return Object.fromEntries(names.map((name) => {
            const own = light('--' + name)
            return [name, (Math.max(own, paper) + 0.05) / (Math.min(own, paper) + 0.05)]
        }))
    }""")

    assert {name: ratio for name, ratio in ratios.items() if ratio < 3} == {}


def test_who_wants_less_motion_gets_none(tab: Page, paper: Paper) -> None:
    tab.emulate_media(reduced_motion="reduce")
    tab.goto(paper.at("/dashboard"))

    assert tab.evaluate("document.getAnimations().length") == 0


def test_a_phone_shows_the_overview_in_five_screens(tab: Page, paper: Paper) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    for period in ("24h", "7d"):
        tab.goto(paper.at(f"/dashboard?period={period}"))

        assert tab.evaluate("document.documentElement.scrollHeight") <= 5 * 844


@pytest.mark.parametrize("sort", ["sort=votes", "sort=split", "sort=surprise", "sort=share&reaction=angry"])
def test_a_phone_shows_a_page_of_articles_in_five_screens(tab: Page, paper: Paper, sort: str) -> None:
    tab.set_viewport_size({"width": 390, "height": 844})
    tab.goto(paper.at(f"/dashboard/articles?period=28d&{sort}"))

    assert 20 < tab.locator(".listing tbody tr").count() <= view_models.PAGE_LENGTH
    assert tab.evaluate("document.documentElement.scrollHeight") <= 5 * 844


def test_a_tablet_leaves_titles_their_room(tab: Page, paper: Paper) -> None:
    tab.set_viewport_size({"width": 820, "height": 1180})
    tab.goto(paper.at("/dashboard/articles?period=28d"))

    assert tab.locator(".listing .what, .listing tbody th").first.evaluate("each => each.clientWidth") > 300


def test_the_readers_own_colours_leave_those_that_tell_reactions_apart(tab: Page, paper: Paper) -> None:
    tab.emulate_media(forced_colors="active")
    tab.goto(paper.at("/dashboard?period=7d"))

    colours = tab.locator(".reactions .swatch").evaluate_all("all => all.map((each) => getComputedStyle(each).backgroundColor)")
    assert len(set(colours)) == len(colours) == 7


def test_a_label_stands_under_its_bar_and_the_readout_beside_the_chart(tab: Page, paper: Paper) -> None:
    tab.goto(paper.at("/dashboard?period=yesterday"))
    chart = tab.locator("figure[data-chart=bands]")
    chart.locator(".plot").focus()
    tab.keyboard.press("Home")

    readout, canvas = (chart.locator(part).bounding_box() for part in (".readout", "canvas"))
    assert readout is not None
    assert canvas is not None
    assert chart.locator(".readout").inner_text()
    assert readout["y"] + readout["height"] <= canvas["y"]
