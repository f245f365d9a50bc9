"""Settings: read once, typed, frozen.

`load` takes the environment as an argument, so only the two doors of the program (wsgi.py and the command line) read it.
An unknown, missing or mistyped setting raises `InvalidSettings`, whose text names it and says what was expected.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from marshmallow import EXCLUDE, Schema, ValidationError, validate
from marshmallow import fields as wire

from reactions import notations

PREFIX = "REACTIONS_"
NOT_SETTINGS = {"CONFIG"}  # read by `load` itself
_OF_ANY_BYTES = {"secret", "previous_secrets", "pseudonym_secret"}
_MOST = 1_000_000_000  # of anything; beyond, clocks and the database's numbers overflow when the first vote comes


class InvalidSettings(Exception):
    """The settings cannot be used; the text has one line for each fault."""


def _plain() -> Any:
    return field()


def _checked(check: Any) -> Any:
    return field(metadata={"validate": check})


def _number(minimum: float) -> Any:
    return field(metadata={"validate": [validate.Range(min=minimum), validate.Range(max=_MOST)]})


def _between(least: float, most: float) -> Any:
    return field(metadata={"validate": validate.Range(min=least, max=most)})


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything an operator can choose. config/default.toml gives each its default, unit and meaning."""

    data_dir: str = _checked(notations.is_folder)
    database_url: str = _plain()
    database_pool_size: int = _number(1)
    database_through_pgbouncer: bool = _plain()
    reports_database_url: str = _plain()
    secret: str = _checked(notations.is_secret)
    previous_secrets: list[str] = _checked(notations.are_secrets)  # noqa: RUF009
    pseudonym_secret: str = _checked(notations.is_secret)
    upgrade_on_start: bool = _plain()
    bind: str = _checked(notations.is_bind)
    server: str = _checked(validate.OneOf(["gunicorn", "granian"]))
    workers: int = _number(1)
    worker_class: str = _checked(validate.OneOf(["uvicorn", "gthread", "sync"]))
    threads: int = _number(1)
    trusted_proxies: list[str] = _checked(notations.is_network_list)  # noqa: RUF009
    public_url: str = _checked(notations.is_public_url)
    batch_size: int = _number(1)
    queue_size: int = _number(1)
    answer_within_s: float = _number(0.1)
    one_article_per_transaction: bool = _plain()
    site_memory_s: float = _number(0)
    counts_max_age_s: int = _number(0)
    counts_shared_max_age_s: int = _number(0)
    counts_stale_while_revalidate_s: int = _number(0)
    counts_stale_if_error_s: int = _number(0)
    counts_memory_s: float = _number(0)
    counts_memory_entries: int = _number(1)
    purge_urls: list[str] = _checked(notations.are_caches)  # noqa: RUF009
    limiter_url: str = _checked(notations.is_limiter_url)
    limiter_timeout_s: float = _number(0.001)
    limiter_retry_s: float = _number(0.1)
    votes_per_reader: str = _checked(notations.is_limit)
    votes_per_network: str = _checked(notations.is_limit)
    votes_per_wide_network: str = _checked(notations.is_limit)
    votes_per_network_everywhere: str = _checked(notations.is_limit)
    votes_per_wide_network_everywhere: str = _checked(notations.is_limit)
    votes_per_article: str = _checked(notations.is_limit)
    keyed_requests_per_network: str = _checked(notations.is_limit)
    wrong_keys_per_network: str = _checked(notations.is_limit)
    sign_ins_per_network: str = _checked(notations.is_limit)
    new_articles_per_network: str = _checked(notations.is_limit)
    forgettings_per_network: str = _checked(notations.is_limit)
    fresh_votes_per_network: str = _checked(notations.is_limit)
    fresh_votes_per_ipv4_24: str = _checked(notations.is_limit)
    fresh_votes_per_ipv6_56: str = _checked(notations.is_limit)
    fresh_votes_per_ipv6_48: str = _checked(notations.is_limit)
    fresh_votes_per_ipv6_32: str = _checked(notations.is_limit)
    fresh_votes_everywhere: str = _checked(notations.is_limit)
    proven_after_hours: int = _number(0)
    proven_articles: int = _between(0, 16)
    held_for_minutes: int = _number(1)
    suspect_held_for_hours: int = _between(1, 1_000_000)
    hold_automatically: bool = _plain()
    detector_every_s: float = _number(0)
    verify_articles_per_minute: int = _number(0)
    smtp_url: str = _checked(notations.is_smtp_url)
    mail_from: str = _checked(notations.is_mail_from)
    mail_unsubscribe: str = _checked(notations.is_unsubscribe)
    webhook_timeout_s: float = _between(0.1, 20)
    webhook_attempts: int = _between(1, 20)
    webhook_ports: list[str] = _checked(notations.is_port_list)  # noqa: RUF009
    webhook_private_targets: bool = _plain()
    oidc_issuer: str = _checked(notations.is_issuer)
    oidc_name: str = _plain()
    oidc_client_id: str = _plain()
    oidc_client_secret: str = _plain()
    oidc_scopes: list[str] = _plain()  # noqa: RUF009
    oidc_roles_claim: str = _plain()
    oidc_roles: list[str] = _plain()  # noqa: RUF009
    oidc_people: list[str] = _plain()  # noqa: RUF009
    oidc_timeout_s: float = _between(0.1, 20)
    export_precision: str = _checked(validate.OneOf(["millisecond", "second", "minute", "hour", "day"]))
    export_reader_key: str = _plain()
    exports_per_key: int = _number(1)
    export_within_s: float = _number(1)
    log_level: str = _checked(validate.OneOf(["debug", "info", "warning", "error"]))
    metrics_token: str = _plain()
    security_contact: str = _checked(notations.is_contact)
    demo: bool = _plain()

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()

    @property
    def engine_url(self) -> str:
        """The database to use: the one configured, or SQLite in the data folder. A file's path is absolute."""
        driver, _, file = self.database_url.partition(":///")
        if driver.startswith("sqlite") and file:
            return f"{driver}:///{Path(file).expanduser().absolute()}"
        return self.database_url or f"sqlite:///{self.data_path / 'reactions.db'}"

    @property
    def on_sqlite(self) -> bool:
        """True if votes are kept in an SQLite file."""
        return self.engine_url.startswith("sqlite")

    @property
    def address(self) -> str:
        """The service's own address as readers see it, without a slash at the end."""
        own = "localhost" if self.bind.startswith("unix:") else self.bind.replace("0.0.0.0", "localhost")  # noqa: S104
        return (self.public_url or f"http://{own}").rstrip("/")

    @property
    def dashboard_url(self) -> str:
        """Where editors find the dashboard, for links that leave the service; empty without a `public_url`."""
        return f"{self.address}/dashboard" if self.public_url else ""


