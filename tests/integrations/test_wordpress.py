"""The WordPress plugin in a real WordPress: rows, counts, descriptions, settings, and a blog that never suffers from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import create_engine

from reactions.newsroom import api_keys, sites
from reactions.storage import engines
from reactions.storage.engines import writing
from tests import make
from tests.browsers import Complaints
from tests.databases import SqliteFiles
from tests.engines import free_port
from tests.integrations import wordpress
from tests.integrations.wordpress import ADMIN, PASSWORD, MariaDB, WordPress
from tests.service import Service, running_service
from tests.widget.conftest import context, page
from tests.widget.steps import button, expect_shown, ready

__all__ = ["context", "page"]
pytestmark = pytest.mark.skipif(
    not wordpress.is_installed(),
    reason="not installed (Debian: apt-get install wordpress php-cli php-mysql mariadb-server)",
)


@pytest.fixture(scope="module")
def blog() -> Iterator[WordPress]:
    with closing(MariaDB()) as database:
        database.start()
        database.create_database()
        with closing(WordPress(database)) as blog:
            blog.start()
            blog.install()
            yield blog
            assert "reader-reactions" not in blog.complaints(), blog.complaints()[-2000:]


@pytest.fixture(scope="module")
def service(blog: WordPress, sqlite_files: SqliteFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with a site for the blog, whose API key is `service.key`."""
    url = sqlite_files.copy_to(tmp_path_factory.mktemp("blog"))
    make.site(url, "daily", origins=[blog.url])
    engine = create_engine(url)
    engines.prepare(engine)
    with writing(engine) as connection:
        key = api_keys.create(connection, sites.get(connection, "daily"), scopes=["write", "read"], label="blog", now_ms=0)[1]
    engine.dispose()
    with running_service(url, settings={"counts_memory_s": 0, "counts_max_age_s": 1}) as running:
        running.key = key  # type: ignore[attr-defined]
        yield running


@pytest.fixture
def ready_blog(blog: WordPress, service: Service) -> WordPress:
    """The blog, set up, with nothing left to be sent: what a busy service did not take is sent again a minute later."""
    blog.inside("wp_unschedule_hook( 'reader_reactions_describe' ); delete_option( 'reader_reactions_fault' );")
    blog.configure(service=service.url, site="daily", key=service.key)  # type: ignore[attr-defined]
    return blog


def described(service: Service, number: int) -> dict[str, object]:
    """What the newsroom knows of a post."""
    headers = {"Authorization": f"Bearer {service.key}"}  # type: ignore[attr-defined]
    status, body = service.get(f"/v1/sites/daily/articles/one?article={number}", headers)
    assert status == 200, body
    return dict(json.loads(body)["article"])


def test_a_reader_votes_below_a_post_and_lists_show_the_number(page: Page, ready_blog: WordPress) -> None:
    number = ready_blog.publish("Harbour bridge to close")

    page.goto(f"{ready_blog.url}/?p={number}")
    row = ready(page.locator("reader-reactions"))
    button(row, "love").click()

    expect_shown(row, {"love": 1}, pressed="love")
    page.goto(ready_blog.url)
    expect(page.locator(f"reaction-count[article='{number}']")).to_contain_text("1")
    assert page.locator("script#reader-reactions-js").get_attribute("async") is not None


def test_a_shortcode_places_the_row_and_there_is_one(page: Page, ready_blog: WordPress) -> None:
    number = ready_blog.publish("Placed", "Before. [reactions] After.")

    page.goto(f"{ready_blog.url}/?p={number}")

    expect(page.locator("reader-reactions")).to_have_count(1)


def test_a_published_post_is_described_and_again_when_it_changes(ready_blog: WordPress, service: Service) -> None:
    number = ready_blog.publish("Bread &amp; “butter” – 5 < 6", tags_input=["food", "town"])
    ready_blog.run_schedule()
    first, permalink = described(service, number), ready_blog.inside(f"echo get_permalink( {number} );")

    ready_blog.inside(f"wp_update_post( array( 'ID' => {number}, 'post_title' => 'Bread only' ) );")
    ready_blog.run_schedule()

    assert (first["title"], first["section"], first["authors"]) == ("Bread & “butter” – 5 < 6", "Uncategorized", [ADMIN])
    assert (first["tags"], first["url"]) == (["food", "town"], permalink)
    assert described(service, number)["title"] == "Bread only"


