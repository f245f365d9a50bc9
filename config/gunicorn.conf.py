"""gunicorn's settings, taken from ours: `gunicorn --config config/gunicorn.conf.py wsgi:app`, or simply `reactions serve`."""

import os
from pathlib import Path
from typing import Any

from prometheus_client import multiprocess

from reactions.settings import load

_settings = load(os.environ)

wsgi_app = "reactions.app:from_environment()"
bind = _settings.bind
workers = _settings.workers
worker_class = {
    "gthread": "reactions.web.workers.ThreadedWorker",
    "sync": "reactions.web.workers.OneAtATimeWorker",
}[_settings.worker_class]
threads = _settings.threads if _settings.worker_class == "gthread" else 1
backlog = 2048
keepalive = 15  # seconds; longer than the proxy keeps its own side open, so that it never writes to a closing socket
timeout = 30
graceful_timeout = 30
limit_request_line = 8190
accesslog = None  # an access log would hold readers' addresses
errorlog = "-"
loglevel = "warning" if _settings.log_level == "info" else _settings.log_level
control_socket_disable = True
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None


def on_starting(server: Any) -> None:
    """Refuse what `-w` or WEB_CONCURRENCY made of our own settings."""
    if server.cfg.workers > 1 and _settings.limiter_url.startswith("memory"):
        raise SystemExit("limiter_url: memory:// counts for one process only. Set REACTIONS_LIMITER_URL to a Redis address.")


def child_exit(_server: Any, worker: Any) -> None:
    """Drop the gauges of a worker that is gone."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        multiprocess.mark_process_dead(worker.pid)
