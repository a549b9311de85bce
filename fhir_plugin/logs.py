"""What is logged: ids, codes and kinds of error, as JSON lines on stderr. Never content, tokens or query strings."""

from __future__ import annotations

import logging
import sys

import structlog


def configure_logs() -> None:
    """Sends every log line of this process to stderr, so that stdout carries answers only. Safe to call twice."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
