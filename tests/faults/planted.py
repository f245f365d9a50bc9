"""The product with a bug planted, for gunicorn. PLANT in the environment names the plant; the product knows nothing of it."""

from __future__ import annotations

import os

from reactions.app import create_app
from reactions.settings import load
from tests.faults import plants

CONFIG = "config/gunicorn.conf.py"
COMMAND = ("gunicorn", "--config", CONFIG, "tests.faults.planted:planted()")


def planted() -> object:
    """Plant, then make the application as the product's own door does."""
    getattr(plants, os.environ["PLANT"])()
    return create_app(load(os.environ))
