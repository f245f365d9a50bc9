"""The wiring: settings in, application out. Read it first; everything else is reached from here."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence

from flask import Flask
from sqlalchemy import Engine

from reactions import languages
from reactions.demo import seeding
from reactions.newsroom import outdated, sites
from reactions.newsroom.sites import Site
from reactions.notations import proxy_networks
from reactions.notices import suspicion
from reactions.notices.purging import Outcome, Purger
from reactions.reports import reporting
from reactions.reports.reporting import Reports
from reactions.secret_keys import Keys, keys_of
from reactions.settings import InvalidSettings, Settings
from reactions.storage import connecting, engines, partitions, replica
from reactions.storage.replica import Source
from reactions.times import HOUR_MS
from reactions.votes import readers, rollups
from reactions.votes.ballot_box import Answer, BallotBox, Listener
from reactions.votes.drift import Drift, Rounds
from reactions.votes.rules import Ballot, Receipt
from reactions.votes.verdicts import Verdict
from reactions.votes.views import Views
from reactions.votes.watching import Rules, Watch
from reactions.web import (
    atom,
    conditional,
    current,
    dashboard,
    demo_paper,
    editors,
    export_api,
    extensions,
    form_votes,
    guards,
    headers,
    health,
    holds_api,
    logs,
    metrics,
    nameless_votes,
    newsroom_api,
    openapi,
    problems,
    reader_api,
    report_api,
    settings_api,
    widget,
)
from reactions.web.asgi import AsgiDoor
from reactions.web.counts import CountsMemory, CountsReader
from reactions.web.extensions import db
from reactions.web.hot_path import HotPath, WsgiDoor
from reactions.web.limits import VoteLimits
from reactions.web.oidc import Provider
from reactions.web.trust import DailyKey, Trust

_REPLICA = "reports"  # the name of its engine
_ROLLING_UP_S = 5.0  # of each minute, until all is rolled up


def create_app(settings: Settings, *, batch: bool = False) -> Flask:
    """Make the WSGI application; one for a `batch` command has no statement time-out. Raises InvalidSettings.

    The database is not asked until the first request.
    """
    logs.configure(settings.log_level)
    app = Flask(__name__, static_folder="web/static", template_folder="web/templates")
    app.config["MAX_CONTENT_LENGTH"] = 1_048_576
    secure = settings.address.startswith("https")
    app.config["SESSION_COOKIE_NAME"] = "__Host-reactions_session" if secure else "reactions_session"
    app.config["SESSION_COOKIE_SAMESITE"] = "Strict"
    app.config["SESSION_COOKIE_SECURE"] = secure
    app.config["SQLALCHEMY_DATABASE_URI"] = settings.engine_url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = connecting.options(settings, batch=batch)
    ballots = connecting.options_of_the_ballot_box(settings, batch=batch)
    app.config["SQLALCHEMY_BINDS"] = {"ballots": {"url": settings.engine_url, **ballots}}
    if settings.reports_database_url:
        replica_url = settings.reports_database_url
        app.config["SQLALCHEMY_BINDS"][_REPLICA] = {"url": replica_url, **connecting.options_of_reports(settings, batch=batch)}
    app.json.sort_keys = False  # type: ignore[attr-defined]
    _make_data_folder(settings)
    db.init_app(app)
    extensions.babel.init_app(app, locale_selector=languages.spoken)
    keys = keys_of(settings)
    app.secret_key, *app.config["SECRET_KEY_FALLBACKS"] = keys.accepted("session")
    with app.app_context():
        for name, engine in db.engines.items():
            engines.prepare(engine, writes=name != _REPLICA)
        _purge_caches(settings)
        parts = _parts(settings, keys, batch=batch)
        parts.install()
    extensions.bind_limiter(app, parts.hot_path.limits.store)
    _register(app, settings)
    app.wsgi_app = WsgiDoor(app.wsgi_app, parts.hot_path)  # type: ignore[method-assign]
    return app


def asgi_app(app: Flask) -> AsgiDoor:
    """The application for ASGI servers: the hot path on the event loop, the rest of `app` in threads."""
    with app.app_context():
        parts = current.parts()
    threads, answer_within_s = parts.settings.threads, parts.settings.answer_within_s
    return AsgiDoor(app.wsgi_app, parts.hot_path, threads=threads, answer_within_s=answer_within_s, on_start=parts.rounds.start)


def _make_data_folder(settings: Settings) -> None:
    if settings.on_sqlite and not settings.database_url:
        try:
            settings.data_path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidSettings(f"data_dir: {settings.data_path} cannot be made: {error.strerror}.") from None
    if settings.on_sqlite:
        engines.keep_private(settings.engine_url)


def _parts(settings: Settings, keys: Keys, *, batch: bool) -> current.Parts:
    limits = VoteLimits(settings, key=keys.signing("limits"))
    network_key = DailyKey(lambda: limits.store.client)
    trust = Trust(settings, token_keys=keys.accepted("reader tokens"), key=network_key, limit=limits.admit)
    memory = CountsMemory(keep_s=settings.counts_memory_s, entries=settings.counts_memory_entries)
    watch = _watch(settings, db.engine, lambda: hot_path.ballot_box)
    trust.watched = watch.hold_for
    source = _source(settings, batch=batch)
    reports = _reports(keys, source)
    rounds = _rounds(settings, db.engine, reports, network_key)

    def settled(ballots: Sequence[Ballot], answers: Sequence[Answer]) -> None:
        memory.outdate(_counted(ballots, answers))
        metrics.observe_batch(answers)
        if not batch:  # a command ends soon: its threads would read for nobody, and leave what they do half done
            watch.note(ballots, answers)
            rounds.start()

    ballot_box = _ballot_box(settings, keys, trust, limits, settled)
    hot_path = HotPath(
        directory=sites.Directory(db.engine, memory_s=settings.site_memory_s),
        ballot_box=ballot_box,
        limits=limits,
        trust=trust,
        memory=memory,
        counts=CountsReader(db.engine, memory, settings),
        proxies=proxy_networks(settings.trusted_proxies),
        pseudonym_key=keys.pseudonym,
        article_signing_keys=keys.accepted("article-signatures"),
        views=Views(ballot_box.transact),
    )
    provider = Provider(settings, key=keys.signing("oidc"), clock=current.now_ms) if settings.oidc_issuer else None
    return current.Parts(
        settings=settings, keys=keys, hot_path=hot_path, reports=reports, source=source, watch=watch,
        rounds=rounds, provider=provider,
    )  # fmt: skip


def _reports(keys: Keys, source: Source) -> Reports:
    cursor_key, *older = keys.accepted("cursors")
    return Reports(
        source.engine,
        cursor_key=cursor_key,
        older_cursor_keys=older,
        clock=source.now_ms,
        complete_until=source.complete_until,
    )


def _source(settings: Settings, *, batch: bool) -> Source:
    """Where reports read."""
    found = db.engines.get(_REPLICA)
    if found is None:
        return Source(db.engine, clock=current.now_ms)
    replica.fall_back(found, db.engine, connecting.options(settings, batch=batch)["connect_args"])
    return Source(found, clock=current.now_ms, is_replica=True, on_look=metrics.reports_behind.set)


def _ballot_box(settings: Settings, keys: Keys, trust: Trust, limits: VoteLimits, listener: Listener) -> BallotBox:
    return BallotBox(
        db.engines["ballots"],
        pseudonym_key=keys.pseudonym,
        guard=lambda connection: readers.agree_on_key(connection, keys.pseudonym_id, now_ms=current.now_ms()),
        batch_size=settings.batch_size,
        queue_size=settings.queue_size,
        answer_within_s=settings.answer_within_s,
        one_article_per_transaction=settings.one_article_per_transaction,
        admit=trust.admit,
        budget=limits.may_register,
        listener=listener,
    )


def _purge_caches(settings: Settings) -> None:
    """Let the caches of the settings hear of what editors change, whichever connection they change it by."""
    if settings.purge_urls:
        purger = Purger(
            settings.purge_urls,
            counts_memory_s=settings.counts_memory_s,
            site_memory_s=settings.site_memory_s,
            on_outcome=_tell_of_purge,
        )
        for name in (None, "ballots"):
            outdated.on_commit(db.engines[name], purger.tell)


def _tell_of_purge(outcome: Outcome, cause: str) -> None:
    metrics.purges.labels(outcome).inc()
    if cause:
        logs.log.warning("purge failed", cause=cause)


def _rounds(settings: Settings, engine: Engine, reports: Reports, network_key: DailyKey) -> Rounds:
    """What a process does every minute: check some articles, roll up the hours that have closed, keep sums and reports."""

    def in_the_background() -> None:
        network_key.agree(current.now_ms())
        if rollups.roll_up(engine, now_ms=current.now_ms(), within_s=_ROLLING_UP_S):
            reporting.keep_sums(engine, now_ms=current.now_ms())
        partitions.keep_ahead(engine, now_ms=current.now_ms())
        reports.keep_warm()

    return Rounds(
        engine,
        articles=settings.verify_articles_per_minute,
        on_look=_tell_of_drift,
        beside=in_the_background,
        at_start=reports.keep_warm,
    )


def _tell_of_drift(visited: int, new: Sequence[Drift], differing: int) -> None:
    """What the rolling check has seen, for operators: the one log line that names an article, and which command shows more."""
    metrics.verified.inc(visited)
    metrics.drift.set(differing)
    for found in new:
        command = f"reactions recount --site {found.site} --article {shlex.quote(found.article)}"
        logs.log.error("drift", site=found.site, article=found.article, differences=[*map(str, found.differences)], run=command)


def _watch(settings: Settings, engine: Engine, box: Callable[[], BallotBox]) -> Watch:
    """The watch over the votes of this process; each new verdict raises an alert."""

    def suspicious(site: Site, verdict: Verdict) -> None:
        metrics.verdicts.inc()
        suspicion.raise_alert(engine, site, verdict, now_ms=current.now_ms(), dashboard_url=settings.dashboard_url)

    chosen = Rules(
        settings.detector_every_s, settings.hold_automatically, suspect_held_for_ms=settings.suspect_held_for_hours * HOUR_MS
    )
    return Watch(engine, box, chosen, clock=current.now_ms, on_verdict=suspicious)


def _counted(ballots: Sequence[Ballot], answers: Sequence[Answer]) -> Collection[int]:
    """The articles whose counts a batch may have changed, under the ids of the keys asked and of the articles found."""
    settled = [(b.article_id, a.article_id) for b, a in zip(ballots, answers, strict=True) if isinstance(a, Receipt)]
    return {article_id for both in settled for article_id in both}


def _register(app: Flask, settings: Settings) -> None:
    problems.register(app)
    headers.install(app)
    conditional.install(app)
    guards.install(app)
    app.before_request(editors.refuse_key_in_address)
    openapi.install(
        app,
        [
            reader_api.blueprint,
            newsroom_api.blueprint,
            holds_api.blueprint,
            report_api.blueprint,
            export_api.blueprint,
            settings_api.blueprint,
            atom.blueprint,
        ],
    )
    for blueprint in (widget.blueprint, nameless_votes.blueprint, form_votes.blueprint, health.blueprint, dashboard.blueprint):
        app.register_blueprint(blueprint)
    if settings.demo:
        key_file = seeding.key_file(settings.data_path)
        app.config["DEMO_KEY"] = key_file.read_text(encoding="ascii") if key_file.exists() else ""
        app.config["DEMO_LINKS"] = [("Dashboard", "/dashboard"), ("API", "/docs")]
        app.register_blueprint(demo_paper.blueprint(lambda: seeding.printed_at_ms(db.engine)))
