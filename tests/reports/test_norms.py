"""What is usual for an age and a section, against cases worked out by hand. Both engines where a database is asked."""

from __future__ import annotations

from random import Random

import pytest
from sqlalchemy import Engine

from reactions.reports import metrics, norms
from reactions.reports.memory import Memory
from reactions.reports.norms import STEPS, Group, Growth, Norms, Peers, Surprise
from reactions.reports.query import Reading
from reactions.storage import engines
from tests.reports.stage import DAY_MS, HOUR_MS, NOON, Stage, asked, stage

HOUR = NOON // HOUR_MS
POLITICS = Group("section", "Politics")


def peer(number: int, counts: tuple[int, ...], *, age: int = 200, section: str | None = "Politics", by: str = "") -> Growth:
    """A peer that had so many likes at each step, the last of them from then on."""
    rise = (*counts, *[counts[-1]] * (len(STEPS) - len(counts)))
    return Growth(number, section, (by,) if by else (), HOUR - age, {"like": rise} if any(rise) else {})


def subject(age: int = 2, section: str | None = "Politics", by: str = "Ada") -> Growth:
    return Growth(99, section, (by,), HOUR - age)


def test_a_surprise_is_the_count_beside_the_peers_median_at_the_same_age() -> None:
    others = Peers([peer(n, (1, likes, 50)) for n, likes in enumerate([2, 4, 9, 30, 31])], HOUR)

    found = others.surprise(subject(age=2), {"like": 30, "wow": 5})

    # At two hours the median of likes is 9: (30 + 1) / (9 + 1). Of wow it is 0: (5 + 1) / (0 + 1), which is more.
    assert found == Surprise("wow", None, 5, 0, POLITICS, 2)
    assert others.surprise(subject(age=2), {"like": 30, "wow": 4}) == Surprise("like", 30 / 9, 30, 9, POLITICS, 2)


def test_the_median_of_an_even_number_of_peers_lies_between_two() -> None:
    others = Peers([peer(n, (likes,)) for n, likes in enumerate([0, 1, 2, 4, 8, 9])], HOUR)

    assert others.surprise(subject(age=1), {"like": 11}) == Surprise("like", None, 11, 3, POLITICS, 1)


@pytest.mark.parametrize(
    ("age", "step"), [(1, 1), (2, 2), (5, 3), (6, 6), (23, 12), (24, 24), (71, 48), (167, 72), (168, 168), (190, 168)]
)
def test_an_article_is_compared_at_the_last_step_it_has_reached(age: int, step: int) -> None:
    others = Peers([peer(n, tuple(range(1, 10))) for n in range(5)], HOUR)

    found = others.surprise(subject(age=age), {"like": 20})

    median = STEPS.index(step) + 1
    assert found == Surprise("like", 20 / median if median >= 5 else None, 20, median, POLITICS, step)


@pytest.mark.parametrize(
    ("count", "median", "ratio", "notable"),
    [(149, 0, None, True), (5, 0, None, True), (9, 4.5, None, False), (10, 5, 2, True), (9, 5, 1.8, False), (4, 10, 0.4, False)],
)
def test_a_proportion_needs_five_and_a_surprise_twice_as_many_and_five_more(
    count: int, median: float, ratio: float | None, notable: bool
) -> None:
    found = Surprise("like", metrics.times_usual(count, median), count, median, POLITICS, 1)

    assert found.ratio == (None if ratio is None else pytest.approx(ratio))
    assert found.is_notable is notable


def test_there_is_no_surprise_in_the_first_hour_nor_with_four_votes() -> None:
    others = Peers([peer(n, (1,)) for n in range(5)], HOUR)

    assert others.surprise(subject(age=0), {"like": 50}) is None
    assert others.surprise(subject(age=1), {"like": 4, "wow": 3}) is None


def test_peers_that_have_not_reached_the_age_do_not_count() -> None:
    old, young = [peer(n, (3,), age=30) for n in range(4)], peer(4, (3,), age=23)

    assert Peers([*old, young], HOUR).group_of(subject(age=24), STEPS.index(24)) is None
    assert Peers([*old, young], HOUR).group_of(subject(age=12), STEPS.index(12)) == POLITICS


