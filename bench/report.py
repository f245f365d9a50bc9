"""The figures for people, as Markdown, and for machines, as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.cases import Outcome
from bench.rounds import DISTURBED, Row

_HEAD = """\
| | requests/s | of the ceiling | by CPU | p50 ms | p99 ms | CPU µs | database's CPU µs | RSS MB |
|---|--:|--:|--:|--:|--:|--:|--:|--:|"""


def table(outcome: Outcome) -> str:
    """One comparison as a Markdown table with its notes."""
    notes = [f"- {note}" for note in [*outcome.notes, *_disturbed(outcome.rows)]]
    return "\n".join([f"**{outcome.title}**", "", _HEAD, *map(_line, outcome.rows), "", *notes, ""])


def _disturbed(rows: Sequence[Row]) -> list[str]:
    most = max(row.summary()["others"] for row in rows)
    said = f"Others took up to {most:.0%} of a core meanwhile: trust the share by CPU, not the rates."
    return [said] if most > DISTURBED else []


def _line(row: Row) -> str:
    """A row with errors says so instead of giving figures."""
    if row.errors:
        return f"| {row.name} | void: {row.errors:,} errors | | | | | | | |"
    s = row.summary()
    return (
        f"| {row.name} | {s['per_s']:,} | {s['share']:.0%} | {s['cpu_share']:.0%} | {_ms(s['p50_ms'])} | {_ms(s['p99_ms'])} "
        f"| {s['cpu_us']:,} | {s['engine_cpu_us'] or '–'} | {s['rss_mb']} |"
    )


def _ms(value: float) -> str:
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"


def document(outcomes: Sequence[Outcome], **about: Any) -> dict[str, Any]:
    """Everything that was measured."""
    comparisons = [
        {"title": outcome.title, "rows": [row.summary() for row in outcome.rows], "notes": outcome.notes} for outcome in outcomes
    ]
    return {**about, "comparisons": comparisons}
