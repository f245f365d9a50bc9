"""The page of the reaction set, without JavaScript: no change loses a count, and nothing is saved by halves."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests import make
from tests.web.asking import counts, vote
from tests.web.dashboard.settings_forms import (
    SETTINGS,
    admin,
    app,
    filled,
    refused,
    saved,
    send,
    signed_in,
    stored,
)
from tests.web.dashboard.test_pages import words

__all__ = ["admin", "app"]


def test_a_set_is_reordered_renamed_retired_and_revived(app: Flask, admin: FlaskClient) -> None:
    client = app.test_client(use_cookies=False)
    vote(client, reaction="love")
    form = filled(admin, "reactions")
    form["order.wow"], form["label.love.de"], form["label.like.en"] = "0", "Liebe", "Agree"
    form["retired.love"], form["emoji.sad"], form["mood.wow"] = "1", "😭", "1"

    said = saved(admin, "reactions", "save", form)

    site = stored(app)
    assert "The set is saved. Readers are offered: Wow, Agree, Dislike, Funny, Angry, Sad." in said
    assert site.reactions.keys == ("wow", "like", "dislike", "funny", "angry", "sad")
    assert (site.reactions.get("love").labels["de"], site.reactions.get("love").labels["en"]) == ("Liebe", "Love")
    assert (site.reactions.get("sad").emoji, site.reactions.get("wow").mood) == ("😭", 1)
    again = filled(admin, "reactions")
    again.pop("retired.love")
    saved(admin, "reactions", "save", again)
    assert counts(client, ["a"]).json["articles"][0]["counts"]["love"] == 1  # type: ignore[index]


def test_a_new_reaction_gets_its_key_from_its_label_and_a_language_is_added(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "reactions")
    form["emoji..new"], form["label..new.en"], form["mood..new"] = "👏", "Well done", "1"
    form["language.like"], form["other.like"] = "eo", "Ŝati"

    saved(admin, "reactions", "save", form)

    new = stored(app).reactions.get("well-done")
    assert (new.emoji, new.mood, dict(new.labels), new.retired) == ("👏", 1, {"en": "Well done"}, False)
    assert stored(app).reactions.keys[-1] == "well-done"
    assert stored(app).reactions.get("like").labels["eo"] == "Ŝati"


def test_a_reaction_gets_a_colour_and_gives_it_back(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "reactions")
    form["coloured.love"], form["colour.love"] = "1", "#FFD400"
    saved(admin, "reactions", "save", form)
    page, style = admin.get("/dashboard").text, admin.get("/dashboard/colours.css")

    again = filled(admin, "reactions")
    again.pop("coloured.love")
    saved(admin, "reactions", "save", again)

    assert '<link rel="stylesheet" href="/dashboard/colours.css">' in page
    assert "--paint-love: #ffd400" in style.text
    assert style.content_type == "text/css; charset=utf-8"
    assert stored(app).reactions == make.reactions()
    assert "colours.css" not in admin.get("/dashboard").text


def test_a_reaction_is_shown_as_emoji_and_as_a_face_again(app: Flask, admin: FlaskClient) -> None:
    """To readers, and on the editors' own pages."""
    row = "/v1/sites/daily/reactions?article=a"
    vote(app.test_client(use_cookies=False), reaction="love")
    form = filled(admin, "reactions")
    form["icon.love"] = "emoji"
    saved(admin, "reactions", "save", form)
    buttons = admin.get(row).json["reactions"]
    of_the_system = admin.get("/dashboard").text

    again = filled(admin, "reactions")
    assert again.pop("icon.love") == "emoji"
    saved(admin, "reactions", "save", again)

    assert {button["key"]: button.get("icon") for button in buttons if "icon" in button} == {"love": "emoji"}
    assert stored(app).reactions == make.reactions()
    heart, drawn = '<span class="emoji" aria-hidden="true">❤\ufe0f</span>', '<span class="emoji" aria-hidden="true"><svg '
    assert (of_the_system.count(heart), of_the_system.count(drawn)) == (1, 6)
    assert (admin.get("/dashboard").text.count(heart), admin.get("/dashboard").text.count(drawn)) == (0, 7)


