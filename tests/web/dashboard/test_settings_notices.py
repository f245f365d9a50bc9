"""The pages of alerts, webhooks, the digest and imports."""

from __future__ import annotations

import re

from flask import Flask
from flask.testing import FlaskClient

from reactions.imports import record
from reactions.imports.record import Import
from reactions.newsroom import sites
from reactions.storage import tables
from reactions.storage.engines import writing
from reactions.web import current
from tests.notices.alerts.receiver import receiving
from tests.web.dashboard.settings_forms import (
    SETTINGS,
    admin,
    app,
    filled,
    refused,
    saved,
    send,
    stored,
)
from tests.web.dashboard.test_pages import words
from tests.web.test_settings_api import import_love

__all__ = ["admin", "app"]


def test_thresholds_are_changed_and_a_rule_is_turned_off(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "alerts")
    form["surging.times"], form["record.votes"] = "6.5", "1,000"
    form.pop("most_loved.on")

    saved(admin, "alerts", "save", form)

    assert stored(app).alert_rules == {"surging": {"times": 6.5}, "record": {"votes": 1000}, "most_loved": {"on": False}}
    form["surging.readers"] = "2"
    assert refused(admin, "alerts", "save", form) == (
        422, "Surging: readers is a whole number from 5 to 1,000,000. Nothing was changed.",
    )  # fmt: skip
    form["surging.readers"] = "many"
    assert refused(admin, "alerts", "save", form)[1] == "Surging: write numbers. Nothing was changed."


def test_a_webhook_is_added_tested_and_removed_and_a_refusal_has_the_receivers_reason(app: Flask, admin: FlaskClient) -> None:
    with receiving((403, {"Content-Type": "text/plain"}, b"<b>no</b> such channel")) as receiver:
        saved(admin, "alerts", "add", {"url": receiver.url})
        with app.app_context(), current.reading() as connection:
            hook = connection.execute(tables.webhook.select()).one()
        refusal = saved(admin, "alerts", "test", {"id": hook.id})
        success = saved(admin, "alerts", "test", {"id": hook.id})
        shown = admin.get(f"{SETTINGS}/alerts").text
        assert receiver.sent[0].is_signed_with(re.findall(r"whsec_[\w+/]+=", shown)[0])

    assert "The test did not arrive. 127.0.0.1 answered 403: <b>no</b> such channel" in refusal
    assert "The test arrived: the receiver answered 204." in success
    assert "gets no more alerts." in saved(admin, "alerts", "remove", {"id": hook.id})
    assert "None yet." in words(admin.get(f"{SETTINGS}/alerts").text)
    status, said = refused(admin, "alerts", "add", {"url": "https://user@hooks.example/a"})
    assert (status, said) == (
        422, "A webhook's address must not have a user name, a password or a #fragment. Nothing was changed.",
    )  # fmt: skip


def test_subscribers_are_added_and_removed(admin: FlaskClient) -> None:
    assert "chief@daily.example gets the digest." in saved(admin, "digest", "add", {"address": "chief@daily.example"})
    assert refused(admin, "digest", "add", {"address": "a@b, c@d.example"})[0] == 422
    assert "no longer gets the digest." in saved(admin, "digest", "remove", {"address": "chief@daily.example"})
    assert refused(admin, "digest", "remove", {"address": "chief@daily.example"})[0] == 404
    assert "The service sends no mail yet" in words(admin.get(f"{SETTINGS}/digest").text)


def test_an_import_is_removed_after_a_question(app: Flask, admin: FlaskClient) -> None:
    import_love(app)

    asked = words(admin.get(f"{SETTINGS}/imports/remove?source=old-blog").text)
    said = saved(admin, "imports", "remove", {"source": "old-blog"})

    assert "The 40 reactions from old.csv will be removed. Readers’ votes and other imports stay." in asked
    assert "The 40 reactions from old-blog are removed. Readers’ votes stay. Settings" not in said
    assert "The 40 reactions from old-blog are removed." in said
    assert "None yet." in said
    assert refused(admin, "imports", "remove", {"source": "old-blog"})[0] == 404
    assert admin.get(f"{SETTINGS}/imports/remove?source=old-blog").status_code == 404


def test_an_import_that_was_cut_short_is_told(app: Flask, admin: FlaskClient) -> None:
    with app.app_context(), writing(current.engine()) as connection:
        site = sites.get(connection, "daily")
        new = Import(site.id, "plausible", "plausible", "pages.csv", "0" * 64, "a test", 1)
        begun = record.begin(connection, new, known=None)
    cut_short = words(admin.get(f"{SETTINGS}/imports").text)
    with app.app_context(), writing(current.engine()) as connection:
        record.put(connection, new, known=begun)

    assert "Under way, or cut short: some of it is here." in cut_short
    assert "cut short" not in words(admin.get(f"{SETTINGS}/imports").text)


def test_a_form_from_another_sites_page_changes_nothing(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "site")
    form["name"] = "Theirs"

    answer = admin.post(f"{SETTINGS}/site/save", data=form, headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert stored(app).name == "The Daily"
    assert send(admin, "site", "nothing", {}).status_code == 404
