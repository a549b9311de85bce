"""Asking the EHR whether a token is still good (RFC 7662; SMART App Launch 2.2, token introspection)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from smart_launch.client_auth import ClientKey, authenticate
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import DiscoveryError, UnusableReply
from smart_launch.registry import Issuer
from smart_launch.scope import GrantedScopes
from smart_launch.token import oauth_refusal
from smart_launch.transport import Transport

_MAX_BYTES = 256 * 1024


@dataclass(frozen=True)
class TokenState:
    """What the EHR says about a token. Everything but `active` may be missing, and is when it is not active."""

    active: bool
    scopes: GrantedScopes = field(default_factory=lambda: GrantedScopes.parse(""))
    client_id: str = ""
    expires_at: datetime | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The rest, launch context included, raw."""


def introspect(
    token: str,
    issuer: Issuer,
    configuration: SmartConfiguration,
    transport: Transport,
    *,
    key: ClientKey | None = None,
    now: datetime,
) -> TokenState:
    """Ask the EHR about an access or refresh token.

    Raises `DiscoveryError` (`no-introspection`) if it does not offer this, `InvalidClient`, `TokenError`,
    `UnusableReply`, `TransportError`.
    """
    endpoint = configuration.introspection_endpoint
    if not endpoint:
        raise DiscoveryError("The EHR offers no token introspection.", code="no-introspection")
    headers, proof = authenticate(issuer, audience=configuration.token_endpoint, key=key, now=now)
    reply = transport.send(
        "POST",
        endpoint,
        headers={"Accept": "application/json", **headers},
        form={"token": token, **proof},
        max_bytes=_MAX_BYTES,
    )
    if not 200 <= reply.status < 300:
        raise oauth_refusal(reply)
    answer = reply.json()
    if not isinstance(answer, dict) or not isinstance(answer.get("active"), bool):
        raise UnusableReply("The EHR did not say whether the token is active.")
    if not answer["active"]:
        return TokenState(False)
    scope, client, expires = answer.get("scope"), answer.get("client_id"), answer.get("exp")
    known = isinstance(expires, int) and not isinstance(expires, bool) and 0 < expires < 1e11
    return TokenState(
        active=True,
        scopes=GrantedScopes.parse(scope if isinstance(scope, str) else ""),
        client_id=client if isinstance(client, str) else "",
        expires_at=datetime.fromtimestamp(expires, UTC) if known and expires is not None else None,
        parameters=answer,
    )
