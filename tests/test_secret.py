"""The secret behind the readers' pseudonyms: given, or made once and kept."""

from __future__ import annotations

import fcntl
import re
import stat
import threading
from pathlib import Path

import pytest

from reactions.secret_keys import secret_of
from reactions.settings import InvalidSettings, Settings, load

SECRET = "0123456789abcdef0123456789abcdef"


def settings_in(folder: Path) -> Settings:
    return load({"REACTIONS_DATA_DIR": str(folder)})


def test_a_secret_that_is_not_given_is_made_once_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "new" / "folder")

    made = secret_of(settings)
    kept = secret_of(settings)

    file = tmp_path / "new" / "folder" / "secret"
    assert re.fullmatch(rb"[0-9a-f]{64}", made)
    assert kept == made == file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_of(settings_in(tmp_path / "other")) != made


def test_a_secret_that_is_given_leaves_no_file(tmp_path: Path) -> None:
    settings = load({"REACTIONS_DATA_DIR": str(tmp_path), "REACTIONS_SECRET": SECRET})

    assert secret_of(settings) == SECRET.encode()
    assert list(tmp_path.iterdir()) == []


def test_a_secret_of_any_bytes_is_taken_as_it_is(tmp_path: Path) -> None:
    as_the_system_gives_it = (b"\xff" * 32).decode(errors="surrogateescape")

    assert secret_of(load({"REACTIONS_SECRET": as_the_system_gives_it})) == b"\xff" * 32


def test_a_secret_file_left_empty_by_a_crash_is_filled(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o600)

    made = secret_of(settings_in(tmp_path))

    assert len(made) == 64
    assert secret_of(settings_in(tmp_path)) == made


def test_a_damaged_secret_file_stops_the_start_rather_than_letting_everybody_vote_again(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("0123")

    with pytest.raises(InvalidSettings) as refused:
        secret_of(settings_in(tmp_path))

    assert str(refused.value) == (
        f"data_dir: {tmp_path / 'secret'} is damaged. Restore it: with another secret every reader could vote a second time. "
        "If there are no votes yet, delete it."
    )


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InvalidSettings) as refused:
        secret_of(settings_in(tmp_path / "file" / "folder"))

    assert (
        str(refused.value) == f"data_dir: {tmp_path / 'file' / 'folder' / 'secret'} cannot be read or written: Not a directory."
    )


def test_of_two_processes_that_start_together_one_waits_for_the_secret_of_the_other(tmp_path: Path) -> None:
    told: list[bytes] = []
    late = threading.Thread(target=lambda: told.append(secret_of(settings_in(tmp_path))))
    with (tmp_path / "secret").open("wb") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        late.start()
        late.join(timeout=0.3)
        waited = late.is_alive()

        first.write(SECRET.encode())
    late.join(timeout=10)

    assert waited
    assert told == [SECRET.encode()]
