"""What stands where something was: stubs, masks or nothing; and what is unknown stays out."""

from __future__ import annotations

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    ID,
    IDENTIFIER,
    PLAIN,
    RESTRICTED,
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
