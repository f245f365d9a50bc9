"""The hot path: votes in the usual form and counts from memory, settled ahead of Flask, whose layers cost more than all that is
checked here. `asgi` and `WsgiDoor` are its two doors, with one set of checks; everything else is Flask's to answer.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
from marshmallow import ValidationError

from reactions.newsroom import article_keys, registering
from reactions.newsroom.article_keys import ArticleKey
from reactions.newsroom.sites import Directory, Site
from reactions.notations import Proxies
from reactions.refusals import MalformedKey, ViewsNotCounted
from reactions.times import now_ms
from reactions.votes import networks, rules
from reactions.votes.ballot_box import BallotBox
from reactions.votes.rules import Ballot, Receipt
from reactions.votes.views import MOST_ARTICLES as MOST_SEEN
from reactions.votes.views import Views
from reactions.web import cors, metrics, problems, requests, schemas
from reactions.web.counts import PARAMETERS, Address, CachedResponse, CountsMemory, CountsReader
from reactions.web.headers import NOSNIFF, Header
from reactions.web.limits import VoteLimits, Voter
from reactions.web.trust import Trust

VOTE = re.compile("/v1/sites/([a-z0-9-]{1,63})/vote")
COUNTS = re.compile("/v1/sites/([a-z0-9-]{1,63})/(reactions|counts)")
VIEWS = re.compile("/v1/sites/([a-z0-9-]{1,63})/views")
ROUTE = "/v1/sites/<site_key>/vote"
VIEWS_ROUTE = "/v1/sites/<site_key>/views"
BEACON_BYTES = 32_768  # a hundred keys
BEACON_TYPES = ("text/plain", "application/json")  # the first is what a browser sends to another origin without asking

# What the widget sends, to the byte. A body that is written otherwise is read by the schema, which says what is wrong with it.
_WIDGETS_BODY = re.compile(
    rb'\{"article":"([^"\\\x00-\x1f\x7f-\xff]{1,200})","reaction":(?:"([a-z0-9_-]{1,32})"|null),'
    rb'"reader":"([0-9a-f]{32})","seq":(0|[1-9][0-9]{0,14})(?:,"token":"([A-Za-z0-9_-]{1,200})")?\}'
)
# What the widget's beacon sends, likewise.
_WIDGETS_BEACON = re.compile(
    rb'\{"articles":\["[^"\\\x00-\x1f\x7f-\xff]{1,200}"(?:,"[^"\\\x00-\x1f\x7f-\xff]{1,200}"){0,%d}\]\}' % (MOST_SEEN - 1)
)
_key_of = lru_cache(maxsize=4096)(article_keys.article_key)  # for ASCII alone, of which a key holds 200 bytes at most
_RECEIPT = [("Content-Type", "application/json"), ("Cache-Control", "no-store"), NOSNIFF]
_SEEN = [*_RECEIPT, *cors.NO_ORIGIN]
_body = schemas.VoteBody()


class VoteRequest(NamedTuple):
    """What is read of a request to vote, beside its body."""

    origin: str | None
    fetch_mode: str | None
    peer: str
    forwarded_for: str


@dataclass(frozen=True)
class HotPath:
    """What the two doors share, for one application."""

    directory: Directory
    ballot_box: BallotBox
    limits: VoteLimits
    trust: Trust
    memory: CountsMemory
    counts: CountsReader
    proxies: Proxies
    article_signing_keys: Sequence[bytes]
    pseudonym_key: bytes
    views: Views

    def ballot(self, site: Site, request: VoteRequest, body: bytes) -> tuple[Ballot, Voter]:
        """The ballot in a body whose origin was checked, and whom to limit.

        Raises ValidationError and what `rules.ballot` does.
        """
        article, reaction, reader, seq, sig, token = _read(body)
        at_ms = now_ms()
        address = networks.client_address(request.peer, request.forwarded_for, self.proxies)
        voter = self.limits.voter(site=site.key, address=address, reader=reader)
        ballot = rules.ballot(
            site,
            article=article,
            reaction=reaction,
            reader=reader,
            seq=seq,
            now_ms=at_ms,
            network=voter.wide_network or voter.network,
            signed=sig is not None and self._is_signed(site, article, sig),
            sender=self.trust.sender(site, address=address, reader=reader, token=token, now_ms=at_ms),
        )
        return ballot, voter

    def _is_signed(self, site: Site, article: str, sig: str) -> bool:
        """True if the publisher has signed the article's key. A wrong signature is no fault: it only helps nothing."""
        signing = (registering.signing_key(key, site.key) for key in self.article_signing_keys)
        return any(hmac.compare_digest(registering.signature(text, article), sig) for text in signing)

    def receipt(self, ballot: Ballot, receipt: Receipt) -> tuple[bytes, list[Header]]:
        """What a reader is answered whose vote is durable."""
        counts = receipt.counts
        answer = {
            "article": counts.article,
            "reaction": receipt.reaction,
            "total": counts.total,
            "counts": counts.by_reaction,
            "token": self.trust.renew(ballot),
        }
        return orjson.dumps(answer), [*_RECEIPT, ("RateLimit-Policy", self.limits.policy_field)]

    def cast(self, site: Site, request: VoteRequest, body: bytes) -> tuple[bytes, list[Header]]:
        """Count a vote whose origin was checked; return the receipt and its headers once it is durable.

        Raises what `ballot` and `BallotBox.cast` do.
        """
        ballot, voter = self.ballot(site, request, body)
        return self.receipt(ballot, self.ballot_box.cast(ballot, voter))

    def see(self, site: Site, request: VoteRequest, body: bytes) -> tuple[bytes, list[Header]]:
        """Count a beacon's views; return the answer and its headers. Nothing of a beacon that is refused is counted.

        Raises Forbidden, ViewsNotCounted or ValidationError.
        """
        cors.check_viewed_on(site, request.origin)
        if not site.count_views:
            raise ViewsNotCounted("This site counts no views. `reactions site set --count-views` changes that.")
        keys = _seen(site, _texts(body))
        address = networks.client_address(request.peer, request.forwarded_for, self.proxies)
        allowed = self.limits.may_see(site, address, keys)
        taken = self.views.add(site, allowed, now_ms=now_ms())
        metrics.observe_views(taken, limited=len(keys) - len(allowed), dropped=len(allowed) - taken, each=site.count_views)
        return b'{"taken":%d}' % taken, _SEEN

    def known(self, address: Address) -> CachedResponse | None:
        """The answer about counts for an address, if it is in memory and still good."""
        found = self.memory.find(address)
        if found is not None:
            metrics.reads.inc()
        return found


