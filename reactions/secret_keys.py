"""The secrets in force, and the keys derived from them: one for each purpose, so that no two uses can be compared.

The secret in force signs, earlier ones are accepted until they are retired. Pseudonyms have a secret of their own, the first one,
which a rotation leaves alone: with another one every reader could vote a second time. Without a configured secret all are files
in the data folder, for the service's user alone.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from reactions.settings import InvalidSettings, Settings

PURPOSES = ("pseudonym", "limits", "session", "reader tokens", "article-signatures", "cursors", "webhooks", "oidc")
_SECRET, _PREVIOUS, _PSEUDONYM = "secret", "previous-secrets", "pseudonym-secret"  # names of files


def derived_key(secret: bytes, purpose: str) -> bytes:
    """A key for one purpose, so that no two uses of the secret can be compared (HMAC-SHA256)."""
    return hmac.digest(secret, purpose.encode(), "sha256")


@lru_cache(maxsize=64)
def _prepared(key: bytes) -> hmac.HMAC:
    return hmac.new(key, digestmod="sha256")


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256 by a key that is used often: what depends on the key alone is computed once."""
    copy = _prepared(key).copy()
    copy.update(message)
    return copy.digest()


def key_id(secret: bytes) -> str:
    """The name of a secret, which may be shown."""
    return derived_key(secret, "key id")[:8].hex()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a service: `secrets` are those in force, the first signs and all are accepted."""

    secrets: Sequence[bytes] = field(repr=False)
    pseudonym_secret: bytes = field(repr=False)

    def signing(self, purpose: str) -> bytes:
        """The key that signs."""
        return self.accepted(purpose)[0]

    def accepted(self, purpose: str) -> list[bytes]:
        """The keys that are accepted, the one that signs first."""
        if purpose not in PURPOSES:
            raise ValueError(f"{purpose} is no purpose of a key")
        return [derived_key(secret, purpose) for secret in self.secrets]

    @property
    def pseudonym(self) -> bytes:
        """The key of the pseudonyms."""
        return derived_key(self.pseudonym_secret, "pseudonym")

    @property
    def pseudonym_id(self) -> str:
        """The name of the secret that pseudonyms are made with."""
        return key_id(self.pseudonym_secret)


def keys_of(settings: Settings) -> Keys:
    """The keys in force. Raises InvalidSettings if the data folder cannot be used."""
    current = secret_of(settings)
    previous = [_bytes(each) for each in settings.previous_secrets]
    previous += [] if settings.secret else _lines(settings.data_path / _PREVIOUS)
    kept = [_bytes(settings.pseudonym_secret)] if settings.pseudonym_secret else []
    kept += [] if settings.secret else _lines(settings.data_path / _PSEUDONYM)
    every = list(dict.fromkeys([current, *previous]))
    return Keys(every, (kept or every[-1:])[0])


def rotate(settings: Settings) -> None:
    """Put a new secret into the data folder; the one in force becomes an accepted one, the one of the pseudonyms stays.

    Cut short at any point, it leaves files that work and can be rotated again.
    """
    folder = settings.data_path
    with (folder / _SECRET).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _write(folder / _PSEUDONYM, keys_of(settings).pseudonym_secret)
        _write(folder / _PREVIOUS, b"\n".join(dict.fromkeys([secret_of(settings), *_lines(folder / _PREVIOUS)])))
        _write(folder / _SECRET, secrets.token_hex(32).encode())


def retire(settings: Settings) -> None:
    """Accept nothing any more that was signed with an earlier secret of the data folder."""
    (settings.data_path / _PREVIOUS).unlink(missing_ok=True)


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


def _lines(path: Path) -> list[bytes]:
    try:
        return [line.strip() for line in path.read_bytes().splitlines() if line.strip()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidSettings(f"data_dir: {path} cannot be read: {error.strerror}.") from None


def _write(path: Path, content: bytes) -> None:
    """Replace a file as a whole, on the disk."""
    new = path.with_name(f"{path.name}.new")
    with open(new, "wb", opener=_private) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def secret_of(settings: Settings) -> bytes:
    """The secret in force: the one configured, or one made at the first start and kept in the data folder."""
    if settings.secret:
        return settings.secret.encode(errors="surrogateescape")
    path = settings.data_path / _SECRET
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        kept = _kept_secret(path)
    except OSError as error:
        raise InvalidSettings(f"data_dir: {path} cannot be read or written: {error.strerror}.") from None
    if len(kept) < 32:
        raise InvalidSettings(
            f"data_dir: {path} is damaged. Restore it: with another secret every reader could vote a second time. "
            "If there are no votes yet, delete it."
        )
    return kept


def _kept_secret(path: Path) -> bytes:
    """The secret in the file. Of several processes that start together, one makes it."""
    with suppress(FileNotFoundError):
        if kept := path.read_bytes().strip():
            return kept
    with open(path, "ab+", opener=_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        if not (kept := file.read().strip()):
            kept = secrets.token_hex(32).encode()
            file.write(kept)
            file.flush()
            os.fsync(file.fileno())
    return kept


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
