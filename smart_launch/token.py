"""Trading a code or a refresh token for access (SMART App Launch 2.2, token request and response)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from smart_launch.client_auth import ClientKey, authenticate
from smart_launch.details import subject_of
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import (
    InvalidClient,
    InvalidGrant,
    LaunchRefused,
    ScopeTooNarrow,
    TokenError,
    TokenOutOfBounds,
    UnusableReply,
)
from smart_launch.registry import Issuer
from smart_launch.scope import GrantedScopes
from smart_launch.transport import Reply, Transport
from smart_launch.urls import is_within

ASSUMED_SECONDS = 300
"""How long a token is taken to live if the server does not say."""
_LONGEST_SECONDS = 30 * 24 * 3600
_MAX_BYTES = 512 * 1024
MOST_SECONDS = 45
"""The longest that a token endpoint may take: somebody waits, and others for the refresh."""
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SECRETS = frozenset({"access_token", "refresh_token", "id_token"})


@dataclass(frozen=True)
class Grant:
    """Access to one FHIR base, as granted. Tokens never show in `repr`; `as_record` has them, to be encrypted."""

    iss: str
    fhir_base: str
    access_token: str = field(repr=False)
    expires_at: datetime
    scopes: GrantedScopes
    scope_assumed: bool = False
    """The server did not say what it granted: these are the scopes that were asked for."""
    expiry_assumed: bool = False
    refresh_token: str | None = field(default=None, repr=False)
    id_token: str | None = field(default=None, repr=False)
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """What else came with the token: the launch context, raw. Read it through `LaunchContext`."""

    def is_expired(self, now: datetime, *, leeway: timedelta = timedelta(seconds=30)) -> bool:
        """Whether the access token is over, or will be before a request could finish."""
        return now + leeway >= self.expires_at

    def header_for(self, url: str) -> dict[str, str]:
        """The `Authorization` header for a request to this URL.

        Only inside this grant's FHIR base (SMART-R97): references and next links may point anywhere.
        Raises `TokenOutOfBounds`.
        """
        if not is_within(self.fhir_base, url):
            raise TokenOutOfBounds("A token is sent only to the FHIR server it was made for.")
        return {"Authorization": f"Bearer {self.access_token}"}

    def require(self, resource_type: str, interaction: str) -> None:
        """Raises `ScopeTooNarrow` unless the granted scopes reach to this interaction."""
        if not self.scopes.allows(resource_type, interaction):
            raise ScopeTooNarrow(f"The EHR did not grant {interaction} of {resource_type}.")

    def as_record(self) -> dict[str, Any]:
        """JSON-ready, with the tokens in clear: encrypt it before it is kept."""
        return {
            "iss": self.iss,
            "fhir_base": self.fhir_base,
            "access_token": self.access_token,
            "expires_at": self.expires_at.isoformat(),
            "scope": str(self.scopes),
            "scope_assumed": self.scope_assumed,
            "expiry_assumed": self.expiry_assumed,
            "refresh_token": self.refresh_token,
            "id_token": self.id_token,
            "parameters": dict(self.parameters),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Grant:
        """What `as_record` wrote."""
        values = dict(record)
        values["expires_at"] = datetime.fromisoformat(values["expires_at"])
        values["scopes"] = GrantedScopes.parse(values.pop("scope"))
        return cls(**values)


def exchange(
    issuer: Issuer,
    configuration: SmartConfiguration,
    transport: Transport,
    *,
    code: str,
    redirect_uri: str,
    verifier: str,
    requested: str,
    key: ClientKey | None = None,
    now: datetime,
) -> Grant:
    """Trade an authorization code for access. A code works once: never repeat this.

    Raises `InvalidGrant`, `InvalidClient`, `TokenError`, `UnusableReply`, `TransportError`, `Misconfigured`.
    """
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": redirect_uri,
        "code_verifier": verifier,
    }
    answer = ask_token_endpoint(issuer, configuration, transport, form, key=key, now=now)
    return read_grant(answer, issuer, requested=requested, now=now)


def refresh(
    grant: Grant,
    issuer: Issuer,
    configuration: SmartConfiguration,
    transport: Transport,
    *,
    scopes: str | None = None,
    key: ClientKey | None = None,
    now: datetime,
) -> Grant:
    """Trade the refresh token for fresh access; `scopes` may ask for less than before (SMART-R105 to R117).

    What the answer leaves out stays as it was: context, scopes, and the refresh token itself. Who signed in is
    settled at launch: an id_token that comes with a refresh is not looked at. A refresh token
    may work once only: hold a lock over this that all workers share, and keep the new grant before it is used.
    After `InvalidGrant` the session is over; after `NotSent`, or a `TokenError` with 429 or 503, the old grant still
    stands; after `AnswerLost`, `ReplyTooLarge` or `UnusableReply` the refresh token may be spent. An answer
    for another patient raises `LaunchRefused` (`patient-changed`), asking for more than was granted `ScopeTooNarrow`.
    """
    if not grant.refresh_token:
        raise InvalidGrant(
            "no_refresh_token", status=0, message="The EHR gave no refresh token: launch again from the chart."
        )
    form = {"grant_type": "refresh_token", "refresh_token": grant.refresh_token}
    if scopes is not None:
        if not all(grant.scopes.includes(scope) for scope in scopes.split()):
            raise ScopeTooNarrow("A refresh may ask for no more than the EHR granted at launch.")
        form["scope"] = scopes
    answer = ask_token_endpoint(issuer, configuration, transport, form, key=key, now=now)
    fresh = read_grant(answer, issuer, requested=scopes or str(grant.scopes), now=now)
    for name in ("patient", "encounter"):
        now_named = subject_of(fresh.parameters, name, grant.fhir_base)
        if now_named not in (None, subject_of(grant.parameters, name, grant.fhir_base)):
            raise LaunchRefused(
                f"The EHR refreshed this launch for another {name}; launch again from the chart.",
                code=f"{name}-changed",
            )
    return replace(
        fresh,
        scope_assumed=grant.scope_assumed and fresh.scope_assumed,
        refresh_token=fresh.refresh_token or grant.refresh_token,
        id_token=grant.id_token,
        parameters={**grant.parameters, **_said(fresh.parameters)},
    )


def _said(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What an answer says; a parameter that is null or empty says nothing, and takes nothing away."""
    return {name: value for name, value in parameters.items() if value is not None and value != ""}


