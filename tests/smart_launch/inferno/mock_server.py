"""Inferno's simulated EHR over real HTTP, as it is: it leaves out of its configuration what its answers then need,
says no to everything with 401 `invalid_client`, never echoes a nonce, never rotates a refresh token.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric import rsa
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.proofs import basic_error, pkce_error, signature_error
from tests.smart_launch.inferno.recorded import (
    ASYMMETRIC,
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    REFRESH_TOKEN,
    SYMMETRIC,
    Recorded,
    Registration,
    Session,
    Tag,
    authorization_details,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

SUITE = "/custom/smart_client_stu2_2"
_KID = "618e76fc7eb7c3401c7fd47b9af5e94d"


def issue(client_id: str, minutes: float) -> str:
    """A code or access token, which says whose it is (`client_id_to_token`)."""
    structure = {"client_id": client_id, "expiration": int(time.time() + 60 * minutes), "nonce": secrets.token_hex(8)}
    return signatures.encode(json.dumps(structure).encode())


def read_issued(token: str | None) -> dict[str, Any]:
    """What a code, access token or refresh token says; {} if it is none of ours."""
    if not token:
        return {}
    try:
        found = json.loads(signatures.decode(token.removesuffix("_rt")))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_over(token: str | None) -> bool:
    expires = read_issued(token).get("expiration")
    return isinstance(expires, int) and expires < time.time()


@dataclass
class MockServer:
    """The suite's server. Sessions are found by the client id that a request names, as Inferno finds them."""

    origin: str = ""
    sessions: dict[str, Session] = field(default_factory=dict)
    code_minutes: float = 10
    token_minutes: float = 60
    documents_asked: list[str] = field(default_factory=list)
    """Paths of the published documents that were read."""
    make_id_token: Callable[[dict[str, Any], MockServer], str] | None = None
    """Signs the claims in another way than Inferno."""
    describes_itself: bool = False
    """Whether `metadata` is answered. Inferno's mock cannot: it answers 500 to whoever brings no token."""
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    @property
    def fhir_base(self) -> str:
        return f"{self.origin}{SUITE}/fhir"

    @property
    def auth(self) -> str:
        return f"{self.origin}{SUITE}/auth"

    def register(self, registration: Registration, fetch: signatures.Fetch | None = None) -> Session:
        """Begins a test session. `fetch` reads a registered JWKS URL."""
        session = Session(registration, self.fhir_base, f"{self.auth}/token", fetch)
        self.sessions[registration.client_id] = session
        return session

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        body = request.get_data(as_text=True)
        path = request.path.removeprefix(SUITE)
        documents = {
            "/fhir/.well-known/smart-configuration": self.smart_configuration,
            "/fhir/.well-known/openid-configuration": self.openid_configuration,
            "/fhir/.well-known/jwks.json": self.jwks,
            **({"/fhir/metadata": _capability_statement} if self.describes_itself else {}),
        }
        if request.method == "GET" and path in documents:
            self.documents_asked.append(path)
            response = _json(documents[path](), 200, **{"Access-Control-Allow-Origin": "*"})
        else:
            response = self._endpoint(request, path, body)
        return response(environ, start_response)

    def smart_configuration(self) -> dict[str, Any]:
        return {
            "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
            "capabilities": [
                "client-confidential-asymmetric",
                "launch-ehr",
                "launch-standalone",
                "authorize-post",
                "client-public",
                "client-confidential-symmetric",
                "permission-offline",
                "permission-online",
                "permission-patient",
                "permission-user",
                "permission-v1",
                "permission-v2",
                "context-ehr-patient",
                "context-ehr-encounter",
                "context-standalone-patient",
                "context-standalone-encounter",
                "context-banner",
                "context-style",
            ],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["private_key_jwt", "client_secret_basic", "client_secret_post"],
            "issuer": self.fhir_base,
            "grant_types_supported": ["client_credentials", "authorization_code"],
            "scopes_supported": ["system/*.read", "user/*.read", "patient/*.read"],
            "authorization_endpoint": f"{self.auth}/authorization",
            "token_endpoint": f"{self.auth}/token",
            "introspection_endpoint": f"{self.auth}/introspect",
        }

    def openid_configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.fhir_base,
            "authorization_endpoint": f"{self.auth}/authorization",
            "token_endpoint": f"{self.auth}/token",
            "jwks_uri": f"{self.fhir_base}/.well-known/jwks.json",
            "response_types_supported": ["code", "id_token", "token id_token"],
            "subject_types_supported": ["pairwise", "public"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def jwks(self) -> dict[str, Any]:
        return {"keys": [{**signatures.public_jwk(self.key, use="sig", alg="RS256", kid=_KID), "key_ops": ["verify"]}]}

    def _endpoint(self, request: Request, path: str, body: str) -> Response:
        given = [*request.args.items(multi=True), *request.form.items(multi=True)]
        params = dict(given)  # the last one wins, as in Rack
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        match (request.method, path):
            case ("GET" | "POST", "/auth/authorization"):
                tag, client = Tag.AUTHORIZATION, str(params.get("client_id"))
            case ("POST", "/auth/token"):
                tag, client = Tag.TOKEN, str(_asking_client(params))
            case ("POST", "/auth/introspect"):
                tag, client = Tag.INTROSPECTION, str(read_issued(params.get("token")).get("client_id"))
            case ("GET" | "POST" | "PUT" | "DELETE", _) if path.startswith("/fhir") and path.count("/") <= 4:
                tag, client = Tag.ACCESS, str(read_issued(bearer).get("client_id"))
            case _:
                return Response("Not Found", 404)
        session = self.sessions.get(client)
        if session is None:  # Inferno knows no anonymous requests: nobody's token, nobody's test run
            return Response(f"Unable to find test run with identifier '{client}'.", 500)
        answer = {
            Tag.AUTHORIZATION: lambda: self._authorize(session, params),
            Tag.TOKEN: lambda: self._token(session, request, params),
            Tag.INTROSPECTION: lambda: _json(_introspect(session, params.get("token", "")), 200),
            Tag.ACCESS: lambda: _access(session, path.removeprefix("/fhir").strip("/").split("/"), bearer),
        }[tag]()
        session.requests.append(
            Recorded(
                tag,
                request.method,
                request.url,
                {name.lower(): value for name, value in request.headers.items()},
                body,
                answer.status_code,
                {name.lower(): value for name, value in answer.headers.items()},
                answer.get_data(as_text=True),
            )
        )
        return answer

    def _authorize(self, session: Session, params: dict[str, str]) -> Response:
        redirect_uri = params.get("redirect_uri", "")
        if not redirect_uri.strip():
            return _json({"error": "Bad request", "message": "Missing required redirect_uri parameter."}, 400)
        code = quote(issue(session.client_id, self.code_minutes), safe="")
        joint = "&" if "?" in redirect_uri else "?"
        location = f"{redirect_uri}{joint}code={code}&state={quote(params.get('state', ''), safe='')}"
        return Response(status=302, headers={"Location": location})

    def _token(self, session: Session, request: Request, params: dict[str, str]) -> Response:
        kind = params.get("grant_type")
        refused = self._authentication_error(session, request, params, backend=kind == CLIENT_CREDENTIALS)
        if kind not in {CLIENT_CREDENTIALS, AUTHORIZATION_CODE, REFRESH_TOKEN}:
            refused = f"unsupported grant_type: {kind}"
        if refused:
            return _refuse(refused)
        if kind == CLIENT_CREDENTIALS:
            return self._grant({}, session.client_id, params.get("scope"))
        code = params.get("code", "") if kind == AUTHORIZATION_CODE else params.get("refresh_token", "")[:-3]
        if kind == AUTHORIZATION_CODE and _is_over(code):
            return _expired("Authorization code")
        asked = session.authorization_of(code)
        if asked is None:
            return _refuse(f"no authorization request found for code {code}")
        details = authorization_details(asked)
        if kind == AUTHORIZATION_CODE and params.get("code_verifier"):  # a missing one is for the verdict to find
            wrong = pkce_error(
                params["code_verifier"], details.get("code_challenge"), details.get("code_challenge_method")
            )
            if wrong:
                return _refuse(wrong)
        scope = str(details.get("scope", ""))
        granted = params.get("scope") or scope if kind == REFRESH_TOKEN else scope
        return self._grant(self._context(session, scope.split(), code), session.client_id, granted)

    def _grant(self, context: dict[str, Any], client_id: str, scope: str | None) -> Response:
        answer = {
            "access_token": issue(client_id, self.token_minutes),
            "token_type": "Bearer",
            "expires_in": int(60 * self.token_minutes),
            "scope": scope,
        }
        return _json({**context, **answer}, 200, **{"Cache-Control": "no-store", "Pragma": "no-cache"})

    def _authentication_error(
        self, session: Session, request: Request, params: dict[str, str], *, backend: bool
    ) -> str | None:
        registration = session.registration
        if backend or registration.client_type.authentication == ASYMMETRIC:
            assertion = params.get("client_assertion")
            if not assertion:
                return "client_assertion missing from confidential asymmetric client request"
            return signature_error(assertion, registration.jwks, session.fetch)
        if registration.client_type.authentication == SYMMETRIC:
            return basic_error(request.headers.get("Authorization"), session.client_id, registration.secret)
        return None

    def _context(self, session: Session, scopes: list[str], code: str) -> dict[str, Any]:
        try:
            context: dict[str, Any] = json.loads(session.registration.launch_context or "{}")
        except ValueError:
            context = {}
        if {"offline_access", "online_access"} & set(scopes):
            context["refresh_token"] = f"{code}_rt"
        if "openid" in scopes:
            context["id_token"] = self._id_token(session, with_user="fhirUser" in scopes)
        return context

    def _id_token(self, session: Session, *, with_user: bool) -> str:
        user = session.registration.fhir_user
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.fhir_base,
            "sub": user.lower().replace("/", "-") or str(uuid.uuid4()),
            "aud": session.client_id,
            "exp": now + 365 * 24 * 3600,
            "iat": now,
        }
        if with_user and user:
            claims["fhirUser"] = f"{self.fhir_base}/{user}"
        if self.make_id_token is not None:
            return self.make_id_token(claims, self)
        return self.signed(claims)

    def signed(self, claims: Mapping[str, Any], **header: str) -> str:
        """Claims signed as Inferno signs an id_token; `header` changes what the header says."""
        return signatures.sign({"alg": "RS256", "kid": _KID, "typ": "JWT", **header}, claims, self.key)


