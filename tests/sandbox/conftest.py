"""One sandbox for the suite, and an app of each kind registered with it."""

from __future__ import annotations

import datetime as dt
import functools
import itertools
from collections.abc import Callable, Iterator

import pytest
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.oauth.clients import AuthMethod, SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from tests.sandbox.app_under_test import REDIRECT, App, Clock

TODAY = dt.date(2026, 11, 20)
KINDS = ("public", "secret", "RS384", "ES384")
_numbers = itertools.count(1)


@functools.cache
def client_key(algorithm: str) -> RSAKey | ECKey:
    """One key of each kind for the whole run: RSA keys take long to make."""
    parameters: KeyParameters = {"use": "sig", "alg": algorithm}
    key: RSAKey | ECKey
    if algorithm == "ES384":
        key = ECKey.generate_key("P-384", parameters, private=True)
    else:
        key = RSAKey.generate_key(2048, parameters, private=True)
    key.ensure_kid()
    return key


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def ehr(clock: Clock) -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(today=TODAY, clock=clock)) as running:
        yield running


MakeApp = Callable[..., App]


@pytest.fixture
def make_app(ehr: RunningSandbox, clock: Clock) -> MakeApp:
    """Registers a new app of a kind; keyword arguments go into its registration."""

    def make(kind: str = "public", **more: object) -> App:
        name = f"app-{kind}-{next(_numbers)}"
        methods: dict[str, AuthMethod] = {"public": "none", "secret": "client_secret_basic"}
        method = methods.get(kind, "private_key_jwt")
        key = client_key(kind) if method == "private_key_jwt" else None
        if method == "client_secret_basic":
            more.setdefault("secret", "not-much-of-a-secret")
        if key is not None and "jwks_uri" not in more:
            more.setdefault("jwks", {"keys": [dict(key.as_dict(private=False))]})
        registration = SandboxClient(
            client_id=name,
            name=f"Test app {name}",
            launch_url="https://app.invalid/launch",
            redirect_uris=(REDIRECT,),
            auth_method=method,
            **more,  # type: ignore[arg-type]  # what the test says
        )
        ehr.register(registration)
        return App(ehr, registration, clock, key, kind if key is not None else "none")

    return make


@pytest.fixture
def app(make_app: MakeApp) -> App:
    """A public app."""
    return make_app()
