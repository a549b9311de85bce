"""Whatever an EHR answers, whoever asks: never a crash, never a session without a patient, never a stranger asked."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import BASE, LOGIN, Said
from tests.app.attacks.expect import assert_told_nobody

GATEWAY = {401, 403, 409, 502, 503, 504}
quietly = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
texts = st.text(max_size=40) | st.sampled_from(
    [
        "p1",
        "p2",
        BASE,
        LOGIN,
        f"{LOGIN}/token",
        "Practitioner/7",
        "Bearer",
        "openid",
        "patient/*.cruds",
        "..",
        "\x00",
        "S256",
    ]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def members(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names) | texts, values, max_size=5)


def begin_anew(world: World) -> None:
    world.clock.advance(hours=2)
    world.ehr.reset()
    world.events.entries.clear()
    world.lines.text.clear()


TOKEN = members(
    *("access_token", "token_type", "expires_in", "scope", "refresh_token", "patient", "encounter", "id_token"),
    *("fhirContext", "need_patient_banner", "intent", "smart_style_url", "tenant", "authorization_details"),
)


@quietly
@given(changes=TOKEN)
def test_any_token_response(installed: World, changes: dict[str, Any]) -> None:
    begin_anew(installed)
    installed.ehr.token.update(changes)
    visitor, kept = installed.visitor(), installed.kept()
    answer = visitor.come_back()
    assert answer.status_code in GATEWAY | {303}
    if answer.status_code == 303:
        patient = changes.get("patient") or "p1"
        page = visitor.get("/".join(str(answer.headers["Location"]).split("/")[:3]) + "/")
        assert page.status_code in GATEWAY | {200, 404}
        assert page.status_code != 200 or f'/Patient/{patient}">' in page.text
    else:
        assert installed.kept() == kept
    assert [asked.url for asked in installed.ehr.asked if asked.writes] == []


CLAIMS = members("iss", "sub", "aud", "azp", "exp", "iat", "nbf", "nonce", "fhirUser", "auth_time", "profile")


@quietly
@given(changes=CLAIMS)
def test_any_claims(installed: World, changes: dict[str, Any]) -> None:
    begin_anew(installed)
    installed.ehr.claims.update(changes)
    visitor, kept = installed.visitor(), installed.kept()
    answer = visitor.come_back()
    assert answer.status_code in GATEWAY | {303}
    if answer.status_code != 303:
        assert installed.kept() == kept
        assert_told_nobody(visitor, answer)


CONFIGURATION = members(
    *("issuer", "jwks_uri", "authorization_endpoint", "token_endpoint", "revocation_endpoint", "capabilities"),
    *("code_challenge_methods_supported", "scopes_supported", "introspection_endpoint", "management_endpoint"),
    "authorization_response_iss_parameter_supported",
)


@quietly
@given(changes=CONFIGURATION)
def test_any_configuration(installed: World, changes: dict[str, Any]) -> None:
    begin_anew(installed)
    installed.ehr.configuration.update(changes)
    answer = installed.visitor().launch()
    assert answer.status_code in GATEWAY | {200, 303}
    if answer.status_code == 303:
        assert str(answer.headers["Location"]).startswith(("https://login.ehr.example", "https://fhir.ehr.example"))
    assert len(installed.ehr.asked) == 1


RECORDS = st.sampled_from(
    ["Patient/p1", "Practitioner/7", "PractitionerRole", "metadata", "Media", "DocumentReference"]
)
RESOURCE = members(
    *(
        "resourceType",
        "id",
        "name",
        "identifier",
        "birthDate",
        "link",
        "active",
        "entry",
        "type",
        "rest",
        "fhirVersion",
    ),
    *(
        "code",
        "practitioner",
        "period",
        "content",
        "subject",
        "meta",
        "deceasedBoolean",
        "gender",
        "telecom",
        "address",
    ),
)


@quietly
@given(path=RECORDS, changes=RESOURCE)
@example(path="Patient/p1", changes={"name": [{"given": [None], "family": 7, "period": {"end": "x"}}]})
@example(path="Media", changes={"entry": [{"resource": {"resourceType": "Media", "id": "m", "content": []}}]})
def test_any_record(installed: World, path: str, changes: dict[str, Any]) -> None:
    begin_anew(installed)
    ordinary = installed.ehr.documents.get(f"{BASE}/{path}", {"resourceType": "Bundle", "type": "searchset"})
    installed.ehr.answers[f"{BASE}/{path}"] = Said(200, {**ordinary, **changes}, "application/fhir+json")
    visitor = installed.visitor()
    answer = visitor.come_back()
    assert answer.status_code in GATEWAY | {303}
    if answer.status_code == 303:
        page = visitor.get("/".join(str(answer.headers["Location"]).split("/")[:3]) + "/")
        assert page.status_code in GATEWAY | {200, 404}, page.text


QUERIES = st.lists(
    st.tuples(
        st.sampled_from(["iss", "launch", "state", "code", "error", "error_description", "cookie", "next"]) | texts,
        st.sampled_from([BASE, LOGIN, "x", ""]) | texts | st.binary(max_size=20).map(lambda raw: raw.decode("latin-1")),
    ),
    max_size=6,
)


@quietly
@given(
    path=st.sampled_from(["/launch", "/callback", "/standalone/ehr", "/"]), pairs=QUERIES, raw=st.binary(max_size=30)
)
def test_any_question(installed: World, path: str, pairs: list[tuple[str, str]], raw: bytes) -> None:
    begin_anew(installed)
    visitor, kept = installed.visitor(), installed.kept()
    visitor.client.set_cookie("__Host-bid", "b" * 43, domain="localhost")
    query = "&".join([*(f"{quote(name)}={quote(value)}" for name, value in pairs), quote(raw, safe="&=%+")])
    answer = visitor.client.get(f"{path}?{query}")
    assert answer.status_code in {200, 303, 400, 401, 403}, answer.text
    assert installed.kept() == kept
    assert {asked.path for asked in installed.ehr.asked} <= {f"{BASE}/.well-known/smart-configuration"}
    if answer.status_code == 303:
        assert str(answer.headers["Location"]).startswith((f"{LOGIN}/authorize?", "/launch?"))