NAMES = [item.name for item in fields(Settings)]
SECRETS = {"secret", "previous_secrets", "pseudonym_secret", "metrics_token", "oidc_client_secret", "export_reader_key"}
ADDRESSES = {"database_url", "reports_database_url", "limiter_url", "smtp_url"}  # they may hold a password


_FIELD_OF: dict[Any, type[wire.Field[Any]]] = {
    int: notations.Whole,
    float: notations.Decimal,
    bool: wire.Boolean,
    str: wire.String,
}


@cache
def _schema() -> Schema:
    hints = get_type_hints(Settings)
    shapes: dict[str, Any] = {}
    for item in fields(Settings):
        options = {"required": True, **item.metadata}
        kind = hints[item.name]
        shapes[item.name] = _FIELD_OF[kind](**options) if kind in _FIELD_OF else notations.Comma(wire.String(), **options)
    return Schema.from_dict(shapes)(unknown=EXCLUDE)


def default_file() -> Path:
    """config/default.toml, beside the package in a source tree and inside it once installed."""
    return shipped("config") / "default.toml"


def shipped(folder: str) -> Path:
    """A folder that travels with the product: `config` or `migrations`."""
    package = Path(__file__).parent
    installed = package / f"_{folder}"
    return installed if installed.is_dir() else package.parent / folder


