"""A SMART app as small as it can be, for tests of the sandbox. It shares nothing with `smart_launch`."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhir_plugin.sandbox.oauth.clients import SandboxClient
from fhir_plugin.sandbox.serve import RunningSandbox

REDIRECT = "https://app.invalid/callback"
EVERYTHING = "launch openid fhirUser offline_access patient/*.cruds user/*.cruds"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass
class Clock:
    """Time that tests move by hand."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class App:
    """One registered client and its side of the flow."""

    sandbox: RunningSandbox
    registration: SandboxClient
    clock: Clock
    key: RSAKey | ECKey | None = None
    algorithm: str = "ES384"
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def client_id(self) -> str:
        return self.registration.client_id

    def endpoint(self, name: str) -> str:
        url: str = requests.get(f"{self.sandbox.fhir_base}/.well-known/smart-configuration", timeout=5).json()[name]
        return url

    def launch(self, *, patient: str = "p-adult-1", user: str = "gp", **more: Any) -> str:
        answer = requests.post(
            f"{self.sandbox.origin}/_sandbox/launch",
            json={"client_id": self.client_id, "user": user, "patient": patient, **more},
            timeout=5,
        )
        assert answer.status_code == 200, answer.text
        handle: str = answer.json()["launch"]
        return handle

    def request(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a good EHR-launch authorization request; a change to None leaves one out."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest())
        found: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "scope": EVERYTHING,
            "state": "state-" + secrets.token_urlsafe(16),
            "aud": self.sandbox.fhir_base,
            "nonce": secrets.token_urlsafe(8),
            "code_challenge": challenge.rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        if "launch" not in changes:
            found["launch"] = self.launch()
        found.update(changes)
        return {name: value for name, value in found.items() if value is not None}

    def authorize(self, parameters: Mapping[str, str], *, method: str = "GET") -> requests.Response:
        where = {"params": parameters} if method == "GET" else {"data": parameters}
        return requests.request(
            method,
            f"{self.sandbox.origin}/oauth/authorize",
            allow_redirects=False,
            timeout=5,
            **where,  # type: ignore[arg-type]  # params or data, both take a mapping
        )

    def code(self, **changes: str | None) -> str:
        answer = self.authorize(self.request(**changes))
        return returned(answer)["code"]

    def assertion(self, header: Mapping[str, Any] = {}, **changes: Any) -> str:
        assert self.key is not None
        now = int(self.clock.now)
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": f"{self.sandbox.origin}/oauth/token",
            "exp": now + 240,
            "iat": now,
            "jti": secrets.token_urlsafe(16),
            **changes,
        }
        shown = {"alg": self.algorithm, "typ": "JWT", "kid": self.key.kid, **header}
        return jwt.encode(
            {name: value for name, value in shown.items() if value is not None},
            {name: value for name, value in claims.items() if value is not None},
            self.key,
            algorithms=[str(shown["alg"])],
        )

    def post(self, path: str, **form: str | None) -> requests.Response:
        """A back-channel request with this client's authentication; a form value of None is left out."""
        body = {name: value for name, value in form.items() if value is not None}
        auth = None
        if self.registration.auth_method == "none":
            body.setdefault("client_id", self.client_id)
        elif self.registration.auth_method == "client_secret_basic":
            auth = (self.client_id, self.registration.secret or "")
        else:
            body.setdefault("client_assertion_type", ASSERTION_TYPE)
            body.setdefault("client_assertion", self.assertion())
        return requests.post(f"{self.sandbox.origin}{path}", data=body, auth=auth, timeout=5)

    def exchange(self, issued: str, /, **changes: str | None) -> requests.Response:
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": issued,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
        }
        return self.post("/oauth/token", **(form | changes))

    def refresh(self, refresh_token: str, **changes: str | None) -> requests.Response:
        form: dict[str, str | None] = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return self.post("/oauth/token", **(form | changes))

    def token(self, **changes: str | None) -> dict[str, Any]:
        answer = self.exchange(self.code(**changes))
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def fhir(self, token: str, method: str, path: str, **more: Any) -> requests.Response:
        return requests.request(
            method,
            f"{self.sandbox.fhir_base}/{path}",
            headers={"Authorization": f"Bearer {token}", **more.pop("headers", {})},
            timeout=10,
            **more,
        )


def returned(answer: requests.Response) -> dict[str, str]:
    """The parameters that came back to the redirect URI."""
    assert answer.status_code == 302, answer.text
    assert answer.headers["Location"].startswith(REDIRECT + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}


def error_of(answer: requests.Response) -> str:
    """The OAuth error code of a token endpoint's answer, which must be private."""
    assert answer.status_code in (400, 401), answer.text
    assert "no-store" in answer.headers["Cache-Control"]
    return str(answer.json()["error"])
