"""How the values of settings are written: a rule for each notation, which says how to write it to whoever did not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from limits import parse_many
from marshmallow import ValidationError
from marshmallow import fields as wire

from reactions import texts

Network = IPv4Network | IPv6Network
Proxies = tuple[frozenset[Network], bool]

_SOCKET_BYTES = 107  # of the kernel's
_MOST_HITS, _LONGEST_WINDOW_S = 1_000_000_000, 366 * 86_400  # far from where Redis and the RateLimit fields cannot count on


def proxy_networks(texts: Sequence[str]) -> Proxies:
    """The networks whose forwarded headers are believed, and whether a Unix socket is. Raises ValueError."""
    networks = set()
    for text in texts:
        if text == "unix":
            continue
        try:
            networks.add(ip_network(text))
        except ValueError:
            raise ValueError(f'{text!r} is no network. Write "10.0.0.0/8", "127.0.0.1/32" or "unix".') from None
    return frozenset(networks), "unix" in texts


def is_network_list(value: list[str]) -> None:
    """Networks, or "unix"."""
    try:
        proxy_networks(value)
    except ValueError as error:
        raise ValidationError(str(error)) from None


def is_port_list(value: list[str]) -> None:
    """Ports of TCP."""
    if wrong := [port for port in value if not re.fullmatch("[1-9][0-9]{0,4}", port) or int(port) > 65535]:
        raise ValidationError(f'{wrong[0]!r} is not a port. Write "443".')


def is_limit(value: str) -> None:
    """Limits in the notation of Flask-Limiter, each of another window. It reads "10/0 minute" as 10 a minute."""
    try:
        items = parse_many(value)
    except ValueError:
        items = []
    if not items or any(item.amount < 1 for item in items) or re.search(r"(/|per)\s*0+\s*[a-z]", value, re.IGNORECASE):
        raise ValidationError('Not a limit. Write it as "30/minute" or "30/minute; 500/day".')
    if any(item.amount > _MOST_HITS or item.get_expiry() > _LONGEST_WINDOW_S for item in items):
        raise ValidationError(f"A limit is of at most {_MOST_HITS:,} in at most a year.")
    smallest: dict[int, tuple[int, str]] = {}
    for item, written in zip(items, re.split("[,;|]", value), strict=True):
        limit, window_s = (item.amount, written.strip()), item.get_expiry()
        smallest[window_s] = min(limit, smallest.get(window_s, limit))
    if len(smallest) < len(items):
        once = "; ".join(written for _, written in smallest.values())
        raise ValidationError(f'Two limits of the same window, of which only the smaller holds. Write it as "{once}".')


def is_bind(value: str) -> None:
    """An address to listen on."""
    _, _, port = value.rpartition(":")
    host_and_port = re.fullmatch(r"[^\s/]+:[0-9]{1,5}", value) and 0 < int(port) < 65536
    if not host_and_port and not value.startswith("unix:/"):
        raise ValidationError('Write it as "127.0.0.1:8000" or "unix:/run/reactions.sock".')
    if len(value.removeprefix("unix:").encode(errors="surrogateescape")) > _SOCKET_BYTES:
        raise ValidationError(f"The path of a socket has at most {_SOCKET_BYTES} bytes.")


# A host, and perhaps a port up to 65535.
_NAME = r"(\[[\w:.]+\]|[^\s:/?#@\"'<>\[\],]+)"
_PORT = r":0*(?:[1-9]\d{0,3}|[1-5]\d{4}|6(?:[0-4]\d{3}|5(?:[0-4]\d\d|5(?:[0-2]\d|3[0-5]))))"
_HOST = rf"{_NAME}({_PORT})?"
_HOSTS = rf"{_NAME}{_PORT}(,{_NAME}{_PORT})*"

# Of each scheme: what follows it after the user and the password, and how to write it.
_LIMITERS = {
    "memory": (".*", ""),
    "redis": (rf"{_HOST}(/[0-9]*)?(\?.*)?", ""),
    "rediss": (rf"{_HOST}(/[0-9]*)?(\?.*)?", ""),
    "redis+cluster": (rf"{_HOSTS}/?(\?.*)?", "redis+cluster://host1:6379,host2:6379"),
    "redis+sentinel": (rf"{_HOSTS}/[^/?]+(\?.*)?", "redis+sentinel://host1:26379,host2:26379/name-of-the-primary"),
    "redis+unix": (r"/[^?]+(\?.*)?", "redis+unix:///run/redis.sock"),
    "unix": ("(?!)", "redis+unix:///run/redis.sock"),  # as redis-py writes it
}


def is_limiter_url(value: str) -> None:
    """The address of a limiter's storage."""
    scheme, sign, rest = value.partition("://")
    form, example = _LIMITERS.get(scheme, ("(?!)", ""))
    if not sign or not re.fullmatch(form, rest.rpartition("@")[2]):
        raise ValidationError(f'Write it as "{example}".' if example else 'Write it as "memory://" or "redis://host:6379/0".')


