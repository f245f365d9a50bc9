"""The doors for servers: `wsgi:asgi`, `wsgi:app` for plain WSGI, and `gunicorn --config config/gunicorn.conf.py` for either.

An application is made when a server first asks for it, not on import. gunicorn's configuration reads its settings here before it
forks, so the workers share the imported modules and start at once, and each makes an application of its own. A wheel carries this
file as `reactions/_wsgi.py`. The other place that reads the environment is the command line.
"""

import os
from functools import cache
from typing import Any

from flask import Flask

from reactions.app import asgi_app, create_app
from reactions.settings import Settings, load


def settings() -> Settings:
    """The settings of this process's environment."""
    return load(os.environ)


@cache
def _application() -> Flask:
    return create_app(settings())


def __getattr__(name: str) -> Any:
    if name == "app":
        return _application()
    if name == "asgi":
        return asgi_app(_application())
    raise AttributeError(name)