def ask_token_endpoint(
    issuer: Issuer,
    configuration: SmartConfiguration,
    transport: Transport,
    form: Mapping[str, str],
    *,
    key: ClientKey | None,
    now: datetime,
) -> Mapping[str, Any]:
    """Send one request to the token endpoint, authenticated, and return its JSON object.

    Raises `InvalidGrant`, `InvalidClient`, `TokenError`, `UnusableReply`, `TransportError`, `Misconfigured`.
    """
    endpoint = configuration.token_endpoint
    headers, proof = authenticate(issuer, audience=endpoint, key=key, now=now)
    reply = transport.send(
        "POST",
        endpoint,
        headers={"Accept": "application/json", **headers},
        form={**form, **proof},
        max_bytes=_MAX_BYTES,
        total_timeout=MOST_SECONDS,
    )
    if not 200 <= reply.status < 300:
        raise oauth_refusal(reply)
    answer = reply.json()
    if not isinstance(answer, dict):
        raise UnusableReply("The EHR's token endpoint did not answer with a JSON object.")
    return answer


def oauth_refusal(reply: Reply) -> TokenError:
    """The error that a token, revocation or introspection endpoint answered with (RFC 6749, 5.2)."""
    error: str | None = None
    try:
        answer = reply.json()
    except UnusableReply:
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("error"), str):
        error = answer["error"]
    if error == "invalid_grant":
        return InvalidGrant(error, status=reply.status, retry_after=reply.retry_after)
    if error in {"invalid_client", "unauthorized_client"} or (error is None and reply.status == 401):
        return InvalidClient(error or "invalid_client", status=reply.status, retry_after=reply.retry_after)
    return TokenError(error, status=reply.status, retry_after=reply.retry_after)


def read_grant(answer: Mapping[str, Any], issuer: Issuer, *, requested: str, now: datetime) -> Grant:
    """Judge a token response. Raises `UnusableReply`."""
    access_token = _token(answer, "access_token")
    if access_token is None:
        raise UnusableReply("The EHR's token response has no access token.", code="no-access-token")
    kind = answer.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise UnusableReply("The EHR's token is not a bearer token.", code="not-bearer")
    scope = answer.get("scope")
    if scope is not None and not isinstance(scope, str):
        raise UnusableReply("The EHR's token response has a scope that is not text.", code="bad-scope")
    seconds = _seconds(answer.get("expires_in"))
    return Grant(
        iss=issuer.iss,
        fhir_base=issuer.fhir_base,
        access_token=access_token,
        expires_at=now + timedelta(seconds=ASSUMED_SECONDS if seconds is None else seconds),
        scopes=GrantedScopes.parse(requested if scope is None else scope),
        scope_assumed=scope is None,
        expiry_assumed=seconds is None,
        refresh_token=_token(answer, "refresh_token"),
        id_token=_token(answer, "id_token"),
        parameters={name: value for name, value in answer.items() if name not in _SECRETS},
    )


def _token(answer: Mapping[str, Any], name: str) -> str | None:
    value = answer.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise UnusableReply(f"The EHR's token response has an unusable {name}.", code="bad-token")
    return value


def _seconds(value: object) -> float | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:12])
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return None
    return float(min(value, _LONGEST_SECONDS))
