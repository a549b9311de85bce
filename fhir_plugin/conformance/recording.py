"""The one sender of HTTP, which here remembers what was said: without secrets, and without what nobody would read."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

from fhir_plugin.conformance.results import Exchange
from smart_launch.errors import SmartError
from smart_launch.transport import Reply, Transport

_LONGEST: Final = 4000
_LONG_VALUE: Final = re.compile(r'"([A-Za-z0-9+/=]{400,})"')
_SHOWN: Final = frozenset(
    [
        "accept",
        "content-type",
        "content-length",
        "content-location",
        "etag",
        "if-match",
        "if-none-exist",
        "if-none-match",
        "last-modified",
        "location",
        "prefer",
        "x-security-context",
    ]
)


class RecordingTransport(Transport):
    """Keeps every exchange until it is taken."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._kept: list[Exchange] = []

    def taken(self) -> tuple[Exchange, ...]:
        """What has been said since the last time."""
        kept, self._kept = tuple(self._kept), []
        return kept

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
        whole = content if content is None or isinstance(content, bytes) else b"".join(content)
        began = time.monotonic()
        reply: Reply | None = None
        lost = ""
        try:
            reply = super().send(
                method,
                url,
                headers=headers,
                content=whole,
                form=form,
                max_bytes=max_bytes,
                read_timeout=read_timeout,
                total_timeout=total_timeout,
            )
            return reply
        except SmartError as error:
            lost = error.code
            raise
        finally:
            sent = headers or {}
            self._kept.append(
                Exchange(
                    method=method,
                    url=url,
                    request_headers=_shown(sent),
                    request_body=_text(whole, _type_of(sent)) if form is None else "&".join(sorted(form)),
                    status=reply.status if reply is not None else 0,
                    response_headers=_shown(reply.headers) if reply is not None else {},
                    response_body=_text(reply.content, _type_of(reply.headers)) if reply is not None else lost,
                    milliseconds=round((time.monotonic() - began) * 1000),
                )
            )


def _type_of(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")


def _shown(headers: Mapping[str, str]) -> dict[str, str]:
    """By a list of what may be shown: whatever may carry a secret is not on it."""
    return {name: value for name, value in headers.items() if name.lower() in _SHOWN}


def _text(content: bytes | None, content_type: str) -> str:
    if not content:
        return ""
    if not any(word in content_type for word in ("json", "xml", "html", "text")):
        return f"({len(content)} bytes of {content_type or 'an unnamed type'})"
    text = content.decode("utf-8", errors="replace")
    with contextlib.suppress(ValueError):  # what is not JSON is shown as it came
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    text = _LONG_VALUE.sub(lambda found: f'"({len(found[1])} characters)"', text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n({len(text) - _LONGEST} characters more)"
