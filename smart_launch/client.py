"""The whole client in one object: what an app needs to be launched, and nothing that it must know of OAuth.

::

    client = SmartClient(load_registry(Path("issuers.toml")), redirect_uri="https://app.example/callback")

    departure = client.begin(query_string, browser_secret=cookie)      # GET /launch
    launch = client.finish(query_string, browser_secret=cookie)        # GET /callback

It holds no "current" launch: any number of launches, patients and EHRs may be under way in one browser.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import parse_qs

from smart_launch.authorize import Parameters, PendingLaunch, as_form, begin_launch, prefers_post, read_launch
from smart_launch.backend_services import request_system_grant
from smart_launch.callback import CompletedLaunch, complete, pending_key
from smart_launch.client_auth import ClientKey
from smart_launch.discovery import ConfigurationCache, SmartConfiguration
from smart_launch.errors import AnswerLost, LaunchRefused, Misconfigured, NotSent, StateMismatch
from smart_launch.id_token import IdTokenVerifier
from smart_launch.introspect import TokenState, introspect
from smart_launch.registry import Issuer, IssuerRegistry
from smart_launch.revoke import revoke
from smart_launch.token import Grant, refresh
from smart_launch.transport import Transport

BINDING_COOKIE = "__Host-bid"
"""The cookie that ties a launch to the browser that began it (SMART-R61). It opens nothing by itself."""

_MOST_PENDING = 10_000

Query = Parameters | str | bytes
"""Parameters of a request, or its raw query string, which also shows when a parameter was repeated."""


class LaunchStore(Protocol):
    """Keeps launches while their person signs in at the EHR: for ten minutes, and each for one taking."""

    def save(self, pending: PendingLaunch) -> None:
        """Keep it under `pending.key` until `pending.expires_at`; `pending.as_record()` holds secrets: encrypt it."""

    def take(self, key: str) -> PendingLaunch:
        """Take it out, so that nobody else can. Raises `StateMismatch` when there is none."""


class MemoryLaunchStore:
    """A `LaunchStore` for an app that is one process. The oldest is forgotten past 10,000."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, PendingLaunch] = {}

    def __repr__(self) -> str:
        return "MemoryLaunchStore()"

    def save(self, pending: PendingLaunch) -> None:
        """See `LaunchStore`."""
        with self._lock:
            self._kept = {key: each for key, each in self._kept.items() if not each.is_expired(pending.created_at)}
            if len(self._kept) >= _MOST_PENDING:
                del self._kept[next(iter(self._kept))]
            self._kept[pending.key] = pending

    def take(self, key: str) -> PendingLaunch:
        """See `LaunchStore`."""
        with self._lock:
            pending = self._kept.pop(key, None)
        if pending is None:
            raise StateMismatch("This sign-in is not known, or was used before. Launch again from the chart.")
        return pending


@dataclass(frozen=True)
class Departure:
    """Where the browser goes to sign in, and the cookie that it must carry when it comes back."""

    issuer: Issuer
    url: str = field(repr=False)
    """Where to redirect; with `form`, what that form would be as a URL."""
    browser_secret: str = field(repr=False)
    """The value for the binding cookie: the one given, or a fresh one."""
    form: tuple[str, tuple[tuple[str, str], ...]] | None = field(default=None, repr=False)
    """Action and hidden fields, when the request is long and the EHR takes a POST (SMART-R133): submit this instead."""

    @property
    def cookie(self) -> dict[str, Any]:
        """The binding cookie as arguments of `Response.set_cookie`."""
        return binding_cookie(self.browser_secret)


def binding_cookie(browser_secret: str) -> dict[str, Any]:
    """The binding cookie as arguments of `Response.set_cookie`: of this host only, over TLS, closed to scripts, and
    sent back inside an EHR's frame too, also where browsers block other cookies there (CHIPS)."""
    return {
        "key": BINDING_COOKIE,
        "value": browser_secret,
        "path": "/",
        "secure": True,
        "httponly": True,
        "samesite": "None",
        "partitioned": True,
    }


def no_keys(_issuer: Issuer) -> ClientKey | None:
    """For an app none of whose EHRs is registered with `private_key_jwt`."""
    return None


def keys_by_id(keys: Iterable[ClientKey]) -> Callable[[Issuer], ClientKey | None]:
    """For an app with fixed keys: the one whose `kid` or algorithm the issuer's entry names."""
    kept = tuple(keys)

    def find(issuer: Issuer) -> ClientKey | None:
        if issuer.key_id:
            return next((key for key in kept if key.kid == issuer.key_id), None)
        return next((key for key in kept if key.algorithm == issuer.key_algorithm), None)

    return find


