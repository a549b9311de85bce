"""Signing out: tell the EHR that our tokens are no longer wanted (RFC 7009)."""

from __future__ import annotations

from datetime import datetime

from smart_launch.client_auth import ClientKey, authenticate
from smart_launch.discovery import SmartConfiguration
from smart_launch.errors import TokenError
from smart_launch.registry import Issuer
from smart_launch.token import Grant, oauth_refusal
from smart_launch.transport import Transport

_MAX_BYTES = 64 * 1024


def revoke(
    grant: Grant,
    issuer: Issuer,
    configuration: SmartConfiguration,
    transport: Transport,
    *,
    key: ClientKey | None = None,
    now: datetime,
    seconds: float | None = None,
) -> bool:
    """Withdraw the refresh token, then the access token; True once the EHR has taken both.

    `seconds` limits each of the two requests. False if the EHR offers no revocation: the tokens then live until
    they expire. Revoking twice is harmless. Raises `InvalidClient`, `TokenError`, `TransportError`; a token that is
    refused does not keep the other, and the first refusal is raised at the end. Whoever signs somebody out forgets
    the tokens first.
    """
    endpoint = configuration.revocation_endpoint
    if not endpoint:
        return False
    refusal: TokenError | None = None
    for hint, token in (("refresh_token", grant.refresh_token), ("access_token", grant.access_token)):
        if not token:
            continue
        headers, proof = authenticate(issuer, audience=configuration.token_endpoint, key=key, now=now)
        reply = transport.send(
            "POST",
            endpoint,
            headers=headers,
            form={"token": token, "token_type_hint": hint, **proof},
            max_bytes=_MAX_BYTES,
            total_timeout=seconds,
        )
        if not 200 <= reply.status < 300:
            refusal = refusal or oauth_refusal(reply)
    if refusal is not None:
        raise refusal
    return True
