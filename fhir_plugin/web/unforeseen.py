"""What nobody foresaw, in the log: where it happened and what kind it was, never what it was about.

Flask's own line names the path, and the path of a patient's page is the key to it; a traceback's last line is whatever
a library put into its exception.
"""

from __future__ import annotations

import sys
import traceback
from types import TracebackType
from typing import Any

import structlog
from flask import Flask, has_request_context, request

log = structlog.get_logger(__name__)

MOST_CAUSES = 5


class DiscreetFlask(Flask):
    """Flask, but that an unforeseen exception is logged without the path, the values or the words of anything."""

    def log_exception(self, *arguments: Any) -> None:
        """Endpoint, method, the exception's kind with those of its causes, and the lines of code that led to it.

        Called by Flask within its handling of the exception.
        """
        error = sys.exc_info()[1]
        log.error(
            "unforeseen",
            endpoint=request.endpoint if has_request_context() else None,
            method=request.method if has_request_context() else None,
            kinds=_kinds(error),
            lines=_lines(None if error is None else error.__traceback__),
        )


def _kinds(error: BaseException | None) -> list[str]:
    found: list[str] = []
    while error is not None and len(found) < MOST_CAUSES:
        found.append(f"{type(error).__module__}.{type(error).__qualname__}")
        error = error.__cause__ or error.__context__
    return found


def _lines(trace: TracebackType | None) -> list[str]:
    return [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in traceback.walk_tb(trace)]
