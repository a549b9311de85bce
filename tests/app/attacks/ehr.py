"""An EHR in memory that can be told to misbehave, and the transport that reaches it and nobody else."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey
from requests.structures import CaseInsensitiveDict

from fhir_plugin.ports import Clock
from smart_launch import Issuer, Reply, ReplyTooLarge, SmartError, Transport

BASE = "https://fhir.ehr.example/r4"
LOGIN = "https://login.ehr.example"
EVIL = "https://evil.example"
OTHER_BASE = "https://fhir.other.example/r4"
OTHER_LOGIN = "https://login.other.example"
CLIENT = "photographs"
JOB_ROLES = "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName"
SCOPES = (
    "openid",
    "fhirUser",
    "offline_access",
    "patient/Patient.rs",
    "patient/Media.cruds",
    "patient/DocumentReference.cruds",
    "patient/Binary.cruds",
    "patient/Provenance.cruds",
    "user/Practitioner.rs",
    "user/PractitionerRole.rs",
)
SECRETS = {
    "client secret": "client-secret-canary-0a61",
    "client secret at another EHR": "client-secret-canary-8d2e",
    "launch handle": "launch-handle-canary-77b0",
    "code": "code-canary-3c9d",
    "access token": "access-canary-1b52",
    "refresh token": "refresh-canary-9f08",
    "description": "description-canary-41d7",
    "patient name": "Zebedee-canary",
    "NHS number": "9449305552",
}
"""What no page, header or log may ever hold, beside what each launch adds (state, nonce, cookie, id_token)."""

DESCRIPTION = f"<script>alert('{SECRETS['description']}')</script>"
"""What an attacker's EHR says beside each error: a stranger's text."""

EHR_KEY = RSAKey.generate_key(2048, {"kid": "ehr-1", "use": "sig", "alg": "RS256"}, private=True)
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "ehr-2", "use": "sig", "alg": "RS256"}, private=True)

Json = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """One request that the app made."""

    method: str
    url: str
    headers: Mapping[str, str]
    content: bytes
    form: Mapping[str, str]

    @property
    def path(self) -> str:
        return self.url.partition("?")[0]

    @property
    def writes(self) -> bool:
        """Whether it could change a record: not a reading, a search form or OAuth."""
        oauth = self.url.startswith(LOGIN)
        return self.method not in ("GET", "HEAD") and not oauth and not self.path.endswith("/_search")


@dataclass(frozen=True)
class Said:
    """One answer: `body` is sent as JSON unless it is bytes."""

    status: int = 200
    body: Any = b""
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


Answer = Said | SmartError | Callable[[Asked], Said]
"""What is said; an error is what a broken connection raises."""


def an_issuer(**changes: Any) -> Issuer:
    """A registered EHR of a real practice: https, a secret of our own, no default roles."""
    values: Json = {
        "name": "ehr",
        "iss": BASE,
        "client_id": CLIENT,
        "auth_method": "client_secret_basic",
        "client_secret": SECRETS["client secret"],
        "allowed_hosts": frozenset({"login.ehr.example"}),
        "scopes": SCOPES,
        "frame_ancestors": ("https://ehr.example",),
        **changes,
    }
    return Issuer(**values)


def another_issuer() -> Issuer:
    """A second registered EHR, which may turn out to be an attacker's."""
    return an_issuer(
        name="other",
        iss=OTHER_BASE,
        client_secret=SECRETS["client secret at another EHR"],
        allowed_hosts=frozenset({"login.other.example"}),
        frame_ancestors=("https://other.example",),
    )


