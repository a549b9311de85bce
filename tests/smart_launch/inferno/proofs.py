"""How Inferno judges what proves something: a key set, a client assertion's signature, a secret, a verifier."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json

from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.signatures import Fetch


def key_set(jwks: str, fetch: Fetch | None) -> tuple[list[signatures.PublishedKey], list[str]]:
    if not jwks.strip():
        return [], ["No key set input."]
    warnings: list[str] = []
    try:
        document = json.loads(jwks)
        warnings.append("Providing the JWK Set directly is strongly discouraged.")
    except ValueError:
        assert fetch is not None, "a JWKS URL needs a way to read it"
        try:
            document = json.loads(fetch(jwks))
        except ValueError:
            return [], [f"Failed to fetch valid json from jwks uri {jwks}."]
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            keys.append(signatures.read_key(entry))
        except ValueError as error:
            kid = entry.get("kid", index) if isinstance(entry, dict) else index
            warnings.append(f"Key {kid} invalid: {error}")
    return keys, warnings


def signature_error(raw: str | None, jwks: str, fetch: Fetch | None) -> str | None:
    """What is wrong with a client assertion's signature; the header's `jku` goes before the registered key set."""
    try:
        token = signatures.read(raw)
    except ValueError as error:
        return f"invalid token structure: {error}"
    for name in ("alg", "kid"):
        if not token.header.get(name):
            return f"missing `{name}` header"
    keys, _ = key_set(token.header.get("jku") or jwks, fetch)
    key = next((each.key for each in keys if each.kid == token.header["kid"]), None)
    if key is None:
        return f"no key found with `kid` '{token.header['kid']}'"
    return None if signatures.verifies(token, key) else "Signature verification failed"


def basic_error(header: str | None, client_id: str, secret: str) -> str | None:
    """What is wrong with an `Authorization` header: it must be the plain join, not percent-encoded."""
    if not header:
        return "authorization header missing from confidential symmetric client request"
    if not header.startswith("Basic "):
        return "authorization header for confidential symmetric client request does not use Basic auth"
    try:
        got = base64.b64decode(header.removeprefix("Basic "), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return "Basic authorization header could not be decoded"
    expected = f"{client_id}:{secret}"
    if got == expected:
        return None
    return f"basic authorization header has the wrong decoded value - expected '{expected}', got '{got}'"


def pkce_error(verifier: str | None, challenge: object, method: object) -> str | None:
    """What is wrong with a verifier for a challenge."""
    if not (verifier or "").strip():
        return "pkce check failed: no verifier provided"
    if not challenge:
        return "pkce check failed: no challenge code provided"
    if method != "S256":
        return f"invalid pkce challenge method '{method or ''}'"
    calculated = challenge_of(str(verifier))
    return None if calculated == challenge else f"invalid S256 pkce verifier: got '{calculated}' expected '{challenge}'"


def challenge_of(verifier: str) -> str:
    """S256 (RFC 7636)."""
    return signatures.encode(hashlib.sha256(verifier.encode()).digest())
