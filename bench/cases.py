"""What is compared: votes, reads, what production runs, and where a vote's time goes."""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bench import load, machine
from bench.load import Load
from bench.proofs import Untrue, proof
from bench.rounds import Entrant, Ledger, Row, Turns, take_turns
from bench.servers import Server, Servers, Stand

HOT, SPREAD = load.votes(articles=1), load.votes(articles=1000)
CROWD_HOT, CROWD_SPREAD = load.votes_of_a_crowd(articles=1), load.votes_of_a_crowd(articles=1000)
_ENGINES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
_PEERS_AT = 32  # connections at which the peers take part
_BATCH = 20
_WORKERS = (2, 4)
NO_NGINX = "Behind nginx: left out, nginx is not installed (Debian, Ubuntu: apt-get install nginx-light)."


@dataclass(frozen=True)
class Plan:
    """How, and how much, is measured."""

    turns: Turns
    connections: Sequence[int]
    engines: Sequence[str]


@dataclass
class Outcome:
    """What came of a comparison; `notes` say that the counts were exact, or what makes the figures void."""

    title: str
    rows: list[Row]
    notes: list[str] = field(default_factory=list)
    void: bool = False


def votes(stand: Stand, plan: Plan) -> Iterator[Outcome]:
    """Durable votes of new readers, beside the ceiling and a transaction for each vote."""
    for kind in plan.engines:
        for connections in plan.connections:
            title = f"Votes, {_ENGINES[kind]}, {connections} connection{'s' * (connections > 1)}"
            with stand.comparison() as servers:
                yield _compared(title, _voters(servers, kind, peers=connections == _PEERS_AT), connections, plan)


def _voters(servers: Servers, kind: str, *, peers: bool) -> list[Entrant]:
    ours, granian = servers.ours(kind), servers.ours(kind, runs_on="granian")
    entrants = [
        Entrant("ceiling: Flask, constant JSON", servers.ceiling(), HOT),
        Entrant("floor: an empty application under our server", servers.empty(), HOT),
        Entrant("floor by granian", servers.empty("granian"), HOT),
        Entrant("ours, one hot article", ours, HOT),
        Entrant("ours, 1,000 articles", ours, SPREAD),
        Entrant("ours by granian, hot", granian, HOT),
        Entrant("ours by granian, 1,000 articles", granian, SPREAD),
    ]
    if peers:
        alone, customary = servers.ours(kind, batch_size=1, answer_within_s=5), servers.orm(kind)
        limited, behind_proxy = servers.ours(kind, limiter="redis"), servers.ours(kind, trusted_proxies="127.0.0.1")
        entrants += [
            Entrant("ours, each from a network of its own, hot", behind_proxy, CROWD_HOT),
            Entrant("ours, each from a network of its own, 1,000 articles", behind_proxy, CROWD_SPREAD),
            Entrant("ours, limits in Redis, hot", limited, HOT),
            Entrant("ours, limits in Redis, 1,000 articles", limited, SPREAD),
            Entrant("ours, a transaction a vote, hot", alone, HOT),
            Entrant("ours, a transaction a vote, 1,000 articles", alone, SPREAD),
            Entrant("ORM, a transaction a vote, hot", customary, HOT),
            Entrant("ORM, a transaction a vote, 1,000 articles", customary, SPREAD),
        ]
    return entrants


def ladder(stand: Stand, plan: Plan) -> Iterator[Outcome]:
    """Where a vote's time goes: the same vote with ever more layers switched on."""
    with stand.comparison() as servers:
        entrants = [
            Entrant("Flask, constant JSON", servers.ceiling(), HOT),
            Entrant("gunicorn alone, constant JSON", servers.ceiling("bare"), HOT),
            Entrant("ours: read, checked, answered", servers.ours("sqlite", part="without_limits_and_counting"), HOT),
            Entrant("ours: and limited in memory", servers.ours("sqlite", part="without_counting"), HOT),
            Entrant("ours: and limited in Redis", servers.ours("sqlite", limiter="redis", part="without_counting"), HOT),
        ]
        for kind in plan.engines:
            name = _ENGINES[kind]
            entrants += [
                Entrant(f"{name}: checked and counted, no limits", servers.ours(kind, part="without_limits"), HOT),
                Entrant(f"{name}: and limited in memory", servers.ours(kind), HOT),
                Entrant(f"{name}: and limited in Redis", servers.ours(kind, limiter="redis"), HOT),
            ]
        yield _compared("The ladder of one vote, a hot article, 32 connections", entrants, _PEERS_AT, plan)


