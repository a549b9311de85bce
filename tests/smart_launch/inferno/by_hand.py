"""A client written by hand, without `smart_launch`: it does everything right unless told what to do wrong.

Right, it shows that the checks are not made to measure for `smart_launch`; wrong, that each of them can fail.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.smart_launch.inferno.checks import ASSERTION_TYPE
from tests.smart_launch.inferno.mock_server import MockServer, issue
from tests.smart_launch.inferno.proofs import challenge_of
from tests.smart_launch.inferno.recorded import ASYMMETRIC, PUBLIC, SYMMETRIC, ClientType, Registration, Session
from tests.smart_launch.inferno.signatures import PrivateKey, public_jwk, sign

KEYS: dict[str, PrivateKey] = {
    "RS384": rsa.generate_private_key(65537, 2048),
    "ES384": ec.generate_private_key(ec.SECP384R1()),
}
STRANGER = rsa.generate_private_key(65537, 2048)
"""A key that nobody registered."""
APP = "https://by-hand.example"
SECRET = "s3cret/with:odd+ch%61rs"
JWKS = {"keys": [public_jwk(key, kid=kid, alg=kid, use="sig") for kid, key in KEYS.items()]}
Changes = Mapping[str, Any]


@dataclass(frozen=True)
class Misdeeds:
    """What to do wrong, by where it is done. A change to None leaves the name out.

    `{id}`, `{base}` and `{issued}` stand for the client id, the FHIR base and a token that the session did not give.
    """

    registration: Changes = field(default_factory=dict)
    authorization: Changes = field(default_factory=dict)
    more_authorization: str = ""
    """Added to the query as it is."""
    token: Changes = field(default_factory=dict)
    code_in_query: bool = False
    refresh: Changes = field(default_factory=dict)
    header: Changes = field(default_factory=dict)
    claims: Changes = field(default_factory=dict)
    key: PrivateKey | None = None
    basic: str = ""
    """An `Authorization` header, or `Plain id:secret`, which is encoded."""
    bearer: str = ""
    launches: tuple[str, ...] = ("ehr", "standalone")
    reads: bool = True
    refreshes: bool = True
    posts: bool = False
    system_grant: bool = False
    """Ask as a backend client, too."""


@dataclass
class ByHand:
    """One run of a client of this kind, with its misdeeds."""

    mock: MockServer
    client_type: ClientType
    algorithm: str = "RS384"
    wrong: Misdeeds = field(default_factory=Misdeeds)

    def run(self) -> Session:
        """Registers, does all that the suite waits for, and returns what was recorded."""
        backend = self.client_type is ClientType.BSCA
        values = {
            "launch_urls": "" if backend else f"{APP}/launch",
            "redirect_uris": "" if backend else f"{APP}/callback",
            "jwks": json.dumps(JWKS) if self.client_type.authentication == ASYMMETRIC else "",
            "secret": SECRET if self.client_type.authentication == SYMMETRIC else "",
            "echoed": '{"resourceType": "Bundle", "type": "searchset"}',
        }
        client_id = f"by-hand-{secrets.token_hex(4)}"
        registered = Registration(self.client_type, client_id, **{**values, **self.wrong.registration})
        self.session = self.mock.register(registered)
        system = {"grant_type": "client_credentials", "scope": "system/*.rs"}
        if backend:
            for _ in range(2):
                self._use(self._ask(system, self.wrong.token))
            if self.wrong.refresh:
                self._ask({"grant_type": "refresh_token"}, self.wrong.refresh)
            return self.session
        if self.wrong.system_grant:
            self._ask({**system, "client_assertion": self._assertion()}, {})
        for way in self.wrong.launches:
            self._launch(way)
        return self.session

    def _launch(self, way: str) -> None:
        verifier = secrets.token_urlsafe(48)
        params = {
            "response_type": "code",
            "client_id": self.session.client_id,
            "redirect_uri": f"{APP}/callback",
            "scope": "openid fhirUser offline_access patient/*.rs",
            "state": secrets.token_urlsafe(16),
            "aud": self.session.fhir_base,
            "code_challenge": challenge_of(verifier),
            "code_challenge_method": "S256",
        }
        if way == "ehr" and self.session.launch_links:
            params["launch"] = dict(parse_qsl(urlsplit(self.session.launch_links[0]).query))["launch"]
        query = urlencode(self._changed(params, self.wrong.authorization)) + self._filled(self.wrong.more_authorization)
        endpoint = f"{self.mock.auth}/authorization"
        if self.wrong.posts:
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = requests.post(endpoint, data=query, headers=form, allow_redirects=False, timeout=10)
        else:
            answer = requests.get(f"{endpoint}?{query}", allow_redirects=False, timeout=10)
        if answer.status_code != 302:
            return
        code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
        request = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{APP}/callback",
            "code_verifier": verifier,
        }
        granted = self._ask(request, self.wrong.token)
        self._use(granted)
        if self.wrong.refreshes:
            refresh = {"grant_type": "refresh_token", "refresh_token": granted.get("refresh_token", f"{code}_rt")}
            self._use(self._ask(refresh, self.wrong.refresh))

    def _ask(self, form: dict[str, str], changes: Changes) -> dict[str, Any]:
        headers = {}
        match self.client_type.authentication:
            case str(kind) if kind == ASYMMETRIC:
                form = {**form, "client_assertion_type": ASSERTION_TYPE, "client_assertion": self._assertion()}
            case str(kind) if kind == SYMMETRIC:
                proof = base64.b64encode(f"{self.session.client_id}:{SECRET}".encode()).decode()
                headers["Authorization"] = self._wrong_basic() or f"Basic {proof}"
            case str(kind) if kind == PUBLIC:
                form = {**form, "client_id": self.session.client_id}
        if headers.get("Authorization") == "none":
            del headers["Authorization"]
        url = f"{self.mock.auth}/token"
        if self.wrong.code_in_query and "code" in form:
            url += f"?code={form.pop('code')}"
        data = self._changed(form, changes)
        answer = requests.post(url, data=data, headers=headers, allow_redirects=False, timeout=10)
        return dict(answer.json()) if answer.status_code == 200 else {}

    def _assertion(self) -> str:
        header = {"alg": self.algorithm, "kid": self.algorithm, "typ": "JWT"}
        claims = {
            "iss": self.session.client_id,
            "sub": self.session.client_id,
            "aud": self.session.token_url,
            "exp": int(time.time()) + 120,
            "jti": secrets.token_hex(16),
        }
        key = self.wrong.key or KEYS[self.algorithm]
        return sign(self._changed(header, self.wrong.header), self._changed(claims, self.wrong.claims), key)

    def _use(self, granted: dict[str, Any]) -> None:
        if granted and self.wrong.reads:
            bearer = self._filled(self.wrong.bearer) or str(granted["access_token"])
            headers = {"Authorization": f"Bearer {bearer}"}
            requests.get(f"{self.session.fhir_base}/Patient", headers=headers, timeout=10)

    def _wrong_basic(self) -> str:
        kind, _, value = self.wrong.basic.partition(" ")
        if kind != "Plain":
            return self.wrong.basic
        return "Basic " + base64.b64encode(self._filled(value).encode()).decode()

    def _filled(self, text: str) -> str:
        for name, value in (
            ("{id}", self.session.client_id),
            ("{base}", self.session.fhir_base),
            ("{issued}", issue(self.session.client_id, 60)),
        ):
            text = text.replace(name, value)
        return text

    def _changed(self, values: Mapping[str, Any], changes: Changes) -> dict[str, Any]:
        filled = {name: self._filled(value) if isinstance(value, str) else value for name, value in changes.items()}
        return {name: value for name, value in {**values, **filled}.items() if value is not None}
