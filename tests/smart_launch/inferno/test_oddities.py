"""What is odd about Inferno's EHR, and legal: a client that minds any of it never gets as far as a verdict.

And what would not be legal, sent by the same EHR: then nobody is signed in and no data is asked for.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from smart_launch import DiscoveryError, IdTokenError, InvalidClient, PatientMissing, SmartError, discover
from tests.smart_launch.inferno import signatures
from tests.smart_launch.inferno.mock_server import MockServer, running_mock
from tests.smart_launch.inferno.recorded import Tag
from tests.smart_launch.inferno.tested_app import SCOPES, registered_app


@pytest.fixture
def odd() -> Iterator[MockServer]:
    """A mock of one's own, to be made odder."""
    with running_mock() as mock:
        yield mock


def test_its_configuration_names_no_key_set_though_it_signs_people_in(odd: MockServer) -> None:
    configuration = odd.smart_configuration()
    assert "jwks_uri" not in configuration
    assert "sso-openid-connect" not in configuration["capabilities"]
    with registered_app(odd, "public") as app:
        launch = app.launched()
    assert launch.identity is not None
    assert launch.identity.issuer == odd.fhir_base
    assert launch.context.fhir_user is not None
    assert launch.context.fhir_user.here
    assert launch.context.fhir_user.reference == "Practitioner/7"
    assert odd.documents_asked == [
        "/fhir/.well-known/smart-configuration",
        "/fhir/.well-known/openid-configuration",
        "/fhir/.well-known/jwks.json",
    ]


def test_its_documents_are_read_once_for_many_launches(odd: MockServer) -> None:
    with registered_app(odd, "public") as app:
        for _ in range(3):
            app.launched()
            app.standalone()
    assert len(odd.documents_asked) == 3


def test_it_never_echoes_a_nonce(odd: MockServer) -> None:
    with registered_app(odd, "public") as app:
        claims = signatures.read(app.launched().grant.id_token).claims
    assert "nonce" not in claims
    assert claims["exp"] - time.time() > timedelta(days=364).total_seconds()
    with registered_app(odd, "public", client_id="strict", issuer_changes={"require_nonce": True}) as strict:
        with pytest.raises(IdTokenError) as caught:
            strict.launched()
        assert caught.value.code == "id-token-nonce"
        assert strict.session.tagged(Tag.ACCESS) == []


def test_the_scopes_it_lists_decide_nothing(odd: MockServer) -> None:
    with registered_app(odd, "public") as app:
        listed = discover(app.issuer, app.transport).scopes_supported
        assert listed == {"system/*.read", "user/*.read", "patient/*.read"}
        launch = app.launched()
    assert set(SCOPES) <= launch.grant.scopes.texts
    assert launch.grant.scopes.allows("Media", "create")


def test_it_gives_the_context_that_the_tester_wrote(odd: MockServer) -> None:
    with registered_app(odd, "public") as app:
        context = app.launched().context
        assert (context.patient, context.need_patient_banner, context.intent) == ("p1", False, "order-photo")
        refreshed = app.client.refresh(app.launched().grant)
        assert refreshed.parameters["patient"] == "p1"


@pytest.mark.parametrize("written", ["", "not JSON", "{}"])
def test_without_a_patient_there_is_no_launch(odd: MockServer, written: str) -> None:
    with registered_app(odd, "public", launch_context=written) as app:
        with pytest.raises(PatientMissing):
            app.launched()
        assert app.session.tagged(Tag.ACCESS) == []


def test_a_person_without_a_resource_is_still_somebody(odd: MockServer) -> None:
    with registered_app(odd, "public", fhir_user="") as app:
        launch = app.launched()
    assert launch.identity is not None
    assert launch.identity.subject
    assert launch.context.fhir_user is None


def test_without_openid_nobody_is_named(odd: MockServer) -> None:
    with registered_app(odd, "public", issuer_changes={"scopes": ("patient/Patient.rs",)}) as app:
        launch = app.launched()
    assert launch.identity is None
    assert launch.grant.refresh_token is None
    assert odd.documents_asked == ["/fhir/.well-known/smart-configuration"]


