"""The product with a bug planted, for gunicorn. PLANT in the environment names the plant; the product knows nothing of it."""

from __future__ import annotations

import os

from reactions.app import asgi_app, create_app
from reactions.settings import load
from tests.faults import plants

CONFIG = "config/gunicorn.conf.py"
COMMAND = ("-m", "gunicorn", "--config", CONFIG, "tests.faults.planted:planted()")


def planted() -> object:
    """Plant, then make the application as the product's own door does."""
    getattr(plants, os.environ["PLANT"])()
    settings = load(os.environ)
    app = create_app(settings)
    return asgi_app(app) if settings.worker_class == "uvicorn" else app
