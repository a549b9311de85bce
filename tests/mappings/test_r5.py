"""R5 beside R4: whatever is written comes back as it was, is valid in both, and says the same.

Golden files of R5: `python -m tests.mappings.test_r5` writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from fhir.resources import get_fhir_model_class
from hypothesis import given
from hypothesis import strategies as st

from mappings.model.consent import ConsentAnswer, ConsentScope
from mappings.r4.consent import from_consent
from mappings.r4.errors import NotMappable
from mappings.r4.private_signs import Sign, private_signs
from mappings.r5.searches import asked_in_r5, offered_in_r4
from mappings.r5.translate import SHAPES, from_r5, to_r5
from tests.definitions.examples import examples as official
from tests.definitions.source import elements, in_r5
from tests.definitions.walk import walk
from tests.mappings.r5_written import anything, written
from tests.mappings.samples import damaged

Json = dict[str, Any]
FOLDER: Final = Path(__file__).parent.parent / "golden" / "r5"
ASIDE: Final = "http://hl7.org/fhir/{}/StructureDefinition/extension-"

ADDED: Final = {"AuditEvent": {"patient", "category"}, "Provenance": {"patient"}}
"""What R5 derives of what R4 says elsewhere: somebody else's comes back with it."""

OTHER_WORDS: Final = ("display ", "binding.extensible ")
"""HL7's own examples use displays and codes of one version that the other's value sets do not have."""
UNKNOWN_HERE: Final = ("type.unknown ",)
"""Types that an example contains and that are not defined in the tests."""


def faults(resource: Json, *, r5: bool) -> list[str]:
    if not r5:
        return list(walk(resource))
    with in_r5():
        return list(walk(resource))


def only_real(found: list[str]) -> list[str]:
    return [each for each in found if not each.startswith((*OTHER_WORDS, *UNKNOWN_HERE))]


def aside_in(node: Any) -> Iterator[tuple[str, Json]]:
    """Every extension that stands for an element of another version: version and path, and the extension."""
    if isinstance(node, dict):
        url = node.get("url")
        for version in ("4.0", "5.0"):
            if isinstance(url, str) and url.startswith(ASIDE.format(version)):
                yield f"{version} {url.removeprefix(ASIDE.format(version))}", node
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from aside_in(inner)


@pytest.mark.parametrize("name", sorted(written()))
def test_what_is_written_is_what_the_file_says(name: str) -> None:
    resource = written()[name]
    said = to_r5(resource)
    assert said == json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    assert from_r5(said) == resource
    assert faults(said, r5=True) == []
    get_fhir_model_class(said["resourceType"]).model_validate_json(json.dumps(said))


def test_no_file_is_left_over() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(written())
    assert {one["resourceType"] for one in written().values()} == set(SHAPES)


@given(anything)
def test_whatever_is_written_comes_back_as_it_was_and_is_r5(resource: Json) -> None:
    said = to_r5(resource)
    assert from_r5(said) == resource
    assert faults(said, r5=True) == []


@given(st.data())
def test_whatever_comes_is_read_without_an_error(data: st.DataObject) -> None:
    """Somebody else's, broken anywhere: the reader of R4 then says what is wrong with it."""
    given_ = data.draw(st.sampled_from([to_r5(one) for one in written().values()] + official()["r5"]))
    broken = data.draw(damaged(given_))
    assert isinstance(from_r5(broken), dict)
    assert isinstance(to_r5(from_r5(broken)), dict)


@given(st.data())
def test_whatever_is_in_the_companion_is_sent_without_an_error(data: st.DataObject) -> None:
    """R4 that is broken anywhere: the server then says what is wrong with it."""
    broken = data.draw(damaged(data.draw(st.sampled_from([*written().values(), *official()["r4"]]))))
    assert isinstance(from_r5(to_r5(broken)), dict)


@pytest.mark.parametrize("resource", official()["r4"], ids=lambda one: f"{one['resourceType']}-{one['id']}")
def test_an_official_example_of_r4_is_valid_r5_and_comes_back(resource: Json) -> None:
    said = to_r5(resource)
    assert from_r5(said) == resource
    if not faults(resource, r5=False) and resource.get("questionnaire", "") is not None:
        found = only_real(faults(said, r5=True))
        assert [each for each in found if "questionnaire is required" not in each] == []


