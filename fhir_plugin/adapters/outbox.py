"""The practice's messaging as a folder: one file for each text that is to be sent, for another program to fetch.

The folder is ours alone (0700), a file's name is random, and a file appears complete or not at all. Whatever sends it
deletes it; what nobody fetched is deleted when its link has expired. Implements `ports.Messages`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import secrets
from pathlib import Path

import structlog

from fhir_plugin.errors import Unavailable

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[0-9a-f]{32}")


class OutboxFolder:
    """Each file is JSON: `number`, `text`, `expires` (UTC). All that is logged is that one could not be made."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def hand_over(self, number: str, text: str, *, expires: dt.datetime) -> str:
        message = secrets.token_hex(16)
        content = json.dumps({"number": number, "text": text, "expires": expires.astimezone(dt.UTC).isoformat()})
        aside = self._folder / f".{message}"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
            descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._path(message))
        except OSError as error:
            with contextlib.suppress(OSError):
                aside.unlink()
            log.error("message-not-handed-over", kind=type(error).__name__)
            raise Unavailable("The practice's messaging cannot be reached.", code="messages") from None
        return message

    def take_back(self, message: str) -> None:
        if _NAME.fullmatch(message):
            self._path(message).unlink(missing_ok=True)

    def forget_expired(self, now: dt.datetime) -> int:
        forgotten = 0
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name.startswith("."):  # half made by somebody who died; what is being made now is younger
                old = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC) < now - dt.timedelta(hours=1)
            else:
                old = self._expires(path) <= now
            if old:
                path.unlink(missing_ok=True)
                forgotten += 1
        return forgotten

    def _expires(self, path: Path) -> dt.datetime:
        """What cannot be read has expired: nobody could send it, and nobody would ever delete it."""
        try:
            return dt.datetime.fromisoformat(json.loads(path.read_text("utf-8"))["expires"])
        except FileNotFoundError:  # fetched meanwhile
            return dt.datetime.max.replace(tzinfo=dt.UTC)
        except (OSError, ValueError, KeyError, TypeError):
            return dt.datetime.min.replace(tzinfo=dt.UTC)

    def _path(self, message: str) -> Path:
        return self._folder / f"{message}.json"
