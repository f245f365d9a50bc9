"""The Flask extensions, made once and bound to an application in `app.create_app`."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


def limiter(app: Flask, storage_uri: str, storage_options: dict[str, Any]) -> Limiter:
    """A limiter for one application: it is not shared, because its storage holds threads and connections.

    The strategy is in the key prefix: keys of one strategy mean something else to another.
    """
    made = Limiter(
        key_func=get_remote_address,
        storage_uri=storage_uri,
        storage_options=storage_options,
        strategy="sliding-window-counter",
        key_prefix="sliding-window-counter",
        headers_enabled=False,
    )
    # Known to the application beforehand, it installs no hooks: they look for limits on every request, a fifth of a vote's
    # time, and find none, because votes ask the limiter themselves.
    app.extensions.setdefault("limiter", set()).add(made)
    made.init_app(app)
    return made
