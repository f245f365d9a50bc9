"""Settings: complete, typed, and every fault is named before anything starts."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reactions.app import create_app
from reactions.settings import NAMES, InvalidSettings, default_file, load, without_password
from reactions.web.extensions import db

SECRET = "0123456789abcdef0123456789abcdef"


def fault_of(environ: dict[str, str]) -> str:
    """The text of the refusal."""
    with pytest.raises(InvalidSettings) as refused:
        load(environ)
    return str(refused.value)


def test_the_defaults_name_every_setting_once_and_nothing_else() -> None:
    assert list(tomllib.loads(default_file().read_text(encoding="utf-8"))) == NAMES


def test_an_empty_environment_gives_the_defaults() -> None:
    settings = load({"PATH": "/bin", "reactions_bind": "ignored", "MY_REACTIONS_BIND": "ignored"})

    assert (settings.bind, settings.workers, settings.limiter_url, settings.demo) == ("127.0.0.1:8000", 1, "memory://", False)
    assert settings.engine_url == f"sqlite:///{Path('~/.local/share/reader-reactions').expanduser()}/reactions.db"
    assert (settings.on_sqlite, settings.address) == (True, "http://127.0.0.1:8000")


def test_the_environment_overrides_the_file_and_the_file_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "reactions.toml"
    file.write_text('bind = "127.0.0.1:1"\nthreads = 7\ntrusted_proxies = ["10.0.0.0/8"]\n')

    settings = load({"REACTIONS_CONFIG": str(file), "REACTIONS_BIND": "127.0.0.1:2"})
    overridden = load({"REACTIONS_CONFIG": str(file), "REACTIONS_BIND": "127.0.0.1:2"}, bind="127.0.0.1:3")

    assert (settings.bind, settings.threads, settings.trusted_proxies) == ("127.0.0.1:2", 7, ["10.0.0.0/8"])
    assert overridden.bind == "127.0.0.1:3"


def test_texts_of_the_environment_become_what_the_setting_is() -> None:
    settings = load(
        {
            "REACTIONS_THREADS": "4", "REACTIONS_ANSWER_WITHIN_S": "1.5", "REACTIONS_DEMO": "yes",
            "REACTIONS_UPGRADE_ON_START": "0", "REACTIONS_TRUSTED_PROXIES": " 10.0.0.0/8 , unix,", "REACTIONS_DATA_DIR": "~/here",
        }
    )  # fmt: skip

    assert (settings.threads, settings.answer_within_s, settings.demo, settings.upgrade_on_start) == (4, 1.5, True, False)
    assert settings.trusted_proxies == ["10.0.0.0/8", "unix"]
    assert settings.data_path == Path("~/here").expanduser()


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("BINT", "bint: no such setting. Did you mean bind?"),
        ("WORKER", "worker: no such setting. Did you mean workers?"),
        ("VOTES_PER_READERS", "votes_per_readers: no such setting. Did you mean votes_per_reader?"),
        ("XYZZY", "xyzzy: no such setting. `reactions settings` lists them all."),
        ("", ": no such setting. `reactions settings` lists them all."),
    ],
)
def test_an_unknown_setting_is_named_with_the_one_that_was_meant(name: str, fault: str) -> None:
    assert fault_of({f"REACTIONS_{name}": "1"}) == fault


def test_an_unknown_setting_in_the_file_is_named_too(tmp_path: Path) -> None:
    file = tmp_path / "reactions.toml"
    file.write_text('[listen]\nbind = "127.0.0.1:1"\n')

    assert fault_of({"REACTIONS_CONFIG": str(file)}) == "listen: no such setting. `reactions settings` lists them all."


WRONG = [
    ("WORKERS", "two", "Not a valid integer. (it is 'two')"),
    ("WORKERS", "", "Not a valid integer. (it is '')"),
    ("WORKERS", "1.5", "Not a valid integer. (it is '1.5')"),
    ("WORKERS", "0", "Must be greater than or equal to 1. (it is '0')"),
    ("THREADS", "-1", "Must be greater than or equal to 1. (it is '-1')"),
    ("THREADS", "²", "Not a valid integer. (it is '²')"),
    ("THREADS", "4 threads", "Not a valid integer. (it is '4 threads')"),
    ("QUEUE_SIZE", "1000000001", "Must be less than or equal to 1000000000. (it is '1000000001')"),
    ("HELD_FOR_MINUTES", "999999999999999", "Must be less than or equal to 1000000000. (it is '999999999999999')"),
    ("ANSWER_WITHIN_S", "1e300", "Must be less than or equal to 1000000000. (it is '1e300')"),
    ("ANSWER_WITHIN_S", "1,5", "Not a valid number. (it is '1,5')"),
    ("METRICS_TOKEN", os.fsdecode(b"\xff"), "the environment has bytes in it that are not UTF-8."),
    ("ANSWER_WITHIN_S", "soon", "Not a valid number. (it is 'soon')"),
    ("ANSWER_WITHIN_S", "nan", "Special numeric values (nan or infinity) are not permitted. (it is 'nan')"),
    ("ANSWER_WITHIN_S", "inf", "Special numeric values (nan or infinity) are not permitted. (it is 'inf')"),
    ("ANSWER_WITHIN_S", "0", "Must be greater than or equal to 0.1. (it is '0')"),
    ("DEMO", "perhaps", "Not a valid boolean. (it is 'perhaps')"),
    ("WORKER_CLASS", "gevent", "Must be one of: uvicorn, gthread, sync. (it is 'gevent')"),
    ("LOG_LEVEL", "INFO", "Must be one of: debug, info, warning, error. (it is 'INFO')"),
]


@pytest.mark.parametrize(("name", "value", "fault"), WRONG)
def test_a_setting_that_is_not_what_it_must_be_is_named_with_what_was_expected(name: str, value: str, fault: str) -> None:
    assert fault_of({f"REACTIONS_{name}": value}) == f"{name.lower()}: {fault}"


def test_a_store_that_counts_for_one_process_is_refused_for_several() -> None:
    assert fault_of({"REACTIONS_WORKERS": "2"}) == (
        "limiter_url: memory:// counts for one process only, so with workers > 1 every limit would be that many times too wide. "
        "Set limiter_url to a Redis address, or workers to 1."
    )
    assert load({"REACTIONS_WORKERS": "2", "REACTIONS_LIMITER_URL": "redis://127.0.0.1/0"}).workers == 2


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("workers = 1.5", "workers: Not a valid integer. (it is 1.5)"),
        ("workers = true", "workers: Not a valid integer. (it is True)"),
        ('workers = ["1"]', "workers: Not a valid integer. (it is ['1'])"),
        ("answer_within_s = true", "answer_within_s: Not a valid number. (it is True)"),
        ("bind = 8000", "bind: Not a valid string. (it is 8000)"),
        ("bind = { host = 'a' }", "bind: Not a valid string. (it is {'host': 'a'})"),
        ("demo = 2", "demo: Not a valid boolean. (it is 2)"),
        ("trusted_proxies = [1]", "trusted_proxies: Not a valid string. (it is [1])"),
        ("trusted_proxies = 1", "trusted_proxies: Not a valid list. (it is 1)"),
        ("votes_per_reader = 30", "votes_per_reader: Not a valid string. (it is 30)"),
    ],
)
def test_a_mistyped_line_of_the_file_is_named_with_what_was_expected(tmp_path: Path, line: str, fault: str) -> None:
    file = tmp_path / "reactions.toml"
    file.write_text(line)

    assert fault_of({"REACTIONS_CONFIG": str(file)}) == fault


def test_all_faults_are_told_at_once_a_line_each() -> None:
    told = fault_of({"REACTIONS_WORKERS": "two", "REACTIONS_BIND": "x", "REACTIONS_DEMO": "perhaps"}).splitlines()

    assert sorted(told) == [
        'bind: Write it as "127.0.0.1:8000" or "unix:/run/reactions.sock". (it is \'x\')',
        "demo: Not a valid boolean. (it is 'perhaps')",
        "workers: Not a valid integer. (it is 'two')",
    ]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    missing, folder = tmp_path / "missing.toml", tmp_path

    assert fault_of({"REACTIONS_CONFIG": str(missing)}) == (
        f"REACTIONS_CONFIG names {missing}, which cannot be read: No such file or directory."
    )
    assert (
        fault_of({"REACTIONS_CONFIG": str(folder)}) == f"REACTIONS_CONFIG names {folder}, which cannot be read: Is a directory."
    )


def test_a_file_may_begin_as_windows_begins_it(tmp_path: Path) -> None:
    file = tmp_path / "reactions.toml"
    file.write_bytes(b"\xef\xbb\xbfthreads = 7\r\n")

    assert load({"REACTIONS_CONFIG": str(file)}).threads == 7


@pytest.mark.parametrize("text", [b"bind: 127.0.0.1:8000", b"bind = ", b'bind = "a"\nbind = "b"', b"\xff\xfe", b"= 1"])
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "reactions.toml"
    file.write_bytes(text)

    told = fault_of({"REACTIONS_CONFIG": str(file)})

    assert told.startswith(f"{file} is not TOML: ")
    assert len(told.splitlines()) == 1


def test_a_setting_may_be_read_from_a_file_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")

    assert load({"REACTIONS_SECRET_FILE": str(file)}).secret == SECRET


def test_a_setting_given_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text(SECRET)

    for environ in (
        {"REACTIONS_SECRET": SECRET, "REACTIONS_SECRET_FILE": str(file)},
        {"REACTIONS_SECRET_FILE": str(file), "REACTIONS_SECRET": SECRET},
    ):
        assert fault_of(environ) == "secret: given twice. Keep one of REACTIONS_SECRET and REACTIONS_SECRET_FILE."


def test_a_file_of_a_setting_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"\xff" * 32)
    (tmp_path / "empty").write_text("\n")
    whys = {
        "none": "which cannot be read: No such file or directory.",
        ".": "which cannot be read: Is a directory.",
        "latin": "which cannot be read: it is not UTF-8.",
        "empty": "which is empty.",
    }

    for name, why in whys.items():
        file = tmp_path / name
        assert fault_of({"REACTIONS_SECRET_FILE": str(file)}) == f"REACTIONS_SECRET_FILE names {file}, {why}"


CANARY = "hunter2"
LEAKS = [
    {"REACTIONS_SECRET": CANARY},
    {"REACTIONS_SECRET": CANARY * 8, "REACTIONS_WORKERS": "two"},
    {"REACTIONS_METRICS_TOKEN": CANARY, "REACTIONS_BIND": "x"},
    {"REACTIONS_LIMITER_URL": f"rediss:/{CANARY}@host"},
    {"REACTIONS_LIMITER_URL": f"redis://:{CANARY}@host", "REACTIONS_WORKERS": "two"},
    {"REACTIONS_DATABASE_URL": f"postgresql://u:{CANARY}@h/d"},
    {"REACTIONS_DATABASE_URL": f"postgresql://u:{CANARY}@h/d", "REACTIONS_BIND": "x"},
    {"REACTIONS_SECRTE": CANARY},
]


@pytest.mark.parametrize("environ", LEAKS)
def test_no_fault_repeats_a_secret(environ: dict[str, str]) -> None:
    assert CANARY not in fault_of(environ)


@given(st.text(st.characters(exclude_characters="/@&", exclude_categories=["Cs"]), min_size=3))
def test_an_address_is_shown_without_its_password(password: str) -> None:
    canary = f"<{password}>"
    for address in (
        f"postgresql://user:{canary}@host/name",
        f"redis://:{canary}@host:6379/0",
        f"postgresql:///name?password={canary}&host=h",
    ):
        assert canary not in without_password(address)
    assert without_password("redis://host:6379/0") == "redis://host:6379/0"
    assert without_password("sqlite:////var/lib/reactions.db") == "sqlite:////var/lib/reactions.db"


def test_a_shared_database_needs_a_secret_that_every_process_knows() -> None:
    assert fault_of({"REACTIONS_DATABASE_URL": "postgresql://host/name"}) == (
        "secret: needed with a shared database, because every process must know readers by the same pseudonyms. "
        "`openssl rand -hex 32` makes one; put it into REACTIONS_SECRET or REACTIONS_SECRET_FILE."
    )
    assert load({"REACTIONS_DATABASE_URL": "postgresql://host/name", "REACTIONS_SECRET": SECRET}).on_sqlite is False


def test_a_path_that_is_not_whole_begins_where_the_service_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an SQLite file as of the data folder; Flask-SQLAlchemy would put it beside the package."""
    monkeypatch.chdir(tmp_path)
    settings = load({"REACTIONS_DATABASE_URL": "sqlite:///votes.db", "REACTIONS_SECRET": SECRET})

    with create_app(settings).app_context():
        assert Path(str(db.engine.url.database)) == tmp_path / "votes.db"
    assert settings.on_sqlite


def test_a_count_is_at_most_15_seconds_old_wherever_it_was_kept() -> None:
    """The worst case: each of the process, a shared cache and the browser has it for as long as it may, one after the other."""
    shipped = load({})

    shared = shipped.counts_shared_max_age_s + shipped.counts_stale_while_revalidate_s
    own = shipped.counts_max_age_s + shipped.counts_stale_while_revalidate_s
    assert shipped.counts_memory_s + shared + own <= 15
