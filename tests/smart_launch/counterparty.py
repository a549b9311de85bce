"""An EHR's OAuth server at the HTTP edge, which checks what it is sent as a strict server would.

It judges client assertions with `cryptography` alone, so that we never only agree with ourselves.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
import responses
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from joserfc import jwt
from joserfc.jwk import RSAKey

from smart_launch import (
    ClientKey,
    CompletedLaunch,
    IdTokenVerifier,
    Issuer,
    PendingLaunch,
    SmartConfiguration,
    Transport,
    begin_launch,
    complete,
    discover,
    public_jwks,
)

NOW = dt.datetime(2025, 11, 22, 9, 30, tzinfo=dt.UTC)
BASE = "https://fhir.ehr.example/r4"
LOGIN = "https://login.ehr.example"
REDIRECT = "https://app.example/callback/ehr"
COOKIE = "browser-secret-canary"
ACCESS, REFRESH = "access-canary-1", "refresh-canary-1"
CLIENT = "photographs"

_EHR_KEY = RSAKey.generate_key(2048, {"kid": "ehr-1", "use": "sig", "alg": "RS256"}, private=True)


def an_issuer(**changes: Any) -> Issuer:
    """A registered EHR, a public client unless changed."""
    values: dict[str, Any] = {
        "name": "ehr",
        "iss": BASE,
        "client_id": CLIENT,
        "allowed_hosts": frozenset({"login.ehr.example"}),
        "scopes": ("openid", "fhirUser", "patient/Media.cruds", "offline_access"),
        **changes,
    }
    return Issuer(**values)


def a_configuration(**changes: Any) -> dict[str, Any]:
    """What this EHR publishes."""
    return {
        "issuer": LOGIN,
        "jwks_uri": f"{LOGIN}/jwks",
        "authorization_endpoint": f"{LOGIN}/authorize?tenant=a",
        "token_endpoint": f"{LOGIN}/token",
        "revocation_endpoint": f"{LOGIN}/revoke",
        "introspection_endpoint": f"{LOGIN}/introspect",
        "capabilities": ["launch-ehr", "permission-v2", "sso-openid-connect"],
        "code_challenge_methods_supported": ["S256"],
        **changes,
    }


@dataclass
class Counterparty:
    """The EHR: what it will answer, and what it was asked."""

    configuration: dict[str, Any] = field(default_factory=a_configuration)
    answer: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    """Changes to the id_token's claims; a value of None leaves the claim out."""
    sends_id_token: bool = True
    keys: list[ClientKey] = field(default_factory=list)
    asked: list[requests.PreparedRequest] = field(default_factory=list)
    forms: list[dict[str, str]] = field(default_factory=list)
    nonce: str = ""
    challenge: str = ""
    jtis: set[str] = field(default_factory=set)

    def attach(self, mock: responses.RequestsMock) -> None:
        """Answer at this EHR's addresses."""
        documents = {
            f"{BASE}/.well-known/smart-configuration": lambda: self.configuration,
            f"{LOGIN}/jwks": lambda: {"keys": [_EHR_KEY.as_dict(private=False)]},
        }
        for url, document in documents.items():
            mock.add_callback("GET", url, self._document(document))
        mock.add_callback("POST", f"{LOGIN}/token", self._token)

    def _document(self, document: Any) -> Any:
        def respond(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
            self.asked.append(request)
            return 200, {"Content-Type": "application/json"}, json.dumps(document())

        return respond

    def authorize(self, url: str, **more: str) -> dict[str, str]:
        """The person signs in: what the browser brings back to the app."""
        fields = parse_qs(urlsplit(url).query, strict_parsing=True)
        assert all(len(values) == 1 for values in fields.values())
        assert fields["response_type"] == ["code"]
        assert fields["code_challenge_method"] == ["S256"]
        assert fields["client_id"] == [CLIENT]
        self.challenge = fields["code_challenge"][0]
        self.nonce = fields.get("nonce", [""])[0]
        return {"code": "code-canary-1", "state": fields["state"][0], **more}

    def _token(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.asked.append(request)
        body = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        form = dict(parse_qsl(body, strict_parsing=True))
        self.forms.append(form)
        if "client_assertion" in form:
            self.check_assertion(form["client_assertion"])
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            expected = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if form["code"] != "code-canary-1" or expected != self.challenge:
                return 400, {}, json.dumps({"error": "invalid_grant"})
        answer: dict[str, Any] = {
            "access_token": ACCESS,
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": "launch openid fhirUser patient/Media.cruds offline_access",
            "refresh_token": REFRESH,
            "patient": "p1",
            **({"id_token": self.id_token()} if self.sends_id_token else {}),
            **self.answer,
        }
        wanted = {name: value for name, value in answer.items() if value is not None}
        return 200, {"Content-Type": "application/json"}, json.dumps(wanted)

    def id_token(self, *, key: RSAKey | None = None, header: dict[str, Any] | None = None) -> str:
        """A token for the person who signed in."""
        seconds = int(NOW.timestamp())
        claims = {
            "iss": LOGIN,
            "sub": "person-1",
            "aud": CLIENT,
            "exp": seconds + 300,
            "iat": seconds,
            "nonce": self.nonce or None,
            "fhirUser": f"{BASE}/Practitioner/7",
            **self.claims,
        }
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(header or {"alg": "RS256", "kid": "ehr-1"}, kept, key or _EHR_KEY, ["RS256"])

    def check_assertion(self, assertion: str, *, audience: str = f"{LOGIN}/token") -> dict[str, Any]:
        """Judge a client assertion by the letter of SMART, with `cryptography` alone; its header and claims."""
        head, payload, signature = assertion.split(".")
        header, claims = (json.loads(_decode(part)) for part in (head, payload))
        published = {jwk["kid"]: jwk for jwk in json.loads(json.dumps(public_jwks(self.keys)))["keys"]}
        jwk = published[header["kid"]]
        assert not {"d", "p", "q", "dp", "dq", "qi"} & set(jwk), "a private key was published"
        signed, raw = f"{head}.{payload}".encode(), _decode(signature)
        if header["alg"] == "RS384":
            numbers = rsa.RSAPublicNumbers(_integer(jwk["e"]), _integer(jwk["n"]))
            numbers.public_key().verify(raw, signed, padding.PKCS1v15(), hashes.SHA384())
        else:
            assert header["alg"] == "ES384"
            assert len(raw) == 96
            assert jwk["crv"] == "P-384"
            point = ec.EllipticCurvePublicNumbers(_integer(jwk["x"]), _integer(jwk["y"]), ec.SECP384R1())
            der = utils.encode_dss_signature(int.from_bytes(raw[:48], "big"), int.from_bytes(raw[48:], "big"))
            point.public_key().verify(der, signed, ec.ECDSA(hashes.SHA384()))
        assert header["typ"] == "JWT"
        assert claims["iss"] == claims["sub"] == CLIENT
        assert claims["aud"] == audience
        assert 0 < claims["exp"] - NOW.timestamp() <= 300
        assert len(claims["jti"]) <= 151, "Epic's limit"
        assert claims["jti"] not in self.jtis, "an assertion was used twice"
        self.jtis.add(claims["jti"])
        return {"header": header, "claims": claims}

    def launch(self, issuer: Issuer, transport: Transport, *, key: ClientKey | None = None) -> CompletedLaunch:
        """A whole EHR launch, from discovery to context."""
        pending, parameters = self.begin(issuer, transport)
        return complete(
            pending,
            parameters,
            issuer=issuer,
            browser_secret=COOKIE,
            transport=transport,
            verifier=IdTokenVerifier(transport),
            key=key,
            now=NOW,
        )

    def begin(self, issuer: Issuer, transport: Transport) -> tuple[PendingLaunch, dict[str, str]]:
        """As far as the browser's return."""
        configuration: SmartConfiguration = discover(issuer, transport)
        pending, url = begin_launch(
            issuer,
            configuration,
            redirect_uri=REDIRECT,
            browser_secret=COOKIE,
            now=NOW,
            launch="launch-handle",
        )
        return PendingLaunch.from_record(json.loads(json.dumps(pending.as_record()))), self.authorize(url)


def ehr_key() -> RSAKey:
    """The key that signs this EHR's id_tokens."""
    return _EHR_KEY


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _integer(part: str) -> int:
    return int.from_bytes(_decode(part), "big")
