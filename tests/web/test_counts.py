"""Answers about counts that a process remembers: never stale within it, for a short time only, and only so many."""

from __future__ import annotations

import sys
import threading
from dataclasses import replace

import pytest
from flask import Flask

from reactions.web import counts as counts_module
from reactions.web.counts import CachedResponse, CountsMemory
from reactions.web.hot_path import WsgiDoor
from tests import make
from tests.lengths import only_sqlite
from tests.web.asking import counted, counts, row, vote
from tests.web.conftest import MakeApp
from tests.web.test_limit_store import Clock

ADDRESS = ("/v1/sites/daily/counts", "article=a")


def answer(text: str = "{}") -> CachedResponse:
    return CachedResponse(text.encode(), '"tag"', [("ETag", '"tag"')])


def memory(clock: Clock | None = None, *, keep_s: float = 1.0, entries: int = 100) -> CountsMemory:
    return CountsMemory(keep_s=keep_s, entries=entries, clock=clock or Clock())


def test_an_answer_is_given_again_until_its_time_is_over() -> None:
    clock = Clock()
    kept = memory(clock, keep_s=1.0)
    kept.keep(ADDRESS, answer(), kept.stamp([1]))

    found = []
    for clock.now in (0.0, 0.999, 1.0, 2.0):
        found.append(kept.find(ADDRESS) is not None)

    assert found == [True, True, False, False]


def test_other_addresses_have_other_answers() -> None:
    kept = memory()
    kept.keep(ADDRESS, answer("a"), kept.stamp([1]))

    assert kept.find((ADDRESS[0], "article=b")) is None
    assert kept.find(("/v1/sites/weekly/counts", ADDRESS[1])) is None


def test_an_answer_is_forgotten_as_soon_as_one_of_its_articles_changes() -> None:
    kept = memory()
    kept.keep(ADDRESS, answer(), kept.stamp([1, 2, 3]))
    kept.outdate([4])
    untouched = kept.find(ADDRESS)

    kept.outdate([2])

    assert untouched is not None
    assert kept.find(ADDRESS) is None


def test_an_answer_read_before_a_change_and_kept_after_it_is_not_given() -> None:
    kept = memory()
    stamp = kept.stamp([1])

    kept.outdate([1])
    kept.keep(ADDRESS, answer("old"), stamp)

    assert kept.find(ADDRESS) is None


def test_nothing_is_kept_where_the_setting_says_never() -> None:
    kept = memory(keep_s=0)

    kept.keep(ADDRESS, answer(), kept.stamp([1]))

    assert kept.find(ADDRESS) is None
    assert len(kept._answers) == 0


def test_it_keeps_only_so_many_answers_and_versions() -> None:
    kept = memory(entries=10)

    for number in range(1000):
        kept.outdate([number])
        kept.keep(("/", str(number)), answer(), kept.stamp([number]))

    assert len(kept._answers) <= 10
    assert len(kept._versions[1]) <= 11
    assert kept.find(("/", "999")) is not None


def test_it_keeps_only_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts_module, "_MOST_BYTES", 10_000)
    kept = memory(entries=1_000_000)

    for number in range(1000):
        kept.keep(("/", str(number)), answer("x" * 500), kept.stamp([number]))

    held = sum(len(held.body) + sys.getsizeof(held) + sys.getsizeof(stamp) for _, stamp, held in kept._answers.values())
    assert held <= 10_000
    assert kept.find(("/", "999")) is not None


def test_no_answer_outlives_a_change_when_the_versions_start_anew() -> None:
    kept = memory(Clock(), entries=5)
    stamps = []
    for number in range(100):
        stamps.append(kept.stamp([7]))
        kept.outdate([7] if number % 3 else [7, number * 10])

    for stamp in stamps:
        kept.keep(ADDRESS, answer("old"), stamp)

        assert kept.find(ADDRESS) is None


@only_sqlite
def test_a_request_with_another_method_goes_past_the_memory(make_app: MakeApp) -> None:
    kept = memory()
    kept.keep(ADDRESS, answer(), kept.stamp([1]))
    hot_path = replace(make_app().extensions["reader-reactions"].hot_path, memory=kept)
    passed: list[str] = []

    def app(environ: dict[str, str], _start: object) -> tuple[()]:
        passed.append(environ["REQUEST_METHOD"])
        return ()

    for method in ("GET", "HEAD", "PUT", "OPTIONS"):
        environ = {"REQUEST_METHOD": method, "PATH_INFO": ADDRESS[0], "QUERY_STRING": ADDRESS[1]}
        WsgiDoor(app, hot_path)(environ, lambda *_: None)

    assert passed == ["HEAD", "PUT", "OPTIONS"]


@only_sqlite
def test_counts_are_never_older_than_the_vote_that_was_just_answered(make_app: MakeApp) -> None:
    app = make_app(counts_memory_s=3600, votes_per_reader="10000/minute")
    client = app.test_client()

    for number in range(30):
        reaction = make.SEVEN[number % 7]
        receipt = vote(client, article="a", reaction=reaction)
        read = counts(client, ["b", "a"])
        again = counts(client, ["b", "a"])

        assert receipt.get_json()["counts"] == counted(**{reaction: 1})
        assert read.get_json()["articles"][1]["counts"] == counted(**{reaction: 1})
        assert again.data == read.data


@only_sqlite
def test_readers_and_voters_at_once_never_see_a_count_fall(make_app: MakeApp) -> None:
    app = make_app(counts_memory_s=3600)
    over = threading.Event()
    seen: list[list[int]] = [[0], [0]]
    late: list[tuple[int, int]] = []

    def read(totals: list[int]) -> None:
        while not over.wait(0.001):
            totals.append(total_of(app))

    def cast() -> None:
        for number in range(30):
            told = vote(app.test_client(), reader=make.reader(number)).get_json()["total"]
            late.extend((told, shown) for shown in [total_of(app)] if shown < told)
        over.set()

    threads = [threading.Thread(target=read, args=(totals,)) for totals in seen] + [threading.Thread(target=cast)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert late == []
    assert [totals == sorted(totals) for totals in seen] == [True, True]


@only_sqlite
def test_another_processs_vote_is_seen_when_the_answers_time_is_over(make_app: MakeApp) -> None:
    one, other = make_app(counts_memory_s=60), make_app(counts_memory_s=60)
    clock = Clock()
    other.extensions["reader-reactions"].hot_path.memory._clock = clock
    before = total_of(other)
    vote(one.test_client())

    within = total_of(other)
    clock.now += 60

    assert (before, within, total_of(other), total_of(one)) == (0, 0, 1, 1)


def total_of(app: Flask) -> int:
    return int(row(app.test_client(), "a").get_json()["total"])


@pytest.mark.parametrize(
    ("sent", "known"),
    [
        ('"tag"', True), ('W/"tag"', True), ("tag", True), ('"tag-gzip"', True), ('"tag-br"', True), ("*", True),
        ('"other", "tag"', True), ('W/"other",W/"tag"', True),
        ("", False), ('"other"', False), ('"ta"', False), ('"tag2"', False),
        ("**", False),
    ],
)  # fmt: skip
def test_a_tag_is_known_as_rfc_9110_compares_it_and_as_proxies_mark_it(sent: str, known: bool) -> None:
    assert answer().is_known(sent) is known
