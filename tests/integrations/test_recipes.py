"""The recipes that publishers copy: each in a small site that the real tool builds, opened in a real browser, voting."""

from __future__ import annotations

import json
import mimetypes
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests import make
from tests.databases import PROJECT
from tests.integrations import pasted
from tests.integrations.generated import GENERATED
from tests.integrations.includes import INCLUDED, NGINX, Apache, Including, including
from tests.integrations.pasted import OF_FORMS, OF_FRAMES, PASTED
from tests.integrations.recipes import MODULES, PAGES, RECIPES, SERVICE, TEXT, Recipe, Site
from tests.widget import checks
from tests.widget.conftest import asked, context, failing_page, page, publisher
from tests.widget.publisher import Publisher
from tests.widget.steps import button, expect_shown, ready

__all__ = ["asked", "context", "failing_page", "page", "publisher"]
ALL = [*PASTED, *INCLUDED, *GENERATED]
NAVIGATING = [recipe for recipe in ALL if recipe.next_key]


@cache
def built(recipe: Recipe) -> Site:
    """The recipe's site. Each is built once."""
    return recipe.made()


def serve(publisher: Publisher, recipe: Recipe, *, service: str = "", site: str = "daily") -> str:
    """Serve the recipe's site, with the address of a service in it; return the address of its article."""
    if why := recipe.missing():
        pytest.skip(why)
    put(publisher, built(recipe), service=service or publisher.service.url, site=site)
    return publisher.pages.origin + recipe.path


def put(publisher: Publisher, files: Site, *, service: str, site: str) -> None:
    texts = {"text/html", "text/javascript", "application/javascript", "text/plain"}
    for name, body in files.items():
        kind = mimetypes.guess_type(name)[0] or "text/html"
        if kind in texts:
            body = body.replace(SERVICE.encode(), service.encode()).replace(PAGES.encode(), publisher.pages.origin.encode())
            body = re.sub(rb"""(["'`])daily\1|(?<==)daily(?=[ >])""", rb"\1" + site.encode() + rb"\1", body)
        headers = {"Content-Type": f"{kind}; charset=utf-8" if kind in texts else kind}
        if name.startswith("/csp/"):
            policy = pasted.csp_headers().items()
            headers |= {key: value.replace(SERVICE, service).replace("/daily/", f"/{site}/") for key, value in policy}
        publisher.pages.bodies[name] = (body, headers)


def each(recipes: list[Recipe]) -> Callable[..., object]:
    return pytest.mark.parametrize("recipe", recipes, ids=lambda recipe: recipe.name)


@each(ALL)
def test_the_row_appears_and_a_vote_is_counted(page: Page, publisher: Publisher, recipe: Recipe) -> None:
    page.goto(serve(publisher, recipe))

    row = ready(page.locator("reader-reactions"))
    button(row, "love").click()

    expect_shown(row, {"love": 1}, pressed="love")
    publisher.expect_counts(recipe.key, {"love": 1})
    expect(page.get_by_text(TEXT)).to_be_visible()
    expect(page.locator("#after")).to_be_visible()


@each(NAVIGATING)
def test_the_next_article_has_a_row_of_its_own(page: Page, publisher: Publisher, recipe: Recipe) -> None:
    page.goto(serve(publisher, recipe))
    ready(page.locator("reader-reactions").first)
    page.evaluate("window.same = true")

    page.get_by_text("Next article").click()

    row = ready(page.locator(f"reader-reactions[article='{recipe.next_key}']"))
    button(row, "wow").click()
    expect_shown(row, {"wow": 1}, pressed="wow")
    publisher.expect_counts(recipe.next_key, {"wow": 1})
    assert page.evaluate("window.same")


@each([recipe for recipe in NAVIGATING if recipe.name not in ("react", "vue", "htmx")])
def test_back_and_forward_show_one_row_with_the_newest_choice(page: Page, publisher: Publisher, recipe: Recipe) -> None:
    page.goto(serve(publisher, recipe))
    first = page.locator(f"reader-reactions[article='{recipe.key}']")
    button(ready(first), "sad").click()
    page.get_by_text("Next article").click()
    second = ready(page.locator(f"reader-reactions[article='{recipe.next_key}']"))
    button(second, "angry").click()
    expect(button(second, "angry")).to_have_attribute("aria-pressed", "true")

    page.go_back()
    expect(button(ready(first), "sad")).to_have_attribute("aria-pressed", "true")
    page.go_forward()

    expect(button(ready(second), "angry")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("reader-reactions")).to_have_count(1)


@each([recipe for recipe in ALL if recipe.name in ("react", "vue")])
def test_a_component_tells_of_votes(page: Page, publisher: Publisher, recipe: Recipe) -> None:
    page.goto(serve(publisher, recipe))

    button(ready(page.locator("reader-reactions")), "sad").click()

    expect(page.locator("output")).to_have_text(f"{recipe.key}: sad")