def load(environ: Mapping[str, str], **overrides: Any) -> Settings:
    """Read the defaults, then the file that REACTIONS_CONFIG names, then REACTIONS_* of `environ`, then `overrides`.

    Raises InvalidSettings.
    """
    given: dict[str, Any] = dict(_from_file(default_file()))
    if path := environ.get(f"{PREFIX}CONFIG"):
        given |= _from_file(Path(path))
    given |= _from_environment(environ) | overrides
    if unknown := [name for name in given if name not in NAMES]:
        raise InvalidSettings("\n".join(map(_unknown, unknown)))
    try:
        settings = Settings(**_schema().load(given))
    except ValidationError as error:
        raise InvalidSettings("\n".join(_faults(error.messages_dict, given))) from None
    return _checked_together(settings)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin it with a byte order mark
    except OSError as error:
        raise InvalidSettings(f"REACTIONS_CONFIG names {path}, which cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"{path} is not TOML: {error}.") from None


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for variable, text in environ.items():
        name = variable.removeprefix(PREFIX)
        if name == variable or name in NOT_SETTINGS:
            continue
        if name.endswith("_FILE") and name.lower() not in NAMES:
            name, text = name.removesuffix("_FILE"), _secret_from(variable, text)
        if name.lower() in given:
            raise InvalidSettings(f"{name.lower()}: given twice. Keep one of {PREFIX}{name} and {PREFIX}{name}_FILE.")
        if name.lower() not in _OF_ANY_BYTES and any("\ud800" <= letter <= "\udfff" for letter in text):
            raise InvalidSettings(f"{name.lower()}: the environment has bytes in it that are not UTF-8.")
        given[name.lower()] = text
    return given


def _secret_from(variable: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise InvalidSettings(f"{variable} names {path}, which cannot be read: {why}.") from None
    if not text:
        raise InvalidSettings(f"{variable} names {path}, which is empty.")
    return text


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, NAMES, n=1)
    hint = f" Did you mean {near[0]}?" if near else " `reactions settings` lists them all."
    return f"{name}: no such setting.{hint}"


def _faults(messages: Mapping[str, Any], given: Mapping[str, Any]) -> list[str]:
    faults = []
    for name, said in messages.items():
        texts = said if isinstance(said, list) else [text for texts in said.values() for text in texts]
        shown = "" if name in SECRETS | ADDRESSES else f" (it is {given.get(name)!r})"
        faults.append(f"{name}: {' '.join(texts)}{shown}")
    return faults


def _checked_together(settings: Settings) -> Settings:
    if settings.workers > 1 and settings.limiter_url.startswith("memory"):
        raise InvalidSettings(
            "limiter_url: memory:// counts for one process only, so with workers > 1 every limit would be that many "
            "times too wide. Set limiter_url to a Redis address, or workers to 1."
        )
    if not settings.secret and not settings.on_sqlite:
        raise InvalidSettings(
            "secret: needed with a shared database, because every process must know readers by the same pseudonyms. "
            "`openssl rand -hex 32` makes one; put it into REACTIONS_SECRET or REACTIONS_SECRET_FILE."
        )
    if settings.server == "granian" and settings.worker_class != "uvicorn":
        raise InvalidSettings(
            f"worker_class: {settings.worker_class} is one of gunicorn's. Set server to gunicorn, or leave worker_class out."
        )
    if settings.reports_database_url and settings.on_sqlite:
        raise InvalidSettings("reports_database_url: an SQLite file has no replica. Leave it empty, or set database_url too.")
    return settings


def without_password(address: str) -> str:
    """An address of a database or a store, fit to be shown."""
    return re.sub(r"(?<=password=)[^&]*", "***", re.sub(r"(?s)//.*@", "//***@", address))
