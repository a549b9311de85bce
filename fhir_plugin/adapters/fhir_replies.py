"""What a FHIR server's answer means, in our words.

The rule behind the table: a refusal is believed only when it says that nothing was written. For a write,
every answer that leaves doubt (500, 502, 504, a 503 that does not ask us to wait, 2xx with an error inside
or with something that is not FHIR JSON) is `AnswerLost`; for a read the same is `RecordUnavailable`.

=====================  ==========================  ==============================
answer                 read                        write
=====================  ==========================  ==============================
401                    SignInNeeded                SignInNeeded
403                    RecordRefused forbidden     RecordRefused forbidden
404                    NotFound                    NotFound; type-not-supported
                                                   when a type itself is unknown
405, 501               type-not-supported          type-not-supported
409, 412               VersionConflict             VersionConflict
410                    Gone                        Gone
413, or speaks of size TooLarge                    TooLarge
3xx                    RecordRefused redirected    RecordRefused redirected;
                                                   303 AnswerLost: it may be done
429, 425, 503 + wait   RecordUnavailable           RecordUnavailable
408, other 5xx         RecordUnavailable           AnswerLost
other 4xx              RecordRefused               RecordRefused
=====================  ==========================  ==============================

Messages carry the request's type and id, the status and FHIR's issue codes; never `diagnostics`, which can
quote the resource.
"""

from __future__ import annotations

import re
from typing import Any, Final

from fhir_plugin.adapters.fhir_json import UnusableJson, parse_object
from fhir_plugin.errors import (
    AnswerLost,
    Gone,
    NotFound,
    PluginError,
    RecordRefused,
    RecordUnavailable,
    SignInNeeded,
    TooLarge,
    VersionConflict,
)
from fhir_plugin.ports import Stored
from smart_launch.transport import Reply

Json = dict[str, Any]

FHIR_JSON: Final = "application/fhir+json"
TOO_LARGE: Final = 413
_PERHAPS_TOO_LARGE: Final = frozenset({400, 422, 500})
"""With these a server may say it in words."""
JSON_TYPES: Final = frozenset({FHIR_JSON, "application/json", "application/json+fhir", "text/json"})

_ISSUE_CODE = re.compile(r"^[a-z][a-z-]{1,31}$")
_SIZE_WORDS = re.compile(
    r"(payload|entity|body|request|content|file|attachment|binary|string|resource)[^.]{0,40}"
    r"(too[ -]?large|too[ -]?big|larger than)"
    r"|payloadtoolarge|entity\.too\.large"
    r"|(larger than|exceed\w*|limit of|maximum)[^.]{0,40}\d\s?(bytes|[kmg]i?b)\b",
    re.IGNORECASE,
)
_LOCATION = re.compile(
    r"(?:^|/)(?P<type>[A-Z][A-Za-z]+)/(?P<id>[A-Za-z0-9\-.]{1,64})(?:/_history/(?P<version>[A-Za-z0-9\-.]{1,64}))?/?$"
)
_ETAG = re.compile(r'^(?:W/)?"?(?P<version>[A-Za-z0-9\-.]{1,64})"?$')


def media_type(reply: Reply) -> str:
    """The answer's Content-Type without parameters, in lower case; empty when it has none."""
    return reply.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def body_of(reply: Reply) -> Json | None:
    """The FHIR JSON in an answer, None when it is empty. Raises `UnusableJson` on anything else."""
    if not reply.content.strip():
        return None
    if media_type(reply) not in JSON_TYPES:
        raise UnusableJson("is not FHIR JSON")
    return parse_object(reply.content)


def issue_codes(outcome: Json | None) -> list[str]:
    """The codes of an OperationOutcome's errors (severity fatal or error); empty when there are none."""
    if outcome is None or outcome.get("resourceType") != "OperationOutcome":
        return []
    found = []
    issues = outcome.get("issue")
    for issue in issues if isinstance(issues, list) else []:
        if isinstance(issue, dict) and issue.get("severity") in ("fatal", "error"):
            code = issue.get("code")
            found.append(code if isinstance(code, str) and _ISSUE_CODE.match(code) else "unknown")
    return list(dict.fromkeys(found))


def accept_read(reply: Reply, what: str) -> Json:
    """The resource in the answer to a read. Raises what the table says."""
    if reply.status != 200:
        raise refusal(reply, what, writing=False)
    try:
        body = body_of(reply)
    except UnusableJson as unusable:
        raise RecordUnavailable(f"the answer to {what} {unusable}", code="unusable-answer") from None
    if body is None or body.get("resourceType") == "OperationOutcome":
        raise RecordUnavailable(f"the answer to {what} holds no resource", code="unusable-answer")
    return body


def accept_write(reply: Reply, what: str, *, expected: frozenset[int] = frozenset({200, 201})) -> Json | None:
    """The body of the answer to a write that was accepted, None when empty. Raises what the table says."""
    if reply.status not in expected:
        raise refusal(reply, what, writing=True)
    try:
        body = body_of(reply)
    except UnusableJson as unusable:
        raise AnswerLost(f"the answer to {what} {unusable}", code="unusable-answer") from None
    if codes := issue_codes(body):
        raise AnswerLost(f"{what}: {reply.status}, but with an error ({', '.join(codes)})", code="unusable-answer")
    return body