def _texts(body: bytes) -> list[str]:
    """The texts that a beacon sends as its articles' keys. Raises ValidationError."""
    if _WIDGETS_BEACON.fullmatch(body):
        return body[len(b'{"articles":["') : -len(b'"]}')].decode("ascii").split('","')
    sent = requests.json_object(body)
    texts = sent.get("articles")
    if sent.keys() != {"articles"} or not isinstance(texts, list) or not 1 <= len(texts) <= MOST_SEEN:
        raise ValidationError(f"Send the keys of 1 to {MOST_SEEN} articles and nothing else.", "articles")
    if not all(isinstance(text, str) for text in texts):
        raise ValidationError("Each key is a text.", "articles")
    return texts


def _seen(site: Site, texts: list[str]) -> list[ArticleKey]:
    """The articles of a beacon; a key that cannot be used is left out, as no article has it."""
    keys = []
    for text in texts:
        try:
            keys.append(_key_of(site.key, text) if text.isascii() else article_keys.article_key(site.key, text))
        except MalformedKey:
            continue
    return keys


def _read(body: bytes) -> tuple[str, str | None, bytes, int, str | None, str | None]:
    """Article, reaction, reader, seq, signature and token of a vote's body. Raises ValidationError."""
    usual = _WIDGETS_BODY.fullmatch(body)
    if usual:
        article, reaction, reader, seq, token = usual.groups()
        chosen, sent = (None if text is None else text.decode("ascii") for text in (reaction, token))
        return article.decode("ascii"), chosen, bytes.fromhex(reader.decode("ascii")), int(seq), None, sent
    read = _body.load(requests.json_object(body))
    return read["article"], read["reaction"], bytes.fromhex(read["reader"]), read["seq"], read.get("sig"), read.get("token")


