"""Firefox by WebDriver BiDi and WebKit by WebDriver: as much of them as the tests of the widget need, with nothing to install."""

from __future__ import annotations

import base64
import http.client
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from tests.engines import free_port

PATIENCE_S = 20


class Driver(Protocol):
    """A browser with one window."""

    def goto(self, url: str) -> None: ...
    def back(self) -> None: ...
    def js(self, body: str, *arguments: object) -> Any:
        """Run the body of an async function in the page; return what it returns."""

    def tap(self, x: int, y: int) -> None:
        """Press and release the main button of a mouse in the window."""


def wait_until(true: Callable[[], object], why: str) -> None:
    end = time.monotonic() + PATIENCE_S
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(why)
        time.sleep(0.02)


class WebSocket:
    """A client's end of a WebSocket (RFC 6455) for whole texts."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        self._stream = self._socket.makefile("rb")
        if b" 101 " not in self._stream.readline():
            raise ConnectionError("no WebSocket")
        while self._stream.readline().strip():
            pass

    def send(self, text: str) -> None:
        content, mask = text.encode(), os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(content))
        n = len(content)
        length = (
            struct.pack(">B", 0x80 | n)
            if n < 126
            else struct.pack(">BH" if n < 65_536 else ">BQ", 0xFE if n < 65_536 else 0xFF, n)
        )
        self._socket.sendall(b"\x81" + length + mask + masked)

    def receive(self) -> str:
        text = b""
        while True:
            first, length = self._stream.read(2)
            if length > 125:
                length = int.from_bytes(self._stream.read(2 if length == 126 else 8))
            content = self._stream.read(length)
            if first & 0x0F < 2:
                text += content
            if first & 0x80 and first & 0x0F < 2:
                return text.decode()

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


class Firefox:
    """Firefox, spoken to by WebDriver BiDi."""

    def __init__(self, port: int) -> None:
        self._socket = self._connected(port)
        self._number = 0
        self._ask("session.new", capabilities={})
        self._window = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    @staticmethod
    def _connected(port: int) -> WebSocket:
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return WebSocket(port, "/session")
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def _ask(self, method: str, **params: object) -> Any:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.receive())
            if answer.get("id") == self._number:
                if answer["type"] == "error":
                    raise RuntimeError(answer["message"])
                return answer["result"]

    def goto(self, url: str) -> None:
        self._ask("browsingContext.navigate", context=self._window, url=url, wait="complete")

    def back(self) -> None:
        self._ask("browsingContext.traverseHistory", context=self._window, delta=-1)

    def js(self, body: str, *arguments: object) -> Any:
        text = f"async () => JSON.stringify(await (async (...args) => {{ {body} }})(...{json.dumps(arguments)}) ?? null)"
        answer = self._ask("script.callFunction", functionDeclaration=text, awaitPromise=True, target={"context": self._window})
        if answer["type"] != "success":
            raise RuntimeError(answer["exceptionDetails"]["text"])
        return json.loads(answer["result"]["value"])

    def tap(self, x: int, y: int) -> None:
        self._ask("input.performActions", context=self._window, actions=_press(x, y))

    def close(self) -> None:
        self._socket.close()


class WebKit:
    """WebKitGTK's small browser, spoken to by WebDriver."""

    def __init__(self, port: int, browser: str) -> None:
        self._port = port
        options = {"binary": browser, "args": ["--automation"]}
        capabilities = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
        self._session = ""
        wait_until(self._listens, "the driver listens")
        self._session = self._ask("POST", "", capabilities=capabilities)["sessionId"]

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self._port)) == 0

    def _ask(self, method: str, path: str, **body: object) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S * 2)
        address = f"/session/{self._session}{path}" if self._session else "/session"
        connection.request(method, address, json.dumps(body) if method == "POST" else None)
        answer = json.loads(connection.getresponse().read())["value"]
        connection.close()
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{answer['error']}: {answer.get('message')}")
        return answer

    def goto(self, url: str) -> None:
        self._ask("POST", "/url", url=url)

    def back(self) -> None:
        self._ask("POST", "/back")

    def js(self, body: str, *arguments: object) -> Any:
        text = (
            "const done = arguments[arguments.length - 1];"
            f"(async (...args) => {{ {body} }})(...{json.dumps(arguments)})"
            ".then((value) => done(JSON.stringify(value ?? null)), (error) => done(JSON.stringify({thrown: String(error)})))"
        )
        return json.loads(self._ask("POST", "/execute/async", script=text, args=[]))

    def tap(self, x: int, y: int) -> None:
        self._ask("POST", "/actions", actions=_press(x, y))

    def close(self) -> None:
        self._ask("DELETE", "")


def _press(x: int, y: int) -> list[dict[str, Any]]:
    steps = [{"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
    return [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": steps}]


def found(name: str) -> tuple[str, ...] | None:
    """The programs that drive a browser, or None where they are not installed."""
    if name == "firefox":
        program = shutil.which("firefox-esr") or shutil.which("firefox")
        return (program,) if program else None
    browsers = sorted(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))
    programs = (shutil.which("WebKitWebDriver"), str(browsers[0]) if browsers else None, shutil.which("xvfb-run"))
    return programs if all(programs) else None  # type: ignore[return-value]


@contextmanager
def running(name: str) -> Iterator[Driver]:
    """A browser with a fresh profile, until the block ends."""
    programs, port = found(name), free_port()
    assert programs is not None
    folder = tempfile.mkdtemp(prefix=f"{name}-")
    environ = {**os.environ, "HOME": folder, "XDG_RUNTIME_DIR": folder, "LANG": "C.UTF-8", "LIBGL_ALWAYS_SOFTWARE": "1"}
    environ |= {"WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1", "WEBKIT_DISABLE_DMABUF_RENDERER": "1", "NO_AT_BRIDGE": "1"}
    command = (
        [programs[0], "--headless", "--profile", folder, f"--remote-debugging-port={port}"]
        if name == "firefox"
        else [programs[2], "-a", "-s", "-screen 0 1024x768x24", programs[0], f"--port={port}"]
    )
    process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        driver = Firefox(port) if name == "firefox" else WebKit(port, programs[1])
        try:
            yield driver
        finally:
            driver.close()
    finally:
        os.killpg(process.pid, 15)
        process.wait(timeout=PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)
