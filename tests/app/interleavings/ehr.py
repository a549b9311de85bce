"""Two EHRs in memory behind the app's transport: OAuth that believes nothing twice, and their records.

Every code, refresh token and client assertion works once; every access token is for one patient of one EHR. What
a careful EHR would hold against the app is a finding, and a finding fails the example.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from requests.structures import CaseInsensitiveDict

from smart_launch import AnswerLost, ClientKey, Issuer, NotSent
from smart_launch.transport import Reply, Transport
from tests.app.interleavings.people import SECRET, STAFF, Json, Person, Staff, of_ehr
from tests.app.interleavings.record import Access, Answer, Finding, Record
from tests.fakes.clock import FakeClock

CODE_LIVES = dt.timedelta(minutes=15)
"""Longer than the app may wait for a callback, so that the app alone refuses a late one."""
ACCESS_SECONDS = 600
UNKNOWN = "https://fhir.unknown.example/r4"
Trouble = Literal["refusing", "silent", "busy"]
"""Not reached; does what it is asked and never answers; turns everything away for now."""
Refreshing = Literal["rotates", "refuses", "another-patient"]

_SIGNS = RSAKey.generate_key(2048, {"kid": "north-1", "use": "sig", "alg": "RS256"}, private=True)
_SIGNS_EC = ECKey.generate_key("P-256", {"kid": "south-1", "use": "sig", "alg": "ES256"}, private=True)
CLIENT_KEY = ClientKey.generate("app-1", "ES384")


def issuer_of(name: str) -> Issuer:
    """The registry's entry: north knows the app by a secret, south by its key."""
    shared: dict[str, Any] = {
        "name": name,
        "iss": f"https://fhir.{name}.example/r4",
        "client_id": f"app-at-{name}",
        "frame_ancestors": (f"https://chart.{name}.example",),
        "scopes": ("openid", "fhirUser", "offline_access", "patient/*.cruds", "user/*.rs"),
    }
    if name == "north":
        return Issuer(
            **shared,
            allowed_hosts=frozenset({"login.north.example"}),
            expected_issuer="https://login.north.example",
            auth_method="client_secret_basic",
            client_secret="secret-of-north",
        )
    return Issuer(**shared, auth_method="private_key_jwt", key_id=CLIENT_KEY.kid, id_token_algorithms=("ES256",))


@dataclass
class Authorization:
    """One sign-in at this EHR: what the browser brings back, and what became of it."""

    person: Person
    user: Staff
    code: str = field(repr=False)
    challenge: str
    redirect_uri: str
    nonce: str
    made: dt.datetime
    used: bool = False
    traded: bool = False


@dataclass
class _Issued:
    access: Access
    until: dt.datetime
    session: int


@dataclass
class _Refresh:
    person: Person
    user: Staff
    session: int
    used: bool = False