def test_it_tells_about_its_tokens_and_takes_none_back(odd: MockServer) -> None:
    with registered_app(odd, "ES384") as app:
        grant = app.launched().grant
        state = app.client.introspect(grant)
        assert state.active
        assert state.client_id == "app-ES384"
        assert state.scopes == grant.scopes
        assert state.parameters["patient"] == "p1"
        assert state.parameters["fhirUser"] == f"{odd.fhir_base}/Practitioner/7"
        assert state.expires_at is not None
        assert abs(state.expires_at - grant.expires_at) < timedelta(minutes=2)
        asked = len(app.session.requests)
        assert app.client.sign_out(grant) is False, "it offers no revocation"
        assert len(app.session.requests) == asked


def test_an_expired_code_is_refused_by_something_that_is_no_oauth_error(odd: MockServer) -> None:
    odd.code_minutes = -1
    with registered_app(odd, "public") as app:
        with pytest.raises(InvalidClient):
            app.launched()
        (refused,) = app.session.tagged(Tag.TOKEN)
        assert json.loads(refused.answer)["resourceType"] == "OperationOutcome"


def test_an_expired_token_is_over_here_before_it_is_over_there(odd: MockServer) -> None:
    odd.token_minutes = 0.4
    with registered_app(odd, "public") as app:
        grant = app.launched().grant
        assert grant.is_expired(grant.expires_at - timedelta(seconds=25))
        odd.token_minutes = -1
        over = app.client.refresh(grant)
        assert over.expiry_assumed, "a token cannot live for less than no time"
        assert app.read(over).status == 401


def test_without_its_openid_configuration_nobody_is_believed(odd: MockServer) -> None:
    original = odd.openid_configuration
    for broken in ({"issuer": "https://other.example"}, {"jwks_uri": "https://other.example/jwks"}):
        odd.openid_configuration = lambda broken=broken: {**original(), **broken}  # type: ignore[method-assign,misc]
        with registered_app(odd, "public", client_id=next(iter(broken))) as app:
            with pytest.raises(DiscoveryError):
                app.launched()
            assert app.session.tagged(Tag.ACCESS) == []


Forge = Callable[[dict[str, Any], MockServer], str]


def _hmac_under_public_key(claims: dict[str, Any], mock: MockServer) -> str:
    signed = ".".join(signatures.encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    secret = json.dumps(mock.jwks()["keys"][0]).encode()
    return f"{signed}.{signatures.encode(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def _unsigned(claims: dict[str, Any], mock: MockServer) -> str:
    return mock.signed(claims, alg="none").rpartition(".")[0] + "."


def _by_a_stranger(claims: dict[str, Any], mock: MockServer) -> str:
    header = signatures.read(mock.signed(claims)).header
    return signatures.sign(header, claims, rsa.generate_private_key(65537, 2048))


def _changed(**changes: Any) -> Forge:
    return lambda claims, mock: mock.signed(
        {name: value for name, value in {**claims, **changes}.items() if value is not None}
    )


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (_unsigned, "id-token-algorithm"),
        (_hmac_under_public_key, "id-token-algorithm"),
        (_by_a_stranger, "id-token-signature"),
        (lambda claims, mock: mock.signed(claims, kid="unknown"), "id-token-key"),
        (lambda claims, mock: mock.signed(claims, alg="RS384"), "id-token-algorithm"),
        (lambda claims, mock: "no token at all", "bad-token"),
        (_changed(iss="https://other.example/fhir"), "id-token-issuer"),
        (_changed(aud="another-app"), "id-token-audience"),
        (_changed(aud=["app-public", "another-app"]), "id-token-audience"),
        (_changed(azp="another-app"), "id-token-audience"),
        (_changed(exp=1), "id-token-expired"),
        (_changed(exp=None), "id-token-times"),
        (_changed(iat=None), "id-token-times"),
        (_changed(iat=4_000_000_000), "id-token-times"),
        (_changed(sub=None), "id-token-subject"),
        (_changed(sub="x" * 256), "id-token-subject"),
        (_changed(nonce="another"), "id-token-nonce"),
    ],
    ids=[
        *("alg-none", "hmac-under-public-key", "stranger", "unknown-kid", "other-alg", "no-token"),
        *("other-issuer", "other-audience", "two-audiences", "other-party", "expired", "no-exp", "no-iat"),
        *("made-tomorrow", "no-subject", "long-subject", "other-nonce"),
    ],
)
def test_a_forged_identity_opens_nothing(odd: MockServer, forge: Forge, code: str) -> None:
    odd.make_id_token = forge
    with registered_app(odd, "public") as app:
        with pytest.raises(SmartError) as caught:
            app.launched()
        assert caught.value.code == code
        assert app.session.tagged(Tag.ACCESS) == []
