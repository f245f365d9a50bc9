"""The door for WSGI servers: `gunicorn --config config/gunicorn.conf.py`, or any other server with `wsgi:app`.

`app` is made when a server first asks for it, not on import, because gunicorn's configuration reads its settings here before it
forks. A wheel carries this file as `reactions/_wsgi.py`. The other place that reads the environment is the command line.
"""

import os
from functools import cache
from typing import TYPE_CHECKING

from reactions.settings import Settings, load

if TYPE_CHECKING:
    from flask import Flask


def settings() -> Settings:
    """The settings of this process's environment."""
    return load(os.environ)


@cache
def _application() -> "Flask":
    from reactions.app import create_app

    return create_app(settings())


def __getattr__(name: str) -> "Flask":
    if name == "app":
        return _application()
    raise AttributeError(name)