def _asking_client(params: dict[str, str]) -> object:
    match params.get("grant_type"):
        case "client_credentials":
            try:
                return signatures.read(params.get("client_assertion")).claims.get("iss")
            except ValueError:
                return None
        case "authorization_code":
            return read_issued(params.get("code")).get("client_id")
        case "refresh_token":
            return read_issued(params.get("refresh_token", "")[:-3]).get("client_id")
    return None


def _introspect(session: Session, token: str) -> dict[str, Any]:
    if _is_over(token):
        return {"active": False}
    for each in session.tagged(Tag.TOKEN):
        if each.status != 200:
            continue
        answer = json.loads(each.answer)
        if token not in {answer.get("access_token"), answer.get("refresh_token")}:
            continue
        issued = read_issued(token)
        hidden = {"access_token", "refresh_token", "token_type", "expires_in"}
        state = {name: value for name, value in answer.items() if name not in hidden}
        if "id_token" in answer:
            claims = signatures.read(answer["id_token"]).claims
            state.update({name: claims[name] for name in ("iss", "sub", "fhirUser") if name in claims})
        return {**state, "active": True, "client_id": issued["client_id"], "exp": issued["expiration"]}
    return {"active": False}


def _access(session: Session, path: list[str], bearer: str) -> Response:
    if _is_over(bearer):
        return _expired("Bearer token")
    registration = session.registration
    for resource in registration.resources:
        if [resource["resourceType"], resource["id"]] == path[:2]:
            return _fhir(json.dumps(resource), 200)
    if registration.echoed:
        return _fhir(registration.echoed, 200)
    return _fhir(json.dumps(_outcome("required", "No response provided to echo.")), 400)


