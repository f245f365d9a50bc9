"""The alert rules of a site: which are on, and from which numbers on they raise an alert. `notices.rules` applies them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reactions.languages import decimal, gettext
from reactions.refusals import MalformedSite

Rules = Mapping[str, Mapping[str, Any]]

# By rule and threshold. `on`: the rule is applied. `times`: the ratio to what is usual. The others: numbers of readers or votes.
DEFAULTS: Rules = {
    "surging": {"on": True, "times": 4.0, "readers": 20},
    "turned_sour": {"on": True, "votes": 20},
    "most_loved": {"on": True, "votes": 50},
    "record": {"on": True, "votes": 100},
    "suspicious_votes": {"on": True},
}
FEWEST, MOST = 5, 1_000_000  # readers or votes; fewer prove nothing
LEAST_TIMES, MOST_TIMES = 1.5, 1000.0


def names() -> dict[str, str]:
    """What the rules are called."""
    return {
        "surging": gettext("Surging"), "turned_sour": gettext("Turned sour"), "most_loved": gettext("Most loved"),
        "record": gettext("Record"), "suspicious_votes": gettext("Suspicious votes"),
    }  # fmt: skip


def completed(chosen: Rules) -> dict[str, dict[str, Any]]:
    """Every rule with every threshold: those that a site has chosen, and the defaults."""
    return {rule: {**usual, **chosen.get(rule, {})} for rule, usual in DEFAULTS.items()}


def checked(chosen: Rules) -> dict[str, dict[str, Any]]:
    """What a site has chosen, without what equals the defaults. Raises MalformedSite."""
    for rule, thresholds in chosen.items():
        if rule not in DEFAULTS:
            raise MalformedSite(f"There is no rule {rule!r}. There are: {', '.join(DEFAULTS)}.")
        for name, value in thresholds.items():
            _check(rule, name, value)
    different = {
        rule: {name: value for name, value in thresholds.items() if value != DEFAULTS[rule][name]}
        for rule, thresholds in chosen.items()
    }
    return {rule: thresholds for rule, thresholds in different.items() if thresholds}


def _check(rule: str, name: str, value: Any) -> None:
    if name not in DEFAULTS[rule]:
        raise MalformedSite(f"The rule {rule} has no {name!r}. It has: {', '.join(DEFAULTS[rule])}.")
    if name == "on":
        if not isinstance(value, bool):
            raise MalformedSite(f"{rule}: on is true or false.")
    elif name == "times":
        if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_TIMES <= value <= MOST_TIMES:
            raise MalformedSite(
                gettext("%(rule)s: times is a number from 1.5 to 1000.", rule=names()[rule])  # LEAST_TIMES, MOST_TIMES
            )
    elif isinstance(value, bool) or not isinstance(value, int) or not FEWEST <= value <= MOST:
        raise MalformedSite(
            gettext(
                "%(rule)s: %(name)s is a whole number from %(least)s to %(most)s.",
                rule=names()[rule],
                name=name,
                least=FEWEST,
                most=decimal(MOST),
            )
        )
