"""Answers that no FHIR server should give and that apps get all the same: of proxies, gateways and other programs."""

from __future__ import annotations

import functools
import json
import zlib
from typing import Final, Literal, get_args

import flask

Misanswer = Literal[
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
MISANSWERS: Final[frozenset[str]] = frozenset(get_args(Misanswer))

_BOMB_BYTES: Final = 200 * 2**20
_ELSEWHERE: Final = "http://127.0.0.1:9/fhir"
"""Nobody listens there (the port of *discard*)."""


def misanswer(kind: Misanswer, done: flask.Response | None, status: int | None, asked: str) -> flask.Response:
    """What is answered instead of `done`, the answer to a request that was carried out (None: it was not).

    html: the sign-in page of a gateway. outcome-with-200: an OperationOutcome with an error. wrong-type: the right
    body as text/plain. xml: FHIR, as XML whatever was asked for. redirect: 302 to another host. gzip-bomb: 200 MiB of
    blanks in 200 KB. empty: nothing. paging-loop, next-elsewhere: a Bundle whose next page is itself (`asked`), or
    lies on another host; what is no Bundle stays as it is.
    """
    match kind:
        case "html":
            page = "<!DOCTYPE html><html><title>Sign in</title><body><form>Your session has ended.</form></body></html>"
            return _plain(page, status or 200, "text/html; charset=utf-8")
        case "outcome-with-200":
            issue = {"severity": "error", "code": "exception", "diagnostics": "Fault on demand: something went wrong"}
            outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
            return _plain(json.dumps(outcome), status or 200, "application/fhir+json")
        case "wrong-type":
            body = done.get_data() if done is not None else b"OK"
            return flask.Response(
                body, status or (done.status_code if done is not None else 200), mimetype="text/plain"
            )
        case "xml":
            text = '<Basic xmlns="http://hl7.org/fhir"><code><text value="as XML"/></code></Basic>'
            return _plain(text, status or 200, "application/fhir+xml; charset=utf-8")
        case "redirect":
            answer = _plain("", status or 302, "text/html")
            answer.headers["Location"] = f"{_ELSEWHERE}/elsewhere"
            return answer
        case "gzip-bomb":
            answer = flask.Response(_bomb(), status or 200, mimetype="application/fhir+json")
            answer.headers["Content-Encoding"] = "gzip"
            return answer
        case "empty":
            return flask.Response(b"", status or 200)
        case _:
            return _with_next(kind, done, asked)


def _with_next(kind: Misanswer, done: flask.Response | None, asked: str) -> flask.Response:
    if done is None or done.mimetype != "application/fhir+json":
        return done if done is not None else _plain("", 500, "text/plain")
    bundle = json.loads(done.get_data())
    if bundle.get("resourceType") == "Bundle":
        url = asked if kind == "paging-loop" else f"{_ELSEWHERE}/{bundle.get('id', '')}?page=2"
        others = [link for link in bundle.get("link", []) if link.get("relation") != "next"]
        done.set_data(json.dumps(bundle | {"link": [*others, {"relation": "next", "url": url}]}))
    return done


@functools.lru_cache(maxsize=1)
def _bomb() -> bytes:
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    block = b" " * 2**20
    return b"".join(packer.compress(block) for _ in range(_BOMB_BYTES // 2**20)) + packer.flush()


def _plain(text: str, status: int, content_type: str) -> flask.Response:
    return flask.Response(text, status, content_type=content_type)
