"""Signed tokens, read and judged with `cryptography` alone: a client must not be judged by its own code."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
_HASHES: dict[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES: dict[str, tuple[ec.EllipticCurve, str, int]] = {
    "P-256": (ec.SECP256R1(), "ES256", 32),
    "P-384": (ec.SECP384R1(), "ES384", 48),
    "P-521": (ec.SECP521R1(), "ES512", 66),
}


def encode(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def decode(text: str) -> bytes:
    """Raises `ValueError`."""
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


@dataclass(frozen=True)
class SignedToken:
    """A JWT in its parts, nothing of it believed."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes


def read(raw: str | None) -> SignedToken:
    """Raises `ValueError`."""
    if not raw:
        raise ValueError("Provided JWT must be a String")
    head, payload, signature = raw.split(".")
    header, claims = (json.loads(decode(part)) for part in (head, payload))
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise ValueError("a part of the JWT is not an object")
    return SignedToken(header, claims, f"{head}.{payload}".encode(), decode(signature))


@dataclass(frozen=True)
class PublishedKey:
    kid: str
    key: PublicKey


def read_key(entry: object) -> PublishedKey:
    """One usable key of a key set. Raises `ValueError`."""
    if not isinstance(entry, dict):
        raise ValueError("it is not an object")
    kid = entry.get("kid")
    if not isinstance(kid, str):
        raise ValueError("it has no kid")
    try:
        if entry.get("kty") == "RSA":
            return PublishedKey(kid, rsa.RSAPublicNumbers(_number(entry["e"]), _number(entry["n"])).public_key())
        if entry.get("kty") == "EC":
            curve = _CURVES[entry["crv"]][0]
            point = ec.EllipticCurvePublicNumbers(_number(entry["x"]), _number(entry["y"]), curve)
            return PublishedKey(kid, point.public_key())
    except (KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ValueError(f"it lacks or spoils {error}") from error
    raise ValueError(f"its kty {entry.get('kty')!r} is not supported")


def _number(text: str) -> int:
    return int.from_bytes(decode(text), "big")


def verifies(token: SignedToken, key: PublicKey) -> bool:
    """Whether the key made the signature by the algorithm of the header."""
    algorithm = str(token.header.get("alg"))
    digest = _HASHES.get(algorithm[2:])
    if digest is None:
        return False
    try:
        if isinstance(key, rsa.RSAPublicKey):
            if not algorithm.startswith("RS"):
                return False
            key.verify(token.signature, token.signed, padding.PKCS1v15(), digest)
            return True
        _, wanted, size = _CURVES[{"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}[key.curve.name]]
        if algorithm != wanted or len(token.signature) != 2 * size:
            return False
        r, s = (int.from_bytes(half, "big") for half in (token.signature[:size], token.signature[size:]))
        key.verify(utils.encode_dss_signature(r, s), token.signed, ec.ECDSA(digest))
    except InvalidSignature:
        return False
    return True


PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def sign(header: Mapping[str, Any], claims: Mapping[str, Any], key: PrivateKey) -> str:
    """A JWT, signed by RSA with the header's hash, or by P-384 as ES384, whatever else the header says."""
    signed = ".".join(encode(json.dumps(part).encode()) for part in (header, claims))
    if isinstance(key, rsa.RSAPrivateKey):
        digest = _HASHES.get(str(header.get("alg"))[2:], hashes.SHA384())
        signature = key.sign(signed.encode(), padding.PKCS1v15(), digest)
    else:
        r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(hashes.SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
    return f"{signed}.{encode(signature)}"


def public_jwk(key: PrivateKey, **more: str) -> dict[str, str]:
    """The public half as a JWK."""
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": _text(numbers.n), "e": _text(numbers.e), **more}
    point = key.public_key().public_numbers()
    return {"kty": "EC", "crv": "P-384", "x": _text(point.x, 48), "y": _text(point.y, 48), **more}


def _text(number: int, size: int = 0) -> str:
    return encode(number.to_bytes(size or (number.bit_length() + 7) // 8, "big"))


Fetch = Callable[[str], str]
"""The body of whatever is at a URL."""