def _capability_statement() -> dict[str, Any]:
    kept = {
        "interaction": [{"code": code} for code in ("read", "search-type")],
        "searchParam": [{"name": name, "type": "reference"} for name in ("patient", "practitioner")],
    }
    types = ("Patient", "Media", "DocumentReference", "Consent", "Practitioner", "PractitionerRole")
    return {
        "resourceType": "CapabilityStatement",
        "fhirVersion": "4.0.1",
        "rest": [{"mode": "server", "resource": [{"type": each, **kept} for each in types]}],
    }


def _outcome(code: str, text: str) -> dict[str, Any]:
    issue = {"severity": "fatal", "code": code, "details": {"text": text}}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _fhir(body: str, status: int) -> Response:
    return Response(body, status, content_type="application/fhir+json")


def _json(document: object, status: int, **headers: str) -> Response:
    return Response(json.dumps(document), status, content_type="application/json", headers=headers)


def _refuse(reason: str) -> Response:
    return _json({"error": "invalid_client", "error_description": reason}, 401)


def _expired(what: str) -> Response:
    return _json(_outcome("expired", f"{what} has expired"), 401)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002
        return


@contextlib.contextmanager
def running_mock() -> Iterator[MockServer]:
    """The mock on a free loopback port."""
    mock = MockServer()
    server = make_server("127.0.0.1", 0, mock, threaded=True, request_handler=_Quiet)
    mock.origin = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield mock
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
