"""The commands are tried on applications made as those of the web."""

from __future__ import annotations

from tests.web.conftest import app, client, make_app

__all__ = ["app", "client", "make_app"]
