"""A real nginx, Varnish and HAProxy with the shipped configurations, in front of running services. Only ports are others."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from typing import Any

from tests.databases import PROJECT
from tests.engines import Engine, free_port

DEPLOY = PROJECT / "deploy"
_LISTENS, _ASKS = "listen 127.0.0.1:8080;", "server 127.0.0.1:8000;"


def binary(program: str = "nginx") -> Path | None:
    """A program of this machine; ordinary users often lack its folder in their PATH."""
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin:/usr/local/nginx/sbin")
    return Path(found) if found else None


@dataclass(frozen=True)
class Answer:
    """What came back through nginx."""

    status: int
    headers: HTTPMessage
    body: bytes

    @property
    def cache(self) -> str | None:
        """How the cache took part: MISS, HIT, STALE …; None where it did not."""
        return self.headers["X-Cache"]

    def json(self) -> Any:
        return json.loads(self.body)


class Proxy(Engine):
    """A proxy of this machine, on a port of its own."""

    port: int

    def _within_reach(self, binaries: Path, program: str) -> Path:
        return binaries  # a system's own program is within everybody's reach

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: object = None,
        headers: Mapping[str, str] | None = None,
        come_from: str = "127.0.0.1",
    ) -> Answer:
        """Send a request from one of this machine's own addresses; a `body` goes as JSON, bytes as they are."""
        sent = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        given = ({} if body is None else {"Content-Type": "application/json"}) | dict(headers or {})
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10, source_address=(come_from, 0))
        try:
            connection.request(method, path, body=sent, headers=given)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


class Nginx(Proxy):
    """nginx by deploy/nginx-unprivileged.conf, in front of the service on `service_port`."""

    def __init__(self, program: Path, service_port: int) -> None:
        super().__init__(program.parent, program.name)
        self.program = program
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder = self.folder / "deploy"
        shutil.copytree(DEPLOY, folder)
        self.configuration = folder / "nginx-unprivileged.conf"
        text = self.configuration.read_text(encoding="utf-8")
        assert _LISTENS in text and _ASKS in text  # noqa: PT018  one fact: the ports can be replaced
        text = text.replace(_LISTENS, f"listen 127.0.0.1:{self.port};").replace(_ASKS, f"server 127.0.0.1:{service_port};")
        self.configuration.write_text(text, encoding="utf-8")

    def command(self) -> list[str]:
        return [str(self.program), "-p", str(self.folder), "-c", str(self.configuration)]

    def access_log(self) -> str:
        """What nginx has logged."""
        return (self.folder / "access.log").read_text(encoding="utf-8")


class Varnish(Proxy):
    """Varnish by deploy/varnish.vcl, in front of the service on `service_port`."""

    def __init__(self, program: Path, service_port: int, *, port: int | None = None) -> None:
        super().__init__(program.parent, program.name)
        self.program = program
        self.port = port or free_port()
        self.configuration = self.folder / "reactions.vcl"
        text = (DEPLOY / "varnish.vcl").read_text(encoding="utf-8")
        assert '.port = "8000";' in text
        self.configuration.write_text(text.replace('.port = "8000";', f'.port = "{service_port}";'), encoding="utf-8")

    def command(self) -> list[str]:
        listen, place = ["-a", f"127.0.0.1:{self.port}"], ["-n", str(self.folder / "varnish")]
        return [str(self.program), "-F", "-j", "none", *listen, *place, "-f", str(self.configuration), "-s", "malloc,32m"]


class HaProxy(Proxy):
    """HAProxy by deploy/haproxy.cfg, in front of services on two ports."""

    def __init__(self, program: Path, service_ports: tuple[int, int]) -> None:
        super().__init__(program.parent, program.name)
        self.program = program
        self.port = free_port()
        self.configuration = self.folder / "haproxy.cfg"
        text = (DEPLOY / "haproxy.cfg").read_text(encoding="utf-8")
        for shipped, port in zip((8080, 8001, 8002), (self.port, *service_ports), strict=True):
            assert f"127.0.0.1:{shipped}" in text
            text = text.replace(f"127.0.0.1:{shipped}", f"127.0.0.1:{port}")
        self.configuration.write_text(text, encoding="utf-8")

    def command(self) -> list[str]:
        return [str(self.program), "-db", "-f", str(self.configuration)]

    def log(self) -> str:
        """What HAProxy has said."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")
