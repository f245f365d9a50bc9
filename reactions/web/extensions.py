"""The Flask extensions, made once and bound to an application in `app.create_app`."""

from __future__ import annotations

from babel.support import Translations
from flask import Flask
from flask_babel import Babel, Domain
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy

from reactions import languages
from reactions.web.limit_fallback import FallbackStorage, Store

db = SQLAlchemy()
limiter = Limiter(
    key_func=get_remote_address,
    strategy="sliding-window-counter",
    headers_enabled=False,
)


class _Words(Domain):  # type: ignore[misc]
    """The catalogues of `reactions.languages`, which mails use as well."""

    def get_translations(self) -> Translations:
        """The catalogue of the language in use."""
        return languages.translations()


class _Languages(Babel):  # type: ignore[misc]
    domain_instance = _Words()  # Babel's own would look for compiled files


babel = _Languages()


def bind_limiter(app: Flask, store: Store) -> None:
    """Give the limiter the application's store, and the application no hooks.

    The limiter's hooks look for limits on every request. The decorated views of `guards` ask by themselves, and so do votes, so a
    limiter that the application knows beforehand installs none (docs/decisions/0005-limits.md).
    """
    app.config.update(RATELIMIT_STORAGE_URI=f"{FallbackStorage.STORAGE_SCHEME[0]}://", RATELIMIT_STORAGE_OPTIONS={"store": store})
    app.extensions.setdefault("limiter", set()).add(limiter)
    limiter.init_app(app)
