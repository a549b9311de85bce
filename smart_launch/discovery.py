"""What an EHR says about its own OAuth: `.well-known/smart-configuration` (SMART App Launch 2.2)."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from smart_launch.errors import DiscoveryError, ReplyTooLarge, UnusableReply
from smart_launch.registry import Issuer
from smart_launch.transport import Transport
from smart_launch.urls import resolve, well_known

_MAX_BYTES = 512 * 1024
_MOST_SECONDS = 15
"""For one document: somebody waits in front of a browser."""
_URLS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "revocation_endpoint",
    "introspection_endpoint",
    "management_endpoint",
)
_LISTS = (
    "capabilities",
    "scopes_supported",
    "grant_types_supported",
    "code_challenge_methods_supported",
    "token_endpoint_auth_methods_supported",
    "token_endpoint_auth_signing_alg_values_supported",
)


@dataclass(frozen=True)
class SmartConfiguration:
    """One EHR's configuration; every URL in it is absolute, safe and on a registered host.

    `scopes_supported` is not exhaustive by specification: never decide by it.
    """

    fhir_base: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    issuer: str = ""
    jwks_uri: str = ""
    revocation_endpoint: str = ""
    introspection_endpoint: str = ""
    management_endpoint: str = ""
    capabilities: frozenset[str] = frozenset()
    scopes_supported: frozenset[str] = frozenset()
    grant_types_supported: frozenset[str] = frozenset()
    code_challenge_methods_supported: frozenset[str] = frozenset()
    token_endpoint_auth_methods_supported: frozenset[str] = frozenset()
    token_endpoint_auth_signing_alg_values_supported: frozenset[str] = frozenset()
    names_issuer_on_callback: bool = field(default=False)
    """`authorization_response_iss_parameter_supported` of RFC 9207."""

    @property
    def speaks_v2_scopes(self) -> bool:
        return "permission-v2" in self.capabilities

    @property
    def speaks_v1_scopes(self) -> bool:
        return "permission-v1" in self.capabilities

    def as_record(self) -> dict[str, Any]:
        """JSON-ready, without secrets."""
        return {
            entry.name: sorted(value) if isinstance(value, frozenset) else value
            for entry in fields(self)
            for value in (getattr(self, entry.name),)
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> SmartConfiguration:
        """What `as_record` wrote."""
        values: dict[str, Any] = {
            name: frozenset(value) if isinstance(value, list) else value for name, value in record.items()
        }
        return cls(**values)


def discover(issuer: Issuer, transport: Transport) -> SmartConfiguration:
    """Ask a registered EHR for its configuration.

    Raises `DiscoveryError` (missing, no JSON, too large, an endpoint that is unsafe or on a host that was not
    registered, another issuer than expected, no S256) and `TransportError` (nothing usable came back).
    """
    url = well_known(issuer.fhir_base, "smart-configuration")
    return read_configuration(issuer, fetch_document(transport, url, "configuration"))


def fetch_document(transport: Transport, url: str, what: str) -> Mapping[str, Any]:
    """One JSON object that an EHR publishes. Raises `DiscoveryError`, `TransportError`."""
    problem, code = "", ""
    wait: float | None = None
    try:
        reply = transport.send(
            "GET",
            url,
            headers={"Accept": "application/json"},
            max_bytes=_MAX_BYTES,
            total_timeout=_MOST_SECONDS,
        )
        if reply.status in (429, 503):
            problem, code, wait = "it is busy", "discovery-busy", reply.retry_after
        elif reply.status != 200:
            problem, code = f"it answered HTTP {reply.status}", "discovery-missing"
        else:
            document = reply.json()
            if isinstance(document, dict):
                return document
            problem, code = "it is not a JSON object", "discovery-not-json"
    except UnusableReply:
        problem, code = "it is not JSON", "discovery-not-json"
    except ReplyTooLarge:
        problem, code = "it is too large", "discovery-too-large"
    raise DiscoveryError(f"The EHR's {what} cannot be used: {problem}.", code=code, retry_after=wait)


def read_configuration(issuer: Issuer, document: Mapping[str, Any]) -> SmartConfiguration:
    """Judge a configuration document of this EHR. Raises `DiscoveryError`."""
    values: dict[str, Any] = {name: _endpoint(issuer, document, name) for name in _URLS}
    for name in _LISTS:
        value = document.get(name)
        items = value if isinstance(value, list) else []
        values[name] = frozenset(item for item in items if isinstance(item, str))
    named = document.get("issuer")
    values["issuer"] = named if isinstance(named, str) else ""
    values["names_issuer_on_callback"] = document.get("authorization_response_iss_parameter_supported") is True
    if not values["token_endpoint"]:
        raise DiscoveryError("The EHR's configuration names no token endpoint.", code="discovery-incomplete")
    if issuer.expected_issuer and values["issuer"] not in {"", issuer.expected_issuer}:
        raise DiscoveryError(
            "The EHR's configuration names another issuer than the one registered.", code="discovery-issuer"
        )
    if values["issuer"] and not issuer.trusts_endpoint(values["issuer"]):
        raise DiscoveryError(
            "The EHR's configuration names an issuer on a host that is not registered.",
            code="discovery-issuer",
        )
    if issuer.require_s256 and "S256" not in values["code_challenge_methods_supported"]:
        raise DiscoveryError(
            "The EHR's configuration does not offer PKCE with S256, which SMART requires.",
            code="discovery-no-s256",
        )
    return SmartConfiguration(fhir_base=issuer.fhir_base, **values)


def _endpoint(issuer: Issuer, document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if not isinstance(value, str) or not value:
        return ""
    try:
        url = resolve(issuer.fhir_base, value)
    except ValueError:
        url = ""
    if not issuer.trusts_endpoint(url):
        raise DiscoveryError(
            f"The EHR's configuration names a place for {name} that is unsafe or on a host that is not registered.",
            code="discovery-endpoint",
        )
    return url


class ConfigurationCache:
    """Keeps configurations for `ttl`; safe between threads, and never locked while asking."""

    def __init__(self, transport: Transport, *, ttl: timedelta = timedelta(minutes=15)) -> None:
        self._transport = transport
        self._ttl = ttl
        self._lock = threading.Lock()
        self._kept: dict[Issuer, tuple[datetime, SmartConfiguration]] = {}

    def get(self, issuer: Issuer, *, now: datetime) -> SmartConfiguration:
        """The configuration, asked for if it is not known or too old. Raises what `discover` raises."""
        with self._lock:
            kept = self._kept.get(issuer)
        if kept is not None and timedelta(0) <= now - kept[0] < self._ttl:
            return kept[1]
        found = discover(issuer, self._transport)
        with self._lock:
            if len(self._kept) >= 1000:  # sandbox entries matched by prefix are without number
                self._kept.clear()
            self._kept[issuer] = (now, found)
        return found

    def forget(self) -> None:
        """Ask everybody again next time."""
        with self._lock:
            self._kept.clear()
