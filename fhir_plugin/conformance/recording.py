"""The one sender of HTTP, which here remembers what was said: without secrets, without what nobody would read, and no
longer than a run may take."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from fhir_plugin.conformance.results import Exchange
from smart_launch.errors import NotSent, SmartError
from smart_launch.transport import Reply, Transport

_LONGEST: Final = 4000
MOST_EXCHANGES: Final = 40
"""Of one check: of pages that never end, the first are shown, and the last."""
_LAST: Final = 8
_TOKEN: Final = "(the token)"  # noqa: S105 - what stands in its place
_MOST_READ: Final = 16 * 2**20
TIME_OVER: Final = "time-over"
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
    """Keeps the exchanges of a check until they are taken. For one thread."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._kept: list[Exchange] = []
        self.passed_over = 0
        """How many exchanges more there were than are kept."""
        self._until: float | None = None

    def end_in(self, seconds: float) -> None:
        """From now on nothing is asked, and nothing waited for, beyond that many seconds."""
        self._until = time.monotonic() + seconds

    @property
    def time_is_over(self) -> bool:
        return self._until is not None and time.monotonic() >= self._until

    def taken(self) -> tuple[Exchange, ...]:
        """What has been said since the last time."""
        kept, self._kept, self.passed_over = tuple(self._kept), [], 0
        return kept

    def _keep(self, exchange: Exchange) -> None:
        if len(self._kept) >= MOST_EXCHANGES:
            del self._kept[-_LAST]
            self.passed_over += 1
        self._kept.append(exchange)

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
        if self._until is not None:
            left = self._until - began
            if left <= 0:
                raise NotSent("The time for this run is over.", code=TIME_OVER, host=urlsplit(url).hostname or "")
            total_timeout = left if total_timeout is None else min(total_timeout, left)
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
            without = partial(_without, token=_token_in(sent))  # some echo what they were sent
            self._keep(
                Exchange(
                    method=method,
                    url=without(url),
                    request_headers=_shown(sent, without),
                    request_body=without(_text(whole, _type_of(sent)) if form is None else "&".join(sorted(form))),
                    status=reply.status if reply is not None else 0,
                    response_headers=_shown(reply.headers, without) if reply is not None else {},
                    response_body=without(_text(reply.content, _type_of(reply.headers)) if reply is not None else lost),
                    milliseconds=round((time.monotonic() - began) * 1000),
                )
            )


def _type_of(headers: Mapping[str, str]) -> str:
    return next((value for name, value in headers.items() if name.lower() == "content-type"), "")


def _shown(headers: Mapping[str, str], without: Callable[[str], str]) -> dict[str, str]:
    """By a list of what may be shown: whatever may carry a secret is not on it."""
    return {name: without(value)[:_LONGEST] for name, value in headers.items() if name.lower() in _SHOWN}


def _token_in(headers: Mapping[str, str]) -> str:
    value = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
    return value.partition(" ")[2].strip()


def _without(text: str, *, token: str) -> str:
    return text.replace(token, _TOKEN) if token else text


def _text(content: bytes | None, content_type: str) -> str:
    if not content:
        return ""
    if not any(word in content_type for word in ("json", "xml", "html", "text")):
        return f"({len(content)} bytes of {content_type or 'an unnamed type'})"
    if len(content) > _MOST_READ:
        return f"({len(content)} bytes of {content_type})"
    text = content.decode("utf-8", errors="replace")
    with contextlib.suppress(ValueError):  # what is not JSON is shown as it came
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    text = _LONG_VALUE.sub(lambda found: f'"({len(found[1])} characters)"', text)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\n({len(text) - _LONGEST} characters more)"
