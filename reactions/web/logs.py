"""Logs: one JSON line for each event, on standard error. No address, browser name or reader id is ever logged.

Nor is an article, except by `drift`: no request causes that line, so it reveals no reader. What the domain and libraries log by
Python's `logging` takes the same way.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import Any

import structlog
from structlog.tracebacks import ExceptionDictTransformer
from structlog.types import ExcInfo

log = structlog.get_logger()
_without_variables = ExceptionDictTransformer(show_locals=False)  # they hold readers' ids, addresses and keys
_VALUES = re.compile(r"\n(?:DETAIL|CONTEXT):.*?(?=\n\[SQL:|\Z)", re.DOTALL)  # PostgreSQL's: "Failing row contains (…)"


def configure(level: str) -> None:
    """Set up structlog and `logging` for the process."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_without_values),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    if not any(isinstance(handler, _Lines) for handler in root.handlers):
        root.addHandler(_Lines(logging.WARNING))


class _Lines(logging.Handler):
    """Writes what is logged without structlog as our lines are written."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            tell = log.error if record.levelno >= logging.ERROR else log.warning
            tell(record.getMessage(), exc_info=record.exc_info)
        except Exception:  # noqa: BLE001  as of every handler: a full disk under standard error must not end who tells of a fault
            self.handleError(record)


def _without_values(exc_info: ExcInfo) -> list[dict[str, Any]]:
    told = _without_variables(exc_info)
    for exception in told:
        exception["exc_value"] = _VALUES.sub("", exception["exc_value"])
    return told
