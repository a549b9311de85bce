"""What the Consent and the note say was decided: nothing that nobody decided, and nothing about every picture."""

from __future__ import annotations

import pytest

from fhir_plugin.capture.receipt import Receipt
from mappings.model.consent import ConsentAnswer
from mappings.r4.consent import from_consent, named_images
from mappings.r4.questionnaire_response import from_questionnaire_response
from tests.capture.bench import PATIENT, SESSION, Bench
from tests.capture.test_second_person import SAID
from tests.fakes.record import FakeRecord

FIVE_YEARS_OLD = {**PATIENT, "birthDate": "2021-01-01"}
BY_MOTHER = {**SAID, "child_view": "agrees", "child_words": "He nodded"}
CANNOT_DECIDE = {
    "consent_receive": "not-asked",
    "consent_store": "not-asked",
    "capacity_doubt": "yes",
    "lacks_capacity": "yes",
    "capacity_words": "Could not retain what was said",
    "best_interests": "It is needed for the care of the wound",
    "less_restrictive": "None that would do",
    "authority": "none-known",
    "concern": "no",
    "only_area": "yes",
}


def thrown_away(bench: Bench, **said: str) -> Receipt:
    capture, (image,) = bench.add()
    bench.answer(capture, {image: "store"}, **said)
    digest = bench.captures.identity_digest(bench.captures.patient(SESSION))
    receipt = bench.captures.discard_all(SESSION, capture, reason="duplicate", patient_id="p1", identity_digest=digest)
    assert receipt is not None
    return receipt


def test_nobody_consented_to_what_was_thrown_away() -> None:
    record = FakeRecord()
    receipt = thrown_away(Bench(record, patient=FIVE_YEARS_OLD), **BY_MOTHER)
    assert receipt.state == "discarded"
    assert record.stored("Consent") == []
    assert len(record.stored("QuestionnaireResponse")) == 1


@pytest.mark.parametrize("our_ids", [True, False])
def test_a_described_picture_may_be_received_and_says_nothing_of_storing(our_ids: bool) -> None:
    record = FakeRecord(our_ids=our_ids)
    bench = Bench(record)
    capture, receipt = bench.filed("describe")
    assert receipt.state == "described"
    (consent,) = record.stored("Consent")
    said = from_consent(consent)
    assert (said.receive, said.store) == (ConsentAnswer.GIVEN, ConsentAnswer.NOT_ASKED)
    assert named_images(consent) == tuple(image.image_id for image in bench.draft(capture).images)
    assert all(rule["data"] for rule in consent["provision"]["provision"])


def test_a_no_to_storing_stays_and_names_its_pictures() -> None:
    record = FakeRecord()
    refused = {"consent_store": "refused", "alternative_offered": "Seen in person", "reconsidered": "Cannot travel"}
    Bench(record).filed("describe", **refused)
    (consent,) = record.stored("Consent")
    assert from_consent(consent).store is ConsentAnswer.REFUSED
    assert all(rule["data"] for rule in consent["provision"]["provision"])


def test_described_pictures_are_named_beside_those_that_are_stored() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, _ = bench.filed("store", "describe")
    (consent,) = record.stored("Consent")
    assert named_images(consent) == (bench.draft(capture).images[1].image_id,)
    assert len(consent["provision"]["provision"][0]["data"]) == 2


def test_what_was_said_before_capacity_was_doubted_is_not_said_of_the_decision() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, (image,) = bench.add()
    bench.answer(capture, {image: "store"})
    bench.captures.answer(SESSION, capture, CANNOT_DECIDE)
    receipt = bench.file(capture)
    assert receipt.state == "filed"
    assert "Consent to receive: not asked; to store: not asked.\n" in receipt.note_text
    assert "understanding" not in receipt.note_text and "in conversation" not in receipt.note_text
    (decision,) = record.stored("QuestionnaireResponse")
    (conversation,) = [item for item in decision["item"] if item["linkId"] == "conversation"]
    told = {item["linkId"]: item["answer"] for item in conversation["item"]}
    assert told["conversation.record-told"] == [{"valueBoolean": False}]
    answered = {answer.question for answer in from_questionnaire_response(decision).decision.answers}
    assert "purpose" in answered and not answered & {"understood", "consent_form"}
