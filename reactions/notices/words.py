"""Numbers in the words of a letter. What cannot be said surely is not said."""

from __future__ import annotations

from collections.abc import Mapping

from reactions.reports import words
from reactions.reports.dashboard import Totals
from reactions.reports.listings import Row, Trend
from reactions.reports.metrics import Measure
from reactions.reports.norms import Surprise

MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"


def number(value: int) -> str:
    """12,345."""
    return f"{value:,}".replace("-", MINUS)


def percent(share: float) -> str:
    """42 %, and <1 % for what is little but not nothing."""
    return "<1 %" if 0 < share < 0.01 else f"{share * 100:.0f} %"


def mood(measure: Measure) -> str:
    """+0.42; nothing where the votes are too few to tell."""
    text = f"{measure.value:+.2f}".replace("-", MINUS)
    return "" if measure.few else text


def change(totals: Totals) -> str:
    """How a day compares with the one before: "6 % more than the day before (11,646)"."""
    part, before = totals.change, number(totals.previous_net)
    if part is None:
        return "none the day before" if totals.previous_net == 0 else f"{before} the day before"
    if abs(part) < 0.005:
        return f"as many as the day before ({before})"
    if part >= 2:
        return f"{times(1 + part)} {TIMES} as many as the day before ({before})"
    return f"{abs(part) * 100:.0f} % {'more' if part > 0 else 'fewer'} than the day before ({before})"


def times(ratio: float) -> str:
    """3.1, and no more exact than 24 from ten on."""
    return f"{ratio:.1f}" if ratio < 9.95 else f"{ratio:,.0f}"


def votes(row: Row) -> str:
    """What an article drew on the day: "1,204 reactions"."""
    return f"{number(row.net)} reaction" + "s" * (row.net != 1)


def trend(found: Trend) -> str:
    """An article's readers of the last three hours, and the usual number at its age."""
    return words.trend(found)


def loved(row: Row) -> str:
    """The mood of an article, and how many votes it rests on."""
    return f"mood {mood(row.mood)} of {number(row.total)} votes"


def divided(row: Row) -> str:
    """How an article's readers fall apart."""
    return f"divided {row.split.value:.2f} (1 is half against half), {number(row.total)} votes"


def surprise(found: Surprise | None, labels: Mapping[str, str]) -> str:
    """What is unusual about an article: "3.1 × the usual Angry: 31 in its first 2 h; articles in Politics usually have 10"."""
    return "".join(words.surprise(found, labels.get(found.reaction, found.reaction))) if found else ""