@pytest.mark.parametrize("resource", official()["r5"], ids=lambda one: f"{one['resourceType']}-{one['id']}")
def test_an_official_example_of_r5_is_valid_r4_and_comes_back(resource: Json) -> None:
    read = from_r5(resource)
    again = to_r5(read)
    for name in ADDED.get(resource["resourceType"], set()) - resource.keys():
        again.pop(name, None)
    assert again == resource
    if not faults(resource, r5=True):
        assert only_real(faults(read, r5=False)) == []


def test_what_is_set_aside_is_an_element_of_that_version_and_of_its_type() -> None:
    seen = set()
    everything = [to_r5(one) for one in (*written().values(), *official()["r4"])]
    everything += [from_r5(one) for one in official()["r5"]]
    for place, extension in aside_in(everything):
        version, path = place.split(" ")
        parent, _, name = path.rpartition(".")
        seen.add(place)
        if version == "5.0":
            with in_r5():
                known = elements()[parent]
        else:
            known = elements()[parent]
        kinds = [str(one["code"]) for one in known[name].get("type", [])] if name in known else _choice(known, name)
        slots = {key for key in extension if key.startswith("value")}
        expected = {f"value{kind[0].upper()}{kind[1:]}" for kind in kinds}
        assert slots <= expected or (kinds == ["integer64"] and slots == {"valueDecimal"}), (place, extension)
        assert slots or extension["extension"], place
    assert {"4.0 Consent.scope", "4.0 AuditEvent.entity.lifecycle", "5.0 DocumentReference.modality"} <= seen


def _choice(known: dict[str, Json], name: str) -> list[str]:
    """The type of a choice as it is named: `occurredDateTime`."""
    for element in known:
        if element.endswith("[x]") and name.startswith(element[:-3]):
            kind = name.removeprefix(element[:-3])
            return [kind, kind[0].lower() + kind[1:]]
    raise AssertionError(f"no element {name}")


# ------------------------------------------------------------------------------------------ meanings


def test_a_refusal_never_stands_where_r5_lists_what_is_permitted() -> None:
    said = to_r5(written()["consent-by-parent"])
    assert said["decision"] == "deny"
    scopes = {
        coding["code"]
        for rule in said["provision"]
        for action in rule["action"]
        for coding in action["coding"]
        if coding["system"] == "urn:fhir-plugin:consent-decision"
    }
    assert scopes == {"receive", "view", "store", "second-opinion"}  # refused: teaching, record-video


def test_what_an_r5_app_took_away_is_given_no_more() -> None:
    """Set aside are the rules as we wrote them; somebody changed what stands in their place."""
    said = to_r5(written()["consent-by-parent"])
    said["provision"] = [rule for rule in said["provision"] if "store" not in json.dumps(rule["action"])]
    read = from_consent(from_r5(said))
    assert read.answer(ConsentScope.STORE) is not ConsentAnswer.GIVEN
    assert read.answer(ConsentScope.VIEW) is ConsentAnswer.GIVEN
    ended = to_r5(written()["consent-given"]) | {"decision": "permit", "provision": []}
    assert not any(from_consent(from_r5(ended)).allows(scope) for scope in ConsentScope)


def test_of_a_withdrawn_consent_nothing_is_permitted_and_it_is_inactive() -> None:
    said = to_r5(written()["consent-withdrawn"])
    assert (said["status"], said["decision"], "provision" in said) == ("inactive", "deny", False)


def test_a_status_that_somebody_changed_counts() -> None:
    said = to_r5({**written()["consent-given"], "status": "rejected"})
    assert (said["status"], from_r5(said)["status"]) == ("inactive", "rejected")
    assert from_r5({**said, "status": "entered-in-error"})["status"] == "entered-in-error"


def test_an_image_is_said_in_r5s_own_elements() -> None:
    said = to_r5(written()["document-reference"])
    [attachment] = [content["attachment"] for content in said["content"]]
    assert isinstance(attachment["size"], str)  # integer64
    assert (attachment["height"], attachment["width"]) == (3024, 4032) or attachment["height"] > 0
    assert said["bodySite"][0]["concept"]["text"] == "Buttock (right)"
    assert said["context"] == [{"reference": "Encounter/e1"}]
    assert "extension" not in attachment