def is_public_url(value: str) -> None:
    """The service's address, or nothing."""
    if value and not re.fullmatch(rf"https?://{_HOST}(/[^\s?#\"'<>\x00-\x1f\x7f]*)?", value):
        raise ValidationError('Write it as "https://reactions.example.org".')


def is_issuer(value: str) -> None:
    """The issuer of an identity provider, or nothing. Only on this machine may it do without https."""
    here = r"http://(localhost|127\.0\.0\.1)(:[0-9]+)?(/[^\s?#]*)?"
    if value and not re.fullmatch(rf"https://[^\s/?#@]+(/[^\s?#]*)?|{here}", value):
        raise ValidationError('Write it as "https://login.example.org/realms/newsroom", exactly as the provider does.')


def is_contact(value: str) -> None:
    """Where to report a weakness, or nothing."""
    if value and not re.fullmatch(r"(mailto:[^\s@]+@[^\s@]+|https://[^\s]+)", value):
        raise ValidationError('Write it as "mailto:security@example.org" or "https://example.org/security".')


def is_unsubscribe(value: str) -> None:
    """Where recipients of mail say that it should end, or nothing."""
    if value and not re.fullmatch(r"(mailto:[^\s<>@]+@[^\s<>@]+|https://[^\s<>]+)", value):
        raise ValidationError('Write it as "mailto:newsroom@example.org" or "https://example.org/unsubscribe".')


def is_folder(value: str) -> None:
    """A folder's name."""
    try:
        Path(value).expanduser()
    except RuntimeError:
        raise ValidationError("There is no such home folder.") from None
    if not value or "\0" in value:
        raise ValidationError("Name a folder.")


def is_secret(value: str) -> None:
    """A long secret, or nothing."""
    if value and len(value) < 32:
        raise ValidationError("Must have at least 32 characters: `openssl rand -hex 32` makes one.")


def are_caches(value: list[str]) -> None:
    """Addresses of caches: a scheme, a host and perhaps a port."""
    for each in value:
        try:
            host = re.fullmatch(r"https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(:[1-9][0-9]{0,4})?/?", each)
            usable = host and urlsplit(each).port != 0 and host[1].encode("idna")
        except ValueError:
            usable = None
        if not usable:
            raise ValidationError('Write each as "http://10.0.0.5:6081": http or https, a host, perhaps a port, no path.')


def are_secrets(value: list[str]) -> None:
    """Long secrets."""
    for each in value:
        is_secret(each)


def is_smtp_url(value: str) -> None:
    """The address of a mail server, or nothing."""
    if value and not re.fullmatch(rf"smtps?://([^\s/?#]*@)?{_HOST}/?", value):
        raise ValidationError('Write it as "smtp://user:password@mail.example.org:587" or "smtps://mail.example.org".')


def is_mail_from(value: str) -> None:
    """A sender of mail, or nothing."""
    _, address = parseaddr(value)
    if value and not (re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", address) and texts.unusable(value) is None):
        raise ValidationError('Write it as "reactions@example.org" or "Reader Reactions <reactions@example.org>".')


class Whole(wire.Integer):
    """A whole number, or the text of one; 1.5 and true are none."""

    def _validated(self, value: Any) -> int:
        if isinstance(value, bool | float):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Decimal(wire.Float):
    """A number, or the text of one; true is none."""

    def _validated(self, value: Any) -> float:
        if isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class Comma(wire.List[Any]):
    """A list that may be written "a, b" in the environment, or in lines in a file."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> list[Any]:
        if isinstance(value, str):
            value = [part.strip() for part in re.split("[,\n]", value) if part.strip()]
        return super()._deserialize(value, attr, data, **kwargs)
