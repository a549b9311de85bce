"""Capability: what is claimed, narrowed by what was granted, corrected by what is known."""

from __future__ import annotations

import tomllib
from importlib import resources
from typing import Any

import pytest

from fhir_plugin.adapters.fhir_capability import build_capability
from fhir_plugin.adapters.vendor_files import read_vendor, recognise, vendor_named, vendor_names
from fhir_plugin.capability import Source
from fhir_plugin.errors import RecordRefused

FAMILIES = (
    "athena",
    "athenapractice",
    "azure",
    "blaze",
    "ecw",
    "emis-x",
    "epic",
    "firely",
    "google",
    "hapi",
    "healthlake",
    "linuxforhealth",
    "medplum",
    "oracle",
    "sandbox",
    "sekmet",
    "smart-launcher",
    "text-only",
    "unknown",
)


def statement(**changes: Any) -> dict[str, Any]:
    resource = {
        "type": "Media",
        "interaction": [{"code": "create"}, {"code": "update"}, {"code": "search-type"}],
        "updateCreate": True,
        "conditionalCreate": False,
        "searchParam": [{"name": "patient", "type": "reference"}],
        "operation": [{"name": "expunge", "definition": "x"}],
    }
    rest = {
        "mode": "server",
        "resource": [resource],
        "interaction": [{"code": "transaction"}],
        "operation": [{"name": "$expunge"}],
    }
    base = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}
    return {**base, **changes}


def test_what_is_claimed_is_read() -> None:
    capability = build_capability(statement(software={"name": "Some EHR"}))
    assert capability.software == "Some EHR"
    assert capability.holds("Media")
    assert capability.takes_our_id("Media")
    assert capability.searches("Media", "patient")
    assert not capability.searches("Media", "colour")
    assert not capability.may("Media", "delete")
    assert not capability.holds("Consent")
    assert capability.may_transact
    assert capability.conditional_create == frozenset()
    assert capability.operations == {"$expunge", "Media/$expunge"}


def test_what_was_not_granted_may_not_be_done() -> None:
    capability = build_capability(statement(), granted=lambda _type, interaction: interaction == "search-type")
    assert not capability.holds("Media")
    assert not capability.takes_our_id("Media")
    assert capability.searches("Media", "patient")


def test_the_server_of_several_modes_is_taken() -> None:
    client = {"mode": "client", "resource": [{"type": "Consent", "interaction": [{"code": "create"}]}]}
    capability = build_capability(statement(rest=[client, *statement()["rest"]]))
    assert capability.holds("Media")
    assert not capability.holds("Consent")


@pytest.mark.parametrize("version", ["4.0.0", "4.0.1", "4.3.0", "5.0.0"])
def test_r4_r4b_and_r5_are_spoken(version: str) -> None:
    assert build_capability(statement(fhirVersion=version)).fhir_version == version


@pytest.mark.parametrize("version", ["5.1.0", "6.0.0", "3.0.2", "4.1.0", "4.6.0", "4.01", "4", "", None, 4.0, "R4"])
def test_other_versions_are_refused(version: object) -> None:
    with pytest.raises(RecordRefused) as raised:
        build_capability(statement(fhirVersion=version))
    assert raised.value.code == "fhir-version"


@pytest.mark.parametrize(
    "changes",
    [
        {"resourceType": "OperationOutcome"},
        {"rest": []},
        {"rest": None},
        {"rest": [{"mode": "client"}]},
        {"rest": "server"},
    ],
)
def test_a_statement_about_no_server_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(RecordRefused) as raised:
        build_capability(statement(**changes))
    assert raised.value.code == "capability-unusable"


def test_a_crooked_statement_promises_nothing() -> None:
    crooked = {"mode": "server", "resource": [{"type": 7}, "x", {"type": "Media", "interaction": "create"}]}
    capability = build_capability(statement(rest=[{**crooked, "interaction": {"code": "transaction"}}]))
    assert not capability.holds("Media")
    assert not capability.may_transact


def test_every_family_has_its_file_and_every_fact_its_reason() -> None:
    assert vendor_names() == FAMILIES
    folder = resources.files("fhir_plugin.adapters") / "vendors"
    for name in FAMILIES:
        data = tomllib.loads((folder / f"{name}.toml").read_text("utf-8"))
        assert data["name"] == name
        facts = vendor_named(name)
        assert facts.title
        lines = [*data.get("facts", []), *data.get("denied", []), *data.get("notes", [])]
        assert len(facts.known) == len(lines)
        for line, known in zip(lines, facts.known, strict=True):
            assert len(known.reason) > 20 and known.reason == line["reason"]
            assert known.source == Source(line["source"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"facts": [{"fact": "colour", "value": "red"}]}, "nobody reads"),
        ({"facts": [{"fact": "raw_binary", "value": "no"}]}, "wrong kind"),
        ({"facts": [{"fact": "max_body_bytes", "value": True}]}, "wrong kind"),
        ({"facts": [{"fact": "document_types", "value": [1]}]}, "wrong kind"),
        ({"facts": [{"fact": "document_needs", "value": ["a-smile"]}]}, "nobody fulfils"),
        ({"facts": [{"fact": "raw_binary", "value": True, "reason": "seen by running it"}]}, "without its 'source'"),
        ({"notes": [{"says": "It is slow.", "source": "seen"}]}, "without its 'reason'"),
        ({"notes": [{"says": "It is slow.", "reason": "so they say", "source": "rumour"}]}, "rumour"),
    ],
)
def test_what_nobody_could_use_or_check_does_not_load(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_vendor({"name": "x", "title": "X", **changes})


@pytest.mark.parametrize(
    ("software", "family"),
    [
        ("HAPI FHIR Server", "hapi"),
        ("hapi fhir r4 server", "hapi"),
        ("SEKMET FHIR R4 Tester", "sekmet"),
        ("medplum", "medplum"),
        ("Firely Server", "firely"),
        ("IBM FHIR Server", "linuxforhealth"),
        ("Microsoft FHIR Server 4.0", "azure"),
        ("Epic", "epic"),
        ("Oracle Health Millennium", "oracle"),
        ("Cerner FHIR Server", "oracle"),
        ("athenahealth", "athena"),
        ("athenaPractice FHIR", "athenapractice"),
        ("eClinicalWorks FHIR Server", "ecw"),
        ("EMIS-X", "emis-x"),
        ("SMART Launcher", "smart-launcher"),
        ("Text EHR", "text-only"),
        ("", "unknown"),
        ("Not HAPI FHIR", "unknown"),
    ],
)
def test_a_family_is_recognised_by_its_software(software: str, family: str) -> None:
    assert recognise(software).name == family


def test_the_registry_of_issuers_has_the_last_word() -> None:
    named = build_capability(statement(software={"name": "HAPI FHIR Server"}), vendor="medplum")
    assert named.vendor.name == "medplum"
    assert not named.may_transact
    with pytest.raises(RecordRefused) as raised:
        build_capability(statement(), vendor="nobody")
    assert raised.value.code == "vendor-unknown"
    with pytest.raises(KeyError):
        vendor_named("nobody")
