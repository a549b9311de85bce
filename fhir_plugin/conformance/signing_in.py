"""How a run enters a server: openly, with a token that somebody gives, as this app itself, or signed in by a person."""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

from fhir_plugin.adapters.system_access import SystemAccess
from fhir_plugin.conformance.loopback import Doorstep
from fhir_plugin.errors import PluginError, Refused, SignInNeeded, Unavailable
from fhir_plugin.ports import Clock
from smart_launch import (
    AuthorizationError,
    ClientKey,
    Grant,
    Issuer,
    IssuerRegistry,
    LaunchRefused,
    Misconfigured,
    SmartClient,
    SmartError,
    TokenError,
    Transport,
)
from smart_launch.addresses import is_loopback_name

TYPES: Final = (
    "Patient",
    "Encounter",
    "Media",
    "DocumentReference",
    "Binary",
    "Consent",
    "Provenance",
    "AuditEvent",
    "Task",
    "QuestionnaireResponse",
)
"""What a run reads and writes."""
SYSTEM_SCOPES: Final = tuple(f"system/{each}.cruds" for each in TYPES)
REDIRECT: Final = "http://127.0.0.1:8917/callback"
"""Where a browser comes back to, unless this app's own address is on this machine: to be registered with the EHR."""
WAIT_SECONDS: Final = 300.0


@dataclass(frozen=True)
class Access:
    """One way in. `words`: for the report. `patient`: whom the person chose. `scopes`: as they were granted."""

    words: str
    token: Callable[[], str] | None = None
    granted: Callable[[str, str], bool] = lambda _type, _interaction: True
    renew: Callable[[str], str] | None = None
    patient: str | None = None
    scopes: str = ""


OPEN: Final = Access("without a sign-in")


def by_token(token: str) -> Access:
    """With a token that came from elsewhere: what it allows, only the server knows."""
    return Access("with a token that was given", lambda: token)


def at(issuer: Issuer, base: str) -> Issuer:
    """The entry as that of one FHIR base. Raises `Refused` unless it is for trials: a run writes, and a chart of
    somebody is nothing to try it on."""
    if not issuer.sandbox:
        raise Refused(
            f"{issuer.name} is registered for patients, and a run writes: nothing was sent. Register the EHR's own "
            "sandbox (fhir-plugin issuer add URL --sandbox) and name that.",
            code="not-sandbox",
        )
    return replace(issuer, iss=base, prefix=False)


def redirect_for(base_url: str) -> str:
    """Where the browser comes back to: the address that the EHR knows already, where that is on this machine."""
    own = urlsplit(base_url)
    return f"{base_url}/callback" if own.scheme == "http" and is_loopback_name(own.hostname or "") else REDIRECT


def as_the_app(issuer: Issuer, key: ClientKey | None, transport: Transport, clock: Clock) -> Access:
    """By SMART Backend Services. Raises `Refused` where this app is not registered for that, `Unavailable`."""
    access = SystemAccess(issuer, key, transport, clock, scopes=SYSTEM_SCOPES)
    access.token()  # whether it is given at all is known before anything is tried
    return Access(
        "as this app itself (backend services)",
        access.token,
        granted=access.granted,
        renew=access.renew,
        scopes=access.scopes,
    )


def signed_in(
    issuer: Issuer,
    key: ClientKey | None,
    transport: Transport,
    clock: Clock,
    *,
    redirect_uri: str,
    tell: Callable[[str], None],
    wait: float = WAIT_SECONDS,
) -> Access:
    """By a standalone launch: `tell` gets the address that a person opens, and their browser comes back to this
    machine. Raises `Refused` (they said no, or nobody came within `wait` seconds), `Unavailable`.

    Whoever opens the address is whoever reads this terminal: the state (256 bits) and the code verifier never leave
    this process but by that address, so there is no cookie to compare.
    """
    client = SmartClient(
        IssuerRegistry([issuer]),
        redirect_uri=redirect_uri,
        keys=lambda _issuer: key,
        transport=transport,
        now=clock.now,
    )
    mine = secrets.token_urlsafe(32)
    try:
        with closing(Doorstep(redirect_uri)) as doorstep:
            address = client.begin_standalone(issuer.name, browser_secret=mine).url
            tell(address)
            done = client.finish(_come_back(doorstep, address, time.monotonic() + wait), browser_secret=mine)
    except (AuthorizationError, LaunchRefused, Misconfigured, TokenError) as error:
        raise Refused(f"The EHR gives no access. {error.message}", code=error.code) from None
    except SmartError as error:
        raise Unavailable(f"The EHR cannot be asked. {error.message}", code=error.code) from None
    held = _Held(client, done.grant, clock)
    return Access(
        "signed in by a person (standalone launch)",
        held.token,
        granted=lambda *asked: held.grant.scopes.allows(*asked),
        renew=held.renew,
        patient=done.context.patient,
        scopes=str(done.grant.scopes),
    )


def _come_back(doorstep: Doorstep, address: str, until: float) -> str:
    """The query with which the browser comes back; somebody else's visit ends nobody's sign-in."""
    state = parse_qs(urlsplit(address).query).get("state", [""])[0]
    while (query := doorstep.next(until)) is not None:
        if hmac.compare_digest(parse_qs(query).get("state", [""])[0].encode(), state.encode()):
            return query
    raise Refused("Nobody came back from signing in. Nothing was sent.", code="nobody-came")


class _Held:
    """A person's access, refreshed where the EHR lets it."""

    def __init__(self, client: SmartClient, grant: Grant, clock: Clock) -> None:
        self.grant = grant
        self._client = client
        self._clock = clock

    def token(self) -> str:
        if self.grant.is_expired(self._clock.now()):
            self._refresh()
        return self.grant.access_token

    def renew(self, dead: str) -> str:
        if self.grant.access_token == dead:
            self._refresh()
        return self.grant.access_token

    def _refresh(self) -> None:
        try:
            self.grant = self._client.refresh(self.grant)
        except (SmartError, PluginError) as error:
            raise SignInNeeded(f"The sign-in has run out: {error.message}", code=error.code) from None
