"""How the values of settings are written: whoever wrote one otherwise is told how."""

from __future__ import annotations

import re
import tomllib

import pytest

from reactions.settings import default_file, load
from tests.test_settings import fault_of

BIND = 'Write it as "127.0.0.1:8000" or "unix:/run/reactions.sock".'
NETWORK = 'is no network. Write "10.0.0.0/8", "127.0.0.1/32" or "unix".'
URL = 'Write it as "memory://" or "redis://host:6379/0".'
SENTINEL = 'Write it as "redis+sentinel://host1:26379,host2:26379/name-of-the-primary".'
_CACHE = 'Write each as "http://10.0.0.5:6081": http or https, a host, perhaps a port, no path.'
LONG = f"unix:/{'a' * 107}"
WRONG = [
    ("PURGE_URLS", "http://cache/v1", f"{_CACHE} (it is 'http://cache/v1')"),
    ("PURGE_URLS", "http://10.0.0.5:70000", f"{_CACHE} (it is 'http://10.0.0.5:70000')"),
    ("PURGE_URLS", "http://a..b", f"{_CACHE} (it is 'http://a..b')"),
    ("PURGE_URLS", "gopher://cache", f"{_CACHE} (it is 'gopher://cache')"),
    ("BIND", "8000", f"{BIND} (it is '8000')"),
    ("BIND", ":8000", f"{BIND} (it is ':8000')"),
    ("BIND", "localhost", f"{BIND} (it is 'localhost')"),
    ("BIND", "localhost:", f"{BIND} (it is 'localhost:')"),
    ("BIND", "127.0.0.1:0", f"{BIND} (it is '127.0.0.1:0')"),
    ("BIND", "127.0.0.1:65536", f"{BIND} (it is '127.0.0.1:65536')"),
    ("BIND", "127.0.0.1:²", f"{BIND} (it is '127.0.0.1:²')"),
    ("BIND", "http://127.0.0.1:80", f"{BIND} (it is 'http://127.0.0.1:80')"),
    ("BIND", "unix:reactions.sock", f"{BIND} (it is 'unix:reactions.sock')"),
    ("LIMITER_URL", "memory", URL),
    ("LIMITER_URL", "localhost:6379", URL),
    ("LIMITER_URL", "http://:hunter2@localhost", URL),
    ("LIMITER_URL", "redis://:hunter2@localhost:port", URL),
    ("LIMITER_URL", "rediss://[::1", URL),
    ("LIMITER_URL", "redis://localhost:65536/0", URL),
    ("LIMITER_URL", "redis://localhost/one", URL),
    ("LIMITER_URL", "redis://localhost/-1", URL),
    ("LIMITER_URL", "memcached://localhost", URL),
    ("LIMITER_URL", "unix:///run/redis.sock", 'Write it as "redis+unix:///run/redis.sock".'),
    ("LIMITER_URL", "redis+unix://", 'Write it as "redis+unix:///run/redis.sock".'),
    ("LIMITER_URL", "redis+cluster://:hunter2@h:port", 'Write it as "redis+cluster://host1:6379,host2:6379".'),
    ("LIMITER_URL", "redis+cluster://h1:6379,h2", 'Write it as "redis+cluster://host1:6379,host2:6379".'),
    ("LIMITER_URL", "redis+cluster://h:99999", 'Write it as "redis+cluster://host1:6379,host2:6379".'),
    ("LIMITER_URL", "redis+sentinel://h:26379", SENTINEL),
    ("LIMITER_URL", "redis+sentinel://h:port/primary", SENTINEL),
    ("SMTP_URL", "smtp://mail:65536", 'Write it as "smtp://user:password@mail.example.org:587" or "smtps://mail.example.org".'),
    ("TRUSTED_PROXIES", "10.0.0.1/8", f"'10.0.0.1/8' {NETWORK} (it is '10.0.0.1/8')"),
    ("TRUSTED_PROXIES", "nginx", f"'nginx' {NETWORK} (it is 'nginx')"),
    ("PUBLIC_URL", "reactions.example.org", "Write it as \"https://reactions.example.org\". (it is 'reactions.example.org')"),
    ("PUBLIC_URL", "https://a b", "Write it as \"https://reactions.example.org\". (it is 'https://a b')"),
    ("PUBLIC_URL", "http://[", "Write it as \"https://reactions.example.org\". (it is 'http://[')"),
    ("PUBLIC_URL", "https://a:65536", "Write it as \"https://reactions.example.org\". (it is 'https://a:65536')"),
    ("PUBLIC_URL", "https://a:port", "Write it as \"https://reactions.example.org\". (it is 'https://a:port')"),
    ("PUBLIC_URL", "https://a/\a", "Write it as \"https://reactions.example.org\". (it is 'https://a/\\x07')"),
    ("BIND", LONG, f"The path of a socket has at most 107 bytes. (it is {LONG!r})"),
    ("DATA_DIR", "", "Name a folder. (it is '')"),
    ("DATA_DIR", "~nobody-has-this-name/x", "There is no such home folder. (it is '~nobody-has-this-name/x')"),
    ("SECRET", "hunter2", "Must have at least 32 characters: `openssl rand -hex 32` makes one."),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "fault"), WRONG)
