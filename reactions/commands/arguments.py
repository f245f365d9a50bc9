"""What is typed beside a command's words: days, times and paths. What is typed wrong is answered with how to write it."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import Any

import click


class Day(click.ParamType[date]):
    """A day."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The date."""
        try:
            return datetime.strptime(value, "%Y-%m-%d").date()  # noqa: DTZ007  a day has no time zone
        except ValueError:
            self.fail(f"{value!r} is not a day. Write it as 2025-11-25.", param, ctx)


class Moment(click.ParamType[int]):
    """A time with an offset, in milliseconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The milliseconds."""
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value} is no time. Write it as 2026-03-01T07:30:00+01:00.", param, ctx)
        if moment.tzinfo is None:
            self.fail(f"{value} has no offset. Write it as 2026-03-01T07:30:00+01:00.", param, ctx)
        return round(moment.timestamp() * 1000)


class Seconds(click.ParamType[float]):
    """How long something may take."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if not math.isfinite(seconds) or seconds < 0:
            self.fail(f"{value!r} is not a number of seconds from 0 up.", param, ctx)
        return seconds


class ArticleId(click.ParamType[int]):
    """The number of an article, as `verify` names it: 64 bits with a sign."""

    name = "id"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The number."""
        if not re.fullmatch("-?[0-9]{1,19}", str(value)) or not -(2**63) <= int(value) < 2**63:
            self.fail(f"{value!r} is not the id of an article.", param, ctx)
        return int(value)


class Place(click.Path):
    """A path. An empty one, as of a variable that is not set, would be the folder one happens to be in."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The path."""
        if value == "":
            self.fail("the path is empty.", param, ctx)
        return super().convert(value, param, ctx)
