"""How we prove to a token endpoint who we are: not at all, by secret, or by signature (SMART App Launch 2.2).

Asymmetric: a JWT signed with RS384 or ES384, good for four minutes and one use (SMART-R308, R319 to R334).
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from urllib.parse import quote_plus

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from smart_launch.errors import Misconfigured
from smart_launch.registry import Issuer

SigningAlgorithm = Literal["RS384", "ES384"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_SECONDS = 240
"""How long an assertion is good for; SMART allows five minutes, and clocks differ."""


@dataclass(frozen=True)
class ClientKey:
    """One of our signing keys. RSA of 2048 bits or more signs RS384, a P-384 key signs ES384."""

    kid: str
    algorithm: SigningAlgorithm
    private: RSAKey | ECKey = field(repr=False, compare=False)

    @classmethod
    def generate(cls, kid: str, algorithm: SigningAlgorithm = "ES384") -> ClientKey:
        """A fresh key: RSA of 3072 bits, or P-384."""
        if algorithm == "RS384":
            return cls(kid, algorithm, RSAKey.generate_key(3072, private=True))
        return cls(kid, algorithm, ECKey.generate_key("P-384", private=True))

    @classmethod
    def from_pem(cls, pem: bytes, *, kid: str, password: bytes | None = None) -> ClientKey:
        """A private key in PEM; the algorithm follows from its kind. Raises `Misconfigured`."""
        try:
            private = load_pem_private_key(pem, password)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            private = None
        if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
            return cls(kid, "RS384", RSAKey.import_key(pem if password is None else _plain_pem(private)))
        if isinstance(private, ec.EllipticCurvePrivateKey) and isinstance(private.curve, ec.SECP384R1):
            return cls(kid, "ES384", ECKey.import_key(pem if password is None else _plain_pem(private)))
        raise Misconfigured(
            "The signing key must be a private RSA key of 2048 bits or more, or a P-384 key, in PEM.",
            code="bad-key",
        )

    def as_pem(self) -> bytes:
        """The private key in PEM, for the caller's safe."""
        return self.private.as_pem(private=True)

    def public_jwk(self) -> dict[str, Any]:
        """The public half as a JWK with `kid`, `alg` and `use` (SMART-R313 to R315)."""
        public = dict(self.private.as_dict(private=False))
        return {**public, "kid": self.kid, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"]}


def _plain_pem(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def public_jwks(keys: Iterable[ClientKey]) -> dict[str, Any]:
    """The document to publish at our JWKS URL: all public halves, the next key included before it is used."""
    return {"keys": [key.public_jwk() for key in keys]}


def client_assertion(issuer: Issuer, key: ClientKey, *, audience: str, now: datetime) -> str:
    """A fresh, once-only JWT that says we are this client; `audience` is the token endpoint's URL."""
    header: dict[str, Any] = {"alg": key.algorithm, "kid": key.kid, "typ": "JWT"}
    if issuer.jku:
        header["jku"] = issuer.jku
    seconds = int(now.timestamp())
    claims: dict[str, Any] = {
        "iss": issuer.client_id,
        "sub": issuer.client_id,
        "aud": audience,
        "iat": seconds,
        "exp": seconds + ASSERTION_SECONDS,
        "jti": secrets.token_urlsafe(32),
    }
    try:
        return jwt.encode(header, claims, key.private, algorithms=[key.algorithm])
    except (JoseError, ValueError):
        pass
    raise Misconfigured("The signing key cannot sign with its algorithm.", code="bad-key")


def authenticate(
    issuer: Issuer, *, audience: str, key: ClientKey | None, now: datetime
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """The headers and form fields that authenticate us to an endpoint.

    A public client sends its `client_id` in the form; a confidential one does not (SMART-R62 to R72).
    Raises `Misconfigured` if the key given is not the one, or not of the algorithm, that the registry names.
    """
    match issuer.auth_method:
        case "none":
            return {}, {"client_id": issuer.client_id}
        case "client_secret_basic":
            return {"Authorization": "Basic " + _basic(issuer)}, {}
        case "private_key_jwt":
            named = key is not None and (key.kid == issuer.key_id or key.algorithm == issuer.key_algorithm)
            if key is None or not named:
                wanted = (issuer.key_id or issuer.key_algorithm)[:64]
                raise Misconfigured(f"The signing key {wanted!r} for {issuer.name} is not at hand.", code="key-missing")
            assertion = client_assertion(issuer, key, audience=audience, now=now)
            return {}, {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}


def _basic(issuer: Issuer) -> str:
    name, secret = issuer.client_id, issuer.client_secret
    if issuer.encode_basic:
        name, secret = quote_plus(name), quote_plus(secret)
    return base64.b64encode(f"{name}:{secret}".encode()).decode("ascii")
