"""The other deployment files, as far as they can be checked where no container engine and no systemd runs."""

from __future__ import annotations

import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from reactions.settings import NAMES, PREFIX, load
from tests.databases import PROJECT
from tests.deploy.proxies import DEPLOY
from tests.engines import Redis, free_port, wait_until

PROGRAM = "/opt/reactions/bin/reactions"
MOST_EXPOSED = 2.0  # of 10, by `systemd-analyze security`; below 3 it says "OK"


def text(name: str) -> str:
    return (DEPLOY / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(text("compose.yaml"))
    return loaded


@pytest.mark.parametrize("name", ["reactions.service", "reactions", "Dockerfile", "compose.yaml", "nginx.conf"])
def test_every_setting_named_in_a_deployment_file_exists(name: str) -> None:
    named = {found.lower() for found in re.findall(rf"\b{PREFIX}([A-Z][A-Z_]+)", text(name))}

    assert {name.removesuffix("_file") for name in named} - {"name"} <= set(NAMES)


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with a program that is here."""
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    path = tmp_path / "reactions.service"
    path.write_text(text("reactions.service").replace(PROGRAM, sys.executable), encoding="utf-8")
    return path


def test_systemd_understands_the_unit(unit: Path) -> None:
    said = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)

    assert (said.returncode, said.stderr) == (0, "")


def test_the_unit_leaves_the_service_little_to_break(unit: Path) -> None:
    asked = ["systemd-analyze", "security", "--offline=yes", "--no-pager", str(unit)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout

    exposure = re.search(r"Overall exposure level .*?: ([\d.]+)", said)

    assert exposure
    assert float(exposure[1]) <= MOST_EXPOSED


def test_the_operators_command_runs_with_what_the_unit_has() -> None:
    command, service = text("reactions"), text("reactions.service")
    shared = re.findall(r"--property=(\S+=\S+)", command)

    assert len(shared) > 4
    assert [line for line in shared if line not in service.splitlines()] == []
    assert re.findall(r"--setenv=(\S+)", command) == re.findall(r"^Environment=(\S+)", service, re.MULTILINE)
    assert command.rstrip().endswith(f'{PROGRAM} "$@"')
    assert f"ExecStart={PROGRAM} serve" in service
    subprocess.run(["sh", "-n", str(DEPLOY / "reactions")], check=True)
    assert (DEPLOY / "reactions").stat().st_mode & 0o111


def test_everything_the_image_is_made_of_exists_and_is_let_in() -> None:
    lines = re.findall(r"^COPY (?!--from)(.+) \S+$", text("Dockerfile"), re.MULTILINE)
    copied = [word for line in lines for word in line.split()]
    let_in = re.findall(r"^!(\S+)$", text("Dockerfile.dockerignore"), re.MULTILINE)

    assert "requirements.lock" in copied
    assert sorted(copied) == sorted(let_in)
    assert [name for name in copied if not (PROJECT / name).exists()] == []


def test_images_are_pinned_and_the_service_is_nobody_special(compose: dict[str, Any]) -> None:
    images = re.findall(r"^FROM (\S+)", text("Dockerfile"), re.MULTILINE)
    images += [service["image"] for service in compose["services"].values() if "image" in service]

    assert len(images) == 4
    assert [image for image in images if not re.search(r":\d[\w.-]+\$\{(PYTHON|POSTGRES|REDIS)_DIGEST(:-)?\}$", image)] == []
    assert compose["services"]["service"]["build"]["args"] == {"PYTHON_DIGEST": "${PYTHON_DIGEST:-}"}
    assert re.search(r"^USER 10001$", text("Dockerfile"), re.MULTILINE)
    assert compose["services"]["service"]["read_only"]
    assert compose["services"]["service"]["cap_drop"] == ["ALL"]


def test_the_service_is_composed_of_what_several_workers_need(compose: dict[str, Any]) -> None:
    service = compose["services"]["service"]
    environment = service["environment"]

    assert (DEPLOY / service["build"]["context"]).resolve() == PROJECT.resolve()
    assert (PROJECT / service["build"]["dockerfile"]).is_file()
    assert int(environment["REACTIONS_WORKERS"]) > 1
    assert environment["REACTIONS_LIMITER_URL_FILE"] == "/run/secrets/limiter_url"
    assert set(service["depends_on"]) <= set(compose["services"])
    assert [port for port in service["ports"] if not port.startswith("127.0.0.1:")] == []


def test_no_header_of_a_peer_moves_our_addresses() -> None:
    assert runpy.run_path(str(PROJECT / "config" / "gunicorn.conf.py"))["forwarder_headers"] == ""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The secrets, as the head of compose.yaml has an operator make them."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    head = re.search(r"^#   (\(umask.*?chmod 444 \*\))$", text("compose.yaml"), re.MULTILINE | re.DOTALL)
    assert head
    (tmp_path / "deploy").mkdir()
    subprocess.run(["sh", "-eu", "-c", head[1].replace("\n#   ", "\n")], cwd=tmp_path, check=True)
    return tmp_path / "deploy" / "secrets"


def test_every_secret_is_a_file_that_its_services_are_given(compose: dict[str, Any], made: Path) -> None:
    declared = {name: DEPLOY / entry["file"] for name, entry in compose["secrets"].items()}
    given = {name for service in compose["services"].values() for name in service.get("secrets", ())}

    assert {path.name for path in made.iterdir()} == set(declared) == given
    assert {path.parent.name for path in declared.values()} == {"secrets"}
    assert "deploy/secrets/" in (PROJECT / ".gitignore").read_text(encoding="utf-8")
    assert made.stat().st_mode & 0o777 == 0o700
    read = {name: f"/run/secrets/{name}" for name in declared}
    named = re.findall(r"/run/secrets/([\w.]+)", text("compose.yaml"))
    assert set(named) == set(read)
    assert re.search(r"PASSWORD: |requirepass\"", text("compose.yaml")) is None


def test_the_service_reads_its_secrets_from_these_files(compose: dict[str, Any], made: Path) -> None:
    environment = compose["services"]["service"]["environment"]
    files = {
        name: value.replace("/run/secrets", str(made)) for name, value in environment.items() if value.startswith("/run/secrets/")
    }

    settings = load({**files, "REACTIONS_WORKERS": environment["REACTIONS_WORKERS"]})

    password = (made / "postgres_password").read_text(encoding="ascii").strip()
    assert settings.database_url == f"postgresql://reactions:{password}@postgres/reactions"
    assert re.fullmatch(r"redis://:[0-9a-f]{32}@redis:6379/0", settings.limiter_url)
    assert len(settings.secret) == 64


def test_the_redis_of_compose_wants_the_password_of_the_service(compose: dict[str, Any], made: Path, redis_server: Redis) -> None:
    """The command of compose.yaml, run by the Redis that is here."""
    port = free_port()
    program, conf, *options = compose["services"]["redis"]["command"]
    command = [redis_server.binaries / program, conf.replace("/run/secrets", str(made)), *options, "--port", str(port)]
    url = (made / "limiter_url").read_text(encoding="ascii").strip().replace("@redis:6379", f"@127.0.0.1:{port}")

    with subprocess.Popen([*command, "--bind", "127.0.0.1"], cwd=made.parent, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: pings(url), timeout_s=20, why="Redis answers the service")
            for password in (None, "another"):
                with redis.Redis(port=port, password=password) as client, pytest.raises(redis.AuthenticationError):
                    client.ping()
        finally:
            process.terminate()


def pings(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False
