"""Probes and metrics: /healthz, /readyz, /metrics."""

from __future__ import annotations

from pathlib import Path

from flask.testing import FlaskClient
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine

from reactions.refusals import ArticleClosed
from reactions.storage import migrations
from reactions.votes.rules import Counts, Receipt
from reactions.web import metrics
from tests import make
from tests.engines import Postgres, free_port
from tests.lengths import only_postgresql, only_sqlite
from tests.web.asking import problem, row, vote
from tests.web.conftest import MakeApp

TOKEN = "a token that only tests use"


def test_a_process_that_lives_says_so_without_its_database(make_app: MakeApp) -> None:
    client = make_app(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/gone").test_client()

    answer = client.get("/healthz")

    assert (answer.status_code, answer.json) == (200, {"alive": True})


def test_a_service_with_current_tables_is_ready(client: FlaskClient) -> None:
    answer = client.get("/readyz")

    assert (answer.status_code, answer.json) == (200, {"ready": True})


def test_a_service_whose_tables_are_behind_is_not_ready_and_says_what_to_do(make_app: MakeApp, engine: Engine) -> None:
    client = make_app().test_client()
    with engine.begin() as connection:
        at = migrations.revision(connection)
        connection.exec_driver_sql("update alembic_version set version_num = '0001'")

    behind = client.get("/readyz")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"update alembic_version set version_num = '{at}'")
    caught_up = client.get("/readyz")

    assert (behind.status_code, behind.json) == (
        503,
        problem("not-ready", 503, "Not ready", "The tables are not those of this version: run `reactions db upgrade`."),
    )
    assert behind.headers["Retry-After"] == "2"
    assert caught_up.status_code == 200


def test_a_service_whose_tables_a_newer_version_has_migrated_is_ready(make_app: MakeApp, engine: Engine) -> None:
    client = make_app().test_client()
    with engine.begin() as connection:
        at = migrations.revision(connection)
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")

    newer = client.get("/readyz")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"update alembic_version set version_num = '{at}'")

    assert (newer.status_code, newer.json) == (200, {"ready": True})


def test_an_empty_database_is_not_ready(make_app: MakeApp, bare_database_url: str) -> None:
    client = make_app(database_url=bare_database_url).test_client()

    assert client.get("/readyz").get_json()["detail"] == "The tables are not those of this version: run `reactions db upgrade`."


@only_sqlite
def test_a_service_that_cannot_reach_its_database_is_not_ready_and_says_when_to_ask_again(make_app: MakeApp) -> None:
    client = make_app(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/gone").test_client()

    unready = client.get("/readyz")
    unread = row(client, "a")
    unvoted = vote(client)

    assert (unready.status_code, unready.json) == (503, problem("not-ready", 503, "Not ready", "The database cannot be reached."))
    assert unready.headers["Retry-After"] == "2"
    for answer in (unread, unvoted):
        assert answer.json == problem(
            "unavailable", 503, "The service cannot count votes at the moment",
            "The service cannot reach its database. Send the same request again in a moment.",
        )  # fmt: skip
        assert answer.headers["Retry-After"] == "2"


@only_postgresql
def test_a_service_is_ready_again_as_soon_as_its_database_is_back(make_app: MakeApp, postgres: Postgres) -> None:
    client = make_app().test_client()
    before = vote(client)

    postgres.stop(immediate=True)
    away = client.get("/readyz")
    postgres.start()
    back = client.get("/readyz")
    after = vote(client)

    assert [answer.status_code for answer in (before, away, back, after)] == [200, 503, 200, 200]
    assert after.get_json()["total"] == 1


@only_sqlite
def test_metrics_do_not_exist_without_a_token(client: FlaskClient) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@only_sqlite
def test_metrics_are_shown_to_whoever_knows_the_token(make_app: MakeApp) -> None:
    client = make_app(metrics_token=TOKEN).test_client()
    vote(client)

    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200
    assert answer.content_type == "text/plain; version=0.0.4; charset=utf-8"
    names = {family.name for family in text_string_to_metric_families(answer.text)}
    assert names >= {
        "reactions_ballots", "reactions_batch_ballots", "reactions_limited", "reactions_reads_from_memory",
        "reactions_limiter_store_away",
    }  # fmt: skip


@only_sqlite
def test_metrics_are_refused_to_everybody_else_with_a_word_on_how_to_ask(make_app: MakeApp) -> None:
    client = make_app(metrics_token=TOKEN).test_client()
    wrong = ({}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": f"Bearer {TOKEN}x"},
             {"Authorization": f"Bearer {TOKEN[:-1]}"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer ü€"},
             {"Authorization": f"bearer  {TOKEN}"})  # fmt: skip

    answers = [client.get("/metrics", headers=headers) for headers in wrong]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.json == problem(
            "unauthorized", 401, "Not signed in", "Send Authorization: Bearer with the token from the settings."
        )
        assert answer.headers["WWW-Authenticate"] == "Bearer"


@only_sqlite
def test_metrics_name_no_reader_no_article_and_no_address(make_app: MakeApp, tmp_path: Path) -> None:
    client = make_app(metrics_token=TOKEN, votes_per_reader="1/minute").test_client()
    for _ in range(3):
        vote(client, article="canary-article", reader="ca" * 16, address="198.51.100.77")

    exposed = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).text

    assert [canary for canary in ("canary-article", "ca" * 16, "198.51.100.77", "daily") if canary in exposed] == []


def test_where_to_report_a_weakness_is_told_by_setting(make_app: MakeApp) -> None:
    answer = make_app(security_contact="mailto:security@daily.example").test_client().get("/.well-known/security.txt")

    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.text.startswith("Contact: mailto:security@daily.example\nExpires: 2")
    assert make_app().test_client().get("/.well-known/security.txt").status_code == 404


SIZES = ["1.0", "2.0", "4.0", "8.0", "16.0", "32.0", "64.0", "128.0", "256.0", "+Inf"]


def batches_and_ballots() -> dict[str, float]:
    ballots = {name: ("reactions_ballots_total", {"outcome": name}) for name in ("acknowledged", "refused", "failed")}
    sizes = {size: ("reactions_batch_ballots_bucket", {"le": size}) for size in SIZES}
    return {key: REGISTRY.get_sample_value(*sample) or 0 for key, sample in (ballots | sizes).items()}


def test_a_batch_is_counted_by_what_came_of_its_ballots() -> None:
    receipt = Receipt("like", Counts("a", open=True, by_reaction={}, offered=make.reactions()), 1)
    before, settled = batches_and_ballots(), metrics.settled()

    metrics.observe_batch([receipt] * 2 + [ArticleClosed("")] + [OSError()] * 4)

    after = batches_and_ballots()
    grown = {key: after[key] - before[key] for key in after}
    assert [grown.pop(name) for name in ("acknowledged", "refused", "failed")] == [2, 1, 4]
    assert [size for size, n in grown.items() if n] == SIZES[SIZES.index("8.0") :]
    assert metrics.settled() - settled == 7