def test_drafts_pages_and_blogs_without_a_key_are_not_described(ready_blog: WordPress) -> None:
    ready_blog.publish("A draft", post_status="draft")
    ready_blog.publish("A page", post_type="page")
    ready_blog.configure(service="http://127.0.0.1:9", site="daily")
    ready_blog.publish("No key")

    assert scheduled(ready_blog) == "0"


def scheduled(blog: WordPress) -> str:
    each = "foreach ( _get_cron_array() as $hooks ) { $n += count( $hooks['reader_reactions_describe'] ?? array() ); }"
    counting = f"$n = 0; {each} echo $n;"
    return blog.inside(counting)


def test_a_service_that_is_away_costs_the_editor_nothing_and_is_told_later(ready_blog: WordPress) -> None:
    key = "a key"
    ready_blog.configure(service=f"http://127.0.0.1:{free_port()}", site="daily", key=key)

    ready_blog.publish("While it is away")
    ready_blog.run_schedule()

    assert scheduled(ready_blog) == "1"
    assert "does not answer" in ready_blog.inside("echo get_option( 'reader_reactions_fault' );")
    ready_blog.inside("wp_unschedule_hook( 'reader_reactions_describe' );")


def test_a_refusal_is_shown_in_the_services_words_and_not_repeated(ready_blog: WordPress, service: Service) -> None:
    ready_blog.configure(service=service.url, site="daily", key="rk_wrong")

    ready_blog.publish("With a wrong key")
    ready_blog.run_schedule()

    assert scheduled(ready_blog) == "0"
    assert "key" in ready_blog.inside("echo get_option( 'reader_reactions_fault' );")


@pytest.mark.parametrize("settings", [{}, {"service": "http://127.0.0.1:9", "site": "daily"}], ids=["not set up", "service away"])
def test_a_blog_without_a_service_reads_as_before(
    page: Page, complaints: Complaints, blog: WordPress, settings: dict[str, str]
) -> None:
    complaints.network_fails = True
    blog.configure(**settings)
    number = blog.publish("Undisturbed", "A whole text.")

    page.goto(f"{blog.url}/?p={number}")

    expect(page.get_by_text("A whole text.")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)


def test_settings_are_made_in_the_browser_and_say_whether_they_fit(browser: Browser, blog: WordPress, service: Service) -> None:
    blog.configure()
    page = browser.new_page()  # WordPress's own pages write to the console
    page.goto(f"{blog.url}/wp-login.php")
    page.fill("#user_login", ADMIN)
    page.fill("#user_pass", PASSWORD)
    page.click("#wp-submit")
    page.goto(f"{blog.url}/wp-admin/options-general.php?page=reader-reactions")
    expect(page.get_by_text("Give the address of the service")).to_be_visible()

    page.get_by_label("Address of the service").fill(service.url)
    page.get_by_label("Key of the site").fill("daily")
    page.get_by_label("API key").fill("rk_a_secret_key")
    page.click("#submit")

    expect(page.get_by_text("pages of this site may vote")).to_be_visible()
    assert "rk_a_secret_key" not in page.content()
    page.get_by_label("Key of the site").fill("Not A Key")
    page.click("#submit")
    expect(page.get_by_text("small letters, digits and hyphens")).to_be_visible()
    expect(page.get_by_label("Key of the site")).to_have_value("daily")
    assert blog.inside("echo reader_reactions_setting( 'key' );") == "rk_a_secret_key"
    page.get_by_label("Key of the site").fill("none")
    page.click("#submit")
    expect(page.get_by_text("The service has no site with this key.")).to_be_visible()
    page.close()


def test_nobody_but_an_administrator_changes_the_settings(page: Page, blog: WordPress, service: Service) -> None:
    blog.configure(service=service.url, site="daily")

    answer = page.request.post(
        f"{blog.url}/wp-admin/options.php",
        form={"option_page": "reader-reactions", "action": "update", "reader_reactions[site]": "evil"},
    )

    assert answer.status in (200, 403)  # the page to sign in, or a refusal
    assert blog.inside("echo reader_reactions_setting( 'site' );") == "daily"


def test_what_is_uninstalled_leaves_nothing_behind(ready_blog: WordPress) -> None:
    uninstall = "define( 'WP_UNINSTALL_PLUGIN', 'reader-reactions' ); require WP_PLUGIN_DIR . '/reader-reactions/uninstall.php';"
    query = "SELECT count(*) FROM $wpdb->options WHERE option_name LIKE 'reader\\_reactions%'"
    left = ready_blog.inside(f'{uninstall} global $wpdb; echo $wpdb->get_var( "{query}" );')

    assert left == "0"
