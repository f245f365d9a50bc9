"""Logs: one JSON line for each event, on standard error. No address, browser name or reader id is ever logged.

Nor is an article, except by `drift`: no request causes that line, so it reveals no reader.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.tracebacks import ExceptionDictTransformer

log = structlog.get_logger()
_without_values = ExceptionDictTransformer(show_locals=False)  # local variables hold readers' ids, addresses and keys


def configure(level: str) -> None:
    """Set up structlog for the process."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(_without_values),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
