"""The return from the EHR's sign-in page: judge it, trade the code, and say who and what this launch is."""

from __future__ import annotations

import contextlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime

from smart_launch.authorize import Parameters, PendingLaunch, single, state_key
from smart_launch.client_auth import ClientKey
from smart_launch.context import LaunchContext, read_context
from smart_launch.errors import (
    AuthorizationError,
    LaunchExpired,
    Misconfigured,
    SmartError,
    StateMismatch,
    UnusableReply,
)
from smart_launch.id_token import Identity, IdTokenVerifier
from smart_launch.registry import Issuer
from smart_launch.revoke import revoke
from smart_launch.token import Grant, exchange
from smart_launch.transport import Transport
from smart_launch.urls import host_of

GIVE_BACK_SECONDS = 2.0
"""How long each request may take by which access that came with a refused launch is given back."""


@dataclass(frozen=True)
class AuthorizationCode:
    """A code that came back to the browser, launch and issuer it belongs to. It works once, for a minute."""

    code: str = field(repr=False)


@dataclass(frozen=True)
class CompletedLaunch:
    """A finished launch. `identity` is None if the EHR sent no id_token: then nobody is known to be there."""

    issuer: Issuer
    grant: Grant
    context: LaunchContext
    identity: Identity | None
    privileged: bool = False
    """Whether it was begun as a privileged one (`SmartClient.begin`)."""
    identity_only: bool = False
    """Whether it asked for nothing but who signs in."""


def pending_key(parameters: Parameters) -> str:
    """The key of the pending launch that a callback claims to answer (`PendingLaunch.key`).

    Look it up and delete it in one step, so that it is used once. Raises `StateMismatch` without a state.
    """
    state = single(parameters, "state")
    if state is None:
        raise StateMismatch("This is not the return of a sign-in: it has no state.")
    return state_key(state)


def read_callback(
    pending: PendingLaunch, parameters: Parameters, *, browser_secret: str | None, now: datetime
) -> AuthorizationCode:
    """Judge a callback against the launch it claims to answer; no request is made.

    Raises `StateMismatch` (another state, browser or issuer), `LaunchExpired`, `AuthorizationError` (the
    EHR's sign-in page said no), `UnusableReply` (neither code nor error), `LaunchRefused` (repeated parameter).
    """
    state = single(parameters, "state") or ""
    if not hmac.compare_digest(state.encode("utf-8"), pending.state.encode("utf-8")):
        raise StateMismatch("This sign-in answers another launch. Launch again from the chart.")
    if not pending.belongs_to(browser_secret):
        raise StateMismatch(
            "This sign-in was begun in another browser, or cookies are blocked. Launch again from the chart.",
            code="other-browser",
        )
    if pending.is_expired(now):
        raise LaunchExpired("This sign-in took too long. Launch again from the chart.")
    _check_issuer(pending, single(parameters, "iss"))
    error = single(parameters, "error")
    if error is not None:
        raise AuthorizationError(error)
    code = single(parameters, "code")
    if code is None:
        raise UnusableReply("The EHR's sign-in page returned neither a code nor an error.")
    return AuthorizationCode(code)


def _check_issuer(pending: PendingLaunch, named: str | None) -> None:
    """RFC 9207: the OAuth issuer that answered must be the one that was asked; it is never a FHIR base."""
    configuration = pending.configuration
    wrong = False
    if named is None:
        wrong = configuration.names_issuer_on_callback
    elif configuration.issuer:
        wrong = named != configuration.issuer
    else:
        asked = {host_of(configuration.authorization_endpoint), host_of(configuration.fhir_base)}
        wrong = host_of(named) not in asked
    if wrong:
        raise StateMismatch(
            "Another server answered than the one that was asked. Launch again from the chart.",
            code="other-issuer",
        )


def complete(
    pending: PendingLaunch,
    parameters: Parameters,
    *,
    issuer: Issuer,
    browser_secret: str | None,
    transport: Transport,
    verifier: IdTokenVerifier,
    now: datetime,
    key: ClientKey | None = None,
) -> CompletedLaunch:
    """Finish a launch: judge the callback, trade the code, verify who signed in, read what it is about.

    `pending` has been taken out of the store already, so that no callback is used twice; `issuer` is the
    registry's entry for `pending.iss` as of today. Raises everything that `read_callback`, `token.exchange`,
    `IdTokenVerifier.verify` and `context.read_context` raise. After any error nothing is signed in, and access that
    was granted already is given back where the EHR offers that.
    """
    code = read_callback(pending, parameters, browser_secret=browser_secret, now=now)
    if issuer.fhir_base != pending.configuration.fhir_base:
        raise Misconfigured("The launch belongs to another issuer.")
    grant = exchange(
        issuer,
        pending.configuration,
        transport,
        code=code.code,
        redirect_uri=pending.redirect_uri,
        verifier=pending.verifier,
        requested=pending.requested,
        key=key,
        now=now,
    )
    identity = None
    try:
        if grant.id_token is not None:
            identity = verifier.verify(
                grant.id_token,
                issuer=issuer,
                configuration=pending.configuration,
                nonce=pending.nonce,
                now=now,
            )
        context = read_context(grant, fhir_user=identity.fhir_user if identity else None)
    except SmartError:
        with contextlib.suppress(SmartError):  # what it was refused for is what matters; unused access runs out
            revoke(grant, issuer, pending.configuration, transport, key=key, now=now, seconds=GIVE_BACK_SECONDS)
        raise
    return CompletedLaunch(issuer, grant, context, identity, pending.privileged, pending.identity_only)
