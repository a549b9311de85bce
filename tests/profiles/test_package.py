"""The package as a whole: the same bytes each time, complete in itself, its codes those that the app writes."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhir_plugin.capability import SCOPES
from fhir_plugin.capture.requests.request import RequestState
from fhir_plugin.cli import main
from mappings.model.consent import ConsentAnswer
from mappings.model.deletion import DeletionReason
from mappings.model.disclosure import Requester
from mappings.model.hiding import HidingReason
from mappings.model.images import Arrival
from mappings.profiles.examples import examples
from mappings.profiles.package import definitions, package_archive, package_files
from mappings.profiles.publishing import CANONICAL, NAME, VERSION
from mappings.profiles.shape import profile_url, profiles
from mappings.profiles.terminology import code_systems, value_sets
from mappings.profiles.which import profile_of
from mappings.r4 import tombstone
from mappings.terminology import systems
from tests.definitions.validator import issues
from tests.profiles.listed import DOCUMENT, table, written
from tests.profiles.spoilt import REFUSED

Json = dict[str, Any]


def test_the_same_sources_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    first = package_archive()
    package_files.cache_clear()
    definitions.cache_clear()
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert package_archive() == first


def test_it_is_a_package_as_validators_and_servers_load_it() -> None:
    with tarfile.open(fileobj=io.BytesIO(package_archive()), mode="r:gz") as archive:
        members = {each.name: archive.extractfile(each) for each in archive}
        read = {name: json.loads(stream.read()) for name, stream in members.items() if stream is not None}
    manifest = read["package/package.json"]
    assert (manifest["name"], manifest["version"], manifest["canonical"]) == (NAME, VERSION, CANONICAL)
    assert manifest["fhirVersions"] == ["4.0.1"] and manifest["dependencies"] == {"hl7.fhir.r4.core": "4.0.1"}
    for folder in ("package", "package/example"):
        there = {
            Path(name).name
            for name in read
            if str(Path(name).parent) == folder and Path(name).name not in ("package.json", ".index.json")
        }
        listed = read[f"{folder}/.index.json"]["files"]
        assert {each["filename"] for each in listed} == there
        for each in listed:
            resource = read[f"{folder}/{each['filename']}"]
            assert all(resource[key] == value for key, value in each.items() if key != "filename")


def test_what_it_names_is_in_it_and_every_name_is_there_once() -> None:
    urls = Counter(each["url"] for each in definitions())
    assert {url for url, count in urls.items() if count > 1} == set()
    named = {value for each in definitions() for value in _strings(each) if value.startswith(f"{CANONICAL}:")}
    of_ours = {
        value.partition("|")[0]
        for value in named
        if value.split(":")[2] in ("profile", "extension", "value-set", "questionnaire", "operation")
    }
    assert of_ours - set(urls) == set()


def test_every_profile_has_an_example_and_two_that_must_fail() -> None:
    kept = Counter(each.profile for each in examples())
    refused = Counter(each.profile for each in REFUSED)
    for each in profiles():
        assert kept[each["id"]] >= 1, each["id"]
        assert refused[each["id"]] >= 2, each["id"]
    assert {each.example for each in REFUSED} <= {
        f"{e.resource['resourceType']}/{e.resource['id']}" for e in examples()
    }


def test_examples_are_what_the_app_writes() -> None:
    for each in examples():
        assert issues(each.resource) == [], each.title
        assert "profile" not in each.resource.get("meta", {})
        if each.profile is not None:
            assert each.claiming["meta"]["profile"] == [profile_url(each.profile)]


def test_what_this_app_did_not_write_has_no_profile_of_ours() -> None:
    for foreign in (
        {"resourceType": "Media", "status": "completed"},
        {"resourceType": "Provenance", "signature": [{"type": [{}]}]},
        {"resourceType": "AuditEvent", "subtype": [{"system": "urn:example", "code": "x"}]},
        {"resourceType": "DocumentReference", "identifier": "broken", "meta": 1},
        {},
    ):
        assert profile_of(foreign) is None


@pytest.mark.parametrize(
    ("system", "written"),
    [
        ("photo-request-state", RequestState),
        ("requester", Requester),
        ("deletion-reason", DeletionReason),
        ("hiding-reason", HidingReason),
        ("arrival", Arrival),
        ("consent-answer", ConsentAnswer),
    ],
)
def test_codes_are_those_that_the_app_writes(system: str, written: type[StrEnum]) -> None:
    assert _codes(system) == [each.value for each in written]


def test_codes_of_tasks_and_tombstones_are_all_listed() -> None:
    used = {
        value["coding"][0]["code"]
        for each in examples()
        if each.resource["resourceType"] == "Task"
        for value in [given["type"] for key in ("input", "output") for given in each.resource.get(key, [])]
    }
    assert used < set(_codes("deletion-task")) and _codes("tombstone") == [tombstone.CODE]


def test_every_code_system_of_ours_is_published_under_its_own_name() -> None:
    named = {value for key, value in vars(systems).items() if key.isupper() and isinstance(value, str)}
    assert {each["url"] for each in code_systems()} <= named | {
        f"{CANONICAL}:arrival",
        f"{CANONICAL}:consent-answer",
    }, "these two stand only in extensions, as codes"
    assert {each["valueSet"] for each in code_systems()} <= {each["url"] for each in value_sets()}


def test_no_address_of_an_installation_is_published() -> None:
    assert not [name for name, content in package_files().items() if b"{base}" in content]


def test_the_client_asks_for_the_types_that_it_needs() -> None:
    [client] = [each for each in definitions() if each["id"] == "client"]
    asked = {each["type"] for each in client["rest"][0]["resource"]}
    scopes = {each.partition("/")[2].partition(".")[0] for each in SCOPES if "/" in each}
    assert asked == scopes
    supported = {url for each in client["rest"][0]["resource"] for url in each.get("supportedProfile", [])}
    assert supported == {each["url"] for each in profiles()}


def test_the_command_writes_it(tmp_path: Path) -> None:
    out = tmp_path / "not there yet"
    result = CliRunner().invoke(main, ["ig", "build", "--out", str(out), "--unpacked", "--json"])
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert Path(told["package"]).read_bytes() == package_archive()
    assert {str(each.relative_to(out)) for each in out.rglob("*") if each.is_file()} == {
        *package_files(),
        f"{NAME}-{VERSION}.tgz",
    }
    assert told["holds"]["example"] == len(examples())


def test_the_document_has_the_table_as_it_is() -> None:
    document = DOCUMENT.read_text("utf-8")
    assert written(document) == document and table() in document


def _codes(system: str) -> list[str]:
    [found] = [each for each in code_systems() if each["id"] == system]
    return [each["code"] for each in found["concept"]]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)