def reads(stand: Stand, plan: Plan) -> Iterator[Outcome]:
    """Counts of one article and of twenty, new and known to the reader, with and without memory, behind the cache."""
    with stand.comparison() as servers:
        ours, granian = servers.ours("sqlite"), servers.ours("sqlite", runs_on="granian")
        forgetful = servers.ours("sqlite", counts_memory_s=0)
        for server in (ours, granian, forgetful):  # before any ETag is taken: a vote changes it
            load.run(load.votes(articles=_BATCH), url=server.url, connections=1, seconds=1)
        entrants = [
            Entrant("ceiling: Flask, constant JSON", servers.ceiling(), load.reads(articles=1)),
            Entrant("floor: an empty application under our server", servers.empty(), load.reads(articles=1)),
            Entrant("floor by granian", servers.empty("granian"), load.reads(articles=1)),
        ]
        entrants += _readers("ours", ours) + _readers("ours by granian", granian) + _readers("ours without memory", forgetful)
        cached = servers.behind_nginx(ours)
        if cached:
            entrants += _readers("ours behind nginx", cached)
        outcome = _compared("Counts, SQLite, 32 connections", entrants, _PEERS_AT, plan)
        if not cached:
            outcome.notes.append(NO_NGINX)
        yield outcome


def production(_: Stand, plan: Plan) -> Iterator[Outcome]:
    """PostgreSQL, Redis, nginx and several workers: all of them, and the load, on the same two cores."""
    for workers in _WORKERS:
        title = f"Production: {workers} workers, PostgreSQL, limits in Redis, all on the same cores, {_PEERS_AT} connections"
        with machine.sharing_cores(), Stand() as stand, stand.comparison() as servers:
            entrants = _in_production(servers, workers)
            outcome = _compared(title, entrants, _PEERS_AT, plan)
            if not any(entrant.server.front for entrant in entrants):
                outcome.notes.append(NO_NGINX)
            yield outcome


def _in_production(servers: Servers, workers: int) -> list[Entrant]:
    ceiling, ours = servers.ceiling(workers=workers), servers.ours("postgresql", limiter="redis", workers=workers)
    entrants = [
        Entrant("ceiling: Flask, constant JSON", ceiling, HOT),
        Entrant("ours, one hot article", ours, HOT),
        Entrant("ours, 1,000 articles", ours, SPREAD),
        Entrant("ours, counts of one article", ours, load.reads(articles=1)),
    ]
    faced = servers.behind_nginx(servers.ours("postgresql", limiter="redis", workers=workers, trusted_proxies="127.0.0.1"))
    if faced:
        entrants += [
            Entrant("behind nginx: ceiling", servers.behind_nginx(ceiling) or ceiling, HOT),
            Entrant("behind nginx: ours, one hot article", faced, HOT),
            Entrant("behind nginx: ours, 1,000 articles", faced, SPREAD),
            Entrant("behind nginx: ours, counts of one article", faced, load.reads(articles=1)),
        ]
    return entrants


def _readers(name: str, server: Server) -> list[Entrant]:
    one, many = load.reads(articles=1), load.reads(articles=_BATCH)
    known = load.reads(articles=1, etag=_etag(server, one))
    return [
        Entrant(f"{name}, one article", server, one),
        Entrant(f"{name}, one article, 304", server, known),
        Entrant(f"{name}, {_BATCH} articles", server, many),
    ]


def _etag(server: Server, asked: Load) -> str:
    """The ETag of an answer, after a look that 304 is what a reader gets who sends it."""
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=5)
    connection.request("GET", asked.path)
    first = connection.getresponse()
    first.read()
    etag = first.headers["ETag"]
    connection.request("GET", asked.path, headers={"If-None-Match": etag})
    status = connection.getresponse().status
    connection.close()
    if (first.status, status) != (200, 304):
        raise RuntimeError(f"{asked.path} answers {first.status}, then {status}, where 200 and 304 were expected.")
    return etag


def _compared(title: str, entrants: list[Entrant], connections: int, plan: Plan) -> Outcome:
    ledger = Ledger()
    rows = take_turns(entrants, plan.turns, connections=connections, ledger=ledger)
    outcome = Outcome(title, rows, void=any(row.errors for row in rows))
    starts = {entrant.server.name: entrant.server.start_s for entrant in entrants}
    outcome.notes.append(f"Ready after: {'; '.join(f'{name} {took_s:.1f} s' for name, took_s in starts.items())}.")
    for server, seen in ledger.acknowledged.items():
        try:
            if server.counts:
                articles = max(entrant.load.articles for entrant in entrants if entrant.server is server)
                outcome.notes.append(proof(server, seen=seen, hung_up=ledger.hung_up[server], articles=articles))
        except Untrue as untrue:
            outcome.void = True
            outcome.notes.append(f"VOID: {untrue}")
    return outcome