def test_a_label_is_asked_for_in_the_sites_language_and_the_first_one_stays_the_first(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "site")
    form["language"] = "de"
    saved(admin, "site", "save", form)

    assert "Beschriftung (de)" in admin.get(f"{SETTINGS}/reactions").text
    set_form = filled(admin, "reactions")
    set_form["emoji.wow"] = "🤯"
    saved(admin, "reactions", "save", set_form)

    assert {next(iter(entry.labels)) for entry in stored(app).reactions.entries} == {"en"}


def test_a_section_offers_a_part_and_then_everything_again(app: Flask, admin: FlaskClient) -> None:
    form = filled(admin, "reactions")
    form["section.1"] = "Obituaries"
    form.setlist("offered.1", ["sad", "love"])
    saved(admin, "reactions", "save", form)
    offered = stored(app).offered_in("Obituaries").keys

    again = filled(admin, "reactions")
    again.setlist("offered.1", [])
    saved(admin, "reactions", "save", again)

    assert offered == ("love", "sad")
    assert stored(app).section_reactions == {}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({f"retired.{key}": "1" for key in make.SEVEN}, "At least one reaction must be offered."),
        ({"label..new.en": "Like", "emoji..new": "👍"}, "Choose a key for the new reaction, such as clap"),
        ({"label..new.en": "拍手", "emoji..new": "👏"}, "Choose a key for the new reaction, such as clap"),
        ({"label..new.en": "Clap"}, "emoji must be one emoji."),
        ({"emoji.like": ""}, "Reaction 1 (like): emoji must be one emoji."),
        ({"order.like": "first"}, "like: write the place as a number, such as 1."),
        ({"icon.like": "drawing"}, "Reaction 1 (like): icon must be face"),
        ({"coloured.like": "1", "colour.like": "red"}, "Reaction 1 (like): colour must be # and six hexadecimal digits"),
        ({"coloured.like": "1", "colour.like": "#abcdef", "coloured.wow": "1", "colour.wow": "#ABCDEF"}, "repeated: #abcdef."),
        ({"mood.like": "7"}, "mood must be -1, 0 or 1"),
        ({"language.like": "no language", "other.like": "x"}, "Reaction 1 (like): label must be a text"),
    ],
)
def test_a_set_that_cannot_be_comes_back_with_the_reason(app: Flask, admin: FlaskClient, changes: Any, why: str) -> None:
    form = filled(admin, "reactions")
    form["emoji.wow"] = "🤯"
    for name, value in changes.items():
        form[name] = value

    status, said = refused(admin, "reactions", "save", form)

    assert status == 422
    assert why in said
    assert said.endswith("Nothing was changed.")
    assert 'value="🤯"' in send(admin, "reactions", "save", form).text
    assert stored(app).reactions == make.reactions()


def test_a_form_without_a_reaction_is_refused(app: Flask, admin: FlaskClient) -> None:
    assert refused(admin, "reactions", "save", {})[1] == "At least one reaction must be offered. Nothing was changed."
    assert stored(app).reactions == make.reactions()


def test_of_two_who_change_a_set_at_once_the_second_is_told_what_differs(app: Flask, admin: FlaskClient) -> None:
    other = signed_in(app, ["read", "admin"])
    mine, theirs = filled(admin, "reactions"), filled(other, "reactions")
    mine["label.like.en"], theirs["label.wow.en"] = "Agree", "Gosh"
    saved(other, "reactions", "save", theirs)

    answer = send(admin, "reactions", "save", mine)

    assert answer.status_code == 409
    assert "Somebody else changed this set while you did. Different there: like, wow. Nothing of yours is saved yet" in words(
        answer.text
    )
    assert 'value="Agree"' in answer.text
    assert (stored(app).reactions.get("like").labels["en"], stored(app).reactions.get("wow").labels["en"]) == ("Like", "Gosh")
