"""Whether a certificate of destruction is as it was signed, and by which key. Needs no installation."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import rfc8785
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from joserfc.jws import deserialize_compact
from joserfc.util import urlsafe_b64encode

from fhir_plugin.delete.certificate import FORMAT, FORMAT_VERSION
from fhir_plugin.errors import Refused

Json = dict[str, Any]

MOST: Final = 1 << 20
"""Bytes of a certificate: a hundred times what one takes."""
_ALGORITHM: Final = "ES384"
_TEXTS: Final = ("number", "made", "patient", "item", "image", "keyed_digest")


@dataclass(frozen=True)
class Verified:
    """What was found. `right`: nothing is wrong. `trusted`: the key was among those given to compare with; None where
    none were, so that only the file's own key says who signed."""

    faults: tuple[str, ...]
    number: str = ""
    made: str = ""
    places: tuple[str, ...] = ()
    not_attested: tuple[str, ...] = ()
    kid: str = ""
    key: Json | None = field(default=None, repr=False)
    trusted: bool | None = None

    @property
    def right(self) -> bool:
        return not self.faults


def verify_certificate(content: bytes, keys: Iterable[Json] | None = None) -> Verified:
    """Checks form and signature. `keys`: the JSON Web Keys that are trusted; without them those in the file are used.

    Raises `Refused` (`not-a-certificate`) for a file that is none.
    """
    told = _read(content)
    statement, jws = told["statement"], told["jws"]
    own = [each for each in _list(told.get("keys")) if isinstance(each, dict)]
    trusted = None if keys is None else list(keys)
    faults = _wrong(statement)
    kid = _kid_of(jws)
    key = next((each for each in (own if trusted is None else trusted) if kid and each.get("kid") == kid), None)
    if key is None:
        faults.append("it was signed by a key that is not among those to compare with")
    elif not _is_signed(jws, statement, key):
        faults.append("the signature does not fit: something was changed")
    return Verified(
        faults=tuple(faults),
        number=str(statement.get("number", "")),
        made=str(statement.get("made", "")),
        places=tuple(_named(statement.get("looked"))),
        not_attested=tuple(_named(statement.get("attested"), lacking="on")),
        kid=kid,
        key=key,
        trusted=None if trusted is None else key is not None,
    )


def _read(content: bytes) -> Json:
    none = Refused("This file is not a certificate of destruction.", code="not-a-certificate")
    if len(content) > MOST:
        raise none
    try:
        told = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise none from None
    if not isinstance(told, dict) or not isinstance(told.get("jws"), str):
        raise none
    statement = told.get("statement")
    if not isinstance(statement, dict) or statement.get("format") != FORMAT:
        raise none
    return told


def _once(pairs: list[tuple[str, Any]]) -> Json:
    """A name that stands twice would be read otherwise by somebody else."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _wrong(statement: Json) -> list[str]:
    if statement.get("version") != FORMAT_VERSION:
        return ["its version is not known here"]
    missing = [name for name in _TEXTS if not isinstance(statement.get(name), str)]
    looked = _list(statement.get("looked"))
    if missing or not looked or not all(isinstance(each, dict) and each.get("at") for each in looked):
        return ["it does not say what a certificate says"]
    return []


def _is_signed(jws: str, statement: Json, key: Json) -> bool:
    """A detached JWS of exactly this statement, ES384 and nothing else."""
    parts = jws.split(".")
    if len(parts) != 3 or parts[1]:
        return False
    try:
        compact = f"{parts[0]}.{urlsafe_b64encode(rfc8785.dumps(statement)).decode('ascii')}.{parts[2]}"
        public = {name: value for name, value in key.items() if name != "d"}
        found = deserialize_compact(compact, ECKey.import_key(public), algorithms=[_ALGORITHM])
    except (JoseError, ValueError, TypeError, KeyError, RecursionError):
        return False
    return set(found.headers()) == {"alg", "kid"}


def _kid_of(jws: str) -> str:
    head = jws.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return ""
    kid = header.get("kid") if isinstance(header, dict) else None
    return kid if isinstance(kid, str) else ""


def _named(listed: object, lacking: str = "") -> Iterable[str]:
    for each in _list(listed):
        if isinstance(each, dict) and isinstance(each.get("place"), str) and not (lacking and each.get(lacking)):
            yield each["place"]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
