"""What stands where something was: stubs, masks or nothing; and what is unknown stays out."""

from __future__ import annotations

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    ID,
    IDENTIFIER,
    PLAIN,
    RESTRICTED,
    TITLE,
    collection,
    entry,
    leaks,
    media,
    only,
    redacted,
    resources,
)


@BOTH
def test_unknown_types_wait_for_a_person(mode: Mode) -> None:
    out, record = redacted(collection({"resourceType": "CustomThing", "id": "c"}), mode)
    assert "CustomThing" not in str(out)
    assert record.counts["review"] == 1


def test_silent_leaves_no_trace_and_marked_says_so() -> None:
    resource = {**PLAIN, "derivedFrom": [{"reference": f"Media/{ID}"}]}
    silent, _record = redacted(collection(resource), Mode.SILENT)
    assert silent == {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PLAIN}]}
    marked, _record = redacted(collection(resource), Mode.MARKED)
    assert only(marked, "Observation")["meta"]["security"][0]["code"] == "REDACTED"
    assert "SEX" not in str(marked) and "intimate" not in str(marked)


def test_what_cannot_be_without_it_is_masked_or_stays_out() -> None:
    patient = {"resourceType": "Patient", "id": "vip-7788", "meta": RESTRICTED}
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/vip-7788", "display": "Ann"}}
    marked, _record = redacted(collection(patient, condition), Mode.MARKED)
    assert only(marked, "Condition")["subject"] == {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    silent, _record = redacted(collection(patient, condition), Mode.SILENT)
    assert silent == {"resourceType": "Bundle", "type": "collection"}


def test_what_its_parts_cannot_be_without_is_masked_inside_them() -> None:
    coverage = {"resourceType": "Coverage", "id": "vip-7788", "meta": RESTRICTED}
    paid = {"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/vip-7788"}}
    claim = {"resourceType": "Claim", "id": "c", "insurance": [paid, {**paid, "coverage": {"reference": "Coverage/2"}}]}
    single = {**claim, "id": "d", "insurance": [paid]}
    marked, _record = redacted(collection(coverage, claim, single), Mode.MARKED)
    left = {each["id"]: each for each in resources(marked)}
    assert left["c"]["insurance"] == [{**paid, "coverage": {"reference": "Coverage/2"}}]
    assert [list(each) for each in left["d"]["insurance"]] == [["sequence", "focal", "coverage"]]
    assert leaks(marked) == [] and "7788" not in str(marked)


@BOTH
def test_shared_names_do_not_widen_the_cut(mode: Mode) -> None:
    """Ids that begin like a withheld one, the same id on another type, another system's identifier."""
    resource = {
        **PLAIN,
        "identifier": [{"system": "https://other.example", "value": "4711"}],
        "derivedFrom": [{"reference": f"Media/{ID}5"}, {"reference": f"Media/{ID}.1"}, {"reference": f"Device/{ID}"}],
        "performer": [{"identifier": {"system": "https://other.example", "value": IDENTIFIER["value"] + "9"}}],
    }
    out, _record = redacted(collection(resource), mode)
    assert only(out, "Observation") == resource


@BOTH
def test_an_identifier_without_a_system_that_is_in_every_record_names_nothing(mode: Mode) -> None:
    image = media(identifier=[{"value": "12345"}, {"value": "ACC-2026-0815"}])
    other = {
        "resourceType": "Flag",
        "id": "f1",
        "identifier": [{"value": "12345"}],
        "author": {"identifier": {"system": "https://insurers.example", "value": "12345"}},
    }
    telling = {**PLAIN, "identifier": [{"system": "https://x.example", "value": "ACC-2026-0815"}, {"value": "4"}]}
    pointing = {**PLAIN, "id": "o2", "derivedFrom": [{"type": "Media", "identifier": {"value": "12345"}}]}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [entry(e) for e in (image, other, telling, pointing)],
    }
    out, _record = redacted(bundle, mode)
    left = {each["id"]: each for each in resources(out)}
    assert left["f1"] == other
    assert left["o1"]["identifier"] == [{"value": "4"}] and "derivedFrom" not in left["o2"]


