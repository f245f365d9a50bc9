"""What a page shows, as its address says it. A shared address shows the same view to every editor of the site."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import url_for

PERIODS = {"today": "Today", "yesterday": "Yesterday", "24h": "24 h", "7d": "7 days", "28d": "28 days", "90d": "90 days"}
HEADINGS = {
    "today": "Today", "yesterday": "Yesterday", "24h": "Last 24 hours", "7d": "Last 7 days", "28d": "Last 28 days",
    "90d": "Last 90 days",
}  # fmt: skip
FILTERS = {"section": "section", "author": "author", "tag": "tag", "q": "text"}
SORTS = {
    "votes": "Reactions", "trending": "Pace", "surprise": "Surprise", "mood": "Mood", "split": "Split", "published": "Published",
}  # fmt: skip
DEFAULT_PERIOD = "24h"
_NAMES = ("period", "from", "to", *FILTERS, "sort")


@dataclass(frozen=True)
class View:
    """The choices of the address, empty ones left out."""

    chosen: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        return self.chosen.get(name, "")

    @property
    def filters(self) -> dict[str, str]:
        """What narrows the stories, by the name of the filter."""
        return {name: self.chosen[name] for name in FILTERS if name in self.chosen}

    def to(self, page: str, **changes: str | None) -> str:
        """The address of a page of the dashboard with this view, some choices changed; None leaves one out."""
        if "period" in changes:
            changes = {"from": None, "to": None, **changes}
        if not page.startswith("articles"):
            changes = {"sort": None, **changes}
        kept = {**self.chosen, **changes}
        return url_for(f"dashboard.{page}", **{name: value for name, value in kept.items() if value})  # type: ignore[arg-type]


def of(arguments: Mapping[str, str]) -> View:
    """The view that a query string asks for."""
    chosen = {name: text for name in _NAMES if (text := arguments.get(name, "").strip())}
    if "from" in chosen or "to" in chosen:
        chosen.pop("period", None)  # the form sends both: days chosen by hand count more
    return View(chosen)
