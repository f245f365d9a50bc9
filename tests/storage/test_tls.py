"""TLS between the service and PostgreSQL: votes go on encrypted, and a server with another certificate is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import certificates, make, oracles
from tests.databases import PostgresDatabases
from tests.engines import Postgres, free_port
from tests.faults.client import Load, first_vote
from tests.faults.crashes import more_acknowledged
from tests.faults.stage import UNLIMITED
from tests.service import running_service
from tests.web.terminal import Terminal


class SecurePostgres(Postgres):
    """A PostgreSQL that takes connections by TCP with TLS only."""

    def __init__(self) -> None:
        self.port = free_port()
        listening = {"listen_addresses": "localhost", "port": str(self.port), "ssl": "on"}
        super().__init__(with_settings={**listening, "ssl_cert_file": "localhost.pem", "ssl_key_file": "localhost.key"})
        made = Path(certificates.for_localhost(self.folder)[0]).parent
        for name in ("localhost.pem", "localhost.key"):
            mine = self.folder / "data" / name
            shutil.copyfile(made / name, mine)
            mine.chmod(0o600)
            if self.account:
                os.chown(mine, self.account["user"], self.account["group"])
        self.certificate = made / "localhost.pem"
        rules = self.folder / "data" / "pg_hba.conf"
        rules.write_text("local all all trust\nhostssl all all 127.0.0.1/32 trust\nhostssl all all ::1/128 trust\n")

    def secure_url(self, database: str, *, certificate: Path | None = None, host: str = "localhost") -> str:
        trusted = f"sslmode=verify-full&sslrootcert={certificate or self.certificate}"
        return f"postgresql+psycopg://postgres@{host}:{self.port}/{database}?{trusted}"


@pytest.fixture(scope="module")
def server() -> Iterator[SecurePostgres]:
    server = SecurePostgres()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def name(server: SecurePostgres) -> str:
    return PostgresDatabases(server).bare()


def test_votes_are_counted_over_tls(server: SecurePostgres, name: str, tmp_path: Path) -> None:
    url = server.secure_url(name)
    terminal = Terminal(tmp_path, url)
    terminal.do("db", "upgrade")
    terminal.close()
    make.site(url)

    with running_service(url, settings=UNLIMITED) as service, Load([service], first_vote, clients=4, seed=5) as load:
        more_acknowledged(load, 100)
        ways = server.execute(
            "select distinct s.ssl from pg_stat_ssl s join pg_stat_activity a using (pid) where application_name = 'reactions'"
        )

    assert ways == [(True,)]
    assert [attempt for attempt in load.log if not attempt.acknowledged] == []
    assert [finding for finding in oracles.judge(load.log, oracles.stored(url)) if finding.figure] == []


@pytest.mark.parametrize("fault", ["another certificate", "another name", "no TLS", "no such file"])
def test_a_server_that_cannot_be_trusted_is_one_line(server: SecurePostgres, name: str, fault: str, tmp_path: Path) -> None:
    other = Path(certificates.for_localhost(tmp_path)[0])
    url = {
        "another certificate": server.secure_url(name, certificate=other),
        "another name": server.secure_url(name, host="127.0.0.1"),
        "no TLS": f"postgresql+psycopg://postgres@localhost:{server.port}/{name}?sslmode=disable",
        "no such file": server.secure_url(name, certificate=tmp_path / "none.pem"),
    }[fault]
    terminal = Terminal(tmp_path, url)
    try:
        line = terminal.fail("db", "check")
    finally:
        terminal.close()

    said = {
        "another certificate": "certificate verify failed",
        "another name": "127.0.0.1",
        "no TLS": "no pg_hba.conf entry",
        "no such file": "does not exist",
    }[fault]
    assert said in line