@BOTH
@pytest.mark.parametrize("value", ["", 5, None, ["x"]])
def test_an_identifier_without_a_value_that_is_text_names_nothing(value: object, mode: Mode) -> None:
    odd = [{"system": "https://x.example", "value": value}]
    other = {**PLAIN, "identifier": odd}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry(media(identifier=odd)), entry(other)]}
    assert only(redacted(bundle, mode)[0], "Observation") == other


ODD_IDS = ["x" * 70 + "-4711", "img_4711", "photo:4711", "1.2.840~3", "photo@ward", "bild-für-4711", "a" * 300]


@BOTH
@pytest.mark.parametrize("id_", ODD_IDS)
def test_ids_that_fhir_does_not_allow_are_cut_all_the_same(id_: str, mode: Mode) -> None:
    image = media(id=id_, identifier=[])
    forms = [f"Media/{id_}", f"Media/{id_}/_history/2", f"https://ehr.example/fhir/Media/{id_}"]
    pointing = {**PLAIN, "derivedFrom": [{"reference": each} for each in forms]}
    words = {**PLAIN, "id": "o2", "note": [{"text": f"see Media/{id_}."}]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry(e) for e in (image, pointing, words)]}
    out, record = redacted(bundle, mode)
    assert id_ not in str(out) and "derivedFrom" not in str(out)
    assert record.counts["review"] == 1


def test_an_id_that_goes_on_where_fhirs_ids_end_is_another_one() -> None:
    pointing = {**PLAIN, "derivedFrom": [{"reference": f"Media/{ID}-2"}, {"reference": f"Patient/{ID}_2"}]}
    out, _record = redacted(collection(pointing), Mode.SILENT)
    assert only(out, "Observation") == pointing


@BOTH
def test_a_code_does_not_stay_without_its_system(mode: Mode) -> None:
    ours = "https://clinic.example/CodeSystem/private-things"
    system = {"resourceType": "CodeSystem", "id": "private-things", "url": ours, "meta": RESTRICTED}
    known = {"system": "http://snomed.info/sct", "code": "271807003"}
    code = {"coding": [{"system": ours, "code": "a"}, known]}
    quantity = {"value": 3, "unit": "spots", "system": ours, "code": "sp"}
    interpretation = [{"coding": [{"system": ours, "version": "1", "code": "b", "display": "much"}]}]
    observation = {**PLAIN, "code": code, "valueQuantity": quantity, "interpretation": interpretation}
    out, _record = redacted(collection(system, observation), mode)
    left = only(out, "Observation")
    assert left["code"] == {"coding": [known]} and left["valueQuantity"] == {"value": 3, "unit": "spots"}
    assert "interpretation" not in left and "private-things" not in str(out)


def test_an_instance_in_a_scenario_is_no_resource_and_what_hides_as_one_is() -> None:
    instance = {"resourceId": "i1", "resourceType": "MedicationRequest", "name": "First", "containedInstance": []}
    hidden = {**instance, "content": {"title": TITLE}}
    scenario = {"resourceType": "ExampleScenario", "id": "e1", "status": "draft", "instance": [instance, hidden]}
    out, _record = redacted(collection(scenario), Mode.SILENT)
    assert only(out, "ExampleScenario")["instance"] == [instance]


def test_a_signer_goes_with_the_signature() -> None:
    signature = [{"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "who": {"display": "x"}, "data": "eA=="}]
    signer = {"type": {"code": "AMENDER"}, "party": {"reference": "Patient/p1"}, "signature": signature}
    contract = {
        "resourceType": "Contract",
        "id": "c1",
        "topicReference": {"reference": f"Media/{ID}"},
        "signer": [signer],
    }
    out, _record = redacted(collection(contract), Mode.SILENT)
    assert only(out, "Contract") == {"resourceType": "Contract", "id": "c1"}
