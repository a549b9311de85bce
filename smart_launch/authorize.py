"""The beginning of a launch: read it, and send the browser to the EHR's sign-in page."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import DiscoveryError, LaunchRefused, Misconfigured
from smart_launch.pkce import challenge_of, new_verifier
from smart_launch.registry import Issuer, IssuerRegistry
from smart_launch.scope import request_scopes
from smart_launch.urls import is_safe_endpoint

PENDING_FOR = timedelta(minutes=10)
"""How long a person may take to sign in."""

Parameters = Mapping[str, str | Sequence[str]]
"""Query or form parameters; a list of values shows when a parameter was repeated."""


def single(parameters: Parameters, name: str) -> str | None:
    """The one value of a parameter, None if it is absent or empty.

    Raises `LaunchRefused` if it is repeated (RFC 6749, 3.1) or absurdly long.
    """
    value = parameters.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        if len(value) > 1:
            raise LaunchRefused("A parameter of this launch is repeated.", code="repeated-parameter")
        value = value[0] if value else ""
    if len(value) > 16_384:
        raise LaunchRefused("A parameter of this launch is too long.", code="parameter-too-long")
    return value or None


@dataclass(frozen=True)
class LaunchRequest:
    """An EHR launch whose issuer is registered. `iss` is as the EHR sent it; `launch` is its opaque handle."""

    issuer: Issuer
    iss: str
    launch: str = field(repr=False)


def read_launch(parameters: Parameters, registry: IssuerRegistry) -> LaunchRequest:
    """The EHR launch in a request to our launch URL. Makes no request itself.

    Raises `LaunchRefused` (no `iss` or no `launch`) and `UnknownIssuer`.
    """
    iss, launch = single(parameters, "iss"), single(parameters, "launch")
    if iss is None or launch is None:
        raise LaunchRefused("This is not a launch from an EHR: iss or launch is missing.", code="no-launch")
    return LaunchRequest(registry.find(iss), iss, launch)


def binding_of(browser_secret: str) -> str:
    """What is kept of a browser-binding cookie: its SHA-256, so that a read database opens no session."""
    return hashlib.sha256(browser_secret.encode("utf-8")).hexdigest()


def state_key(state: str) -> str:
    """Under which key a pending launch is kept: the SHA-256 of its state, so that the row itself is no secret."""
    return hashlib.sha256(state.encode("utf-8")).hexdigest()


@dataclass(frozen=True)
class PendingLaunch:
    """A launch that waits for the person to sign in. Keep it until `expires_at`, and take it out **once**.

    It pins what was true at the start: issuer, endpoints, redirect URI. Secrets do not show in `repr`;
    `as_record` has them, to be encrypted.
    """

    iss: str
    aud: str
    redirect_uri: str
    requested: str
    configuration: SmartConfiguration
    created_at: datetime
    expires_at: datetime
    ehr_launch: bool
    state: str = field(repr=False)
    verifier: str = field(repr=False)
    nonce: str = field(repr=False)
    """Sent if an id_token was asked for; otherwise empty."""
    browser_binding: str = field(repr=False)
    privileged: bool = False
    """Whether it asked for the entry's `privileged_scopes`: what may be opened with it, the app decides."""
    identity_only: bool = False
    """Whether it asked for nothing but who signs in: no patient's record opens with what it brings."""

    @property
    def key(self) -> str:
        """Under which key to keep it; `callback.pending_key` finds it again."""
        return state_key(self.state)

    def belongs_to(self, browser_secret: str | None) -> bool:
        """Whether this is the browser that began the launch (SMART-R61). Constant time."""
        if not browser_secret:
            return False
        return hmac.compare_digest(self.browser_binding, binding_of(browser_secret))

    def is_expired(self, now: datetime) -> bool:
        """Whether the person took too long, or our clock went backwards by more than a minute."""
        return now >= self.expires_at or now < self.created_at - timedelta(minutes=1)

    def as_record(self) -> dict[str, Any]:
        """JSON-ready, with the verifier in clear: encrypt it before it is kept."""
        return {
            **{name: getattr(self, name) for name in self.__dataclass_fields__},
            "configuration": self.configuration.as_record(),
            "created_at": self.created_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PendingLaunch:
        """What `as_record` wrote."""
        values = dict(record)
        values["configuration"] = SmartConfiguration.from_record(values["configuration"])
        for name in ("created_at", "expires_at"):
            values[name] = datetime.fromisoformat(values[name])
        return cls(**values)


def begin_launch(
    issuer: Issuer,
    configuration: SmartConfiguration,
    *,
    redirect_uri: str,
    browser_secret: str,
    now: datetime,
    launch: str | None = None,
    aud: str | None = None,
    scopes: Sequence[str] | None = None,
    standalone_context: Sequence[str] = ("patient",),
    privileged: bool = False,
    identity_only: bool = False,
) -> tuple[PendingLaunch, str]:
    """The launch to keep, and the URL to send this browser to.

    `launch` is the EHR's handle; without it this is a standalone launch, which asks for `standalone_context`.
    `aud` is the `iss` as the EHR sent it (default: as registered). `browser_secret` is the value of the
    browser-binding cookie. `scopes` defaults to the registered ones: `privileged` takes the entry's
    `privileged_scopes`, and is refused (`LaunchRefused`, `not-privileged`) where there are none; `identity_only` takes
    `identity_scopes`, and asks for no patient. State and nonce carry 256 bits. Raises `DiscoveryError` if the EHR has
    no authorization endpoint, `Misconfigured` for a bad redirect URI.
    """
    if not configuration.authorization_endpoint:
        raise DiscoveryError("The EHR's configuration names no authorization endpoint.", code="discovery-incomplete")
    if not is_safe_endpoint(redirect_uri) or not browser_secret:
        raise Misconfigured("A launch needs an https redirect URI and a browser-binding cookie.")
    if configuration.fhir_base != issuer.fhir_base or (aud or issuer.iss).rstrip("/") != issuer.fhir_base:
        raise Misconfigured("The configuration or audience belongs to another issuer.")
    if privileged and not issuer.privileged_scopes:
        message = "This EHR is not registered for this way in. Open the app from its usual entry in the chart."
        raise LaunchRefused(message, code="not-privileged")
    if privileged and identity_only:
        raise Misconfigured("A launch asks for more or for less, not for both.")
    registered = issuer.privileged_scopes if privileged else issuer.scopes
    if identity_only:
        registered, standalone_context = issuer.identity_scopes, ()
    scope = request_scopes(
        registered if scopes is None else scopes,
        v2=configuration.speaks_v2_scopes,
        v1=configuration.speaks_v1_scopes,
        ehr_launch=launch is not None,
        context=standalone_context,
    )
    pending = PendingLaunch(
        iss=issuer.iss,
        aud=aud or issuer.iss,
        redirect_uri=redirect_uri,
        requested=scope,
        configuration=configuration,
        created_at=now,
        expires_at=now + PENDING_FOR,
        ehr_launch=launch is not None,
        state=secrets.token_urlsafe(32),
        verifier=new_verifier(),
        nonce=secrets.token_urlsafe(32) if "openid" in scope.split() else "",
        browser_binding=binding_of(browser_secret),
        privileged=privileged,
        identity_only=identity_only,
    )
    fields = {
        "response_type": "code",
        "client_id": issuer.client_id,
        "redirect_uri": redirect_uri,
        "scope": scope,
        "state": pending.state,
        "aud": pending.aud,
        "code_challenge": challenge_of(pending.verifier),
        "code_challenge_method": "S256",
    }
    if launch is not None:
        fields["launch"] = launch
    if pending.nonce:
        fields["nonce"] = pending.nonce
    return pending, _with_query(configuration.authorization_endpoint, fields)


def _with_query(endpoint: str, fields: Mapping[str, str]) -> str:
    parts = urlsplit(endpoint)
    query = "&".join(part for part in (parts.query, urlencode(fields)) if part)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, query, ""))


def prefers_post(configuration: SmartConfiguration, url: str, *, limit: int = 2000) -> bool:
    """Whether this authorization request should be POSTed: long, and the EHR takes it (SMART-R133)."""
    return len(url) > limit and "authorize-post" in configuration.capabilities


def as_form(configuration: SmartConfiguration, url: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """The authorization request as a form to submit: its action, and its hidden fields (SMART-R50)."""
    endpoint = configuration.authorization_endpoint
    own = len(parse_qsl(urlsplit(endpoint).query, keep_blank_values=True))
    return endpoint, tuple(parse_qsl(urlsplit(url).query, keep_blank_values=True)[own:])
