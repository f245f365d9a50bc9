"""Reader tokens: renewed with each vote, proven by age and breadth, and worthless when they are not ours."""

from __future__ import annotations

import pytest

from reactions.times import DAY_MS, HOUR_MS
from reactions.votes import tokens
from reactions.votes.tokens import Proof, Tokens
from tests import make
from tests.boxes import NOON_MS

ADA, BEN = bytes.fromhex(make.ADA), bytes.fromhex(make.BEN)
SIGNER = Tokens([b"k" * 32], Proof(age_hours=24, articles=2))


def token(*articles: int, now_ms: int = NOON_MS, signer: Tokens = SIGNER, site_id: int = 1, reader: bytes = ADA) -> str:
    past, text = None, ""
    for article_id in articles or (1,):
        text = signer.renew(past, site_id=site_id, reader=reader, article_id=article_id, now_ms=now_ms)
        _, past = signer.read(text, site_id=site_id, reader=reader, now_ms=now_ms)
    return text


def standing(text: str | None, *, now_ms: int = NOON_MS, reader: bytes = ADA, site_id: int = 1) -> str:
    return SIGNER.read(text, site_id=site_id, reader=reader, now_ms=now_ms)[0]


def test_a_reader_is_proven_by_age_and_breadth_together() -> None:
    broad, narrow = token(1, 2), token(1)

    assert standing(None) == tokens.ABSENT
    assert standing(broad) == standing(narrow, now_ms=NOON_MS + 2 * DAY_MS) == tokens.VALID
    assert standing(broad, now_ms=NOON_MS + 23 * HOUR_MS) == tokens.VALID
    assert standing(broad, now_ms=NOON_MS + 24 * HOUR_MS) == tokens.PROVEN


def test_a_renewed_token_remembers_when_its_reader_was_first_seen() -> None:
    past, text = None, ""
    for day in (0, 0, 3, 4):
        at = NOON_MS + day * DAY_MS
        text = SIGNER.renew(past, site_id=1, reader=ADA, article_id=day, now_ms=at)
        past = SIGNER.read(text, site_id=1, reader=ADA, now_ms=at)[1]

    assert past is not None
    assert (past.first_hour, past.days, past.articles) == (NOON_MS // HOUR_MS, 3, 3)


def test_a_token_cannot_be_lent_and_is_no_good_on_another_site() -> None:
    assert standing(token(), reader=BEN) == tokens.FORGED
    assert standing(token(), site_id=2) == tokens.FOREIGN


def test_every_flipped_bit_of_fifty_tokens_is_noticed() -> None:
    for number in range(50):
        text = token(number, reader=bytes([number] * 16))
        for at, character in enumerate(text):
            for bit in range(7):
                changed = text[:at] + chr(ord(character) ^ 1 << bit) + text[at + 1 :]
                assert standing(changed, reader=bytes([number] * 16)) in (tokens.FORGED, tokens.MALFORMED)


@pytest.mark.parametrize("text", ["", "a", "é" * 48, "!" * 48, "A" * 48, token()[:-1], token() + "A", "\0" * 48])
def test_what_is_no_token_makes_a_fresh_reader(text: str) -> None:
    assert standing(text) in (tokens.FORGED, tokens.MALFORMED)


def test_a_token_expires_after_thirteen_months() -> None:
    assert standing(token(1, 2), now_ms=NOON_MS + 394 * DAY_MS) == tokens.PROVEN
    assert standing(token(1, 2), now_ms=NOON_MS + 396 * DAY_MS) == tokens.EXPIRED


def test_a_clock_that_was_two_days_off_ages_nobody_and_shuts_nobody_out() -> None:
    ahead = token(1, 2, now_ms=NOON_MS + 2 * DAY_MS)
    behind = token(1, 2, now_ms=NOON_MS - 2 * DAY_MS)

    assert standing(ahead) == tokens.VALID
    assert standing(behind) == tokens.PROVEN
    _, past = SIGNER.read(ahead, site_id=1, reader=ADA, now_ms=NOON_MS)
    again = SIGNER.renew(past, site_id=1, reader=ADA, article_id=3, now_ms=NOON_MS)
    assert standing(again, now_ms=NOON_MS + DAY_MS) == tokens.PROVEN


def test_a_key_that_was_replaced_is_still_accepted_and_no_longer_signs() -> None:
    old, new = Tokens([b"o" * 32], Proof(24, 2)), Tokens([b"n" * 32, b"o" * 32], Proof(24, 2))
    text = token(1, 2, signer=old)

    assert new.read(text, site_id=1, reader=ADA, now_ms=NOON_MS)[0] == tokens.VALID
    assert old.read(token(1, signer=new), site_id=1, reader=ADA, now_ms=NOON_MS)[0] == tokens.FORGED
