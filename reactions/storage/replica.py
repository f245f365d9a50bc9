"""Where reports and exports read: a streaming replica, if the settings name one, so that long reads cost the votes nothing.

What a replica lacks yet has not happened for whoever reads there: the present of its reports is as late as its data. While it
cannot be reached, the primary is read in its place.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, event

RETRY_S = 5.0  # how long a replica that could not be reached is left alone
_LOOK_S = 1.0
# No wait where all that has arrived is replayed and more would arrive; else the age of the last transaction that was replayed.
_BEHIND = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            ELSE coalesce(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0) END
"""

log = logging.getLogger(__name__)


class Source:
    """An engine to read from, and the time up to which its data are complete."""

    def __init__(
        self,
        engine: Engine,
        *,
        clock: Callable[[], int],
        is_replica: bool = False,
        on_look: Callable[[float], object] = lambda _: None,
    ) -> None:
        """`clock` gives the time in UTC milliseconds; `on_look` is told each new `behind_s`."""
        self.engine = engine
        self.is_replica = is_replica
        self._clock = clock
        self._on_look = on_look
        self._behind_s = 0.0
        self._looked_at = -_LOOK_S

    def now_ms(self) -> int:
        """UTC milliseconds: now, or as late as a replica's data are."""
        return self._clock() - int(self.behind_s() * 1000)

    def reads_primary(self) -> bool:
        """True if a new reading would be the primary's."""
        with self.engine.connect() as connection:
            return not connection.exec_driver_sql("SELECT pg_is_in_recovery()").scalar_one()

    def behind_s(self) -> float:
        """By how many seconds the data are late, as it was within the last second."""
        now = time.monotonic()
        if self.is_replica and now - self._looked_at >= _LOOK_S:
            with self.engine.connect() as connection:
                self._behind_s = _late_by_s(connection)
            self._looked_at = now
            self._on_look(self._behind_s)
        return self._behind_s

    def complete_until(self, connection: Connection) -> int:
        """UTC milliseconds up to which this connection's data are complete: others may lead to another server."""
        late_s = _late_by_s(connection) if self.is_replica else 0.0
        return self._clock() - int(late_s * 1000)


def _late_by_s(connection: Connection) -> float:
    return max(0.0, float(connection.exec_driver_sql(_BEHIND).scalar_one()))


def fall_back(engine: Engine, primary: Engine, arguments: dict[str, Any]) -> None:
    """Let new connections of `engine` lead to the primary, with these arguments of its driver, while the replica is away."""
    failure: type[Exception] = engine.dialect.loaded_dbapi.OperationalError
    addresses, named = primary.dialect.create_connect_args(primary.url)
    away_until = 0.0

    @event.listens_for(engine, "do_connect")
    def connect(dialect: Any, _record: Any, args: Any, chosen: Any) -> Any:
        nonlocal away_until
        if time.monotonic() >= away_until:
            try:
                return dialect.connect(*args, **chosen)
            except failure as error:
                away_until = time.monotonic() + RETRY_S
                log.warning("replica away", exc_info=error)
        return dialect.connect(*addresses, **named, **arguments)
