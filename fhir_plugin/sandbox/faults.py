"""Faults on demand: what a network or a busy server does to somebody's request, when a test asks for it.

A queue of `Fault`s; each matches requests by method and path, lets the first `skip` matches pass, then strikes
`times` times and is gone. Set by `POST /_sandbox/faults` (loopback only) or through `Faults` itself.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import re
import select
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, cast

import flask
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from fhir_plugin.sandbox.misanswers import MISANSWERS, Misanswer, misanswer

Kind = Literal[
    "timeout-after-write",
    "error-after-write",
    "error-before-write",
    "cut",
    "too-many-requests",
    "not-stored",
    "slow",
    "corrupt",
    "unauthorised",
    "html",
    "outcome-with-200",
    "wrong-type",
    "xml",
    "redirect",
    "gzip-bomb",
    "empty",
    "paging-loop",
    "next-elsewhere",
]


class Match(BaseModel):
    """Regular expressions: the whole method, and anywhere in the path (`/fhir/Media/...`, without the query)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: str = ".*"
    path: str = ""

    @field_validator("method", "path")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError("not a regular expression") from error
        return value

    def fits(self, method: str, path: str) -> bool:
        return bool(re.fullmatch(self.method, method, re.IGNORECASE) and re.search(self.path, path))


class Fault(BaseModel):
    """One fault. Times in seconds.

    timeout-after-write: carried out, answered only after `seconds`, or never if the caller hangs up.
    error-after-write: carried out, answered `status` (500). error-before-write: not carried out, `status` (503).
    cut: carried out, the connection ends in the middle of the answer. too-many-requests: 429 with Retry-After.
    not-stored: answered as if, nothing stored. slow: `seconds` late, otherwise right.
    corrupt: the bytes of a Binary come back changed. unauthorised: 401, not carried out.
    The others answer as `misanswers` says, after carrying it out, or without when `done` is false.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Kind
    match: Match = Match()
    times: int = Field(default=1, ge=1)
    skip: int = Field(default=0, ge=0)
    seconds: float = Field(default=30, ge=0, le=600)
    status: int | None = Field(default=None, ge=200, le=599)
    done: bool = True
    retry_after: int = Field(default=1, ge=0)


_LIST = TypeAdapter(list[Fault])


@dataclass
class Strike:
    """What a fault does to one request: answer at once, spoil the carrying out, or spoil the answer."""

    fault: Fault | None
    faults: Faults
    request: flask.Request

    @property
    def answer(self) -> flask.Response | None:
        """The answer of a request that is not carried out at all."""
        if self.fault is None:
            return None
        match self.fault.kind:
            case "error-before-write":
                return _refusal(self.fault.status or 503, "transient", "Fault on demand: nothing was done")
            case "too-many-requests":
                refusal = _refusal(429, "throttled", "Fault on demand: too many requests")
                refusal.headers["Retry-After"] = str(self.fault.retry_after)
                return refusal
            case "unauthorised":
                refusal = _refusal(401, "login", "Fault on demand: the token is not taken")
                refusal.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
                return refusal
            case kind if kind in MISANSWERS and not self.fault.done:
                return self._misanswered(self.fault, None)
            case _:
                return None

    def _misanswered(self, fault: Fault, done: flask.Response | None) -> flask.Response:
        return misanswer(cast(Misanswer, fault.kind), done, fault.status, self.request.url)

    @property
    def discards(self) -> bool:
        """Whether the request is carried out and then forgotten."""
        return self.fault is not None and self.fault.kind == "not-stored"

    def finish(self, response: flask.Response) -> flask.Response:
        """The answer of a request that was carried out, perhaps spoiled."""
        if self.fault is None:
            return response
        match self.fault.kind:
            case "error-after-write":
                return _refusal(self.fault.status or 500, "exception", "Fault on demand: it was done all the same")
            case "timeout-after-write" | "slow":
                self.faults.hold(self.fault.seconds, self.request.environ.get("werkzeug.socket"))
            case "corrupt":
                _corrupt(response)
            case "cut":
                _cut(response, self.request.environ.get("werkzeug.socket"))
            case kind if kind in MISANSWERS:
                return self._misanswered(self.fault, response)
            case _:
                pass
        return response


class Faults:
    """The queue. Safe to share between threads."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()

    def add(self, *faults: Fault) -> None:
        """At the end of the queue."""
        with self._lock:
            self._queue.extend(fault.model_copy() for fault in faults)

    def clear(self) -> None:
        """Empties the queue, and lets go of every answer that is being held."""
        with self._lock:
            self._queue.clear()
            self._released.set()
            self._released = threading.Event()

    def waiting(self) -> list[Fault]:
        """What has not struck yet, as it is left."""
        with self._lock:
            return [fault.model_copy() for fault in self._queue]

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that strikes this request; it counts as having struck."""
        with self._lock:
            for fault in self._queue:
                if not fault.match.fits(method, path):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if not fault.times:
                    self._queue.remove(fault)
                return fault
        return None

    @contextmanager
    def around(self, request: flask.Request) -> Iterator[Strike]:
        """What strikes this request."""
        yield Strike(self.take(request.method, request.path), self, request)

    def hold(self, seconds: float, connection: socket.socket | None) -> None:
        """Waits until the time is over, the queue is cleared or the caller has hung up."""
        with self._lock:
            released = self._released
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not released.wait(min(left, 0.05)):
            if connection is not None and _hung_up(connection):
                return


def _hung_up(connection: socket.socket) -> bool:
    try:
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""
    except OSError:
        return True


def _corrupt(response: flask.Response) -> None:
    """Changes one byte in the middle: of the body, or of the data of a Binary in JSON."""
    body = bytearray(response.get_data())
    if response.mimetype == "application/fhir+json":
        try:
            resource = json.loads(body)
            data = bytearray(base64.b64decode(resource["data"]))
        except (ValueError, KeyError, TypeError, binascii.Error):
            return
        _flip(data)
        body = bytearray(json.dumps(resource | {"data": base64.b64encode(data).decode()}).encode())
    else:
        _flip(body)
    response.set_data(bytes(body))


def _flip(content: bytearray) -> None:
    if content:
        content[len(content) // 2] ^= 0xFF


def _cut(response: flask.Response, connection: socket.socket | None) -> None:
    """Sends the whole length as Content-Length and half of the body, then ends the connection."""
    body = response.get_data()
    length = len(body) or 1

    def half() -> Iterable[bytes]:
        yield body[: len(body) // 2]
        if connection is not None:
            connection.shutdown(socket.SHUT_RDWR)
        raise ConnectionAbortedError("fault on demand: cut")

    response.response = half()
    response.headers["Content-Length"] = str(length)


def _refusal(status: int, code: str, text: str) -> flask.Response:
    outcome = {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": code, "diagnostics": text}],
    }
    return flask.Response(json.dumps(outcome), status, content_type="application/fhir+json; charset=utf-8")


def create_faults_blueprint(faults: Faults) -> flask.Blueprint:
    """`GET`, `POST` (a JSON list of faults, or one) and `DELETE /_sandbox/faults`; from this machine only, else 403."""
    blueprint = flask.Blueprint("faults", __name__, url_prefix="/_sandbox")

    @blueprint.before_request
    def refuse_others() -> flask.Response | None:
        address = flask.request.remote_addr or ""
        try:
            local = ipaddress.ip_address(address).is_loopback
        except ValueError:
            local = False
        return None if local else _plain(403, {"error": "Faults are set from this machine only"})

    @blueprint.get("/faults")
    def show() -> flask.Response:
        return _plain(200, _LIST.dump_python(faults.waiting(), mode="json"))

    @blueprint.post("/faults")
    def add() -> flask.Response:
        if not flask.request.is_json:
            return _plain(415, {"error": "Send a JSON list of faults"})
        try:
            sent = json.loads(flask.request.get_data())
            wanted = _LIST.validate_python(sent if isinstance(sent, list) else [sent])
        except ValidationError as error:
            return _plain(400, {"error": "Not a list of faults", "at": [list(one["loc"]) for one in error.errors()]})
        except (ValueError, RecursionError):
            return _plain(400, {"error": "Not JSON"})
        faults.add(*wanted)
        return show()

    @blueprint.delete("/faults")
    def clear() -> flask.Response:
        faults.clear()
        return _plain(200, [])

    return blueprint


def _plain(status: int, value: object) -> flask.Response:
    return flask.Response(json.dumps(value), status, content_type="application/json")
