"""What cannot be read stops itself and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import structlog

from fhir_plugin.errors import PluginError

log = structlog.get_logger(__name__)

T = TypeVar("T")

DAMAGE: Final = (PluginError, OSError, ValueError, KeyError, TypeError)
"""What a row or a file raises that was changed past the app, or sealed by a version that knew something else."""


def unless_damaged(part: str, step: Callable[[], T], otherwise: T) -> T:
    """What `step` returns; `otherwise` where something of it cannot be read, which is logged by its code and kind."""
    try:
        return step()
    except DAMAGE as error:
        log.error("part-not-done", part=part, code=getattr(error, "code", ""), kind=type(error).__name__)
        return otherwise
