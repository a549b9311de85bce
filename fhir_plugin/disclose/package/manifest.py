"""The list of everything in a package, and what is signed: the bytes of `manifest.json` are their RFC 8785 form."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import rfc8785

from fhir_plugin.errors import Unavailable
from fhir_plugin.ports import Json, StatementSigner
from mappings.model.disclosure import Mode
from mappings.model.identifiers import Sha256

FORMAT: Final = "fhir-plugin-package"
FORMAT_VERSION: Final = 1
DERIVED: Final = "parts-made-black"


@dataclass(frozen=True)
class Listed:
    """One file of a package."""

    name: str
    media_type: str
    size: int
    sha256: Sha256
    derived: bool = False
    """Not the picture of the record: parts of it were made black for this copy."""

    def as_json(self) -> Json:
        said: Json = {"name": self.name, "type": self.media_type, "size": self.size, "sha256": self.sha256}
        return {**said, "derived": DERIVED} if self.derived else said


def manifest_of(package_id: str, made: dt.datetime, mode: Mode, key_check: str, files: Iterable[Listed]) -> Json:
    """The statement that is signed. It says `marked` where redactions are marked, and otherwise nothing about it: a
    package without marks must not tell that there might have been some."""
    statement: Json = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "package": package_id,
        "made": made.astimezone(dt.UTC).isoformat(timespec="seconds"),
        "key_check": key_check,
        "files": [each.as_json() for each in files],
    }
    return {**statement, "mode": mode.value} if mode is Mode.MARKED else statement


def canonical(statement: Json) -> bytes:
    """One statement, one sequence of bytes (RFC 8785)."""
    return rfc8785.dumps(statement)


@dataclass(frozen=True)
class SigningKey:
    """The public key that signs a package. `check`: for comparing over the telephone."""

    kid: str
    jwk: Json
    check: str


def signing_key(signer: StatementSigner) -> SigningKey:
    """The key that signs now. Raises `Unavailable` when it changes at this very moment."""
    kid = kid_of(signer.sign({"format": FORMAT, "asks": "which key signs"}))
    keys = signer.public_jwks().get("keys")
    for jwk in keys if isinstance(keys, list) else []:
        if isinstance(jwk, dict) and jwk.get("kid") == kid:
            return SigningKey(kid, jwk, key_check(jwk))
    raise Unavailable("The key that signs is just being changed: try again.", code="key-changed")


def kid_of(jws: str) -> str:
    """The name of the key in a JWS's header. Raises ValueError for what is no JWS."""
    header = jws.split(".")[0]
    said = json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    if not isinstance(said, dict) or not isinstance(said.get("kid"), str):
        raise ValueError("no kid")
    return str(said["kid"])


def key_check(jwk: Json) -> str:
    """The SHA-256 thumbprint of a public key (RFC 7638), in sixteen groups of four: 1f3a 99c0 ..."""
    wanted = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}
    names = wanted.get(str(jwk.get("kty")), tuple(jwk))
    digest = hashlib.sha256(rfc8785.dumps({name: jwk[name] for name in names if name in jwk})).hexdigest()
    return " ".join(digest[place : place + 4] for place in range(0, len(digest), 4))
