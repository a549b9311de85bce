"""The FHIR server as a Flask blueprint: bytes and headers in, bytes and headers out. No decisions about FHIR."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import flask
from werkzeug.exceptions import ClientDisconnected, HTTPException, MethodNotAllowed

from fhir_plugin.sandbox.faults import Faults
from fhir_plugin.sandbox.fhir import in_r5
from fhir_plugin.sandbox.fhir.access import Access
from fhir_plugin.sandbox.fhir.exchange import FHIR_JSON, Call, Reply, read_query
from fhir_plugin.sandbox.fhir.json_text import parse, parse_text, write
from fhir_plugin.sandbox.fhir.negotiation import JSON_TYPES, check_accept, read_content_type, wants_only_other_fhir
from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.personality import Personality
from fhir_plugin.sandbox.fhir.routing import FORM_TYPE, PATCH_TYPE
from fhir_plugin.sandbox.fhir.server import FhirServer
from fhir_plugin.sandbox.fhir.store import FhirStore

_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_HEADERS = (
    "accept",
    "prefer",
    "if-match",
    "if-none-match",
    "if-none-exist",
    "if-modified-since",
    "x-security-context",
)
_CHUNK = 1 << 20
_DRAINED = 256_000_000
"""Bytes of a refused body that are still read, so that the caller hears the answer and not a reset."""


def create_fhir_blueprint(
    store: FhirStore,
    personality: Personality,
    faults: Faults,
    access: Callable[[flask.Request], Access],
    *,
    oauth_uris: Callable[[], Mapping[str, str]] = dict,
    url_prefix: str = "/fhir",
) -> flask.Blueprint:
    """`access` is asked once per request, and may raise `AccessDenied`; `metadata` alone needs none.

    `oauth_uris` gives the authorization server's endpoints by name for the CapabilityStatement.
    """
    blueprint = flask.Blueprint("fhir", __name__, url_prefix=url_prefix)
    server = FhirServer(store, personality)

    def respond(path: str = "") -> flask.Response:
        with faults.around(flask.request) as fault:
            if fault.answer is not None:
                return fault.answer
            return fault.finish(_as_it_answers(personality, _respond(path, discard=fault.discards)))

    def _respond(path: str, *, discard: bool) -> flask.Response:
        request = flask.request
        base = request.host_url.rstrip("/") + url_prefix
        try:
            if path == "metadata" and request.method in ("GET", "HEAD"):
                check_accept(request.headers.get("accept"), request.args.get("_format"))
                return _written(_said(server.metadata(base, oauth_uris()), personality))
            granted = access(request)
            call = _read_call(request, path, base, personality)
            if personality.speaks == "r5":
                call = in_r5.taken(call)
            reply = _said(server.respond(call, granted, discard=discard), personality)
        except FhirError as error:
            _drain(request)
            return _refused(error)
        except ClientDisconnected:
            return _refused(FhirError(400, "incomplete", "The body ended early"))
        return _written(reply)

    blueprint.add_url_rule("/", "base", respond, methods=_METHODS, strict_slashes=False)
    blueprint.add_url_rule("/<path:path>", "resource", respond, methods=_METHODS, strict_slashes=False)

    @blueprint.app_errorhandler(MethodNotAllowed)
    def refuse_method(error: MethodNotAllowed) -> flask.Response | MethodNotAllowed:
        if not flask.request.path.startswith(f"{url_prefix}/"):
            return error
        refusal = FhirError(
            405, "not-supported", "There is no such interaction", headers={"Allow": ", ".join(_METHODS)}
        )
        return _refused(refusal)

    @blueprint.errorhandler(500)
    def fail(_error: Exception) -> flask.Response:
        return _refused(FhirError(500, "exception", "The server failed; nothing was written"))

    @blueprint.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> flask.Response:
        return _refused(FhirError(error.code or 500, "processing", error.name))

    return blueprint


# ------------------------------------------------------------------------------------------ request


def _read_call(request: flask.Request, path: str, base: str, personality: Personality) -> Call:
    segments = tuple(part for part in path.split("/") if part)
    asked = request.query_string.decode("utf-8", "replace")
    query = read_query(re.sub("/{2,}", "/", asked) if personality.collapses_slashes else asked)
    call = Call(
        request.method,
        segments,
        base,
        query,
        {name: request.headers[name] for name in _HEADERS if name in request.headers},
    )
    _check_accept(call)
    if request.method in ("GET", "HEAD", "DELETE"):
        return call
    return _with_body(call, request, personality)


def _check_accept(call: Call) -> None:
    accept, asked = call.headers.get("accept"), call.first("_format")
    reads_binary = call.path[:1] == ("Binary",) and call.method in ("GET", "HEAD") and len(call.path) in (2, 4)
    if not reads_binary or wants_only_other_fhir(accept, asked):
        check_accept(accept, asked)


def _with_body(call: Call, request: flask.Request, personality: Personality) -> Call:
    content = _read_body(request, personality)
    content_type = read_content_type(request.headers.get("content-type"))
    fields: dict[str, Any] = {}
    if call.method == "POST" and call.path[1:] == ("_search",):
        if content_type != FORM_TYPE and content:
            raise FhirError(415, "not-supported", f"_search takes {FORM_TYPE}")
        fields["content"] = content
    elif call.method == "PATCH":
        if content_type != PATCH_TYPE:
            raise FhirError(415, "not-supported", f"PATCH takes {PATCH_TYPE}")
        fields["patch"] = parse_text(_decode(content))
    elif call.path[:1] == ("Binary",) and _is_raw_binary(call, content_type, content):
        if not content_type:
            raise FhirError(415, "not-supported", "A Binary needs its Content-Type")
        fields |= {"content": content, "content_type": request.headers["content-type"].strip()}
    elif content or not (call.path and call.path[-1].startswith("$")):
        if content_type not in JSON_TYPES:
            raise FhirError(415, "not-supported", f"Resources are sent as {FHIR_JSON}")
        fields["resource"] = parse(content)
    return _replace(call, fields)


def _replace(call: Call, fields: dict[str, Any]) -> Call:
    return Call(call.method, call.path, call.base, call.query, call.headers, **fields)


def _is_raw_binary(call: Call, content_type: str, content: bytes) -> bool:
    """R4 binary: FHIR's own types carry a resource, every other type is the content itself."""
    if call.path[-1].startswith("$") or content_type in (FHIR_JSON, "application/fhir+xml"):
        return False
    return content_type not in JSON_TYPES or b'"Binary"' not in content[:4096]


