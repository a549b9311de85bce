"""What stays behind when other systems ask: counts and ids in the audit, no word of a record anywhere; else a 404."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from fhir_plugin.adapters.backend_clients import read_backend_clients
from fhir_plugin.app import create_app, install
from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.redact import Part, RedactedRecord, redact_documents
from fhir_plugin.errors import Unavailable
from fhir_plugin.settings import Settings
from fhir_plugin.web.access import MACHINE, mark_of
from mappings.model.disclosure import Mode, Requester
from smart_launch import BINDING_COOKIE, ClientKey, IssuerRegistry, public_jwks
from tests.fakes.transport import ScriptedTransport
from tests.fakes.worker import FakeImageWorker
from tests.machines.conftest import CLIENTS, Shop, opened
from tests.machines.records import SECRET, bundle, observation, parameters, patient, record

CANARIES = ("Canary-Name", "canary-title", "Canary-Recipient", SECRET, "weight-pat-1", "1980-05-01")


def test_the_audit_holds_ids_and_counts_and_the_logs_less(shop: Shop) -> None:
    before = len(shop.entries())
    with capture_logs() as logs:
        assert shop.redact(parameters(record(), recipient="Canary-Recipient")).status_code == 200
        assert shop.redact(record(), "?purpose=patient").status_code == 403
        assert shop.redact(json.dumps(record()).encode()[:-5], "?purpose=insurer").status_code == 400
        assert shop.redact(bundle(patient("pat-1"), observation("pat-2")), "?purpose=insurer").status_code == 422
    done, refused, mixed = shop.entries()[before:]
    assert (done.actor, done.outcome, done.subject) == ("client:claims", "success", "Patient/pat-1")
    assert done.detail["redact"] == 1 and done.detail["release"] == 4 and done.detail["requester"] == "insurer"
    assert (refused.actor, refused.outcome, refused.detail["why"]) == (
        "client:claims", "refused", "purpose-not-allowed",
    )  # fmt: skip
    assert (mixed.outcome, mixed.subject, mixed.detail["why"]) == ("refused", None, "two-patients")
    for said in (str(shop.entries()[before:]), str(logs)):
        assert [word for word in CANARIES if word in said] == []
    assert shop.installation.audit.verify().intact


def test_what_a_token_or_an_assertion_says_is_in_no_log(shop: Shop) -> None:
    assertion = shop.assertion(aud="https://elsewhere.example")
    with capture_logs() as logs:
        token = shop.token()
        assert shop.ask(assertion).status_code == 401
        shop.redact(observation(), "?purpose=insurer", headers={"Authorization": f"Bearer {token[:-3]}abc"})
    assert "aud" in {entry.get("code") for entry in logs}
    assert token[:20] not in str(logs) and assertion.split(".")[1] not in str(logs)


def test_no_cookie_opens_anything(shop: Shop) -> None:
    answer = shop.http.post(
        "/fhir/$redact?purpose=insurer",
        json=observation(),
        headers={"Cookie": f"{BINDING_COOKIE}=x; __Host-csrf=y", "Content-Type": "application/fhir+json"},
    )
    assert answer.status_code == 401
    assert "Set-Cookie" not in answer.headers


def test_every_page_here_is_for_machines(shop: Shop) -> None:
    marks = {
        rule.endpoint: mark_of(shop.app, rule.endpoint)
        for rule in shop.app.url_map.iter_rules()
        if rule.rule.startswith("/fhir")
    }
    assert len(marks) == 6 and set(marks.values()) == {MACHINE}
    assert all(rule.rule.startswith("/fhir") for rule in shop.app.url_map.iter_rules() if rule.endpoint in marks)


def test_without_a_file_nothing_is_there(tmp_path: Path) -> None:
    installation = install(
        Settings(state=tmp_path, base_url="https://images.example"),
        registry=IssuerRegistry([]),
        transport=ScriptedTransport(),
        worker=FakeImageWorker(),
        client_keys={},
    )
    try:
        client = create_app(installation).test_client()
        for method, path in (("GET", "metadata"), ("GET", ".well-known/smart-configuration")):
            assert client.open(f"/fhir/{path}", method=method).status_code == 404
        for path in ("token", "$redact"):
            assert client.post(f"/fhir/{path}", json={}).status_code == 404
    finally:
        installation.close()


def test_a_record_that_is_too_large(
    client_keys: dict[str, ClientKey], tmp_path_factory: pytest.TempPathFactory
) -> None:
    with opened(tmp_path_factory.mktemp("small"), client_keys, redact_megabytes=1) as shop:
        fits = {**observation(), "note": [{"text": "x" * 900_000}]}
        assert shop.redact(fits, "?purpose=insurer").status_code == 200
        larger = {**observation(), "note": [{"text": "x" * 1_100_000}]}
        for answer in (shop.redact(larger, "?purpose=insurer"), shop.redact(parameters(larger))):
            assert answer.status_code == 413
            assert json.loads(answer.data)["issue"][0]["code"] == "too-long"


def test_a_fault_of_ours_gives_nothing_out(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A redactor that lets something through meets the proof."""
    from fhir_plugin.disclose import proven

    def lets_all_through(parts: list[Part], *args: Any, **more: Any) -> RedactedRecord:
        return replace(redact_documents(parts, *args, **more), parts=tuple(parts))

    monkeypatch.setattr(proven, "redact_documents", lets_all_through)
    before = len(shop.entries())
    answer = shop.redact(record(), "?purpose=insurer")
    assert answer.status_code == 500
    assert SECRET not in answer.text and json.loads(answer.data)["issue"][0]["code"] == "exception"
    assert len(shop.entries()) == before