def test_where_a_section_has_four_others_the_author_is_asked_and_then_the_site() -> None:
    section = [peer(n, (1,)) for n in range(4)]
    author = [peer(n, (1,), section="Sport", by="Ada") for n in range(10, 14)]

    assert Peers([*section, *author], HOUR).group_of(subject(), 0) == Group("site", None)
    assert Peers([*section, *author, peer(14, (1,), section=None, by="Ada")], HOUR).group_of(subject(), 0) == Group(
        "author", "Ada"
    )
    assert Peers([*section, peer(5, (1,))], HOUR).group_of(subject(), 0) == POLITICS
    assert Peers(section, HOUR).group_of(subject(), 0) is None


def test_only_the_first_author_is_asked() -> None:
    ben = [peer(n, (1,), section=None, by="Ben") for n in range(5)]
    two = Growth(99, None, ("Ada", "Ben"), HOUR - 2)

    assert Peers(ben, HOUR).group_of(two, 0) == Group("site", None)


def test_peers_along_a_curve_are_those_who_reached_its_end_and_it_ends_where_half_of_them_have_not() -> None:
    ages = [200, 200, 200, 90, 90, 50, 50, 50, 50, 30]
    others = Peers([peer(n, (1,), age=age) for n, age in enumerate(ages)], HOUR)

    members, last = others.lasting(POLITICS, subject(age=5), STEPS.index(3))

    assert STEPS[last] == 72  # three reached 168 h, five of ten 72 h
    assert [member.article_id for member in members] == [0, 1, 2, 3, 4]
    assert STEPS[others.lasting(POLITICS, subject(age=60), STEPS.index(48))[1]] == 72


def test_an_article_is_no_peer_of_its_own() -> None:
    others = [peer(n, (likes,)) for n, likes in enumerate([1, 1, 1, 9, 9])]
    own = peer(99, (9,))

    assert Peers([*others, own], HOUR).counts(POLITICS, "like", 0, beside=own) == [1, 1, 1, 9, 9]
    assert Peers([*others[:4], own], HOUR).group_of(own, 0) is None


def test_ages_and_steps() -> None:
    assert [norms.step_of(age) for age in (-1, 0, 1, 2, 3, 5, 6, 71, 72, 167, 168)] == [None, 0, 1, 2, 3, 3, 4, 7, 8, 8, None]
    assert [norms.step_reached(age) for age in (-1, 0, 1, 2, 4, 168, 999)] == [None, None, 0, 1, 2, 8, 8]
    assert norms.rise({0: 5, 3: 2, 8: 1}) == (5, 5, 5, 7, 7, 7, 7, 7, 8)


# What an age usually gains, read from a database.


def norms_of(here: Stage) -> Norms:
    with engines.snapshot(here.engine) as connection:
        reading = Reading(connection, here.site, here.now_ms, Memory(keep_s=0, items=0))
        return reading.norms(reading.closed_before)


@pytest.fixture
def desk(engine: Engine) -> Stage:
    """Two articles that have lived through 3 and 5 full hours at 12:00, when it is 12:30."""
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("three", at_ms=NOON - 3 * HOUR_MS + 60_000, section="Politics")
    here.publish("five", at_ms=NOON - 5 * HOUR_MS)
    here.give("three", "like", 4, NOON - 3 * HOUR_MS + 120_000)
    here.give("five", "love", 2, NOON - 5 * HOUR_MS)
    here.give("five", "wow", 6, NOON - HOUR_MS)
    here.give("five", "angry", 50, NOON - HOUR_MS)  # anger is not gained
    return here


def test_the_rate_of_an_age_is_what_was_gained_over_the_hours_lived_through_it(desk: Stage) -> None:
    rates = norms_of(desk).rates

    # In their first hour two articles gained 4 and 2. In its fifth (11:00) one gained 6. From then on nobody knows better.
    assert rates[:6] == [3, 0, 0, 0, 6, 6]
    assert rates[-1] == 6


def test_what_is_expected_counts_the_present_hour_as_far_as_it_has_gone(desk: Stage) -> None:
    usual, now = norms_of(desk), desk.now_ms

    # Born at 10: ages 0 and 1 are over, age 2 runs for half an hour. Born at 12: half of the first hour.
    assert usual.expected(HOUR - 2, now) == 3 + 0 + 0 * 0.5
    assert usual.expected(HOUR, now) == 3 * 0.5
    assert usual.expected(HOUR - 4, now) == 0 + 0 + 6 * 0.5
    assert usual.expected(HOUR - 1000, now) == 6 * 2.5
    assert usual.expected(HOUR + 3, now) == 0  # published in the future


