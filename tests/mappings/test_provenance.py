from __future__ import annotations

import base64
from typing import Any

import pytest
from fhir.resources.R4B.provenance import Provenance
from hypothesis import given, settings
from hypothesis import strategies as st

from mappings.model.filing import LabelledImage
from mappings.model.identifiers import Reference, Sha256
from mappings.model.images import Photographer
from mappings.model.labels import VERY_RESTRICTED
from mappings.r4.document_reference import to_document_reference
from mappings.r4.media import from_media, show_online, to_media
from mappings.r4.provenance import RestsOn, from_provenance, to_provenance
from mappings.r4.statement import disagreements, statement
from tests.definitions.validator import issues
from tests.mappings.samples import Json, damaged, labelled_image, labelled_images

TARGETS = [Reference("Media/m1"), Reference("Consent/c1")]
JWS = "eyJhbGciOiJFUzM4NCJ9..c2lnbmF0dXJl"


def signed(labelled: LabelledImage, *, consent: str | None = "Consent/c1", **changes: Any) -> Json:
    said = statement(labelled, consent=consent)
    return to_provenance(
        labelled, targets=TARGETS, software_version="0.1.0", statement=said, jws=JWS, id="pr1", **changes
    )


@given(labelled_images, st.none() | st.just("Consent/c1"))
def test_a_round_trip_loses_nothing(labelled: LabelledImage, consent: str | None) -> None:
    read = from_provenance(signed(labelled, consent=consent))
    assert read.targets == tuple(TARGETS)
    assert read.labels == labelled.labels
    assert read.recorded == labelled.recorded_at
    assert read.author == labelled.recorded_by
    assert read.photographer is labelled.photographer
    assert read.arrival is labelled.arrival
    assert read.policy_version == labelled.policy_version
    assert read.software_version == "0.1.0"
    assert read.sha256_received == labelled.image.sha256_received
    assert read.statement == statement(labelled, consent=consent)
    assert read.jws == JWS
    assert read.grounds == ()


@given(labelled_images, st.sets(st.sampled_from(RestsOn)))
def test_what_it_rests_on_is_named(labelled: LabelledImage, grounds: set[RestsOn]) -> None:
    json = signed(labelled, grounds=sorted(grounds, key=lambda one: one.name))
    assert set(from_provenance(json).grounds) == grounds
    assert from_provenance(json).sha256_received == labelled.image.sha256_received
    assert from_provenance(json).arrival is labelled.arrival


def test_what_another_capture_rests_on_is_not_named() -> None:
    json = signed(labelled_image(), grounds=list(RestsOn))
    assert issues(json) == []
    for entity in json["entity"][1:]:
        entity["what"]["identifier"]["value"] = "another"
    assert from_provenance(json).grounds == ()


@settings(max_examples=20)
@given(labelled_images)
def test_every_provenance_is_valid(labelled: LabelledImage) -> None:
    json = signed(labelled)
    Provenance.model_validate(json)
    assert issues(json) == []


@given(labelled_images)
def test_the_statement_has_always_the_same_keys_and_only_text(labelled: LabelledImage) -> None:
    said = statement(labelled, consent=None)
    assert set(said) == {
        "version",
        "capture",
        "image",
        "patient",
        "sha256_clean",
        "sha256_received",
        "labels",
        "consent",
        "policy_version",
    }
    assert said["labels"] == sorted(said["labels"])
    assert all(isinstance(said[key], str) for key in said if key not in ("labels", "consent"))


@given(labelled_images)
def test_what_was_filed_agrees_with_its_statement(labelled: LabelledImage) -> None:
    said = statement(labelled, consent=None)
    for image in (to_media(labelled, binary_url="Binary/b"), to_document_reference(labelled, binary_url="Binary/b")):
        assert disagreements(said, image, sha256_clean=labelled.image.sha256) == ()


def changed(image: Json, path: list[str | int], value: object) -> Json:
    holder: Any = image
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return image


@pytest.mark.parametrize(
    ("path", "value", "key"),
    [
        (["meta", "security"], [{"system": VERY_RESTRICTED.system, "code": "N"}], "labels"),
        (["meta", "security"], [], "labels"),
        (["meta", "tag"], [], "capture"),
        (["identifier", 0, "value"], "img-other", "image"),
        (["subject"], {"reference": "Patient/p2"}, "patient"),
    ],
)
def test_a_record_that_was_changed_disagrees(path: list[str | int], value: object, key: str) -> None:
    labelled = labelled_image()
    image = changed(to_media(labelled, binary_url="Binary/b"), path, value)
    said = statement(labelled, consent=None)
    assert disagreements(said, image, sha256_clean=labelled.image.sha256) == (key,)


def test_other_bytes_disagree() -> None:
    labelled = labelled_image()
    image = to_media(labelled, binary_url="Binary/b")
    assert disagreements(statement(labelled, consent=None), image, sha256_clean=Sha256("0" * 64)) == ("sha256_clean",)


