"""id_tokens made for the tests, the key sets that are published for them, and what becomes of one that is judged."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
import responses
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from smart_launch import (
    Identity,
    IdTokenError,
    IdTokenVerifier,
    Issuer,
    Transport,
)
from smart_launch.discovery import read_configuration
from tests.smart_launch.counterparty import (
    CLIENT,
    LOGIN,
    NOW,
    a_configuration,
    an_issuer,
    ehr_key,
)

JWKS = f"{LOGIN}/jwks"
SECONDS = int(NOW.timestamp())
NONCE = "nonce-canary"
OTHER = RSAKey.generate_key(2048, {"kid": "other"}, private=True)


def claims(**changes: Any) -> dict[str, Any]:
    values = {
        "iss": LOGIN,
        "sub": "person-1",
        "aud": CLIENT,
        "exp": SECONDS + 300,
        "iat": SECONDS,
        "nonce": NONCE,
        **changes,
    }
    return {name: value for name, value in values.items() if value is not None}


def token(key: RSAKey | ECKey | None = None, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    full = {"alg": "RS256", "kid": "ehr-1"} if header is None else header
    return jwt.encode(full, claims(**changes), key or ehr_key(), algorithms=[full["alg"]])


def publish(edge: responses.RequestsMock, *keys: Any, url: str = JWKS) -> responses.BaseResponse:
    entries = [key if isinstance(key, dict) else key.as_dict(private=False) for key in keys or (ehr_key(),)]
    return edge.add("GET", url, json={"keys": entries})


def verified(
    wire: Transport,
    raw: str,
    *,
    issuer: Issuer | None = None,
    nonce: str = NONCE,
    verifier: IdTokenVerifier | None = None,
    after: timedelta = timedelta(0),
    **configuration: Any,
) -> Identity:
    issuer = issuer or an_issuer()
    return (verifier or IdTokenVerifier(wire)).verify(
        raw,
        issuer=issuer,
        configuration=read_configuration(issuer, a_configuration(**configuration)),
        nonce=nonce,
        now=NOW + after,
    )


def refused(wire: Transport, raw: str, **more: Any) -> str:
    with pytest.raises(IdTokenError) as caught:
        verified(wire, raw, **more)
    for secret in (raw, NONCE, "person-1"):
        assert len(secret) < 4 or secret not in str(caught.value)
    assert caught.value.__context__ is None
    return caught.value.code.removeprefix("id-token-")


def unsigned(header: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims()).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