def plain_query(what: str, query: bytes) -> dict[str, list[str]] | None:
    """The parameters of a query about counts; None for one that Flask should look at, and may have to refuse."""
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=200)
    except ValueError:
        return None
    lists: dict[str, list[str]] = {name: [] for name in PARAMETERS[what]}
    for name, value in pairs:
        if name not in lists:
            return None
        lists[name].append(value)
    return lists


class WsgiDoor:
    """WSGI middleware that settles what it can and passes on everything else."""

    def __init__(self, app: Any, hot_path: HotPath) -> None:
        self._app = app
        self._hot = hot_path

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        """Answer a vote or known counts, or let Flask answer."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method == "GET" and "HTTP_IF_MATCH" not in environ and (answer := self._hot.known((path, environ["QUERY_STRING"]))):
            if answer.is_known(environ.get("HTTP_IF_NONE_MATCH", "")):
                start_response("304 NOT MODIFIED", answer.headers)
                return ()
            length = ("Content-Length", str(len(answer.body)))
            start_response("200 OK", [*answer.headers, ("Content-Type", "application/json"), length])
            return (answer.body,)
        address = VOTE.fullmatch(path) if method == "PUT" else None
        if address is None or not _usual(environ):
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        return self._vote(address[1], environ, start_response)

    def _vote(self, site_key: str, environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
        page: list[Header] = cors.NO_ORIGIN
        try:
            site = self._hot.directory.find(site_key)
            request = request_of(environ)
            page = cors.check_origin(site, request.origin, request.fetch_mode)
            body, headers = self._hot.cast(site, request, _whole(environ))
            status = "200 OK"
        except Exception as error:  # noqa: BLE001  `problems.of` logs what is a bug
            found = problems.of(error, route=ROUTE)
            status, body, headers = f"{found.status} {problems.PHRASE[found.status]}", found.body, found.headers
        start_response(status, [*page, *headers, ("Content-Length", str(len(body)))])
        return (body,)


def request_of(environ: dict[str, Any]) -> VoteRequest:
    """What is read of a WSGI request to vote."""
    return VoteRequest(
        environ.get("HTTP_ORIGIN"),
        environ.get("HTTP_SEC_FETCH_MODE"),
        environ.get("REMOTE_ADDR") or "",
        environ.get("HTTP_X_FORWARDED_FOR", ""),
    )


def _usual(environ: dict[str, Any]) -> bool:
    """True for JSON of a length that is known beforehand and allowed, without a condition."""
    length = environ.get("CONTENT_LENGTH") or ""
    return (
        environ.get("CONTENT_TYPE") == "application/json"
        and "HTTP_TRANSFER_ENCODING" not in environ
        and "HTTP_IF_MATCH" not in environ
        and length.isdecimal()
        and length.isascii()
        and int(length) <= requests.SMALL_BODY_BYTES
    )


def _whole(environ: dict[str, Any]) -> bytes:
    """The whole body. Raises ValidationError if it ends early."""
    length = int(environ["CONTENT_LENGTH"])
    try:
        text: bytes = environ["wsgi.input"].read(length)
    except Exception:  # noqa: BLE001  each server has its own errors for a body that breaks off
        raise requests.broken_off() from None
    if len(text) != length:
        raise requests.too_short()
    return text