# ---------------------------------------------------------------------------------------- the register


def registered(folder: Path, text: str, keys: ClientKey) -> Path:
    for name in ("claims", "portal"):
        (folder / f"{name}.json").write_text(json.dumps(public_jwks([keys])))
    (folder / "clients.toml").write_text(text)
    return folder / "clients.toml"


def test_what_is_not_named_is_not_allowed(tmp_path: Path, client_keys: dict[str, ClientKey]) -> None:
    found = read_backend_clients(registered(tmp_path, CLIENTS, client_keys["claims"]), shipped_rules())
    assert found["claims"].caller.requesters == {Requester.INSURER}
    assert found["claims"].caller.modes == {Mode.MARKED}
    assert not found["claims"].caller.several_patients


ONE = '[[client]]\nclient_id = "claims"\npurposes = ["insurer"]\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "tables"),
        ("client = 3", "tables"),
        ("[[client]]\n", "client_id"),
        ("[[client]", "cannot be used"),
        (ONE, "jwks_uri or jwks_file"),
        (ONE + 'jwks_file = "claims.json"\njwks_uri = "https://x.example/j"', "one of them"),
        (ONE + 'jwks_file = "gone.json"', "No such file"),
        (ONE + 'jwks_file = "clients.toml"', "cannot be used"),
        (ONE + 'jwks_uri = "ftp://x.example/j"', "no URL"),
        (ONE + 'jwks_file = "claims.json"\npurpose = "x"', "unknown"),
        (ONE + 'jwks_file = "claims.json"\nmodes = ["loud"]', "loud"),
        (ONE + 'jwks_file = "claims.json"\nmodes = []', "modes"),
        (ONE + 'jwks_file = "claims.json"\nseveral_patients = "yes"', "several_patients"),
        (ONE.replace('["insurer"]', '"insurer"') + 'jwks_file = "claims.json"', "purposes"),
        (ONE.replace("insurer", "anybody") + 'jwks_file = "claims.json"', "Nobody asks"),
        (ONE.replace('purposes = ["insurer"]', "") + 'jwks_file = "claims.json"', "purposes"),
        (ONE.replace('"claims"', '"a b"') + 'jwks_file = "claims.json"', "characters"),
        ((ONE + 'jwks_file = "claims.json"\n') * 2, "same client_id"),
    ],
)
def test_a_file_that_is_wrong_stops_the_app(
    tmp_path: Path, client_keys: dict[str, ClientKey], text: str, words: str
) -> None:
    with pytest.raises(Unavailable) as refused:
        read_backend_clients(registered(tmp_path, text, client_keys["claims"]), shipped_rules())
    assert words in refused.value.message


def test_a_private_key_in_the_register_stops_the_app(tmp_path: Path, client_keys: dict[str, ClientKey]) -> None:
    path = registered(tmp_path, ONE + 'jwks_file = "claims.json"', client_keys["claims"])
    private = client_keys["claims"].private.as_dict(private=True)
    (tmp_path / "claims.json").write_text(json.dumps({"keys": [private]}))
    with pytest.raises(Unavailable, match="private"):
        read_backend_clients(path, shipped_rules())