class SmartClient:
    """A SMART App Launch 2.2 client of every EHR in a registry. Thread-safe.

    `redirect_uri` is registered at each EHR, exactly. `store` keeps launches under way (default: in this process).
    `keys` finds our signing key for an issuer, at each use, so that keys may rotate. `now` tells the time, aware.
    """

    def __init__(
        self,
        registry: IssuerRegistry,
        *,
        redirect_uri: str,
        store: LaunchStore | None = None,
        keys: Callable[[Issuer], ClientKey | None] = no_keys,
        transport: Transport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.registry = registry
        self.redirect_uri = redirect_uri
        self.transport = transport or Transport(allowed_private_hosts=registry.private_hosts)
        self._store = store or MemoryLaunchStore()
        self._keys = keys
        self._now = now
        self._configurations = ConfigurationCache(self.transport)
        self._verifier = IdTokenVerifier(self.transport)

    def __repr__(self) -> str:
        return f"SmartClient({self.redirect_uri!r}, {len(self.registry)} issuers)"

    def begin(
        self, query: Query, *, browser_secret: str | None, privileged: bool = False, identity_only: bool = False
    ) -> Departure:
        """An EHR launch, from the query of a request to our launch URL.

        `browser_secret` is the browser's binding cookie, if it sent one. `privileged`: at the launch URL of those few
        who need more, with the entry's `privileged_scopes`; who they are, the app asks of the completed launch.
        `identity_only`: at that of those who open no record, with no more than says who they are.
        Raises `LaunchRefused`, `UnknownIssuer` (and has then asked nobody), `DiscoveryError`, `TransportError`.
        """
        asked = read_launch(_parameters(query), self.registry)
        return self._leave(
            asked.issuer,
            browser_secret,
            launch=asked.launch,
            aud=asked.iss,
            privileged=privileged,
            identity_only=identity_only,
        )

    def begin_standalone(
        self,
        name: str,
        *,
        browser_secret: str | None,
        context: Sequence[str] = ("patient",),
        privileged: bool = False,
        identity_only: bool = False,
    ) -> Departure:
        """A standalone launch at the EHR of that name, which lets the person choose a patient.

        `context`: what to ask for, such as `patient`, `encounter` (SMART-R152); nothing with `identity_only`.
        Otherwise as `begin`.
        """
        issuer = self.registry.named(name)
        return self._leave(issuer, browser_secret, context=context, privileged=privileged, identity_only=identity_only)

    def finish(self, query: Query, *, browser_secret: str | None) -> CompletedLaunch:
        """The launch that a request to our redirect URI completes. Whatever it raises, nobody is signed in.

        Raises everything that `callback.complete` raises. A launch without the cookie is not used up.
        """
        parameters = _parameters(query)
        if not browser_secret:
            raise StateMismatch("The browser did not send this app's cookie back.", code="no-cookie")
        pending = self._store.take(pending_key(parameters))
        issuer = self.registry.find(pending.iss)
        return complete(
            pending,
            parameters,
            issuer=issuer,
            browser_secret=browser_secret,
            transport=self.transport,
            verifier=self._verifier,
            key=self._keys(issuer),
            now=self._now(),
        )

    def refresh(self, grant: Grant, *, scopes: str | None = None) -> Grant:
        """Fresh access for an old one; see `token.refresh`: hold a lock that all workers share.

        Raises `NotSent` too when the EHR's configuration did not arrive: the refresh token has not left then.
        """
        try:
            issuer, configuration = self._of(grant)
        except AnswerLost as lost:
            message = "The EHR's configuration did not arrive; nothing was refreshed."
            raise NotSent(message, host=lost.host) from None
        return refresh(
            grant, issuer, configuration, self.transport, scopes=scopes, key=self._keys(issuer), now=self._now()
        )

    def sign_out(self, grant: Grant, *, seconds: float = 5) -> bool:
        """Tells the EHR that the tokens are no longer wanted; False if it offers no revocation.

        Forget the tokens first: this may raise `TokenError` or `TransportError`. Each request takes at most `seconds`.
        """
        issuer, configuration = self._of(grant)
        return revoke(
            grant, issuer, configuration, self.transport, key=self._keys(issuer), now=self._now(), seconds=seconds
        )

    def introspect(self, grant: Grant) -> TokenState:
        """What the EHR says about the access token; see `introspect.introspect`."""
        issuer, configuration = self._of(grant)
        return introspect(
            grant.access_token, issuer, configuration, self.transport, key=self._keys(issuer), now=self._now()
        )

    def system_grant(self, name: str, scopes: Sequence[str]) -> Grant:
        """Access for the app itself, without a person; see `backend_services.request_system_grant`."""
        issuer = self.registry.named(name)
        key = self._keys(issuer)
        if key is None:
            raise Misconfigured(f"There is no signing key for {issuer.name}.", code="key-missing")
        return request_system_grant(
            issuer, self.configuration(issuer), self.transport, scopes=scopes, key=key, now=self._now()
        )

    def configuration(self, issuer: Issuer) -> SmartConfiguration:
        """What an EHR says about its OAuth, kept for 15 minutes. Raises `DiscoveryError`, `TransportError`."""
        return self._configurations.get(issuer, now=self._now())

    def _of(self, grant: Grant) -> tuple[Issuer, SmartConfiguration]:
        issuer = self.registry.find(grant.iss)
        return issuer, self.configuration(issuer)

    def _leave(
        self,
        issuer: Issuer,
        browser_secret: str | None,
        *,
        launch: str | None = None,
        aud: str | None = None,
        context: Sequence[str] = ("patient",),
        privileged: bool = False,
        identity_only: bool = False,
    ) -> Departure:
        configuration = self.configuration(issuer)
        secret = browser_secret or secrets.token_urlsafe(32)
        pending, url = begin_launch(
            issuer,
            configuration,
            redirect_uri=self.redirect_uri,
            browser_secret=secret,
            now=self._now(),
            launch=launch,
            aud=aud,
            standalone_context=context,
            privileged=privileged,
            identity_only=identity_only,
        )
        self._store.save(pending)
        form = as_form(configuration, url) if prefers_post(configuration, url) else None
        return Departure(issuer, url, secret, form)


def _parameters(query: Query) -> Parameters:
    if isinstance(query, bytes):
        query = query.decode("utf-8", "replace")
    if not isinstance(query, str):
        return query
    try:
        return parse_qs(query.removeprefix("?"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        pass
    raise LaunchRefused("This launch has too many parameters.", code="too-many-parameters")
