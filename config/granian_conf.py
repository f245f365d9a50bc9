"""granian as this service runs it: `reactions serve` with `server = "granian"`, or `python config/granian_conf.py`.

The application and the settings are those that gunicorn.conf.py serves, and so are the bounds for the head of a request. What is
not HTTP, granian refuses by itself, with a status and no body.
"""

import gc
import os
import signal
import socket
import stat
import sys
import threading
import time
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops, RuntimeModes
from granian.http import HTTP1Settings
from granian.log import LOGGING_CONFIG, LogLevels
from gunicorn.systemd import sd_notify
from prometheus_client import multiprocess

_root = Path(__file__).resolve().parents[1]
_installed = (_root / "_wsgi.py").exists()
if not _installed and sys.path[0] != str(_root):
    sys.path.insert(0, str(_root))  # first, so that no other project's wsgi.py is taken for ours
gc.disable()  # until the application is made: what is imported stays, and going through it takes a sixth of a start
_door = import_module("reactions._wsgi" if _installed else "wsgi")

from reactions.settings import Settings  # noqa: E402  the path is right only now
from reactions.web import bounds, garbage  # noqa: E402
from reactions.web.bounds import GRACEFUL_S, HEAD_BUFFER_BYTES, KEEP_ALIVE_S, BoundedHeads  # noqa: E402
from reactions.web.flask_threads import READ_S  # noqa: E402

_BACKLOG = 2048
_CONNECTIONS = 16_384  # of a worker; more wait in the backlog
_STANDARD_ERROR = {name: {**each, "stream": "ext://sys.stderr"} for name, each in cast(Any, LOGGING_CONFIG)["handlers"].items()}
_ORPHANED_S = 1.0  # how often a worker looks whether its parent lives
_OPEN_FILES = Path("/proc/self/fd")


def application(target: str) -> Any:
    """The application of a worker, made in its process, and kept out of every later garbage collection."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # the parent's, which the process began with, would leave it running
    _drop_gauges_of_the_dead()
    threading.Thread(target=_look_after, args=(os.getppid(),), name="orphaned", daemon=True).start()
    module, _, name = target.partition(":")
    made = getattr(import_module(module), name.removesuffix("()"))
    bounded = BoundedHeads(made() if name.endswith("()") else made)
    garbage.begin()
    return bounded


def _drop_gauges_of_the_dead() -> None:
    """Drop the gauges of workers that have ended."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    for file in Path(folder).glob("gauge_live*_*.db") if folder else ():
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _look_after(parent: int) -> None:
    """Let go of clients that do not read; end this worker if its parent was killed: it would serve on, with nobody to stop it."""
    listens = False
    while os.getppid() == parent:
        listens = listens or _bound_reading()
        time.sleep(_ORPHANED_S)
    os.kill(os.getpid(), signal.SIGTERM)


def _bound_reading() -> bool:
    """Bound how long a connection may leave what it was sent unread, which granian does not; False before the worker listens.

    Linux ends such connections, and a connection has this from the socket that it came to, which granian shows to nobody.
    """
    listens = False
    for file in _OPEN_FILES.iterdir() if _OPEN_FILES.is_dir() else ():
        with suppress(OSError):  # one that was closed meanwhile, or a socket of files
            if stat.S_ISSOCK(file.stat().st_mode):
                with socket.socket(fileno=os.dup(int(file.name))) as found:
                    if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                        listens = True
                        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(READ_S * 1000))
    return listens


def _server(settings: Settings, target: str) -> Any:
    host, _, port = settings.bind.rpartition(":")
    on_socket = settings.bind.startswith("unix:")
    address: dict[str, Any] = (
        {"uds": Path(settings.bind.removeprefix("unix:")), "uds_permissions": 0o777}
        if on_socket
        else {"address": host.strip("[]"), "port": int(port)}
    )
    if on_socket:
        with suppress(FileNotFoundError):
            address["uds"].unlink()  # what a killed one left
    return Granian(
        target,
        **address,
        interface=Interfaces.ASGI,
        runtime_mode=RuntimeModes.st,  # one thread reads and writes, and Python has its own
        workers=settings.workers,
        loop=Loops.uvloop,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=min(_CONNECTIONS, bounds.most_connections()),
        http1_settings=HTTP1Settings(header_read_timeout=int(KEEP_ALIVE_S * 1000), max_buffer_size=HEAD_BUFFER_BYTES),
        log_level=LogLevels("warning" if settings.log_level == "info" else settings.log_level),
        log_dictconfig={"handlers": _STANDARD_ERROR},
        log_access=False,  # an access log would hold readers' addresses
        workers_kill_timeout=int(GRACEFUL_S),
        respawn_failed_workers=True,
    )


def main(target: str) -> None:
    """Serve until a signal ends it."""
    server = _server(_door.settings(), target)
    server.on_startup(lambda: sd_notify("READY=1\nSTATUS=granian has started", server))
    server.serve(target_loader=application)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else f"{_door.__name__}:asgi")