def test_a_value_that_is_written_otherwise_is_named_with_how_to_write_it(name: str, value: str, fault: str) -> None:
    assert fault_of({f"REACTIONS_{name}": value}) == f"{name.lower()}: {fault}"


def test_bind_takes_every_way_to_write_an_address() -> None:
    ways = [
        "127.0.0.1:1",
        "0.0.0.0:65535",
        "localhost:8080",
        "[::1]:8000",
        "[::]:8000",
        "unix:/run/reactions.sock",
        f"unix:/{'a' * 106}",
        "reactions:80",
    ]

    assert [load({"REACTIONS_BIND": way}).bind for way in ways] == ways


def test_a_limiter_takes_every_way_to_write_a_redis() -> None:
    ways = [
        "redis://localhost", "redis://user:pass@localhost:6379/0?protocol=3", "rediss://[::1]:6379", "redis+unix:///run/redis.sock",
        "redis+cluster://u:p@h1:6379,[::1]:6379", "redis+sentinel://:p@h1:26379,h2:26379/primary?db=1", "memory://",
    ]  # fmt: skip

    assert [load({"REACTIONS_LIMITER_URL": way}).limiter_url for way in ways] == ways


MALFORMED = [
    "", "30", "minute", "30/fortnight", "thirty/minute", "30/minute; nonsense", "30/minute;", "30/minute 5/hour",
    "-1/minute", "1.5/minute", "0/minute", "30/minute; 0/day", "²/minute", "٣/minute",
    "nan/minute", "30/0 minute", "30/-1 minute",
]  # fmt: skip


LIMITS = [
    name for name, value in tomllib.loads(default_file().read_text(encoding="utf-8")).items() if re.match("[0-9]+/", str(value))
]


@pytest.mark.parametrize("name", LIMITS)
def test_a_malformed_limit_stops_the_start(name: str) -> None:
    said = 'Not a limit. Write it as "30/minute" or "30/minute; 500/day".'

    for notation in MALFORMED:
        assert fault_of({f"REACTIONS_{name.upper()}": notation}) == f"{name}: {said} (it is {notation!r})"


@pytest.mark.parametrize(
    ("notation", "once"),
    [
        ("10/minute;5/minute", "5/minute"),
        ("5/minute; 10 per minute", "5/minute"),
        ("60/hour;1/hour", "1/hour"),
        ("60/hour;60/hour", "60/hour"),
        ("10/minute;20/60 second", "10/minute"),
        ("20/minute, 10/60 seconds | 500/day", "10/60 seconds; 500/day"),
        ("3/month; 9/30 days; 1/720 hours; 2/day", "1/720 hours; 2/day"),
    ],
)
def test_two_limits_of_one_window_are_refused_with_the_one_that_says_it(notation: str, once: str) -> None:
    """Which of the two counts a hit, or both, would be a matter of the store."""
    said = f'Two limits of the same window, of which only the smaller holds. Write it as "{once}".'

    for name in LIMITS:
        assert fault_of({f"REACTIONS_{name.upper()}": notation}) == f"{name}: {said} (it is {notation!r})"
        assert getattr(load({f"REACTIONS_{name.upper()}": once}), name) == once


@pytest.mark.parametrize(
    "notation",
    ["1000000001/minute", "30/minute; 99999999999999999999/day", "1/2 year", "1/13 months", "1/99999999999999999999 second"],
)
def test_a_limit_that_no_store_can_count_is_refused(notation: str) -> None:
    said = "A limit is of at most 1,000,000,000 in at most a year."

    for name in LIMITS:
        assert fault_of({f"REACTIONS_{name.upper()}": notation}) == f"{name}: {said} (it is {notation!r})"
    assert load({"REACTIONS_VOTES_PER_READER": "1000000000/year"}).votes_per_reader == "1000000000/year"
