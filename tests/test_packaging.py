"""The wheel: installed into an environment of its own, it serves from an empty folder as it does from the tree."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tomllib
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

import reactions
from tests import make
from tests.databases import PROJECT, product_environment
from tests.engines import free_port, wait_until


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy of the tree: a build must not need what lies about in ours."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("reactions", "migrations", "config"):
        shutil.copytree(PROJECT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "wsgi.py"):
        shutil.copy(PROJECT / name, tree / name)
    run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=tree)
    return next(folder.glob("*.whl"))


def run(command: list[str], *, cwd: Path, environ: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@dataclass
class Installation:
    """The installed command, an empty folder to type it in, and an environment."""

    scripts: Path
    folder: Path
    environ: dict[str, str]

    def type(self, *words: str) -> str:
        done = run([str(self.scripts / "reactions"), *words], cwd=self.folder, environ=self.environ)
        assert done.stderr == ""
        return done.stdout


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """The wheel in an environment that has nothing else of ours; the dependencies are those of this environment."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=False, symlinks=True)
    python = home / "venv" / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet", str(wheel)]
    run(install, cwd=home)
    library = next((home / "venv" / "lib").iterdir()) / "site-packages"
    (library / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    (home / "empty").mkdir()
    environ = product_environment(data_dir=home / "data", bind=f"127.0.0.1:{free_port()}", secret=make.SECRET)
    environ.pop("PYTHONPATH", None)
    return Installation(home / "venv" / "bin", home / "empty", environ)


def test_the_wheel_holds_all_that_the_product_needs_and_nothing_else(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())

    packaged = {name for name in names if not name.startswith("reader_reactions-")}
    expected = {
        f"{inside}/{path.relative_to(PROJECT / folder)}"
        for folder, inside in {
            "reactions": "reactions",
            "migrations": "reactions/_migrations",
            "config": "reactions/_config",
        }.items()
        for path in (PROJECT / folder).rglob("*")
        if path.is_file() and not {"__pycache__", "node_modules"} & set(path.parts)
    } | {"reactions/_wsgi.py"}
    assert packaged == expected
    assert {
        "reactions/py.typed", "reactions/widget/v1.js", "reactions/_config/default.toml", "reactions/_config/reactions.toml",
        "reactions/_config/gunicorn.conf.py", "reactions/_config/granian_conf.py",
        "reactions/_migrations/env.py", "reactions/_migrations/versions/0001_votes.py",
        "reactions/web/templates/docs.html", "reactions/web/static/docs/swagger-ui-bundle.js", "reactions/demo/newspaper.toml",
    } <= packaged  # fmt: skip
    assert {name.partition("/")[2] for name in names - packaged} == {
        "METADATA", "WHEEL", "entry_points.txt", "RECORD", "licenses/LICENSE",
    }  # fmt: skip


def test_the_wheel_says_what_it_is(wheel: Path) -> None:
    with ZipFile(wheel) as archive:
        metadata = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA"))
        entry_points = next(archive.read(name).decode() for name in archive.namelist() if name.endswith("/entry_points.txt"))

    assert wheel.name == f"reader_reactions-{reactions.__version__}-py3-none-any.whl"
    assert f"\nVersion: {reactions.__version__}\n" in metadata
    assert "\nRequires-Python: >=3.11\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert entry_points == "[console_scripts]\nreactions = reactions.commands:main\n"


def test_the_installed_command_is_that_of_the_wheel(installation: Installation) -> None:
    where = "import reactions, reactions.settings as s; print(reactions.__file__, s.shipped('config'), s.shipped('migrations'))"
    python = [str(installation.scripts / "python"), "-c", where]

    files = run(python, cwd=installation.folder, environ=installation.environ).stdout.split()

    assert installation.type("--version") == f"reactions, version {reactions.__version__}\n"
    assert all(file.startswith(str(installation.scripts.parent)) for file in files), files


def test_the_installed_command_serves_a_site_from_an_empty_folder(installation: Installation) -> None:
    made = installation.type("db", "upgrade")
    checked = installation.type("db", "check")
    pasted = installation.type("site", "add", "daily", "--name", "The Daily", "--origin", make.ORIGIN)
    with served(installation) as ask:
        ready = ask("GET", "/readyz")
        refused = not_http(installation)
        widget = ask("GET", "/widget/v1.js")
        pages = [ask("GET", path)[0] for path in ("/docs", "/static/docs/swagger-ui.css", "/openapi.json", "/problems")]
        body = json.dumps({"article": "a", "reaction": "like", "reader": make.ADA, "seq": 1})
        vote = ask("PUT", "/v1/sites/daily/vote", body, {"Content-Type": "application/json", "Origin": make.ORIGIN})
    recounted = installation.type("verify")

    assert (made, checked) == ("The tables were upgraded.\n", "The tables are those of this version.\n")
    assert '<reader-reactions site="daily"' in pasted
    assert ready == (200, b'{"ready":true}\n')
    assert refused.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b'"type":"/problems#invalid-request"' in refused
    assert widget == (200, (PROJECT / "reactions" / "widget" / "v1.js").read_bytes())
    assert pages == [200] * 4
    assert (vote[0], json.loads(vote[1])["total"]) == (200, 1)
    assert recounted == "1 vote recounted, 0 numbers differ.\n"
    assert list(installation.folder.iterdir()) == []


def not_http(installation: Installation) -> bytes:
    """What the installed service answers to bytes that are not HTTP: our own workers answer with a problem."""
    host, _, port = installation.environ["REACTIONS_BIND"].partition(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(b"good morning\r\n\r\n")
        return client.makefile("rb").read()


@contextmanager
def served(installation: Installation) -> Iterator[object]:
    """`reactions serve`, and a function that asks it."""
    host, _, port = installation.environ["REACTIONS_BIND"].partition(":")
    log = (installation.folder.parent / "service.log").open("wb")

    def ask(method: str, path: str, body: str | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ready() -> bool:
        assert process.poll() is None, Path(log.name).read_text()
        try:
            return ask("GET", "/readyz")[0] == 200
        except OSError:
            return False

    command = [str(installation.scripts / "reactions"), "serve"]
    process = subprocess.Popen(command, cwd=installation.folder, env=installation.environ, stdout=log, stderr=log)
    try:
        wait_until(ready, timeout_s=60, why="the installed service is ready")
        yield ask
    finally:
        process.terminate()
        process.wait(timeout=40)
        log.close()


def test_an_extra_that_is_missing_is_named_and_not_a_stack(installation: Installation, tmp_path: Path) -> None:
    for module in ("psycopg", "redis", "granian"):
        (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{module}'\", name='{module}')")
    environ = {**installation.environ, "PYTHONPATH": str(tmp_path)}
    without_postgres = {**environ, "REACTIONS_DATABASE_URL": "postgresql://u@127.0.0.1/d"}
    without_redis = {**environ, "REACTIONS_LIMITER_URL": "redis://127.0.0.1/0"}
    without_granian = {**environ, "REACTIONS_SERVER": "granian"}

    said = [
        subprocess.run(
            [str(installation.scripts / "reactions"), *words], env=chosen, cwd=tmp_path, capture_output=True, text=True
        ).stderr
        for chosen, words in (
            (without_postgres, ["db", "upgrade"]),
            (without_redis, ["db", "upgrade"]),
            (without_granian, ["serve"]),
        )
    ]

    assert said == [
        "Error: No module named 'psycopg'. PostgreSQL needs reader-reactions[postgres], and Redis reader-reactions[redis].\n",
        "Error: limiter_url: install reader-reactions[redis] to use Redis.\n",
        "Error: server: install reader-reactions[granian] to run granian.\n",
    ]  # fmt: skip


def test_no_module_of_the_package_imports_a_server() -> None:
    """The files in config/ are the servers', and `reactions serve` starts them as programs."""
    servers = re.compile(r"^\s*(?:import|from) (?:gunicorn|granian|waitress|uwsgi)\b", re.MULTILINE)
    modules = (PROJECT / "reactions").rglob("*.py")

    assert [str(path) for path in modules if servers.search(path.read_text(encoding="utf-8"))] == []


def test_two_places_read_the_environment() -> None:
    """The door for servers and the command line; beside them only the own variables of prometheus_client and pyarrow are used."""
    theirs = re.compile("PROMETHEUS_MULTIPROC_DIR|ARROW_DEFAULT_MEMORY_POOL")
    files = [PROJECT / "wsgi.py", *(PROJECT / "config").glob("*.py"), *(PROJECT / "reactions").rglob("*.py")]
    reading = {
        str(path.relative_to(PROJECT))
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\bos\.(?:environ|getenv)\b", line) and not theirs.search(line)
    }

    assert reading == {"wsgi.py", "reactions/commands/__init__.py"}


def test_importing_the_door_makes_no_application(tmp_path: Path) -> None:
    script = "import wsgi; made = wsgi._application.cache_info; print(made().misses, wsgi.app is wsgi.app, made().misses)"
    environ = product_environment(secret=make.SECRET, data_dir=tmp_path)

    done = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, env=environ, capture_output=True, text=True)

    assert (done.stdout, done.stderr) == ("0 True 1\n", "")


def test_another_projects_wsgi_file_is_not_taken_for_ours(tmp_path: Path) -> None:
    (tmp_path / "wsgi.py").write_text("raise SystemExit('another project')")
    command = [sys.executable, "-m", "gunicorn", "--config", str(PROJECT / "config" / "gunicorn.conf.py"), "--check-config"]
    environ = product_environment(secret=make.SECRET, data_dir=tmp_path, bind=f"127.0.0.1:{free_port()}")

    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_lock_files_pin_every_dependency_and_name_no_registry() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = {
        "requirements.lock": [
            *project["dependencies"],
            *extras["postgres"],
            *extras["redis"],
            *extras["granian"],
            *extras["build"],
        ],
        "requirements-dev.lock": [*project["dependencies"], *extras["dev"]],
    }

    for name, requirements in needed.items():
        text = (PROJECT / name).read_text(encoding="utf-8")
        pinned = {
            match.lower().replace("_", "-") for match in re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==", text, re.MULTILINE)
        }
        wanted = {re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("_", "-") for requirement in requirements}
        assert wanted - pinned == {"reader-reactions"} & wanted
        assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|--trusted-host|@ file", text) == []
