"""A transport whose answers are written down beforehand, and which remembers what was asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from requests.structures import CaseInsensitiveDict

from smart_launch.errors import TransportError
from smart_launch.transport import Reply, Transport


@dataclass(frozen=True)
class Asked:
    """One request as it would have gone out."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes
    form: Mapping[str, str] | None


@dataclass(frozen=True)
class Answer:
    """One answer: `body` is sent as FHIR JSON unless it is bytes."""

    status: int = 200
    body: Any = b""
    content_type: str = "application/fhir+json"
    headers: tuple[tuple[str, str], ...] = ()

    def reply(self, url: str) -> Reply:
        content = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = CaseInsensitiveDict(dict(self.headers))
        if self.content_type:
            headers.setdefault("Content-Type", self.content_type)
        return Reply(self.status, headers, content, url)


class ScriptedTransport(Transport):
    """Gives the `script` in order; a `TransportError` in it is raised. `asked` is what came in."""

    def __init__(self, *script: Answer | TransportError) -> None:
        super().__init__()
        self._script = list(script)
        self.asked: list[Asked] = []

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        form: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        read_timeout: float | None = None,
        total_timeout: float | None = None,
    ) -> Reply:
        body = content if isinstance(content, bytes) else b"".join(content or ())
        self.asked.append(Asked(method, url, CaseInsensitiveDict(headers or {}), body, form))
        if not self._script:
            raise AssertionError(f"nobody expected {method} {url}")
        following = self._script.pop(0)
        if isinstance(following, TransportError):
            raise following
        return following.reply(url)

    @property
    def finished(self) -> bool:
        """Whether every answer of the script was given."""
        return not self._script
