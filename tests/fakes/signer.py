"""A signer whose signature is a keyed hash: same shape, no curves."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json

import rfc8785

from fhir_plugin.ports import Json


class FakeStatementSigner:
    def __init__(self) -> None:
        self._kids = ["fake-1", "fake-2"]

    def sign(self, statement: Json) -> str:
        kid = self._kids[-2]
        header = _base64url(rfc8785.dumps({"alg": "fake", "kid": kid}))
        return f"{header}..{_signature(kid, header, statement)}"

    def verify(self, statement: Json, jws: str) -> bool:
        header, _, rest = jws.partition(".")
        empty, _, signature = rest.partition(".")
        try:
            kid = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))["kid"]
            expected = _signature(kid, header, statement)
        except (ValueError, KeyError, TypeError):
            return False
        return not empty and kid in self._kids and hmac.compare_digest(signature.encode(), expected.encode())

    def public_jwks(self) -> Json:
        return {"keys": [{"kty": "fake", "kid": kid} for kid in self._kids]}

    def rotate(self) -> str:
        self._kids.append(f"fake-{len(self._kids) + 1}")
        return self._kids[-2]


def _signature(kid: str, header: str, statement: Json) -> str:
    signed = header.encode() + b"." + rfc8785.dumps(statement)
    return _base64url(hmac.new(str(kid).encode(), signed, hashlib.sha256).digest())


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