@dataclass
class Ehr:
    """One EHR. `strained` is set when it has just been unhelpful, so that an app that says so is believed."""

    name: str
    clock: FakeClock
    finding: Finding
    record: Record = field(init=False)
    trouble: Trouble = "refusing"
    calm: int = 0
    """How many requests are answered before the trouble begins."""
    troubled: int = 0
    """How many requests it lasts."""
    refreshing: Refreshing = "rotates"
    strained: bool = False
    exchanges: int = 0
    """Requests that tried to trade a code."""
    traded: list[Authorization] = field(default_factory=list)
    rotated: int = 0
    revoked: int = 0
    _handles: dict[str, tuple[Person, Staff]] = field(default_factory=dict)
    _codes: dict[str, Authorization] = field(default_factory=dict)
    _issued: dict[str, _Issued] = field(default_factory=dict)
    _refresh: dict[str, _Refresh] = field(default_factory=dict)
    _assertions: set[str] = field(default_factory=set)
    _number: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def __post_init__(self) -> None:
        self.issuer = issuer_of(self.name)
        self.base = self.issuer.fhir_base
        self.login = "https://login.north.example" if self.name == "north" else f"{self.base}/auth"
        self.names_issuer = self.name == "north"
        self.record = Record(self.name, self.base, self.clock, own_ids=self.name == "north", finding=self.finding)

    # ------------------------------------------------------------------------------- what a browser sees

    def chart(self, person: Person, user: Staff) -> str:
        """The query with which this EHR opens the app from a chart."""
        handle = f"handle-{self.name}-{next(self._number)}"
        self._handles[handle] = (person, user)
        return urlencode({"iss": self.base, "launch": handle})

    def authorize(
        self, url: str, *, chooses: tuple[Person, Staff] | None = None
    ) -> tuple[Authorization, dict[str, str]]:
        """Somebody signs in here: what the browser brings back. `chooses`: who and whom, without a chart."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}
        issuer = self.issuer
        assert url.startswith(f"{self.login}/authorize?")
        assert asked["client_id"] == issuer.client_id
        assert asked["aud"].rstrip("/") == self.base
        assert asked["code_challenge_method"] == "S256"
        person, user = self._handles[asked["launch"]] if "launch" in asked else chooses or _nobody()
        made = Authorization(
            person,
            user,
            self._secret("code"),
            asked["code_challenge"],
            asked["redirect_uri"],
            asked.get("nonce", ""),
            self.clock.now(),
        )
        self._codes[made.code] = made
        brings = {"code": made.code, "state": asked["state"]}
        return made, {**brings, "iss": self.login} if self.names_issuer else brings

    def die_early(self) -> None:
        """Every access token out there stops working, as after a change of keys."""
        self._issued.clear()

    # ------------------------------------------------------------------------------- what the app asks

    def answer(self, method: str, url: str, headers: Mapping[str, str], content: bytes, form: Json | None) -> Answer:
        """One request, unless this EHR is in trouble. Raises `NotSent`, `AnswerLost`."""
        if self.calm:
            self.calm -= 1
        elif self.troubled:
            self.troubled -= 1
            self.strained = True
            if self.trouble == "refusing":
                raise NotSent("nobody there", host=self.name)
            if self.trouble == "busy":
                return Answer(503, {"Retry-After": "5"})
            self._answer(method, url, headers, content, form)
            raise AnswerLost("no answer", host=self.name)
        return self._answer(method, url, headers, content, form)

    def _answer(self, method: str, url: str, headers: Mapping[str, str], content: bytes, form: Json | None) -> Answer:
        parts = urlsplit(url)
        plain = f"{parts.scheme}://{parts.netloc}{parts.path}"
        match plain.removeprefix(self.login) if plain.startswith(self.login) else "":
            case "/jwks":
                key = _SIGNS if self.name == "north" else _SIGNS_EC
                return _json(200, {"keys": [key.as_dict(private=False)]})
            case "/token":
                return self._token(dict(form or {}), headers)
            case "/revoke":
                return self._revoke(dict(form or {}), headers)
        if plain == f"{self.base}/.well-known/smart-configuration":
            return _json(200, self._configuration())
        inside = plain.removeprefix(self.base)
        if inside == plain:
            self.finding(f"{self.name} was asked for {plain}")
            return Answer(404)
        body = content or urlencode(form or {}).encode()
        return self.record.answer(method, inside.strip("/"), parts.query, headers, body, self._access(headers))

    def knows(self, token: str) -> bool:
        """Whether this EHR ever issued the token."""
        return f"-{self.name}-" in token

    def _access(self, headers: Mapping[str, str]) -> Access | None:
        scheme, _, token = headers.get("Authorization", "").partition(" ")
        if not token:
            return None
        if scheme != "Bearer" or not self.knows(token):
            self.finding(f"{self.name} was sent what belongs to another EHR")
        issued = self._issued.get(token)
        if issued is None or self.clock.now() >= issued.until:
            self.strained = True
            return None
        return issued.access

    def _configuration(self) -> Json:
        return {
            "issuer": self.login,
            "jwks_uri": f"{self.login}/jwks",
            "authorization_endpoint": f"{self.login}/authorize",
            "token_endpoint": f"{self.login}/token",
            "revocation_endpoint": f"{self.login}/revoke",
            "capabilities": ["launch-ehr", "launch-standalone", "permission-v2", "sso-openid-connect"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": self.names_issuer,
        }

    def _token(self, form: dict[str, str], headers: Mapping[str, str]) -> Answer:
        self._authenticate(form, headers)
        if form["grant_type"] == "authorization_code":
            self.exchanges += 1
            made = self._codes.get(form["code"])
            if made is None or not self._may_trade(made, form):
                return _json(400, {"error": "invalid_grant"})
            made.traded = True
            self.traded.append(made)
            answer = self._grant(made.person, made.user, next(self._number))
            return _json(200, {**answer, "patient": made.person.id, "id_token": self._id_token(made)})
        held = self._refresh.get(form["refresh_token"])
        if held is None:
            return _json(400, {"error": "invalid_grant"})
        if held.used:
            self.finding("a refresh token came twice")
            return _json(400, {"error": "invalid_grant"})
        held.used = True
        if self.refreshing == "refuses":
            self.strained = True
            return _json(400, {"error": "invalid_grant"})
        person = held.person
        if self.refreshing == "another-patient":
            self.strained = True
            person = next(each for each in of_ehr(self.name) if each != held.person)
        self.rotated += 1
        return _json(200, {**self._grant(person, held.user, held.session), "patient": person.id})

    def _may_trade(self, made: Authorization, form: dict[str, str]) -> bool:
        digest = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        fresh = not made.used and self.clock.now() < made.made + CODE_LIVES
        if made.traded:  # one that a thief has spent in vain may still come from its owner
            self.finding("a code was sent twice")
        made.used = True
        return fresh and digest == made.challenge and form["redirect_uri"] == made.redirect_uri

    def _grant(self, person: Person, user: Staff, session: int) -> Json:
        access = Access(self._secret("access"), person, user)
        refresh = self._secret("refresh")
        until = self.clock.now() + dt.timedelta(seconds=ACCESS_SECONDS)
        self._issued[access.token] = _Issued(access, until, session)
        self._refresh[refresh] = _Refresh(person, user, session)
        return {
            "access_token": access.token,
            "refresh_token": refresh,
            "token_type": "Bearer",
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(self.issuer.scopes),
        }

    def _revoke(self, form: dict[str, str], headers: Mapping[str, str]) -> Answer:
        """The whole sign-in ends with its refresh token; an access token ends alone (RFC 7009)."""
        self._authenticate(form, headers)
        token = form["token"]
        held = self._refresh.pop(token, None)
        gone = {token} if held is None else {key for key, one in self._issued.items() if one.session == held.session}
        self._issued = {key: one for key, one in self._issued.items() if key not in gone}
        self.revoked += 1
        return Answer(200)

    def _authenticate(self, form: dict[str, str], headers: Mapping[str, str]) -> None:
        """Whoever asks is the app, by the means that it registered here and nowhere else."""
        if self.name == "north":
            expected = base64.b64encode(b"app-at-north:secret-of-north").decode()
            if headers.get("Authorization") != f"Basic {expected}":
                self.finding("north was asked without its secret")
            return
        claims = jwt.decode(form["client_assertion"], CLIENT_KEY.private, algorithms=["ES384"]).claims
        lives = claims["exp"] - self.clock.now().timestamp()
        right = claims["iss"] == claims["sub"] == "app-at-south" and claims["aud"] == f"{self.login}/token"
        if not right or not 0 < lives <= 300 or claims["jti"] in self._assertions:
            self.finding("south was shown a wrong or used assertion")
        self._assertions.add(claims["jti"])

    def _id_token(self, made: Authorization) -> str:
        seconds = int(self.clock.now().timestamp())
        claims = {
            "iss": self.login,
            "sub": made.user.id,
            "aud": self.issuer.client_id,
            "exp": seconds + 300,
            "iat": seconds,
            "nonce": made.nonce,
            "fhirUser": f"{self.base}/Practitioner/{made.user.id}",
        }
        if self.name == "north":
            return jwt.encode({"alg": "RS256", "kid": "north-1"}, claims, _SIGNS, ["RS256"])
        return jwt.encode({"alg": "ES256", "kid": "south-1"}, claims, _SIGNS_EC, ["ES256"])

    def _secret(self, kind: str) -> str:
        return f"{kind}-{self.name}-{SECRET}{next(self._number)}"


class Network(Transport):
    """What the app sends goes to these EHRs, and to nobody else."""

    def __init__(self, ehrs: Iterable[Ehr], finding: Finding) -> None:
        super().__init__()
        self._ehrs = {urlsplit(url).netloc: ehr for ehr in ehrs for url in (ehr.base, ehr.login)}
        self._finding = finding
        self.sent = 0

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
        self.sent += 1
        host = urlsplit(url).netloc
        if host not in self._ehrs:
            self._finding(f"{host} was asked, which nobody registered")
            raise NotSent("no such host", host=host)
        body = content if isinstance(content, bytes) else b"".join(content or ())
        asked: CaseInsensitiveDict[str] = CaseInsensitiveDict(headers or {})
        answer = self._ehrs[host].answer(method, url, asked, body, dict(form) if form is not None else None)
        return Reply(answer.status, CaseInsensitiveDict(answer.headers), answer.content, url)


def staff_of(name: str) -> tuple[Staff, ...]:
    """Who works at an EHR."""
    return STAFF[name]


def callback_query(brings: Mapping[str, str]) -> str:
    """What comes back through the browser, as a query."""
    return urlencode(brings)


def parameters(query: str) -> dict[str, str]:
    """The parameters of a query that has each once."""
    return dict(parse_qsl(query, keep_blank_values=True))


def _nobody() -> tuple[Person, Staff]:
    raise AssertionError("a standalone launch, and nobody chose a patient")


def _json(status: int, body: Json) -> Answer:
    return Answer(status, {"Content-Type": "application/json"}, json.dumps(body).encode())
