"""Probes and metrics for operators: /healthz, /readyz, /metrics."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta

from flask import Blueprint, Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import NotFound, Unauthorized

from reactions.refusals import Unavailable
from reactions.storage import engines, migrations
from reactions.votes import readers
from reactions.web import current, guards, metrics
from reactions.web.problems import problem

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Answer while the process lives. Neither the database nor the limiter's store is asked."""
    return jsonify(alive=True)


@blueprint.get("/readyz")
def ready() -> Response:
    """The database answers and its tables are those of this version, or of a newer one that this version can work with."""
    try:
        with current.reading() as connection:
            behind = migrations.behind(connection)
            if not behind:
                readers.check_key(connection, current.parts().keys.pseudonym_id)
                engines.check_files(connection)
    except SQLAlchemyError:
        return _not_ready("The database cannot be reached.")
    except Unavailable as refusal:
        return _not_ready(refusal.detail)
    if behind:
        return _not_ready("The tables are not those of this version: run `reactions db upgrade`.")
    return jsonify(ready=True)


@blueprint.get("/metrics")
@guards.keyed
def exposed_metrics() -> Response:
    """Metrics for Prometheus. They need the token of the settings; without one the address does not exist."""
    token = current.parts().settings.metrics_token
    if not token:
        raise NotFound
    sent = request.headers.get("Authorization", "")
    if not hmac.compare_digest(sent.encode(), f"Bearer {token}".encode()):
        if sent:
            guards.count_wrong_key()
        raise Unauthorized(www_authenticate=WWWAuthenticate("bearer"))
    return Response(metrics.exposition(), content_type="text/plain; version=0.0.4; charset=utf-8")


@blueprint.get("/.well-known/security.txt")
def security_txt() -> Response:
    """Where to report a weakness (RFC 9116)."""
    contact = current.parts().settings.security_contact
    if not contact:
        raise NotFound
    expires = datetime.fromtimestamp(current.now_ms() / 1000, UTC).replace(microsecond=0) + timedelta(days=180)
    text = f"Contact: {contact}\nExpires: {expires:%Y-%m-%dT%H:%M:%SZ}\nPreferred-Languages: en\n"
    return Response(text, content_type="text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


def _not_ready(detail: str) -> Response:
    return problem("not-ready", detail, headers={"Retry-After": "2"})
