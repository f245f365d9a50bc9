"""flask-openheart as its own page shows it, in an environment where nothing of ours is installed.

Its storage is its own default, an SQLite file in the working folder.
"""

from typing import Any

from flask import Flask
from flask_openheart import OpenHeart  # type: ignore[import-not-found]

app = Flask(__name__)
OpenHeart().init_app(app)


@app.route("/articles/<int:number>/", openheart=True)
def article(number: int) -> str:
    """An article."""
    return f"<p>{number}</p>"


@article.slug  # type: ignore[attr-defined, untyped-decorator]
def slug(number: int, **_: Any) -> int:
    """Each article has reactions of its own."""
    return number


@app.route("/readyz")
def ready() -> str:
    """The answer to whoever waits for the start."""
    return ""
