"""The scenario that searches everything written down for what must not be: reader ids, addresses, browser names."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from pathlib import Path

import redis

from reactions.votes import networks, readers
from tests import make, oracles
from tests.faults.client import ARTICLES, Ballot, Sender, new_reader
from tests.faults.stage import Report, Stage
from tests.oracles import Attempt
from tests.service import METRICS_TOKEN

ADDRESS = ipaddress.IPv6Address("2001:db8:cafe:f00d:1234:5678:9abc:def0")
BROWSER = "Canary/7.0 (nobody else is called so)"
HEADERS = {"User-Agent": BROWSER, "X-Forwarded-For": str(ADDRESS)}


def v01_nothing_at_rest(stage: Stage, *, seconds: float, clients: int, seed: int) -> Report:
    """Readers vote from a known address with a known browser; then the database, Redis and the logs are searched."""
    report = Report("V01", stage.store)
    chance, log = random.Random(seed), list[Attempt]()
    since = _journal_begins(stage)
    settings = {"trusted_proxies": "127.0.0.1/32", "log_level": "debug", "fresh_votes_per_network": "5/10 minutes"}
    with stage.service(workers=1, settings=settings) as service:
        sender = Sender(service, log, HEADERS)
        for _ in range(int(20 * seconds)):
            sender.send(Ballot(chance.choice(ARTICLES), new_reader(), chance.choice(make.SEVEN)))
        sender.send(Ballot("a\x00b", new_reader(), "like"))  # refused, and perhaps logged
        sender.close()
        written = {"database": _database(stage, since), "Redis": _everything_in(stage), "log": service.log().encode()}
    canaries = [BROWSER.encode(), str(ADDRESS).encode(), b"2001:db8:cafe:f00d", ADDRESS.packed[:8]]
    canaries += [make.SECRET.encode(), METRICS_TOKEN.encode(), *_hashes_with_kept_keys()]
    for attempt in [log[0], log[-2], log[-1]]:
        canaries += [attempt.reader.encode(), bytes.fromhex(attempt.reader)]
    found = [(where, canary) for where, text in written.items() for canary in canaries if canary in text]
    report.figures |= {"votes": len(log) - 1} | {f"bytes of {where}": len(text) for where, text in written.items()}
    report.findings([oracles.shapes(log, allowed=(400,))])
    stored = stage.stored()
    report.at_least(len(log) - 1, "votes stored", len(stored.votes) + len(stored.kept))
    report.at_least(1, "votes held, with a hash of their network", len(stored.kept))
    report.at_most(0, "reader ids, addresses, browser names and secrets at rest", len(found), *found[:5])
    return report


def _hashes_with_kept_keys() -> Iterator[bytes]:
    """The networks of the address as whoever has the secret, which is kept, would hash them: what is stored must need more."""
    secret = make.SECRET.encode()
    keys = [secret, *(readers.derived_key(secret, purpose) for purpose in ("limits", "pseudonym", "reader tokens", "session"))]
    yield from (readers.limit_key(key[:64], prefix).encode() for key in keys for prefix in networks.widths_of(str(ADDRESS)))
    yield from (prefix.partition("/")[0].encode() for prefix in networks.widths_of(str(ADDRESS))[:3])


def _database(stage: Stage, since: str) -> bytes:
    """Every byte of the database's files, its journal included."""
    if stage.store == "sqlite":
        return b"".join(_bytes_of(stage.folder.glob("reactions.db*")))
    stage.postgres.execute("checkpoint")
    data = stage.postgres.folder / "data"
    [(number,)] = stage.postgres.execute(f"select oid from pg_database where datname = '{stage.database}'")
    journal = [path for path in data.glob("pg_wal/0*") if path.name >= since]
    return b"".join(_bytes_of([*data.glob(f"base/{number}/*"), *journal, stage.postgres.log_path]))


def _journal_begins(stage: Stage) -> str:
    if stage.store == "sqlite":
        return ""
    [(name,)] = stage.postgres.execute("select pg_walfile_name(pg_current_wal_lsn())")
    return str(name)


def _bytes_of(paths: Iterator[Path] | list[Path]) -> Iterator[bytes]:
    return (path.read_bytes() for path in paths if path.is_file())


def _everything_in(stage: Stage) -> bytes:
    with redis.Redis.from_url(stage.redis.url) as client:
        keys = list(client.scan_iter(count=1000))
        return b"\n".join([*keys, *(value for value in client.mget(keys) if value)]) if keys else b""