@dataclass
class Ehr:
    """An EHR that behaves, until a test changes one of its answers."""

    clock: Clock
    answers: dict[str, Answer] = field(default_factory=dict)
    """By URL without query: said instead of the ordinary answer."""
    configuration: Json = field(default_factory=dict)
    """Changes to the SMART configuration; None leaves a member out."""
    token: Json = field(default_factory=dict)
    """Changes to the token response; None leaves a member out."""
    claims: Json = field(default_factory=dict)
    header: Json = field(default_factory=dict)
    sign: Callable[[Json, Json], str] | None = None
    """Makes the id_token from header and claims; None: as it should be."""
    keys: list[Json] = field(default_factory=lambda: [EHR_KEY.as_dict(private=False)])
    asked: list[Asked] = field(default_factory=list)
    nonce: str = ""
    challenge: str = ""
    id_tokens: list[str] = field(default_factory=list)

    def reset(self) -> None:
        """Behaves again, and forgets what it was asked."""
        fresh = Ehr(self.clock)
        for name in self.__dataclass_fields__:
            setattr(self, name, getattr(fresh, name))

    def authorize(self, url: str) -> dict[str, str]:
        """The person signs in: what the browser brings back."""
        fields = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
        assert fields["aud"] == BASE and fields["code_challenge_method"] == "S256"
        self.nonce, self.challenge = fields.get("nonce", ""), fields["code_challenge"]
        return {"code": SECRETS["code"], "state": fields["state"]}

    def respond(self, asked: Asked) -> Said:
        self.asked.append(asked)
        answer = self.answers.get(asked.path)
        if answer is None:
            return self._ordinary(asked)
        if isinstance(answer, SmartError):
            raise answer
        return answer if isinstance(answer, Said) else answer(asked)

    @property
    def documents(self) -> dict[str, Any]:
        """What it answers to a GET, by URL."""
        ids = {"Patient": "p1", "Practitioner": "7"}
        name = [{"family": SECRETS["patient name"], "given": ["Amy"]}]
        nhs = [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": SECRETS["NHS number"]}]
        job = {"coding": [{"system": JOB_ROLES, "code": "R0260"}]}
        return {
            f"{BASE}/.well-known/smart-configuration": _without_none({**_CONFIGURATION, **self.configuration}),
            f"{LOGIN}/jwks": {"keys": self.keys},
            f"{BASE}/metadata": _statement(),
            f"{BASE}/Practitioner/7": {"resourceType": "Practitioner", "id": ids["Practitioner"], "active": True},
            f"{BASE}/PractitionerRole": _bundle(
                {
                    "resourceType": "PractitionerRole",
                    "id": "r1",
                    "practitioner": {"reference": "Practitioner/7"},
                    "code": [job],
                }
            ),
            f"{BASE}/Patient/p1": {
                "resourceType": "Patient",
                "id": ids["Patient"],
                "name": name,
                "identifier": nhs,
                "birthDate": "1980-01-01",
            },
        }

    def _ordinary(self, asked: Asked) -> Said:
        if asked.path == f"{LOGIN}/token":
            return self.grant(asked)
        if asked.path == f"{LOGIN}/revoke":
            return Said(200)
        documents = self.documents
        if asked.method == "GET" and asked.path in documents:
            kind = "application/fhir+json" if asked.url.startswith(f"{BASE}/") else "application/json"
            well_known = asked.path.endswith("smart-configuration")
            return Said(body=documents[asked.path], content_type="application/json" if well_known else kind)
        if asked.url.startswith(f"{BASE}/") and not asked.writes:
            return Said(body=_bundle(), content_type="application/fhir+json")
        return Said(404, b"", "text/plain")

    def grant(self, asked: Asked) -> Said:
        """The token endpoint."""
        form = asked.form
        if form.get("grant_type") == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            if form["code"] != SECRETS["code"] or challenge != self.challenge:
                return Said(400, {"error": "invalid_grant"})
        answer: Json = {
            "access_token": SECRETS["access token"],
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": "launch " + " ".join(SCOPES),
            "refresh_token": SECRETS["refresh token"],
            "patient": "p1",
            "id_token": self._id_token(),
            **self.token,
        }
        return Said(body=_without_none(answer))

    def _id_token(self) -> str:
        seconds = int(self.clock.now().timestamp())
        claims = _without_none(
            {
                "iss": LOGIN,
                "sub": "person-1",
                "aud": CLIENT,
                "exp": seconds + 300,
                "iat": seconds,
                "nonce": self.nonce,
                "fhirUser": f"{BASE}/Practitioner/7",
                **self.claims,
            }
        )
        header = _without_none({"alg": "RS256", "kid": "ehr-1", **self.header})
        sign = self.sign or (lambda head, body: jwt.encode(head, body, EHR_KEY, ["RS256"]))
        self.id_tokens.append(sign(header, claims))
        return self.id_tokens[-1]


class MemoryTransport(Transport):
    """Reaches one EHR, in memory, with the size limits of the real transport."""

    def __init__(self, ehr: Ehr) -> None:
        super().__init__()
        self._ehr = ehr

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | Iterable[bytes] | None = None,
        form: Mapping[str, str] | None = None,
        max_bytes: int | None = None,
        read_timeout: float | None = None,
        total_timeout: float | None = None,
    ) -> Reply:
        body = content if isinstance(content, bytes) else b"".join(content or ())
        asked = Asked(method, url, CaseInsensitiveDict(headers or {}), body, dict(form or {}))
        said = self._ehr.respond(asked)
        host = urlsplit(url).hostname or ""
        if max_bytes is not None and len(said.content) > max_bytes:
            raise ReplyTooLarge(f"{host} answered with more than {max_bytes} bytes.", host=host, status=said.status)
        found = CaseInsensitiveDict(dict(said.headers))
        if said.content_type:
            found.setdefault("Content-Type", said.content_type)
        return Reply(said.status, found, said.content, url)


def with_query(url: str, fields: Mapping[str, str] | Iterable[tuple[str, str]]) -> str:
    """A URL with these parameters; pairs may repeat one."""
    return f"{url}?{urlencode(fields if isinstance(fields, Mapping) else list(fields))}"


def form_of(body: bytes) -> dict[str, str]:
    """A form as it was sent."""
    return dict(parse_qsl(body.decode()))


_CONFIGURATION: Json = {
    "issuer": LOGIN,
    "jwks_uri": f"{LOGIN}/jwks",
    "authorization_endpoint": f"{LOGIN}/authorize",
    "token_endpoint": f"{LOGIN}/token",
    "revocation_endpoint": f"{LOGIN}/revoke",
    "capabilities": ["launch-ehr", "permission-v2", "sso-openid-connect"],
    "code_challenge_methods_supported": ["S256"],
}


def _without_none(values: Mapping[str, Any]) -> Json:
    return {name: value for name, value in values.items() if value is not None}


def _bundle(*resources: Json) -> Json:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": each} for each in resources]}


def _statement() -> Json:
    every = [{"code": code} for code in ("read", "vread", "create", "update", "delete", "search-type")]
    types = ("Patient", "Media", "DocumentReference", "Binary", "Provenance", "Practitioner", "PractitionerRole")
    resources = [{"type": each, "interaction": every} for each in types]
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [{"mode": "server", "interaction": [{"code": "transaction"}], "resource": resources}],
    }