def test_the_usual_shares_are_those_of_all_votes_before_the_hour(desk: Stage) -> None:
    desk.give("three", "angry", 1000, NOON + 60_000)

    # 4 likes and 2 loves, 50 angry, 6 neutral.
    assert norms_of(desk).shares == (pytest.approx(6 / 62), pytest.approx(50 / 62))


def test_the_hour_that_ended_a_minute_ago_is_not_yet_closed(desk: Stage) -> None:
    desk.give("three", "angry", 1000, NOON + 60_000)

    desk.now_ms = NOON + HOUR_MS + 119_000
    assert norms_of(desk).shares.negative == pytest.approx(50 / 62)
    desk.now_ms = NOON + HOUR_MS + 120_000
    assert norms_of(desk).shares.negative == pytest.approx(1050 / 1062)


def test_reactions_before_publication_belong_to_no_age(desk: Stage) -> None:
    desk.give("three", "like", 500, NOON - 30 * HOUR_MS)

    usual = norms_of(desk)
    assert usual.rates[0] == 3
    (three,) = [article for article in usual.young.values() if article.section == "Politics"]
    assert usual.counts[three.article_id] == {"like": 4}


def test_an_age_is_reached_when_the_article_is_that_old_to_the_minute(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + 6 * 60_000)
    for number in range(5):
        here.publish(f"peer-{number}", at_ms=NOON - 30 * HOUR_MS)
    here.publish("new", at_ms=NOON - 2 * HOUR_MS + 60_000)
    here.give("new", "like", 9, NOON - 2 * HOUR_MS + 120_000)

    (found,) = here.reports().dashboard(here.site, asked(period="24h")).lists.surprising

    assert (found.article, found.age_hours) == ("new", 2.08)
    assert found.surprise is not None
    assert found.surprise.age_hours == 1  # at 12:00 it was a minute short of two hours old


def test_articles_older_than_28_days_and_merged_ones_say_nothing(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("old", at_ms=NOON - 28 * DAY_MS - 1)
    here.publish("just", at_ms=NOON - 28 * DAY_MS)
    here.publish("coming", at_ms=NOON + 1)

    usual = norms_of(here)
    assert len(usual.peers.counts(Group("site", None), "like", 0, beside=subject())) == 1


def test_only_articles_of_eight_days_can_be_a_surprise(engine: Engine) -> None:
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    here.publish("old", at_ms=NOON - 193 * HOUR_MS)
    here.publish("young", at_ms=NOON - 192 * HOUR_MS)

    assert len(norms_of(here).young) == 1


def test_a_site_that_publishes_much_is_judged_by_a_sample_that_stays(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(norms, "PEERS_AT_MOST", 3)
    here = stage(engine, now_ms=NOON + HOUR_MS // 2)
    for number in range(7):
        here.publish(f"story-{number}", at_ms=NOON - 2 * HOUR_MS)
        here.give(f"story-{number}", "like", number, NOON - HOUR_MS)

    counts = [norms_of(here).peers.counts(Group("site", None), "like", 1, beside=subject()) for _ in range(2)]

    assert len(counts[0]) == 3
    assert counts[0] == counts[1]


@pytest.mark.parametrize("seed", [1, 2])
def test_lives_that_move_on_with_the_hours_are_those_that_are_read_anew(engine: Engine, seed: int) -> None:
    here, random, memory = stage(engine), Random(seed), Memory(keep_s=3600, items=100_000)
    for hour in range(14):
        here.now_ms += random.choice((1, 1, 2, 5)) * HOUR_MS
        again = random.randrange(hour + 1)  # an article that comes again has been given another time of publication
        here.publish(f"a{again if random.random() < 0.3 else hour}", at_ms=here.now_ms - random.randrange(40) * HOUR_MS)
        for _ in range(4):
            reaction, back = random.choice(("like", "love", "angry")), random.randrange(HOUR_MS)
            here.give(f"a{random.randrange(hour + 1)}", reaction, random.randrange(1, 5), here.now_ms - back)
        with engines.snapshot(engine) as connection:
            reading = Reading(connection, here.site, here.now_ms, memory)
            moved = reading.norms(reading.closed_before)
        anew = norms_of(here)
        assert (moved.rates, moved.shares, moved.young) == (anew.rates, anew.shares, anew.young)
        assert moved.counts == anew.counts
        assert vars(moved.peers)["_by_id"] == vars(anew.peers)["_by_id"]
