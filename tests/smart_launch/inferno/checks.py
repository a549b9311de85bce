"""Inferno's verdicts, 1.01 to 5.12, in its own words. `judge(number, session)` is one test of its suite.

Each thing that a check may find has a `code` here, so that it can be shown that each is found.

Run beside Inferno's Ruby on the same requests, the verdicts differ only where Inferno leaves a fault to its
framework or to chance, and this fails it: a required input that is empty, a key set of symmetric keys or an
assertion with `alg` none, a token request of another grant type; and where Inferno's own code breaks down
instead of failing: a wrong Basic header, a broken key, an assertion that is no JWT.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.proofs import basic_error, key_set, pkce_error, signature_error
from tests.smart_launch.inferno.recorded import (
    ASYMMETRIC,
    AUTHORIZATION_CODE,
    CLIENT_CREDENTIALS,
    PUBLIC,
    REFRESH_TOKEN,
    SYMMETRIC,
    ClientType,
    Recorded,
    Session,
    Tag,
    authorization_details,
)
from tests.smart_launch.inferno.verdict import Verdict

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NUMBERS: dict[ClientType, tuple[str, ...]] = {
    ClientType.ALCA: ("1.01", "5.01", "5.05", "5.08", "5.12"),
    ClientType.ALCS: ("2.01", "5.02", "5.06", "5.09", "5.12"),
    ClientType.ALP: ("3.01", "5.03", "5.07", "5.10", "5.12"),
    ClientType.BSCA: ("4.01", "5.04", "5.11", "5.12"),
}
"""Which tests of the suite each kind of client must pass: registration, interaction, authorization, token, use."""


def judge(number: str, session: Session) -> Verdict:
    """One test of the suite on one session."""
    verdict = Verdict(number)
    chapter, test = (int(part) for part in number.split("."))
    if chapter < 5:
        _registration(verdict, session)
    elif test <= 4:
        _interaction(verdict, session)
    elif test <= 7:
        _authorization_requests(verdict, session)
    elif test <= 11:
        _token_requests(verdict, session)
    else:
        _token_use(verdict, session)
    return verdict


def _registration(verdict: Verdict, session: Session) -> None:
    registration = session.registration
    if registration.client_type.flow == AUTHORIZATION_CODE:
        _urls(verdict, registration.launch_urls, "launch URL")
        _urls(verdict, registration.redirect_uris, "redirect URI")
        if not registration.redirect_uris.strip():
            verdict.error("redirect-uri-missing", "The required input SMART App Launch Redirect URI(s) is missing.")
    if registration.client_type.authentication == ASYMMETRIC:
        keys, warnings = key_set(registration.jwks, session.fetch)
        verdict.warnings += warnings
        if not keys:
            verdict.error(
                "jwks-unusable",
                "JWKS content for Confidential Asymmetric authentication does not include any valid keys.",
            )
    if registration.client_type.authentication == SYMMETRIC and not registration.secret.strip():
        verdict.error("secret-missing", "The required input SMART Confidential Symmetric Client Secret is missing.")


def _urls(verdict: Verdict, listed: str, kind: str) -> None:
    code = kind.lower().replace(" ", "-")
    for url in (each.strip() for each in listed.split(",")):
        if not url:
            continue
        try:
            parts = urlsplit(url)
            valid = not set(url) & set(' <>"{}|\\^`') and url.isascii()
        except ValueError:
            valid = False
        if not valid:
            verdict.error(f"{code}-invalid", f"Registered {kind} '{url}' is not a valid URI.")
        elif parts.scheme not in {"https", "http"}:
            verdict.error(f"{code}-not-http", f"Registered {kind} '{url}' is not a valid http address.")
        elif parts.scheme != "https":
            verdict.error(f"{code}-not-https", f"Registered {kind} '{url}' is not a valid https URI.")


def _interaction(verdict: Verdict, session: Session) -> None:
    """Inferno waits until the tester says that it is done. We ask for it: every way in, then a FHIR request each."""
    registration = session.registration
    if registration.client_type.flow == AUTHORIZATION_CODE:
        launches = [authorization_details(each).get("launch") for each in session.tagged(Tag.AUTHORIZATION)]
        if None not in launches or (registration.launch_urls and session.launch_key not in launches):
            verdict.error(
                "no-authorization", "The app did not perform an EHR launch by the link and a standalone launch."
            )
    used = {_bearer(each) for each in session.tagged(Tag.ACCESS) if each.status != 401}
    granted = [
        token
        for each in session.tagged(Tag.TOKEN, registration.client_type.flow)
        if (token := _issued(each)) is not None
    ]
    if not granted or not set(granted) <= used:
        verdict.error("no-access", "The app did not access data with each token that it obtained.")


def _authorization_requests(verdict: Verdict, session: Session) -> None:
    requests = session.tagged(Tag.AUTHORIZATION)
    if not requests:
        verdict.skipped = "No SMART authorization requests made."
    for number, request in enumerate(requests, 1):
        _authorization_request(verdict, session, authorization_details(request), f"Authorization request {number}")


def _authorization_request(verdict: Verdict, session: Session, params: dict[str, str | list[str]], which: str) -> None:
    def expect(code: str, name: str, wanted: str, quote: str = "'") -> None:
        if params.get(name) != wanted:
            expected = f"{quote}{wanted}{quote}"
            verdict.error(
                code, f"{which} had an incorrect `{name}`: expected {expected}, but got '{_said(params.get(name))}'"
            )

    def need(code: str, name: str) -> None:
        if not _present(params.get(name)):
            verdict.error(code, f"{which} is missing the `{name}` element")

    expect("response-type", "response_type", "code")
    expect("client-id", "client_id", session.client_id, "")
    registered = [uri.strip() for uri in session.registration.redirect_uris.split(",") if uri.strip()]
    redirect = params.get("redirect_uri")
    need("redirect-missing", "redirect_uri")
    if _present(redirect) and not registered:
        verdict.error(
            "redirect-none-registered",
            "No redirect URIs registered to check against the `redirect_uri` element "
            f"in {which.lower()} is missing the `redirect_uri` element",
        )
    elif _present(redirect) and redirect not in registered:
        verdict.error(
            "redirect-unregistered",
            f"{which} had an unregistered `redirect_uri`: got {_said(redirect)}, "
            f"but expected one of '{','.join(registered)}'",
        )
    if _present(params.get("launch")):
        expect("launch", "launch", session.launch_key, "")
    need("state", "state")
    expect("aud", "aud", session.fhir_base)
    need("challenge", "code_challenge")
    expect("method", "code_challenge_method", "S256")
    if not _present(params.get("scope")):
        which = which.replace("Authorization", "Token")  # so it says
        verdict.error("scope", f"{which} did not include the requested `scope`")


def _said(value: object) -> str:
    """A value as Ruby puts it into a text."""
    return "" if value is None else value if isinstance(value, str) else json.dumps(value)


def _present(value: str | list[str] | None) -> bool:
    return bool(value.strip() if isinstance(value, str) else value)


def _token_requests(verdict: Verdict, session: Session) -> None:
    flow = session.registration.client_type.flow
    requests = session.tagged(Tag.TOKEN, flow)
    if not requests:
        kind = "token" if flow == CLIENT_CREDENTIALS else "authorization code token"
        verdict.skipped = f"No SMART {kind} requests made."
        return
    _other_grants(verdict, session)
    jtis: list[object] = []
    for number, request in enumerate(requests + session.tagged(Tag.TOKEN, REFRESH_TOKEN), 1):
        if request.form["grant_type"] == REFRESH_TOKEN:
            _refresh_request(verdict, session, request, number)
        else:
            _token_request(verdict, session, request, number)
        match session.registration.client_type.authentication:
            case "confidential_asymmetric":
                _assertion(verdict, session, request.form.get("client_assertion"), jtis, number)
            case "confidential_symmetric":
                wrong = basic_error(
                    request.headers.get("authorization"), session.client_id, session.registration.secret
                )
                if wrong:
                    verdict.error("basic", f"Token request {number} invalid: {wrong}")


def _other_grants(verdict: Verdict, session: Session) -> None:
    """Inferno compares `grant_type` in requests that it chose by their `grant_type`; we look at all of them."""
    known = {session.registration.client_type.flow, REFRESH_TOKEN}
    for request in session.tagged(Tag.TOKEN):
        got = request.form.get("grant_type")
        if got not in known:
            expected = session.registration.client_type.flow
            verdict.error(
                "grant-type", f"Token request had an incorrect `grant_type`: expected {expected}, but got '{got}'"
            )


def _token_request(verdict: Verdict, session: Session, request: Recorded, number: int) -> None:
    params, kind = request.form, session.registration.client_type
    if kind.authentication == ASYMMETRIC:
        _assertion_type(verdict, params, "assertion-type", f"Confidential asymmetric token request {number}")
    if kind.flow == CLIENT_CREDENTIALS and not _present(params.get("scope")):
        verdict.error(
            "backend-scope", f"Client credentials token request {number} did not include the requested `scope`"
        )
    if kind.authentication == PUBLIC and params.get("client_id") != session.client_id:
        verdict.error(
            "public-client-id",
            f"Public client token request {number} had an incorrect `client` value: "
            f"expected '{session.client_id}' but got '{_said(params.get('client_id'))}'",
        )
    if kind.flow == AUTHORIZATION_CODE:
        _code(verdict, session, params, f"Authorization code token request {number}", number)


def _assertion_type(verdict: Verdict, params: dict[str, str], code: str, which: str) -> None:
    got = params.get("client_assertion_type")
    if got != ASSERTION_TYPE:
        verdict.error(
            code,
            f"{which} had an incorrect `client_assertion_type`: expected '{ASSERTION_TYPE}', but got '{_said(got)}'",
        )


def _code(verdict: Verdict, session: Session, params: dict[str, str], which: str, number: int) -> None:
    code = params.get("code", "")
    if not code.strip():
        verdict.error("code-missing", f"{which} missing a `code`")
        return
    asked = session.authorization_of(code)
    if asked is None:
        verdict.error("code-unknown", f"{which} included a code not issued during this test session: '{code}'")
        return
    details = authorization_details(asked)
    if params.get("redirect_uri") != details.get("redirect_uri"):
        verdict.error(
            "token-redirect",
            f"{which} included an incorrect `redirect_uri` value: expected '{_said(details.get('redirect_uri'))} "
            f"but got '{_said(params.get('redirect_uri'))}'",
        )
    wrong = pkce_error(params.get("code_verifier"), details.get("code_challenge"), details.get("code_challenge_method"))
    if wrong:
        verdict.error(
            "pkce",
            "Error performing pkce verification on the `code_verifier` value in "
            f"authorization code token request {number}: {wrong}",
        )


def _refresh_request(verdict: Verdict, session: Session, request: Recorded, number: int) -> None:
    params, kind = request.form, session.registration.client_type
    if kind.flow == CLIENT_CREDENTIALS:
        verdict.error("backend-refresh", f"Invalid refresh request {number} found during client_credentials flow.")
        return
    if kind.authentication == ASYMMETRIC:
        _assertion_type(verdict, params, "refresh-assertion-type", f"Confidential asymmetric refresh request {number}")
    if session.authorization_of(params.get("refresh_token", "")[:-3]) is None:
        verdict.error(
            "refresh-unknown",
            f"Authorization code token refresh request {number} included a refresh token not "
            f"issued during this test session: '{_said(params.get('refresh_token'))}'",
        )


def _assertion(verdict: Verdict, session: Session, raw: str | None, jtis: list[object], number: int) -> None:
    which = f"client assertion jwt on token request {number}"
    try:
        token = signatures.read(raw)
    except ValueError as error:
        verdict.error(
            "assertion-unreadable", f"Token request {number} contained an invalid client assertion jwt: {error}"
        )
        return
    expected: tuple[tuple[str, Callable[[str], object], str, str], ...] = (
        ("typ", token.header.get, "JWT", "header"),
        ("iss", token.claims.get, session.client_id, "claim"),
        ("sub", token.claims.get, session.client_id, "claim"),
        ("aud", token.claims.get, session.token_url, "claim"),
    )
    for name, value_of, wanted, place in expected:
        got = value_of(name)
        if got != wanted:
            code = "assertion-aud" if name == "aud" else name
            verdict.error(code, f"{which} has an incorrect `{name}` {place}: expected '{wanted}', got '{_said(got)}'")
    if not token.claims.get("exp"):
        verdict.error("exp", f"{which} is missing the `exp` claim.")
    jti = token.claims.get("jti")
    if not jti:
        verdict.error("jti-missing", f"{which} is missing the `jti` claim.")
    elif jti in jtis:
        verdict.error("jti-reused", f"{which} has a `jti` claim that was previouly used: '{jti}'.")
    else:
        jtis.append(jti)
    wrong = signature_error(raw, session.registration.jwks, session.fetch)
    if wrong:
        verdict.error("signature", f"Signature validation failed on token request {number}: {wrong}")


def _token_use(verdict: Verdict, session: Session) -> None:
    kinds = (session.registration.client_type.flow, REFRESH_TOKEN)
    obtained = {_issued(each) for kind in kinds for each in session.tagged(Tag.TOKEN, kind)} - {None}
    access = [each for each in session.tagged(Tag.ACCESS) if each.status != 401]
    if not obtained:
        verdict.skipped = "No token requests made."
    elif not access:
        verdict.skipped = "No successful access requests made."
    elif not obtained & {_bearer(each) for each in access}:
        verdict.error("token-unused", "Returned tokens never used in any requests.")


def _issued(request: Recorded) -> str | None:
    return str(json.loads(request.answer)["access_token"]) if request.status == 200 else None


def _bearer(request: Recorded) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")
