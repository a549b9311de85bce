"""The sender of HTTP that is listened to, and what it heard: by launch, as each request's token belongs to one."""

from __future__ import annotations

import contextvars
import datetime as dt
import hashlib
import json
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_plugin.tester import shown
from smart_launch.errors import SmartError
from smart_launch.transport import Reply, Transport

Json = dict[str, Any]

MOST_LAUNCHES: Final = 20
MOST_EXCHANGES: Final = 400
"""Of one launch; of more, the oldest are forgotten."""


@dataclass(frozen=True)
class Said:
    """One request and its answer, as a tester may see them. `status` 0: there was no answer (`lost` says why)."""

    number: int
    at: dt.datetime
    method: str
    url: str
    request_headers: Mapping[str, str]
    request_text: str
    request_json: Json | None
    status: int
    response_headers: Mapping[str, str]
    response_text: str
    response_json: Json | None
    milliseconds: int
    lost: str = ""
    request_bytes: str = ""
    """Raw bytes that were sent, by length and digest."""
    response_bytes: str = ""


@dataclass
class SeenLaunch:
    """What was heard of one launch. `tokens`: digests, by which later requests are known to belong to it."""

    began: dt.datetime
    granted: str
    parameters: Json
    """What came with the tokens: patient, user's context, ... without the tokens themselves."""
    claims: dict[str, Json | None]
    """By kind of token; None for one that is opaque."""
    said: deque[Said] = field(default_factory=lambda: deque(maxlen=MOST_EXCHANGES))
    tokens: set[str] = field(default_factory=set, repr=False)
    asked: str = ""
    browser: str = field(default="", repr=False)
    launch: str = field(default="", repr=False)
    refreshed: int = 0
    heard: int = 0


class Watch:
    """Everything that was heard in this process, bounded. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._launches: deque[SeenLaunch] = deque(maxlen=MOST_LAUNCHES)
        self._without: deque[Said] = deque(maxlen=60)
        self._number = 0
        self._begun: contextvars.ContextVar[list[SeenLaunch] | None] = contextvars.ContextVar("begun", default=None)

    def expect(self) -> None:
        """From here to `begun`, in this thread: a launch that begins is the one of this request."""
        self._begun.set([])

    def begun(self) -> SeenLaunch | None:
        """The launch that began since `expect`."""
        found = self._begun.get()
        self._begun.set(None)
        return found[-1] if found else None

    def last_of(self, browser: str) -> SeenLaunch | None:
        """The newest launch of a browser, by its binding's digest."""
        with self._lock:
            return next((each for each in reversed(self._launches) if browser and each.browser == browser), None)

    def of(self, launch: SeenLaunch) -> list[Said]:
        """What was said with its tokens, in order."""
        with self._lock:
            return list(launch.said)

    def without_a_token(self) -> list[Said]:
        """What was asked of anybody without one: discovery, keys, styles. The newest sixty."""
        with self._lock:
            return list(self._without)

    def hear(
        self, said: dict[str, Any], token: str | None, form: Mapping[str, str] | None, answer: Json | None
    ) -> None:
        """One exchange. `answer`: that of a token endpoint, with its tokens, of which digests alone are kept."""
        with self._lock:
            self._number += 1
            one = Said(number=self._number, **said)
            launch = self._of_token(token) if token else self._of_grant(form or {}, answer, one.at)
            if launch is None:
                self._without.append(one)
            else:
                launch.heard += 1
                launch.said.append(one)

    def _of_token(self, token: str) -> SeenLaunch | None:
        known = _digest(token)
        return next((each for each in reversed(self._launches) if known in each.tokens), None)

    def _of_grant(self, form: Mapping[str, str], answer: Json | None, at: dt.datetime) -> SeenLaunch | None:
        grant_type = form.get("grant_type")
        if grant_type is None or answer is None or not isinstance(answer.get("access_token"), str):
            return None
        launch = self._of_token(form["refresh_token"]) if form.get("refresh_token") else None
        if launch is None and grant_type == "authorization_code":
            launch = SeenLaunch(at, "", {}, {})
            self._launches.append(launch)
            begun = self._begun.get()
            if begun is not None:
                begun.append(launch)
        elif launch is not None:
            launch.refreshed += 1
        if launch is None:
            return None
        for kind in ("access_token", "refresh_token", "id_token"):
            if isinstance(answer.get(kind), str):
                launch.tokens.add(_digest(answer[kind]))
                launch.claims[kind] = shown.claims(answer[kind])
        launch.granted = str(answer.get("scope", launch.granted))
        launch.parameters |= {
            name: value for name, value in answer.items() if name not in ("access_token", "refresh_token", "id_token")
        }
        return launch


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


class WatchedTransport(Transport):
    """Sends as `Transport` does, and tells the watch."""

    def __init__(self, watch: Watch, **options: Any) -> None:
        super().__init__(**options)
        self._watch = watch

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
        began, at = time.monotonic(), dt.datetime.now(dt.UTC)
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
            self._tell(method, url, headers or {}, whole, form, reply, lost, at, began)

    def _tell(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        form: Mapping[str, str] | None,
        reply: Reply | None,
        lost: str,
        at: dt.datetime,
        began: float,
    ) -> None:
        authorization = next((value for name, value in headers.items() if name.lower() == "authorization"), "")
        scheme, _, token = authorization.partition(" ")
        kind, got = _type_of(headers), reply.content if reply is not None else b""
        if token:  # some repeat what they were sent
            got = got.replace(token.encode("utf-8", "replace"), shown.HIDDEN.encode())
        back = _type_of(reply.headers) if reply is not None else ""
        said = {
            "at": at,
            "method": method,
            "url": shown.url(url),
            "request_headers": shown.headers(headers),
            "request_text": shown.form(form) if form is not None else shown.text(content, kind),
            "request_json": shown.parsed(content, kind),
            "status": reply.status if reply is not None else 0,
            "response_headers": shown.headers(reply.headers) if reply is not None else {},
            "response_text": shown.text(got, back),
            "response_json": shown.parsed(got, back),
            "milliseconds": round((time.monotonic() - began) * 1000),
            "lost": lost,
            "request_bytes": shown.of_bytes(content) if content and "json" not in kind else "",
            "response_bytes": shown.of_bytes(got) if got and "json" not in back else "",
        }
        self._watch.hear(said, token if scheme.lower() == "bearer" else None, form, _object(got) if form else None)


def _type_of(headers: Mapping[str, str]) -> str:
    return next((value.lower() for name, value in headers.items() if name.lower() == "content-type"), "")


def _object(content: bytes) -> Json | None:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