@each([recipe for recipe in GENERATED if recipe.name in ("hugo", "jekyll")])
def test_a_generators_list_shows_numbers_and_front_matter_decides(page: Page, publisher: Publisher, recipe: Recipe) -> None:
    serve(publisher, recipe)
    publisher.vote('a "key" & more', "like", reader=make.reader(ALL.index(recipe)))
    total = sum(publisher.counts('a "key" & more').values())
    keyed = {"hugo": "/hugo/news/keyed/", "jekyll": "/jekyll/2024/05/09/keyed.html"}[recipe.name]
    about = {"hugo": "/hugo/about/", "jekyll": "/jekyll/about.html"}[recipe.name]

    page.goto(f"{publisher.pages.origin}/{recipe.name}/")

    articles = {found.get_attribute("article") for found in page.locator("reaction-count").all()}
    assert articles == {recipe.key, 'a "key" & more'}
    expect(page.locator("""reaction-count[article='a "key" & more']""")).to_have_text(str(total))
    page.goto(publisher.pages.origin + keyed)
    assert ready(page.locator("reader-reactions")).get_attribute("article") == 'a "key" & more'
    page.goto(publisher.pages.origin + about)
    expect(page.locator("reader-reactions")).to_have_count(0)


def test_ghosts_pages_that_are_no_posts_have_no_row(page: Page, publisher: Publisher) -> None:
    serve(publisher, next(recipe for recipe in PASTED if recipe.name == "ghost"))

    page.goto(f"{publisher.pages.origin}/ghost/about/")

    expect(page.get_by_text(TEXT)).to_be_visible()
    expect(page.locator("reader-reactions")).to_have_count(0)


def test_ghosts_partial_names_the_article_as_its_page_does(tmp_path: Path) -> None:
    """Rendered by Handlebars, whose templates Ghost's themes are."""
    theme = Recipe("handlebars", lambda folder: {"": pasted.rendered(folder).encode()}, "", "", modules="light")
    if why := theme.missing():
        pytest.skip(why)

    text = theme.made()[""].decode()

    assert text.strip() == '<reader-reactions site="daily" article="/a-&quot;post&quot;/"></reader-reactions>'


@each(INCLUDED)
def test_a_key_that_is_included_ends_no_attribute(recipe: Recipe) -> None:
    if why := recipe.missing():
        pytest.skip(why)
    server = Apache() if recipe.program == "apache2" else Including("nginx", NGINX)

    made = including(server, "a&quot; onclick=&quot;alert(1)'<b>")

    assert '" onclick="' not in made
    assert "<b>" not in made


def test_the_form_votes_comes_back_and_takes_the_vote_back(browser: Browser, publisher: Publisher) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(serve(publisher, OF_FORMS))

    page.get_by_role("button", name="Angry").click()

    publisher.expect_counts(OF_FORMS.key, {"angry": 1})
    page.get_by_role("link", name="Back to the article").click()
    expect(page).to_have_url(publisher.pages.origin + OF_FORMS.path)
    page.get_by_role("button", name="Take it back").click()
    publisher.expect_counts(OF_FORMS.key, {})
    context.close()


def test_the_forms_reactions_are_those_of_the_standard_set() -> None:
    offered = re.findall(r'value="(\w+)">(\S+) ([^<]+)<', pasted.recipe("no-script/form.html"))

    assert offered == [(one.key, one.emoji, one.labels["en"]) for one in make.reactions().offered]


def test_the_frame_of_an_amp_page_votes(page: Page, publisher: Publisher) -> None:
    page.goto(serve(publisher, OF_FRAMES))

    row = ready(page.frame_locator("iframe").locator("reader-reactions"))
    button(row, "love").click()

    publisher.expect_counts(OF_FRAMES.key, {"love": 1})
    page.set_viewport_size({"width": 320, "height": 700})
    expect(row.get_by_role("status")).to_be_in_viewport(ratio=1)  # what AMP's layout gives is enough on a phone


def test_the_strict_pages_script_is_the_released_one() -> None:
    released = json.loads((checks.WIDGET / "released" / "releases.json").read_text(encoding="utf-8"))

    (name, integrity) = re.search(
        r'widget/([\d.]+\.js)".*?integrity="(.+?)"', pasted.recipe("csp/article.html"), re.DOTALL
    ).groups()  # type: ignore[union-attr]

    assert released[name] == integrity
    assert f"script-src {SERVICE}/widget/{name};" in pasted.recipe("csp/_headers")


def test_react_components_are_typed(tmp_path: Path) -> None:
    (tmp_path / "node_modules").symlink_to(checks.tools())
    for name in ("react/Reactions.tsx", "next/reactions.tsx"):
        (tmp_path / name.replace("/", "-")).write_text(pasted.recipe(name), encoding="utf-8")
    options = {
        "strict": True, "noEmit": True, "target": "es2022", "module": "esnext", "moduleResolution": "bundler",
        "jsx": "react-jsx", "lib": ["es2022", "dom"], "types": ["react"], "skipLibCheck": True,
    }  # fmt: skip
    for name in ("react-Reactions.tsx", "next-reactions.tsx"):
        globals_ = "declare const process: { env: Record<string, string | undefined> };"
        (tmp_path / "globals.d.ts").write_text(globals_)
        (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": [name, "globals.d.ts"]}))

        assert checks.tsc("--project", tmp_path).stdout == ""


def test_the_lock_files_name_no_address() -> None:
    for lock in MODULES.glob("*/package-lock.json"):
        assert "://" not in lock.read_text(encoding="utf-8")
        assert lock.with_name(".npmrc").is_file()


def test_every_recipe_is_documented() -> None:
    documented = (PROJECT / "docs" / "recipes.md").read_text(encoding="utf-8")
    folders = {folder.name for folder in RECIPES.iterdir() if folder.is_dir()}

    assert set(re.findall(r"\]\(\.\./integrations/([\w-]+)", documented)) == folders
