"""Peers: how many reactions other articles of the same desk had at the same age, and whether an article's are a surprise.

Ages are counted in hours of the hourly series from the one of publication on. Only hours that are over count, and an article is
compared at the last step that it has reached: five hours old, at three hours.
"""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from reactions.reports import metrics

STEPS = (1, 2, 3, 6, 12, 24, 48, 72, 168)  # hours of age
LEAST = 5  # peers without whom nothing is compared
_NOTHING = (0,) * len(STEPS)


@dataclass(frozen=True, slots=True)
class Group:
    """Whom an article is compared with: `kind` is section, author or site; a site has no name here."""

    kind: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Story:
    """An article as its peers see it: where it stands, its hour of birth, and by reaction what it had at each step."""

    article_id: int
    section: str | None
    authors: tuple[str, ...]
    born_hour: int
    rises: Mapping[str, Sequence[int]] = field(default_factory=dict, repr=False)

    def count(self, reaction: str | None, step: int) -> int:
        """What it had of a reaction, or in all, at a step."""
        if reaction is None:
            return sum(rise[step] for rise in self.rises.values())
        return self.rises.get(reaction, _NOTHING)[step]

    def groups(self) -> Iterator[Group]:
        """Where its peers are looked for, the nearest first."""
        if self.section:
            yield Group("section", self.section)
        yield from (Group("author", name) for name in self.authors)
        yield Group("site", None)


@dataclass(frozen=True, slots=True)
class Surprise:
    """The reaction of which an article has most beside its peers' median, both at the same age."""

    reaction: str
    ratio: float
    count: int
    median: float
    against: Group
    age_hours: int


class Peers:
    """Articles to compare with, as they stood before `hour`."""

    def __init__(self, stories: Sequence[Story], hour: int) -> None:
        self._hour = hour
        self._by_id = {story.article_id: story for story in stories}
        self._members: dict[Group, list[Story]] = {}
        self._sorted: dict[tuple[Group, str | None, int], list[int]] = {}
        for story in stories:
            for group in story.groups():
                self._members.setdefault(group, []).append(story)

    def group_of(self, story: Story, step: int) -> Group | None:
        """The nearest group with enough others that have reached a step."""
        groups = (group for group in story.groups() if self._others(group, step, story) >= LEAST)
        return next(groups, None)

    def counts(self, group: Group, reaction: str | None, step: int, *, beside: Story) -> list[int]:
        """What the others of a group had of a reaction, or in all, at a step; in order."""
        counts = self._counts(group, reaction, step)
        if not self._holds(group, step, beside):
            return counts
        place = bisect_left(counts, self._by_id[beside.article_id].count(reaction, step))
        return counts[:place] + counts[place + 1 :]

    def surprise(self, story: Story, counts: Mapping[str, int]) -> Surprise | None:
        """What is most unusual about an article that has these counts at the step it has reached.

        None before it is an hour old, without peers, or with few votes.
        """
        step = step_reached(self._hour - story.born_hour)
        many = {reaction: count for reaction, count in counts.items() if count >= metrics.SURPRISE_LEAST}
        group = self.group_of(story, step) if many and step is not None else None
        if step is None or group is None:
            return None
        found = [self._compared(story, reaction, count, step, group) for reaction, count in many.items()]
        return max(found, key=lambda surprise: (surprise.ratio, surprise.count, surprise.reaction))

    def _compared(self, story: Story, reaction: str, count: int, step: int, group: Group) -> Surprise:
        median = statistics.median(self.counts(group, reaction, step, beside=story))
        return Surprise(reaction, metrics.surprise(count, median), count, median, group, STEPS[step])

    def _counts(self, group: Group, reaction: str | None, step: int) -> list[int]:
        known = self._sorted.get((group, reaction, step))
        if known is None:
            latest = self._hour - STEPS[step]
            known = sorted([story.count(reaction, step) for story in self._members.get(group, ()) if story.born_hour <= latest])
            self._sorted[group, reaction, step] = known
        return known

    def _others(self, group: Group, step: int, story: Story) -> int:
        return len(self._counts(group, None, step)) - self._holds(group, step, story)

    def _holds(self, group: Group, step: int, story: Story) -> bool:
        """True if the article is itself among the group's, as they were read."""
        own = self._by_id.get(story.article_id)
        return own is not None and self._hour - own.born_hour >= STEPS[step] and group in own.groups()


def rise(gains: Mapping[int, int]) -> tuple[int, ...]:
    """What an article had at each step, from what it gained between the steps."""
    return tuple(accumulate([gains.get(step, 0) for step in range(len(STEPS))]))


def step_of(age_hours: int) -> int | None:
    """The step by which an hour of that age is over; None before publication and beyond the last."""
    step = bisect_right(STEPS, age_hours)
    return step if 0 <= age_hours < STEPS[-1] else None


def step_reached(age_hours: int) -> int | None:
    """The last step that an article of an age has reached; None in its first hour."""
    return bisect_right(STEPS, age_hours) - 1 if age_hours >= STEPS[0] else None
