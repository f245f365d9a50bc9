"""What commands say of what they did, where it was one and where it was several."""

from __future__ import annotations

from flask.testing import FlaskClient

from tests import make
from tests.make import ADA, BEN, CIA, DEE
from tests.web.asking import vote
from tests.web.terminal import Terminal


def test_the_votes_that_an_editor_moves_and_withdraws_are_counted(client: FlaskClient, terminal: Terminal) -> None:
    for article, readers in (("a", (ADA,)), ("b", (BEN, CIA)), ("c", (DEE,)), ("d", (ADA,))):
        for reader in readers:
            vote(client, article=article, reader=reader)

    said = [
        terminal.do("article", *words)
        for words in (
            ("reset", "daily", "a"), ("restore", "daily", "a"), ("reset", "daily", "b"), ("restore", "daily", "b"),
            ("merge", "daily", "a", "c"), ("merge", "daily", "b", "c"), ("delete", "daily", "--pattern", "c", "--yes"),
            ("delete", "daily", "--pattern", "d", "--yes"),
        )
    ]  # fmt: skip

    assert said == [
        "1 vote withdrawn. `reactions article restore daily a` restores it.\n",
        "1 vote restored.\n",
        "2 votes withdrawn. `reactions article restore daily b` restores them.\n",
        "2 votes restored.\n",
        "1 vote moved; a now leads to c.\n",
        "2 votes moved; b now leads to c.\n",
        "3 articles deleted.\n",  # with those that were merged into it
        "1 article deleted.\n",
    ]


def test_the_days_and_articles_of_a_site_are_counted(client: FlaskClient, terminal: Terminal) -> None:
    vote(client, article="a")
    terminal.do("site", "set", "daily", "--close-after-days", "1", "--keep-votes-days", "1", "--new-articles-per-day", "1")

    shown = terminal.do("site", "show", "daily")

    assert "articles      open, at most 1 new one a day\n" in shown
    assert "closing       after 1 day\nvotes         dropped 1 day after the last one\n" in shown
    assert "its 1 article with every vote, its 0 API keys, alerts and imports" in terminal.type("site", "remove", "daily").err
    assert terminal.do("site", "remove", "daily", "--yes", site_memory_s=0) == "daily is removed, with 1 article.\n"


def test_the_recount_counts_its_votes(client: FlaskClient, terminal: Terminal) -> None:
    said = [terminal.do("verify")]
    for reader in (make.ADA, make.BEN):
        vote(client, reader=reader)
        said.append(terminal.do("verify"))

    assert said == [f"{votes} recounted, 0 numbers differ.\n" for votes in ("0 votes", "1 vote", "2 votes")]
