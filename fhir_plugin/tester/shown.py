"""What may be shown of an exchange: nothing that opens anything, and of bytes their length and digest."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

Json = dict[str, Any]

LONGEST: Final = 20_000
"""Characters of one body."""
MOST_READ: Final = 8 * 2**20
HIDDEN: Final = "(not shown)"
_OPEN_FIELDS: Final = frozenset(
    {"grant_type", "client_id", "redirect_uri", "scope", "client_assertion_type", "token_type_hint", "_count"}
)
"""Of a form that is sent to an authorization server: the rest are codes, verifiers, assertions and tokens."""
_SECRET_MEMBERS: Final = frozenset({"access_token", "refresh_token", "id_token", "client_secret", "client_assertion"})
_SECRET_PARAMETERS: Final = frozenset({"code", "state", "launch", "token", "access_token", "nonce", "client_assertion"})
_HEADERS: Final = frozenset(
    {
        "accept",
        "cache-control",
        "content-length",
        "content-location",
        "content-type",
        "etag",
        "if-match",
        "if-none-exist",
        "last-modified",
        "location",
        "prefer",
        "retry-after",
        "x-security-context",
    }
)
_BASE64: Final = re.compile(r"[A-Za-z0-9+/\s]{200,}={0,2}\s*")
_BYTES: Final = re.compile(r"\(\d+ bytes, SHA-256 [0-9a-f]{64}\)")


def url(address: str) -> str:
    """The address with the values of parameters that open something taken out."""
    parts = urlsplit(address)
    if not parts.query:
        return address
    kept = [
        (name, HIDDEN if name in _SECRET_PARAMETERS else value)
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    ]
    return urlunsplit(parts._replace(query=urlencode(kept, safe="()|/:,$ ")))


def headers(given: Mapping[str, str]) -> dict[str, str]:
    """By a list of what may be shown."""
    return {name: str(value)[:500] for name, value in given.items() if name.lower() in _HEADERS}


def form(fields: Mapping[str, str]) -> str:
    """A form, field by field."""
    return "\n".join(f"{name} = {value if name in _OPEN_FIELDS else HIDDEN}" for name, value in sorted(fields.items()))


def of_bytes(content: bytes) -> str:
    """Bytes by what tells them from others."""
    return f"({len(content)} bytes, SHA-256 {hashlib.sha256(content).hexdigest()})"


def parsed(content: bytes | None, content_type: str) -> Json | None:
    """A body that is a JSON object, without its bytes and secrets; None for anything else."""
    if not content or "json" not in content_type or len(content) > MOST_READ:
        return None
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return _clean(found) if isinstance(found, dict) else None


def _clean(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: HIDDEN if key in _SECRET_MEMBERS else _clean(each, key) for key, each in value.items()}
    if isinstance(value, list):
        return [_clean(each, name) for each in value]
    if isinstance(value, str) and (name == "data" or len(value) > 200) and _is_base64(value, name):
        try:
            return of_bytes(base64.b64decode("".join(value.split()), validate=True))
        except (binascii.Error, ValueError):
            return value[:500]
    return value


def _is_base64(value: str, name: str) -> bool:
    return name == "data" or _BASE64.fullmatch(value) is not None


def for_a_validator(value: Any) -> Any:
    """The same with bytes in the places of their descriptions: any will do."""
    if isinstance(value, dict):
        return {key: for_a_validator(each) for key, each in value.items()}
    if isinstance(value, list):
        return [for_a_validator(each) for each in value]
    return "AAAA" if isinstance(value, str) and _BYTES.fullmatch(value) else value


def text(content: bytes | None, content_type: str) -> str:
    """A body as it may be read."""
    if not content:
        return ""
    found = parsed(content, content_type)
    if found is not None:
        return pretty(found)[:LONGEST]
    if not any(word in content_type for word in ("json", "xml", "html", "text")) or len(content) > MOST_READ:
        return of_bytes(content)
    return content[:LONGEST].decode("utf-8", "replace")


def pretty(value: Any) -> str:
    """JSON for reading, its members in one order."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)


def claims(token: object) -> Json | None:
    """The claims of a JWT, which say who and for how long; None for a token that only its server can read."""
    pieces = str(token or "").split(".")
    if len(pieces) != 3:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(pieces[1] + "=" * (-len(pieces[1]) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return None
    return found if isinstance(found, dict) else None