def refusal(reply: Reply, what: str, *, writing: bool, on_type: bool = False) -> PluginError:
    """The error that an unsuccessful answer means: see the table of this module.

    `on_type`: the URL named a type and no id, so that 404 is about the type.
    """
    status = reply.status
    try:
        outcome = body_of(reply)
    except UnusableJson:
        outcome = None
    codes = issue_codes(outcome)
    message = f"{what}: {status}" + (f" ({', '.join(codes)})" if codes else "")
    if _is_too_large(reply, codes):
        return TooLarge(message, status=status)
    match status:
        case 401:
            return SignInNeeded("the EHR's token is not accepted any more")
        case 403:
            return RecordRefused(message, status=403, code="forbidden")
        case 404 if writing and on_type:
            return RecordRefused(message, status=404, code="type-not-supported")
        case 404:
            return NotFound(message, status=404)
        case 405 | 501:
            return RecordRefused(message, status=status, code="type-not-supported")
        case 400 | 422 if writing and "not-supported" in codes:
            return RecordRefused(message, status=status, code="type-not-supported")
        case 409 | 412:
            return VersionConflict(message, status=status)
        case 410:
            return Gone(message, status=410)
        case 425 | 429:
            return RecordUnavailable(message, retry_after=reply.retry_after)
        case 503 if not writing or reply.retry_after is not None:
            return RecordUnavailable(message, retry_after=reply.retry_after)
        case _ if 300 <= status < 400 and not (writing and status == 303):
            return RecordRefused(message, status=status, code="redirected")
        case _ if 400 <= status < 500 and status != 408:
            return RecordRefused(message, status=status)
        case _ if writing:
            return AnswerLost(message)
        case _:
            return RecordUnavailable(message, retry_after=reply.retry_after)


def is_too_large(reply: Reply) -> bool:
    """Whether this answer to a write says that the request was too large."""
    if reply.status != TOO_LARGE and reply.status not in _PERHAPS_TOO_LARGE:
        return False
    try:
        outcome = body_of(reply)
    except UnusableJson:
        outcome = None
    return _is_too_large(reply, issue_codes(outcome))


def _is_too_large(reply: Reply, codes: list[str]) -> bool:
    return reply.status == TOO_LARGE or (reply.status in _PERHAPS_TOO_LARGE and _speaks_of_size(reply, codes))


def half_answered(status: int | None, what: str, code: str) -> PluginError:
    """The error for a write whose answer did not come whole: a refusal is still one, all else is unknown."""
    match status:
        case None:
            return AnswerLost(f"{what} was not answered ({code})")
        case 401:
            return SignInNeeded("the EHR's token is not accepted any more")
        case 403:
            return RecordRefused(f"{what}: 403", status=403, code="forbidden")
        case 413:
            return TooLarge(f"{what}: 413", status=413)
        case _:
            return AnswerLost(f"{what} was answered {status} and then broke off ({code})")


def stored_from(reply: Reply, body: Json | None, what: str) -> Stored:
    """Type, id and version of what was written: from Location whatever its host, else from the body.

    Raises `AnswerLost` when neither says.
    """
    named = located(reply.headers.get("Location")) or located(reply.headers.get("Content-Location")) or named_in(body)
    if named is None:
        raise AnswerLost(f"the answer to {what} does not say which resource it made", code="no-id")
    version = named.version or version_of(body) or version_in(reply.headers.get("ETag"))
    return Stored(named.resource_type, named.id, version)


def located(location: object) -> Stored | None:
    """Type, id and version from a Location, relative or absolute, whatever its host; None if it has none."""
    if not isinstance(location, str) or (match := _LOCATION.search(location.partition("?")[0].strip())) is None:
        return None
    return Stored(match["type"], match["id"], match["version"])


def named_in(body: Json | None) -> Stored | None:
    """Type, id and version from a resource's own elements."""
    if body is None or body.get("resourceType") == "OperationOutcome":
        return None
    resource_type, id = body.get("resourceType"), body.get("id")
    if not isinstance(resource_type, str) or not isinstance(id, str):
        return None
    return located(f"{resource_type}/{id}") and Stored(resource_type, id, version_of(body))


def version_of(body: Json | None) -> str | None:
    """`meta.versionId`, where there is one."""
    meta = (body or {}).get("meta")
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) else None


def version_in(etag: object) -> str | None:
    """The version in an ETag such as `W/"3"`."""
    match = _ETAG.match(etag) if isinstance(etag, str) else None
    return match["version"] if match else None


def _speaks_of_size(reply: Reply, codes: list[str]) -> bool:
    """Some say it in an OperationOutcome, some in plain text from a proxy in front."""
    if "too-long" in codes or "too-costly" in codes:
        return True
    return len(reply.content) < 20_000 and bool(_SIZE_WORDS.search(reply.content.decode("utf-8", "replace")))
