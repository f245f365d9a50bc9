"""The secret is rotated: what was signed before is accepted until it is retired, and nobody votes a second time."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine

from reactions import secret_keys
from reactions.commands.secret import secret as command
from reactions.newsroom import api_keys, registering, sites
from reactions.reports.query import ReportQuery
from reactions.secret_keys import PURPOSES, derived_key, key_id, keys_of
from reactions.settings import InvalidSettings, Settings, load
from reactions.storage.engines import writing
from reactions.times import now_ms
from tests import make
from tests.engines import free_port
from tests.lengths import only_sqlite
from tests.web.asking import counts, vote
from tests.web.conftest import MakeApp, make_app
from tests.web.terminal import Terminal

__all__ = ["make_app"]
OLD, NEW = make.SECRET, "another secret that only tests use"
THREE = ("the first of three secrets for tests", "the second of three secrets for tests", "the third of three secrets for tests")


def in_folder(folder: Path, **settings: Any) -> Settings:
    return load({}, data_dir=str(folder), **settings)


def test_every_purpose_of_every_secret_has_a_key_of_its_own() -> None:
    keys = secret_keys.Keys([OLD.encode(), NEW.encode()], OLD.encode())
    of_pages = derived_key(keys.signing("session"), "limits")  # what limits of pages count under

    every = [key for purpose in PURPOSES for key in keys.accepted(purpose)]

    assert len({*every, of_pages}) == 2 * len(PURPOSES) + 1
    assert keys.pseudonym == derived_key(OLD.encode(), "pseudonym")
    with pytest.raises(ValueError, match="no purpose"):
        keys.signing("something else")


def test_no_key_is_derived_for_a_purpose_that_is_not_listed() -> None:
    sources = {path: path.read_text(encoding="utf-8") for path in (Path(__file__).parent.parent / "reactions").rglob("*.py")}
    own = {path.name for path, text in sources.items() if "derived_key(" in text}

    assert own == {"secret_keys.py", "guards.py", "export_api.py", "exports.py"}  # the last two have a setting of their own


def test_files_are_rotated_again_and_again_and_the_pseudonyms_stay(tmp_path: Path) -> None:
    settings = in_folder(tmp_path)
    first = keys_of(settings)

    secret_keys.rotate(settings)
    second = keys_of(settings)
    secret_keys.rotate(settings)
    third = keys_of(settings)

    assert len(set(third.secrets)) == 3
    assert list(third.secrets[1:]) == list(second.secrets)
    assert list(second.secrets[1:]) == list(first.secrets)
    assert first.pseudonym == second.pseudonym == third.pseudonym
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}

    secret_keys.retire(settings)
    assert keys_of(settings).secrets == list(third.secrets[:1])
    assert keys_of(settings).pseudonym == first.pseudonym


@pytest.mark.parametrize("written", [1, 2])
def test_a_rotation_that_was_cut_short_leaves_what_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int) -> None:
    settings = in_folder(tmp_path)
    first, write, done = keys_of(settings), secret_keys._write, []

    def cut_short(path: Path, content: bytes) -> None:
        if len(done) == written:
            raise KeyboardInterrupt
        write(path, content)
        done.append(path)

    with monkeypatch.context() as patched:
        patched.setattr(secret_keys, "_write", cut_short)
        with pytest.raises(KeyboardInterrupt):
            secret_keys.rotate(settings)

    assert (list(keys_of(settings).secrets), keys_of(settings).pseudonym) == (list(first.secrets), first.pseudonym)
    secret_keys.rotate(settings)
    assert list(keys_of(settings).secrets[1:]) == list(first.secrets)


def test_secrets_that_are_set_come_from_lines_of_a_file_too(tmp_path: Path) -> None:
    file, (oldest, older, present) = tmp_path / "previous", THREE
    file.write_text(f"{older}\n{oldest}\n")

    keys = keys_of(load({"REACTIONS_SECRET": present, "REACTIONS_PREVIOUS_SECRETS_FILE": str(file)}))

    assert keys.secrets == [present.encode(), older.encode(), oldest.encode()]
    assert keys.pseudonym_id == key_id(oldest.encode())
    assert keys_of(load({"REACTIONS_SECRET": present, "REACTIONS_PSEUDONYM_SECRET": older})).pseudonym_id == key_id(
        older.encode()
    )
    with pytest.raises(InvalidSettings, match="previous_secrets: Must have at least 32 characters") as refused:
        load({"REACTIONS_PREVIOUS_SECRETS": "short"})
    assert "'short'" not in str(refused.value)


@pytest.fixture
def rotated(make_app: MakeApp) -> tuple[Flask, Flask, Flask]:
    """The same service before a rotation, after it, and once the old secret is retired."""
    return make_app(), make_app(secret=NEW, previous_secrets=[OLD]), make_app(secret=NEW, pseudonym_secret=OLD)


def total(client: FlaskClient) -> int:
    answer = counts(client, ["a"]).json
    assert answer
    return int(answer["articles"][0]["total"])


def test_nobody_votes_a_second_time(rotated: tuple[Flask, Flask, Flask]) -> None:
    for app in rotated:
        assert vote(app.test_client()).status_code == 200
        assert vote(app.test_client(), reaction="sad").status_code == 200

    assert total(rotated[-1].test_client()) == 1


def test_with_other_pseudonyms_no_vote_is_counted_and_the_service_is_not_ready(make_app: MakeApp) -> None:
    vote(make_app().test_client())
    other = make_app(secret=NEW).test_client()

    answer, ready = vote(other), other.get("/readyz")

    assert (answer.status_code, ready.status_code) == (503, 503)
    assert "pseudonym_secret" in answer.json["detail"] == ready.json["detail"]  # type: ignore[index]
    assert total(other) == 1


@only_sqlite
def test_the_service_does_not_start_with_other_pseudonyms(make_app: MakeApp, tmp_path: Path, database_url: str) -> None:
    vote(make_app().test_client())
    terminal = Terminal(tmp_path, database_url)

    line = terminal.fail("serve", secret=NEW, bind=f"127.0.0.1:{free_port()}")

    assert line.startswith(f"Votes cannot be counted: they are stored under pseudonyms of the secret {key_id(OLD.encode())}")
    terminal.close()


@only_sqlite
def test_tokens_and_signatures_of_the_old_secret_are_accepted_until_it_is_retired(rotated: tuple[Flask, Flask, Flask]) -> None:
    before, after, retired = (app.extensions["reader-reactions"] for app in rotated)
    token = vote(rotated[0].test_client()).json["token"]  # type: ignore[index]
    reader, at_ms = bytes.fromhex(make.ADA), now_ms()
    signing = registering.signing_key(before.hot_path.article_signing_keys[0], "daily")

    def standing(parts: Any) -> tuple[str, bool]:
        read, _ = parts.trust.tokens.read(token, site_id=1, reader=reader, now_ms=at_ms)
        with rotated[0].app_context():
            signed = parts.hot_path._is_signed(parts.directory.find("daily"), "a", registering.signature(signing, "a"))
        return read, signed

    assert [standing(parts) for parts in (before, after, retired)] == [("valid", True), ("valid", True), ("forged", False)]
    renewed = vote(rotated[1].test_client(), token=token).json["token"]  # type: ignore[index]
    assert retired.trust.tokens.read(renewed, site_id=1, reader=reader, now_ms=at_ms)[0] == "valid"


@only_sqlite
def test_a_session_and_a_cursor_of_the_old_secret_go_on(rotated: tuple[Flask, Flask, Flask], engine: Engine) -> None:
    for number in range(3):
        vote(rotated[0].test_client(), article=f"article {number}")
    with writing(engine) as connection:
        _, key = api_keys.create(connection, sites.get(connection, "daily"), scopes=["read"], label="a test", now_ms=now_ms())
    client = rotated[0].test_client()
    client.post("/dashboard/sign-in", data={"key": key})
    cookie = client.get_cookie("reactions_session")
    assert cookie

    def page(app: Flask) -> int:
        follower = app.test_client()
        follower.set_cookie(cookie.key, cookie.value)  # type: ignore[union-attr]
        return follower.get("/dashboard").status_code

    def listing(app: Flask, cursor: str = "") -> Any:
        parts = app.extensions["reader-reactions"]
        with app.app_context():
            return parts.reports.articles(parts.directory.find("daily"), ReportQuery(), limit=1, cursor=cursor)

    cursor = listing(rotated[0]).next
    assert [page(app) for app in rotated] == [200, 200, 303]
    assert listing(rotated[1], cursor).articles == listing(rotated[0], cursor).articles
    with pytest.raises(Exception, match="was not made by this service"):
        listing(rotated[2], cursor)


@only_sqlite
def test_the_command_rotates_files_and_says_what_to_set_otherwise(make_app: MakeApp, database_url: str, tmp_path: Path) -> None:
    by_file = make_app(secret="")

    def run(app: Flask, *arguments: str) -> str:
        return str(app.test_cli_runner().invoke(command, arguments, catch_exceptions=False).output)

    first = key_id(keys_of(in_folder(tmp_path, database_url=database_url)).secrets[0])
    assert run(by_file, "list") == f"{first}  signs\n{first}  makes the pseudonyms\n"
    assert f"{first} is accepted." in run(by_file, "rotate")
    after = run(make_app(secret=""), "list").splitlines()
    assert after[1:] == [f"{first}  is accepted", f"{first}  makes the pseudonyms"]
    assert run(by_file, "retire", "--yes") == "Earlier secrets are void once the service is restarted.\n"

    said = run(make_app(secret=NEW, previous_secrets=[OLD]), "rotate")
    assert f"PSEUDONYM_SECRET: the secret {key_id(OLD.encode())}, which is not set yet" in said
    assert f"PREVIOUS_SECRETS: the secret {key_id(NEW.encode())}, then {key_id(OLD.encode())}" in said
    assert NEW not in said
    assert OLD not in said
    assert "keep pseudonym_secret" in run(make_app(secret=NEW), "retire", "--yes")
