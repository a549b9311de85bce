"""Who signed in: the id_token, believed only after every check of OpenID Connect Core 3.1.3.7 (SMART-R201).

Which algorithm may sign is decided by the registry, never by the token; which issuer, by what the launched
EHR's own configuration named; which key, by that issuer's key set, where a token without `kid` is accepted
only if one key alone could have signed it.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from smart_launch.context import FhirUser, read_fhir_user
from smart_launch.discovery import SmartConfiguration, fetch_document
from smart_launch.errors import DiscoveryError, IdTokenError
from smart_launch.registry import Issuer
from smart_launch.transport import Transport
from smart_launch.urls import well_known

SKEW_SECONDS = 60
"""How far apart the EHR's clock and ours may be."""
_LONGEST = 64 * 1024
_PublicKey = RSAKey | ECKey
_RSA_BITS = (2048, 8200)
"""The size of an RSA modulus that is taken: neither weak nor made to keep us busy (in whole base64 digits)."""


@dataclass(frozen=True)
class Identity:
    """A verified person. `subject` is unique within `issuer`; `fhir_user` may be missing."""

    issuer: str
    subject: str = field(repr=False)
    fhir_user: FhirUser | None = field(default=None, repr=False)
    authenticated_at: datetime | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)


class IdTokenVerifier:
    """Verifies id_tokens; keeps key sets for `ttl`, and asks again for an unknown `kid` at most every `pause`.

    Safe between threads; never locked while asking.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        ttl: timedelta = timedelta(hours=1),
        pause: timedelta = timedelta(seconds=30),
    ) -> None:
        self._transport = transport
        self._ttl = ttl
        self._pause = pause
        self._lock = threading.Lock()
        self._uris: dict[str, tuple[datetime, str]] = {}
        self._sets: dict[str, tuple[datetime, tuple[Mapping[str, Any], ...]]] = {}

    def verify(
        self, raw: str, *, issuer: Issuer, configuration: SmartConfiguration, nonce: str, now: datetime
    ) -> Identity:
        """Verify one token. `nonce` is what was sent, or "" if none was.

        Raises `IdTokenError` (its `code` names the check), `DiscoveryError`, `TransportError`.
        """
        header = _read_header(raw)
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in issuer.id_token_algorithms:
            raise _refused("algorithm", "it is signed in a way that is not allowed")
        trusted = issuer.expected_issuer or configuration.issuer or configuration.fhir_base
        uri = self._jwks_uri(trusted, issuer, configuration, now)
        key = self._key(uri, header.get("kid"), algorithm, now)
        claims: Mapping[str, Any] | None = None
        try:
            claims = jwt.decode(raw, key, algorithms=[algorithm]).claims
        except (JoseError, ValueError, TypeError, RecursionError):
            claims = None
        if claims is None:
            raise _refused("signature", "its signature does not verify")
        _check_claims(claims, trusted, issuer, nonce, now)
        since = claims.get("auth_time")
        return Identity(
            issuer=trusted,
            subject=claims["sub"],
            fhir_user=read_fhir_user(claims.get("fhirUser"), configuration.fhir_base),
            authenticated_at=_moment(since, now),
            claims=claims,
        )

    def _jwks_uri(self, trusted: str, issuer: Issuer, configuration: SmartConfiguration, now: datetime) -> str:
        if configuration.jwks_uri:
            return configuration.jwks_uri
        with self._lock:
            kept = self._uris.get(trusted)
        if kept is not None and timedelta(0) <= now - kept[0] < self._ttl:
            return kept[1]
        if not issuer.trusts_endpoint(trusted):
            raise DiscoveryError(
                "The EHR's OpenID issuer is on a host that is not registered.", code="discovery-issuer"
            )
        document = fetch_document(self._transport, well_known(trusted, "openid-configuration"), "OpenID configuration")
        uri = document.get("jwks_uri")
        if document.get("issuer") != trusted:
            raise DiscoveryError("The EHR's OpenID configuration names another issuer.", code="discovery-issuer")
        if not isinstance(uri, str) or not issuer.trusts_endpoint(uri):
            raise DiscoveryError(
                "The EHR's OpenID configuration has no key set on a registered host.",
                code="discovery-endpoint",
            )
        with self._lock:
            self._uris[trusted] = (now, uri)
        return uri

    def _key(self, uri: str, kid: object, algorithm: str, now: datetime) -> _PublicKey:
        if kid is not None and not isinstance(kid, str):
            raise _refused("kid", "its key id is not text")
        fitting = _fitting(self._keys(uri, now, older_than=self._ttl), kid, algorithm)
        if not fitting:
            fitting = _fitting(self._keys(uri, now, older_than=self._pause), kid, algorithm)
        if not fitting:
            raise _refused("key", "no published key could have signed it")
        if len(fitting) > 1:
            raise _refused("kid", "it does not say which of several keys signed it")
        return fitting[0]

    def _keys(self, uri: str, now: datetime, *, older_than: timedelta) -> tuple[Mapping[str, Any], ...]:
        with self._lock:
            kept = self._sets.get(uri)
        if kept is not None and timedelta(0) <= now - kept[0] < older_than:
            return kept[1]
        document = fetch_document(self._transport, uri, "key set")
        entries = document.get("keys")
        keys = tuple(entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()
        with self._lock:
            self._sets[uri] = (now, keys)
        return keys


def _refused(check: str, says: str) -> IdTokenError:
    return IdTokenError(f"The EHR's identity token is refused: {says}.", code=f"id-token-{check}")


def _read_header(raw: str) -> Mapping[str, Any]:
    header: Any = None
    parts = raw.split(".")
    if len(raw) <= _LONGEST and len(parts) == 3 and raw.isascii():
        try:
            header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
        except (ValueError, RecursionError):
            header = None
    if not isinstance(header, dict):
        raise _refused("format", "it is not a signed token")
    return header


def _fitting(keys: tuple[Mapping[str, Any], ...], kid: str | None, algorithm: str) -> list[_PublicKey]:
    """The keys of a set that could have signed: right kind, meant for signatures, and the one named."""
    kind = "EC" if algorithm.startswith("ES") else "RSA"
    curve = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}.get(algorithm)
    found: list[_PublicKey] = []
    for entry in keys:
        if entry.get("kty") != kind or entry.get("use", "sig") != "sig":
            continue
        if entry.get("alg", algorithm) != algorithm or (curve and entry.get("crv") != curve):
            continue
        if kid is not None and entry.get("kid") != kid:
            continue
        key = _import_key(entry, kind)
        if key is not None:
            found.append(key)
    return found


def _import_key(entry: Mapping[str, Any], kind: str) -> _PublicKey | None:
    wanted = ("kty", "crv", "x", "y") if kind == "EC" else ("kty", "n", "e")
    public = {name: entry[name] for name in wanted if isinstance(entry.get(name), str)}
    if kind == "RSA" and not _RSA_BITS[0] <= 6 * len(public.get("n", "")) <= _RSA_BITS[1]:
        return None
    try:
        return ECKey.import_key(public) if kind == "EC" else RSAKey.import_key(public)
    except (JoseError, ValueError, KeyError, TypeError):
        return None


def _check_claims(claims: Mapping[str, Any], trusted: str, issuer: Issuer, nonce: str, now: datetime) -> None:
    if claims.get("iss") != trusted:
        raise _refused("issuer", "another issuer made it")
    audience = claims.get("aud")
    audiences = [audience] if isinstance(audience, str) else audience
    if not isinstance(audiences, list) or issuer.client_id not in audiences:
        raise _refused("audience", "it was made for another app")
    party = claims.get("azp")
    if (party is None and len(audiences) > 1) or (party is not None and party != issuer.client_id):
        raise _refused("audience", "it was made for another app")
    seconds = now.timestamp()
    expires, issued, begins = (_number(claims.get(name)) for name in ("exp", "iat", "nbf"))
    if expires is None or issued is None:
        raise _refused("times", "it does not say when it was made or ends")
    if seconds >= expires + SKEW_SECONDS:
        raise _refused("expired", "it has expired")
    if issued > seconds + SKEW_SECONDS or (begins is not None and begins > seconds + SKEW_SECONDS):
        raise _refused("times", "it is not valid yet")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= 255:
        raise _refused("subject", "it names nobody")
    _check_nonce(claims.get("nonce"), nonce, issuer)


def _check_nonce(echoed: object, nonce: str, issuer: Issuer) -> None:
    if echoed is None:
        if nonce and issuer.require_nonce:
            raise _refused("nonce", "it does not answer our request")
    elif nonce and echoed != nonce:
        raise _refused("nonce", "it answers another request")


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value < 1e12 else None


def _moment(value: object, now: datetime) -> datetime | None:
    seconds = _number(value)
    if seconds is None or seconds > now.timestamp() + SKEW_SECONDS:
        return None
    return datetime.fromtimestamp(seconds, now.tzinfo)
