"""Which way is chosen, and what exactly is sent: by family and by what is told, never by trying."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from typing import Any

import pytest

from fhir_plugin.adapters.fhir_capability import build_capability
from fhir_plugin.adapters.purge_means import none, read_way, way_for, ways
from fhir_plugin.adapters.vendor_files import vendor_names
from fhir_plugin.capability import Capability

NAMES = {"expunge", "medplum-expunge", "erase", "google-purge", "purge-history", "delete-history", "none"}


def capability(
    vendor: str | None = None, operations: tuple[str, ...] = (), on_media: tuple[str, ...] = ()
) -> Capability:
    media = {
        "type": "Media",
        "interaction": [{"code": code} for code in ("read", "delete", *on_media) if not code.startswith("$")],
        "operation": [{"name": code} for code in on_media if code.startswith("$")],
    }
    rest = {"mode": "server", "resource": [media], "operation": [{"name": name} for name in operations]}
    statement = {"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "rest": [rest]}
    return build_capability(statement, vendor=vendor)


@pytest.mark.parametrize(
    ("vendor", "operations", "on_media", "chosen"),
    [
        (None, (), (), "none"),
        (None, ("expunge",), (), "expunge"),
        (None, (), ("$expunge",), "expunge"),
        (None, ("$erase",), (), "erase"),
        (None, (), ("$purge-history",), "purge-history"),
        (None, (), ("delete-history",), "delete-history"),
        (None, ("purge",), (), "none"),  # of a stranger, $purge may be R6's Patient/$purge: nobody knows
        (None, ("meta-add", "everything"), (), "none"),
        ("hapi", ("expunge",), (), "expunge"),
        ("hapi", (), (), "none"),  # HAPI tells of it where it is there
        ("medplum", (), (), "medplum-expunge"),
        ("medplum", ("expunge",), (), "medplum-expunge"),
        ("firely", (), (), "erase"),
        ("linuxforhealth", (), (), "erase"),
        ("healthlake", (), (), "erase"),
        ("google", (), (), "google-purge"),
        ("azure", (), (), "purge-history"),
        ("blaze", (), (), "delete-history"),
        ("sekmet", (), (), "none"),
        ("sandbox", ("expunge",), (), "expunge"),
        ("sandbox", (), (), "none"),
    ],
)
def test_the_way_that_is_chosen(
    vendor: str | None, operations: tuple[str, ...], on_media: tuple[str, ...], chosen: str
) -> None:
    assert way_for(capability(vendor, operations, on_media), "Media").means.name == chosen


def test_what_is_told_for_one_type_is_not_told_for_another() -> None:
    told = capability(on_media=("$expunge",))
    assert way_for(told, "Media").means.name == "expunge"
    assert way_for(told, "Binary") == none()


def test_firely_never_erases_an_audit_event() -> None:
    assert way_for(capability("firely", ("erase",)), "AuditEvent") == none()
    assert way_for(capability("firely", ("erase",)), "Provenance").means.name == "erase"


REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "hapi": ("POST", "$expunge", {"expungeDeletedResources": True, "expungePreviousVersions": True}),
    "medplum": ("POST", "$expunge", {}),
    "firely": ("POST", "$erase", {}),
    "linuxforhealth": (
        "POST",
        "$erase",
        {"reason": "Permanent deletion, approved by a Caldicott Guardian", "patient": "p1"},
    ),
    "healthlake": ("POST", "$erase", {}),
    "google": ("DELETE", "$purge", {}),
    "azure": ("DELETE", "$purge-history", {}),
    "blaze": ("DELETE", "_history", {}),
}


@pytest.mark.parametrize("family", REQUESTS)
def test_what_is_sent_to_each_family(family: str) -> None:
    way = way_for(capability(family, ("expunge",)), "Media")
    method, path, parameters = REQUESTS[family]
    assert (way.method, way.path) == (method, path)
    body = way.body("p1")
    sent = {} if body is None else {each["name"]: _value(each) for each in body["parameter"]}
    assert sent == parameters
    assert "everything" not in json.dumps(body), "never more than the one resource"


def test_without_a_patient_none_is_named() -> None:
    body = way_for(capability("linuxforhealth"), "Media").body(None)
    assert body is not None
    assert [each["name"] for each in body["parameter"]] == ["reason"]


def test_every_family_that_a_way_names_has_its_file_and_no_two_ways_name_one() -> None:
    named = [family for way in ways() for family in way.families]
    assert set(named) <= set(vendor_names())
    assert len(named) == len(set(named))


def test_every_way_is_said_in_plain_words_and_names_its_source() -> None:
    assert {way.means.name for way in ways()} == NAMES
    folder = resources.files("fhir_plugin.adapters") / "purge"
    for file in folder.iterdir():
        text = file.read_text("utf-8")
        way = read_way(tomllib.loads(text))
        assert way.means.words.endswith(".")
        assert way.means.ask.startswith("Ask ")
        assert "administrator" in way.means.ask
        assert way.means.reaches_history is bool(way.path)
        if way.families:
            assert "ource" in text.partition("\nname")[0], f"{file.name} does not say where that is known from"


@pytest.mark.parametrize(
    "changes", [{"patience": 3}, {"request": {"method": "POST", "path": "$x", "body": "all"}}, {"wait": True}]
)
def test_what_nobody_reads_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="nobody reads"):
        read_way({"name": "x", "words": "x.", "ask": "Ask.", "reaches_history": True, **changes})


def _value(parameter: dict[str, Any]) -> object:
    (value,) = (value for key, value in parameter.items() if key.startswith("value"))
    return value