def test_an_appointment_is_no_encounter() -> None:
    """R5 names both in `context`; a reader of R4 would look for an Encounter of that id."""
    met = [{"reference": "Appointment/a1"}, {"reference": "Encounter/e1"}]
    said = {**to_r5(written()["document-reference"]), "context": met}
    read = from_r5(said)
    assert read["context"]["encounter"] == [{"reference": "Encounter/e1"}]
    assert to_r5(read) == said


def test_ids_and_extensions_of_what_is_set_aside_come_back() -> None:
    """An element whose parts R5 does not have, with all that FHIR lets an element carry."""
    network = {"id": "n1", "extension": [{"url": "urn:x", "valueString": "y"}], "address": "10.0.0.1", "type": "2"}
    event = written()["audit-event"]
    event = {**event, "agent": [{**event["agent"][0], "network": network}]}
    said = to_r5(event)
    assert said["agent"][0]["networkString"] == "10.0.0.1"
    assert from_r5(said) == event


def test_an_r5_server_finds_what_is_about_a_patient() -> None:
    assert to_r5(written()["audit-event"])["patient"] == {"reference": "Patient/p1"}
    assert to_r5(written()["disclosure-provenance"])["patient"]["reference"].startswith("Patient/")


def test_a_task_has_no_restriction_that_r5_forbids() -> None:
    said = to_r5(written()["task"])
    assert "restriction" not in said and said["requestedPeriod"]  # tsk-1
    assert said["requestedPerformer"][0]["concept"]


def test_what_lies_inside_is_translated_too() -> None:
    inner = written()["consent-given"]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": "urn:x", "resource": inner}, {}]}
    said = to_r5(bundle)
    assert said["entry"][0]["resource"]["subject"] == inner["patient"]
    assert from_r5(said) == bundle
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": inner}, {"name": "n"}]}
    assert to_r5(asked)["parameter"][0]["resource"]["subject"] == inner["patient"]
    holder = {"resourceType": "Task", "contained": [{**inner, "id": "c"}], "status": "requested", "intent": "order"}
    assert to_r5(holder)["contained"][0]["subject"] == inner["patient"]
    assert from_r5(to_r5(holder)) == holder


def test_media_is_not_said_in_r5() -> None:
    with pytest.raises(NotMappable, match="no Media") as error:
        to_r5({"resourceType": "Media", "id": "m1"})
    assert error.value.code == "not-in-r5"


def test_types_that_are_only_read_pass_as_they_are() -> None:
    patient = {"resourceType": "Patient", "id": "p1", "photo": [{"size": 5}], "contact": [{"name": {"text": "x"}}]}
    assert from_r5(patient) == patient  # some R5 servers give a number, too
    assert to_r5(patient)["photo"] == [{"size": "5"}]
    encounter = {"resourceType": "Encounter", "id": "e", "serviceType": [{"concept": {"text": "Sexual health"}}]}
    assert from_r5(encounter) == encounter
    image = {"resourceType": "DocumentReference", "id": "d"}
    assert private_signs(image, encounter=encounter) == (Sign.CLINIC,)
    assert private_signs(image, encounter={**encounter, "serviceType": {"text": "Sexual health"}}) == (Sign.CLINIC,)
    assert private_signs(image, encounter={**encounter, "serviceType": [{"reference": {"reference": "x"}}]}) == ()


# ------------------------------------------------------------------------------------------ searches


def test_a_search_is_asked_by_r5s_names_and_understood_by_r4s() -> None:
    asked = {"encounter": "Encounter/1", "patient": "p1", "encounter:missing": "true", "encounter.status": "finished"}
    assert asked_in_r5("DocumentReference", asked) == {
        "context": "Encounter/1",
        "patient": "p1",
        "context:missing": "true",
        "context.status": "finished",
    }
    assert asked_in_r5("Media", asked) == asked
    assert offered_in_r4("DocumentReference", ["context", "patient"]) == {"encounter", "patient"}
    assert offered_in_r4("AuditEvent", ["category", "code", "entity"]) == {"type", "subtype", "entity"}
    assert offered_in_r4("Patient", ["name"]) == {"name"}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for _name, _resource in written().items():
        (FOLDER / f"{_name}.json").write_text(
            json.dumps(to_r5(_resource), indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