def _read_body(request: flask.Request, personality: Personality) -> bytes:
    limit = personality.max_body_bytes
    too_large = FhirError(personality.body_limit_status, "too-long", f"A body may have {limit} bytes at most")
    if (request.content_length or 0) > limit:
        raise too_large
    chunks, size = list[bytes](), 0
    while chunk := request.stream.read(_CHUNK):
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:  # a chunked body does not say its length beforehand
            raise too_large
    return b"".join(chunks)


def _drain(request: flask.Request) -> None:
    """Reads what is left of a refused body: a server that closes with bytes unread resets the connection."""
    left = min(request.content_length or 0, _DRAINED)
    try:
        while left > 0 and (chunk := request.stream.read(min(left, _CHUNK))):
            left -= len(chunk)
    except ClientDisconnected:
        return


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise FhirError(400, "structure", "The body is not UTF-8") from None


# ------------------------------------------------------------------------------------------- answer


def _written(reply: Reply) -> flask.Response:
    if reply.content is not None:
        response = flask.Response(reply.content, reply.status, content_type=reply.content_type)
    elif reply.resource is not None:
        pretty = flask.request.args.get("_pretty") == "true"
        body = write(reply.resource, pretty=pretty)
        response = flask.Response(body, reply.status, content_type=f"{FHIR_JSON}; charset=utf-8")
    else:
        response = flask.Response(b"", reply.status)
        del response.headers["Content-Type"]
    response.headers.update(reply.headers)
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


def _said(reply: Reply, personality: Personality) -> Reply:
    return in_r5.given(reply) if personality.speaks == "r5" else reply


def _as_it_answers(personality: Personality, response: flask.Response) -> flask.Response:
    if not personality.etags:
        response.headers.pop("ETag", None)
    if response.status_code in personality.empty_refusals:
        response.set_data(b"")
        response.headers.pop("Content-Type", None)
    return response


def _refused(error: FhirError) -> flask.Response:
    return _written(Reply(error.status, error.outcome, headers=error.headers))
