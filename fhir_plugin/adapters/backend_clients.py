"""The systems that may ask without a person (SMART Backend Services), from a TOML file that people write.

::

    [[client]]
    client_id = "claims-gateway"
    name = "Claims gateway of Example Insurance"
    jwks_uri = "https://claims.example/jwks.json"   # or jwks_file = "claims.jwks.json", beside this file
    purposes = ["insurer"]                          # as in the CLI: who the copy is for
    modes = ["marked"]                              # this is what holds if nothing is said
    several_patients = false

What is not named is not allowed. The file is read when the app starts.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from fhir_plugin.disclose.decide import Rules, UnknownPurpose
from fhir_plugin.disclose.machines.order import Caller
from fhir_plugin.errors import Unavailable
from mappings.model.disclosure import Mode

_KNOWN: Final = {"client_id", "name", "jwks_uri", "jwks_file", "purposes", "modes", "several_patients"}
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}")
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
MIN_RSA_BITS: Final = 2048
ALGORITHM_OF: Final = {"RSA": "RS384", "EC": "ES384"}
"""The two that SMART asks servers for (SMART-R308, R309), each with the only kind of key that it takes."""

PublicKey = RSAKey | ECKey


class UnusableKeys(ValueError):
    """A key set that is none, or holds what must not be there."""


@dataclass(frozen=True)
class BackendClient:
    """One registered system. `keys`: those of its file; empty where they are at `jwks_uri`."""

    caller: Caller
    name: str
    jwks_uri: str = ""
    keys: Mapping[str, PublicKey] = field(default_factory=dict, repr=False)

    @property
    def id(self) -> str:
        return self.caller.id


def read_backend_clients(path: Path, rules: Rules) -> dict[str, BackendClient]:
    """Every registered system by its id. Raises `Unavailable` (`backend-clients-file`) for a file that is wrong."""
    try:
        said = tomllib.loads(path.read_text("utf-8"))
        clients = [_client(each, path.parent, rules) for each in _tables(said)]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValueError, TypeError, UnknownPurpose) as error:
        raise Unavailable(f"The file of backend clients cannot be used: {error}", code="backend-clients-file") from None
    found = {client.id: client for client in clients}
    if len(found) != len(clients):
        raise Unavailable("Two backend clients have the same client_id.", code="backend-clients-file")
    return found


def public_keys(document: object) -> dict[str, PublicKey]:
    """The keys of a JWKS that can verify RS384 or ES384, by `kid`; others are passed over.

    Raises `UnusableKeys` for what is no key set, for a private or symmetric key in it (then the key is no secret any
    more), and for one `kid` twice.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list):
        raise UnusableKeys("it is no key set")
    found: dict[str, PublicKey] = {}
    for each in keys:
        if not isinstance(each, dict):
            raise UnusableKeys("it is no key set")
        if _PRIVATE & each.keys():
            raise UnusableKeys("it holds a private or symmetric key")
        kid, kind = each.get("kid"), each.get("kty")
        if not isinstance(kid, str) or kind not in ALGORITHM_OF or each.get("use", "sig") != "sig":
            continue
        if each.get("alg", ALGORITHM_OF[kind]) != ALGORITHM_OF[kind]:
            continue
        key = _key(each)
        if key is None:
            continue
        if kid in found:
            raise UnusableKeys("it has two keys with one kid")
        found[kid] = key
    return found


def _key(jwk: dict[str, Any]) -> PublicKey | None:
    try:
        if jwk["kty"] == "EC":
            return ECKey.import_key(jwk) if jwk.get("crv") == "P-384" else None
        modulus = base64.b64decode(jwk["n"] + "=" * (-len(jwk["n"]) % 4), altchars=b"-_", validate=True)
        return RSAKey.import_key(jwk) if int.from_bytes(modulus, "big").bit_length() >= MIN_RSA_BITS else None
    except (JoseError, ValueError, TypeError, KeyError):
        raise UnusableKeys("a key in it cannot be read") from None


def _tables(said: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    clients = said.get("client")
    if said.keys() != {"client"} or not isinstance(clients, list) or not clients:
        raise ValueError("it holds [[client]] tables and nothing else")
    for each in clients:
        if not isinstance(each, dict) or each.keys() - _KNOWN:
            unknown = ", ".join(sorted(each.keys() - _KNOWN)) if isinstance(each, dict) else "no table"
            raise ValueError(f"unknown in [[client]]: {unknown}")
        yield each


def _client(said: Mapping[str, Any], folder: Path, rules: Rules) -> BackendClient:
    id_ = said.get("client_id")
    if not isinstance(id_, str) or not _ID.fullmatch(id_):
        raise ValueError("a client_id is missing, or has other characters than letters, digits and . _ : / -")
    if "purposes" not in said:
        raise ValueError(f"{id_}: purposes are missing; without them it may ask for nothing")
    caller = Caller(
        id=id_,
        requesters=frozenset(rules.row(each).requester for each in _words(said, "purposes", id_)),
        modes=frozenset(Mode(each) for each in _words(said, "modes", id_))
        if "modes" in said
        else frozenset({Mode.MARKED}),
        several_patients=_flag(said, "several_patients", id_),
    )
    if ("jwks_uri" in said) == ("jwks_file" in said):
        raise ValueError(f"{id_}: give jwks_uri or jwks_file, one of them")
    name = str(said.get("name") or id_)
    if "jwks_uri" in said:
        uri = said["jwks_uri"]
        if not isinstance(uri, str) or urlsplit(uri).scheme not in ("https", "http") or not urlsplit(uri).netloc:
            raise ValueError(f"{id_}: jwks_uri is no URL")
        return BackendClient(caller, name, jwks_uri=uri)
    keys = public_keys(json.loads((folder / str(said["jwks_file"])).read_text("utf-8")))
    if not keys:
        raise ValueError(f"{id_}: its key file has no RSA key of {MIN_RSA_BITS} bits or P-384 key with a kid")
    return BackendClient(caller, name, keys=keys)


def _words(said: Mapping[str, Any], name: str, id_: str) -> list[str]:
    value = said[name]
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{id_}: {name} is a list of words")
    return value


def _flag(said: Mapping[str, Any], name: str, id_: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise TypeError(f"{id_}: {name} is true or false")
    return value
