"""An SQLite file and its folder are for the service's user alone, whatever umask it is started with."""

from __future__ import annotations

import os
from pathlib import Path

from reactions.app import create_app
from reactions.settings import load
from reactions.storage import engines, migrations
from reactions.web.extensions import db
from tests import make


def test_a_new_database_and_its_folder_are_private(tmp_path: Path) -> None:
    folder, before = tmp_path / "data", os.umask(0o000)
    try:
        app = create_app(load({}, data_dir=str(folder), secret=make.SECRET))
        with app.app_context():
            migrations.upgrade(db.engine)
            modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
            for engine in db.engines.values():
                engine.dispose()
    finally:
        os.umask(before)

    assert folder.stat().st_mode & 0o777 == 0o700
    assert "reactions.db-wal" in modes
    assert set(modes.values()) == {0o600}, modes


def test_a_database_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "reactions.db"
    file.touch(mode=0o644)

    engines.keep_private(f"sqlite:///{file}")
    engines.keep_private("sqlite://")

    assert file.stat().st_mode & 0o777 == 0o600


def test_a_file_that_is_no_database_stays_as_it_is(tmp_path: Path) -> None:
    """Whoever mistypes an address may be root, and the file one that every program reads."""
    file = tmp_path / "passwd"
    file.write_text("root:x:0:0:root:/root:/bin/bash\n")
    file.chmod(0o644)

    engines.keep_private(f"sqlite:///{file}")

    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o644, "root:x:0:0:root:/root:/bin/bash\n")