def test_a_statement_of_another_version_is_not_taken_for_ours() -> None:
    labelled = labelled_image()
    said = statement(labelled, consent=None) | {"version": "2"}
    image = to_media(labelled, binary_url="Binary/b")
    assert disagreements(said, image, sha256_clean=labelled.image.sha256) == ("version",)


@given(st.data())
def test_a_damaged_statement_is_the_signed_one_or_none(data: st.DataObject) -> None:
    """Reading never yields a statement with a part missing or doubled: the signature would be blamed for it."""
    json = signed(labelled_image())
    json["signature"] = data.draw(damaged({"signature": json["signature"]})).get("signature")
    read = from_provenance(json).statement
    assert read is None or set(read) == set(statement(labelled_image(), consent=None))


def test_a_part_that_stands_twice_makes_the_statement_unreadable() -> None:
    json = signed(labelled_image())
    parts = json["signature"][0]["extension"][0]["extension"]
    parts.append({"url": "patient", "valueString": "Patient/p2"})
    assert from_provenance(json).statement is None


def test_two_signatures_of_ours_are_none() -> None:
    json = signed(labelled_image())
    json["signature"].append(json["signature"][0])
    read = from_provenance(json)
    assert (read.jws, read.statement) == (None, None)


def test_somebody_elses_signature_is_left_alone() -> None:
    json = signed(labelled_image())
    json["signature"].append({"type": [], "data": base64.b64encode(b"x").decode()})
    assert from_provenance(json).jws == JWS


@pytest.mark.parametrize("data", ["%%%", "w7w=", "", None, 5])
def test_a_signature_that_is_no_text_is_none(data: object) -> None:
    json = signed(labelled_image())
    json["signature"][0]["data"] = data
    assert from_provenance(json).jws is None


@pytest.mark.parametrize("photographer", Photographer)
def test_who_took_it_is_named_as_far_as_known(photographer: Photographer) -> None:
    agent = signed(labelled_image(photographer=photographer))["agent"][1]
    assert agent["role"][0]["coding"][0]["code"] == photographer.value
    who = agent["who"]
    if photographer is Photographer.PATIENT:
        assert who == {"reference": "Patient/p1"}
    elif photographer is Photographer.CLINICIAN:
        assert who == {"reference": "Practitioner/gp-1"}
    else:
        assert who.keys() == {"display"}
    assert ("onBehalfOf" in agent) is (photographer in (Photographer.PARENT, Photographer.FAMILY_CARER))


def test_a_known_photographer_is_referred_to() -> None:
    json = signed(labelled_image(photographer=Photographer.PARENT), photographer=Reference("RelatedPerson/r1"))
    assert json["agent"][1]["who"]["reference"] == "RelatedPerson/r1"
    assert issues(json) == []


def test_without_a_signature_there_is_none() -> None:
    json = to_provenance(labelled_image(), targets=TARGETS, software_version="0.1.0")
    assert "signature" not in json
    assert issues(json) == []
    assert from_provenance(json).statement is None


@given(labelled_images)
def test_media_and_provenance_together_hold_every_answer(labelled: LabelledImage) -> None:
    """Nothing but the pixels is needed from elsewhere to know what was filed, by whom and under which policy."""
    media, read = to_media(labelled, binary_url="Binary/b", id="m1"), from_provenance(signed(labelled))
    image = from_media(media)
    assert read.statement is not None
    assert {
        "labels": image.labels,
        "capture_id": image.capture_id,
        "patient": media["subject"]["reference"],
        "encounter": media.get("encounter", {}).get("reference"),
        "purpose": "".join(reason["text"] for reason in media.get("reasonCode", [])),
        "arrival": read.arrival,
        "photographer": read.photographer,
        "recorded_by": read.author,
        "recorded_at": image.recorded,
        "captured": image.taken,
        "show_online": show_online(media),
        "policy_version": read.policy_version,
        "size": (media["width"], media["height"]),
        "digests": (read.statement["sha256_clean"], read.sha256_received),
        "image_id": read.statement["image"],
    } == {
        "labels": labelled.labels,
        "capture_id": labelled.capture_id,
        "patient": labelled.patient,
        "encounter": labelled.encounter,
        "purpose": labelled.purpose if labelled.purpose.strip() else "",
        "arrival": labelled.arrival,
        "photographer": labelled.photographer,
        "recorded_by": labelled.recorded_by,
        "recorded_at": labelled.recorded_at,
        "captured": labelled.captured,
        "show_online": labelled.show_online,
        "policy_version": labelled.policy_version,
        "size": (labelled.image.width, labelled.image.height),
        "digests": (labelled.image.sha256, labelled.image.sha256_received),
        "image_id": labelled.image.image_id,
    }
