"""Consent and decision with the picture: all of it read back, all of it undone, or kept beside the record."""

from __future__ import annotations

import copy
import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.capture.filing import order_from_json
from fhir_plugin.capture.order_json import consent_from_json, consent_to_json
from fhir_plugin.capture.verify import agree
from fhir_plugin.errors import RecordRefused
from mappings.model.consent import ChildView, ConsentAnswer, ConsentGiver, ConsentScope, Grantor
from mappings.model.identifiers import CaptureId, Reference
from mappings.model.labels import is_restricted
from mappings.r4.consent import consented_images, from_consent, named_images
from mappings.r4.consent_rules import image_at
from mappings.r4.elements import labels_of
from mappings.r4.note import from_note
from mappings.r4.provenance import RestsOn, from_provenance
from mappings.r4.questionnaire_response import from_questionnaire_response, with_conversation
from mappings.terminology import systems
from tests.capture.bench import CANARY, PATIENT, SESSION, Bench
from tests.capture.in_the_record import check_complete, current_images, notes
from tests.definitions.validator import issues
from tests.fakes.record import TYPES, FakeRecord
from tests.mappings.samples import NOW, photo_consent

Json = dict[str, Any]
Tamper = Callable[[Json], None]


class AlteringRecord(FakeRecord):
    """Gives back something else than it was sent, for one type."""

    def __init__(self, resource_type: str, tamper: Tamper, **rest: Any) -> None:
        super().__init__(**rest)
        self._altered, self._tamper = resource_type, tamper

    def read(self, resource_type: str, id: str) -> Json:
        resource = copy.deepcopy(super().read(resource_type, id))
        if resource_type == self._altered:
            self._tamper(resource)
        return resource


def without_extension(url: str) -> Tamper:
    def tamper(resource: Json) -> None:
        resource["extension"] = [each for each in resource["extension"] if each["url"] != url]

    return tamper


def set_at(*path: str | int, value: object) -> Tamper:
    def tamper(resource: Json) -> None:
        holder: Any = resource
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value

    return tamper


def without_answers(resource: Json) -> None:
    resource["item"] = [item for item in resource["item"] if item["linkId"] != "answer"]


def without_grounds(resource: Json) -> None:
    resource["entity"] = resource["entity"][:1]


ALTERED: dict[str, tuple[str, Tamper]] = {
    "a permit became a denial": ("Consent", set_at("provision", "provision", 1, "type", value="deny")),
    "no rule is left": ("Consent", lambda resource: resource.pop("provision")),
    "another form": ("Consent", without_extension(systems.CONSENT_FORM_EXTENSION)),
    "no legal basis": ("Consent", without_extension(systems.LEGAL_BASIS_EXTENSION)),
    "nobody recorded it": ("Consent", without_extension(systems.RECORDED_BY_EXTENSION)),
    "understood by nobody": ("Consent", set_at("verification", value=[])),
    "about other pictures": (
        "Consent",
        set_at("provision", "provision", 1, "data", value=[image_at(Reference("Media/other"))]),
    ),
    "not active": ("Consent", set_at("status", value="draft")),
    "another policy": ("QuestionnaireResponse", set_at("item", 0, "answer", 0, "valueString", value="loose 1")),
    "no answers": ("QuestionnaireResponse", without_answers),
    "of another patient": ("QuestionnaireResponse", set_at("subject", "reference", value="Patient/p2")),
    "not completed": ("QuestionnaireResponse", set_at("status", value="in-progress")),
    "without its label": ("QuestionnaireResponse", set_at("meta", value={})),
    "provenance that names nothing": ("Provenance", without_grounds),
}


@pytest.mark.parametrize("what", ALTERED)
@pytest.mark.parametrize("our_ids", [True, False])
def test_whatever_the_ehr_alters_nothing_stays(what: str, our_ids: bool) -> None:
    resource_type, tamper = ALTERED[what]
    record = AlteringRecord(resource_type, tamper, our_ids=our_ids)
    bench = Bench(record)
    capture, receipt = bench.filed()
    assert (receipt.state, receipt.outcome) == ("nothing-current", "nothing-current")
    assert current_images(record) == [] and notes(record) == []
    assert record.stored("Consent") == record.stored("QuestionnaireResponse") == []
    assert bench.owned(capture) == 3
    assert "gp" not in receipt.message and CANARY not in str(receipt.message)


def to_the_second(resource: Json) -> None:
    def cut(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: cut(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [cut(inner) for inner in value]
        return re.sub(r"(T\d\d:\d\d:\d\d)\.\d+", r"\1", value) if isinstance(value, str) else value

    resource.update(cut(resource))


@pytest.mark.parametrize("resource_type", ["Consent", "QuestionnaireResponse", "Provenance"])
def test_an_ehr_that_keeps_seconds_only_keeps_enough(resource_type: str) -> None:
    bench = Bench(AlteringRecord(resource_type, to_the_second))
    bench.clock.advance(microseconds=123456)
    assert bench.filed()[1].state == "filed"


def test_labels_that_an_ehr_adds_are_no_alteration() -> None:
    def closer(resource: Json) -> None:
        resource["meta"]["security"].append(
            {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}
        )

    assert Bench(AlteringRecord("Consent", closer)).filed()[1].state == "filed"


# ------------------------------------------------------------------------------------------------ where it lies


@pytest.mark.parametrize("code", [403, 404, 405, 501])
def test_a_decision_that_the_ehr_refuses_goes_to_the_companion(code: int) -> None:
    refusal = RecordRefused("no", status=code, code="forbidden")
    ehr, companion = FakeRecord(refuses={"QuestionnaireResponse": refusal}), FakeRecord()
    _, receipt = Bench(CompositeRecord(ehr, companion)).filed()
    assert receipt.state == "filed"
    assert (len(ehr.stored("QuestionnaireResponse")), len(companion.stored("QuestionnaireResponse"))) == (0, 1)
    assert len(current_images(ehr)) == len(ehr.stored("Consent")) == 1


@pytest.mark.parametrize("without", [{"QuestionnaireResponse"}, {"Consent"}, {"Consent", "QuestionnaireResponse"}])
@pytest.mark.parametrize("our_ids", [True, False])
def test_what_an_ehr_has_no_place_for_is_kept_beside_it(without: set[str], our_ids: bool) -> None:
    ehr, companion = FakeRecord(types=TYPES - without, our_ids=our_ids), FakeRecord()
    _, receipt = Bench(CompositeRecord(ehr, companion)).filed()
    assert receipt.state == "filed"
    for resource_type in ("Consent", "QuestionnaireResponse"):
        where = companion if resource_type in without else ehr
        assert len(where.stored(resource_type)) == 1, resource_type


# ------------------------------------------------------------------------------------------------ what is in it


def test_the_record_says_who_agreed_to_what_and_how_it_was_decided() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, receipt = bench.filed("store", "describe", findings="Ulcer, 2 cm.")
    check_complete(bench, record, 1)
    (consent,), (decision,) = record.stored("Consent"), record.stored("QuestionnaireResponse")
    read = from_consent(consent)
    assert read.giver.right is Grantor.PATIENT
    assert read.allows(ConsentScope.STORE) and read.answer(ConsentScope.TEACHING) is ConsentAnswer.NOT_ASKED
    recorded = from_questionnaire_response(decision).decision
    assert recorded.pack == bench.policy.reference
    assert sorted(image.verdict for image in recorded.images) == ["describe", "store"]
    assert all(image.grounds for image in recorded.images)
    assert {"purpose", "consent_store", "findings"} <= {answer.question for answer in recorded.answers}
    assert receipt.decision == f"QuestionnaireResponse/{decision['id']}"
    (provenance,) = record.stored("Provenance")
    assert from_provenance(provenance).grounds == (RestsOn.CONSENT, RestsOn.DECISION)
    (event,) = record.stored("AuditEvent")
    assert receipt.decision in str(event)
    assert bench.captures.receipt(SESSION, capture) == receipt


@pytest.mark.parametrize("our_ids", [True, False])
@pytest.mark.parametrize("transactions", [True, False])
def test_every_rule_is_about_the_pictures_of_this_capture(our_ids: bool, transactions: bool) -> None:
    record = FakeRecord(our_ids=our_ids, transactions=transactions)
    Bench(record).filed("store", "store")
    (consent,) = record.stored("Consent")
    images = record.stored("Media")
    if our_ids:
        assert set(consented_images(consent)) == {f"Media/{each['id']}" for each in images}
    else:
        assert set(named_images(consent)) == {each["identifier"][0]["value"] for each in images}
    assert all(rule["data"] for rule in consent["provision"]["provision"])


BY_MOTHER = {
    "photographer": "parent",
    "giver": "parent",
    "giver_name": "Ann Example",
    "giver_relationship": "mother",
    "giver_evidence": "Named on the record",
    "child_view": "agrees",
    "child_words": "He nodded.",
    "gillick": "no",
    "gillick_words": "Cannot weigh it up yet.",
    "keep_best_interests": "To see whether it grows over the next weeks.",
    "parents_discussed": "yes",
    "child_asked_for_care": "no",
    "only_area": "yes",
    "concern": "no",
}


@pytest.mark.parametrize("kind", [{}, {"transactions": False}, {"our_ids": False}])
def test_a_mother_s_consent_for_her_child_is_in_the_record_whole(kind: dict[str, bool]) -> None:
    record = FakeRecord(**kind)  # type: ignore[arg-type]  # the table holds its keywords
    bench = Bench(record, patient={**PATIENT, "birthDate": "2017-05-01"})
    _, receipt = bench.filed(**BY_MOTHER)
    assert receipt.state == "filed"
    assert receipt.giver == "Somebody with parental responsibility (Ann Example, mother)"
    assert receipt.agreed == (("Receive the image", "Given"), ("Store the image in the record", "Given"))
    assert (receipt.form, receipt.policy) == ("Spoken", bench.policy.reference)
    (consent,), (decision,) = record.stored("Consent"), record.stored("QuestionnaireResponse")
    read = with_conversation(from_consent(consent), decision)
    assert read.giver == ConsentGiver(Grantor.PARENT, "Ann Example", "mother", read.giver.evidence)
    assert read.child_view is ChildView.AGREES
    assert {each.about for each in read.assessments} == {"gillick", "best-interests"}
    assert "under-18" in from_questionnaire_response(decision).decision.flags
    assert is_restricted(labels_of(decision)) and is_restricted(labels_of(consent))
    assert issues(consent) == issues(decision) == []


def nobody_consents(resource: Json) -> None:
    del resource["contained"]
    del resource["performer"]


@pytest.mark.parametrize(
    "tamper",
    [
        nobody_consents,
        without_extension(systems.GRANTOR_EXTENSION),
        without_extension(systems.EXPLAINED_EXTENSION),
        set_at("contained", 0, "name", 0, "text", value="Bob Example"),
    ],
)
def test_a_consent_whose_giver_the_ehr_drops_is_undone(tamper: Tamper) -> None:
    record = AlteringRecord("Consent", tamper)
    _, receipt = Bench(record, patient={**PATIENT, "birthDate": "2017-05-01"}).filed(**BY_MOTHER)
    assert receipt.state == "nothing-current"
    assert current_images(record) == record.stored("Consent") == record.stored("QuestionnaireResponse") == []


def test_nothing_that_was_typed_is_in_the_audit_event_or_the_provenance() -> None:
    record = FakeRecord()
    Bench(record).filed(findings=CANARY)
    assert CANARY in str(record.stored("QuestionnaireResponse"))
    assert CANARY not in str(record.stored("Provenance")) + str(record.stored("AuditEvent"))


# -------------------------------------------------------------------------------------------- orders under way


def test_an_order_from_before_the_decision_was_kept_is_still_carried_out() -> None:
    said = {
        "receive": "given",
        "store": "not-asked",
        "form": "verbal",
        "understood": True,
        "policy_version": "strict 1",
        "private": False,
    }
    consent = consent_from_json(
        said,
        capture_id=CaptureId("c"),
        patient=Reference("Patient/p1"),
        recorded_by=Reference("Practitioner/gp"),
        recorded_at=NOW,
    )
    assert (consent.receive, consent.store) == (ConsentAnswer.GIVEN, ConsentAnswer.NOT_ASKED)
    assert consent.giver.right is Grantor.PATIENT
    order = order_from_json(
        {
            "intent_id": "i",
            "capture_id": "c",
            "patient": "Patient/p1",
            "encounter": None,
            "user": "Practitioner/gp",
            "user_display": "Dr Grey",
            "recorded_at": NOW.isoformat(),
            "purpose": "Rash",
            "arrival": "taken-now",
            "photographer": "clinician",
            "consent": said,
            "note": "n",
            "labels": [],
            "images": [],
            "described": [],
            "discarded": [],
        }
    )
    assert order.consent == consent and order.decision.pack == "strict 1"
    assert "decisions" in consent_to_json(consent)


def test_what_agrees_differs_in_fractions_of_a_second_only() -> None:
    consent = photo_consent()
    assert agree(consent, photo_consent(recorded_at=NOW.replace(microsecond=0)))
    assert not agree(consent, photo_consent(recorded_at=NOW + dt.timedelta(seconds=2)))
    assert not agree(consent, photo_consent(store=ConsentAnswer.REFUSED))
    assert not agree(consent, photo_consent(child_words="No"))
    assert agree(photo_consent(child_words="No,\r\nnever"), photo_consent(child_words="No,\nnever"))
    assert not agree(photo_consent(child_words="No, never"), photo_consent(child_words="No,never"))


def test_what_was_found_stays_in_the_note_when_every_picture_is_thrown_away() -> None:
    record = FakeRecord()
    bench = Bench(record)
    capture, images = bench.add()
    bench.answer(capture, {images[0]: "discard"})
    assert bench.file(capture).state == "discarded"
    (note,) = record.stored("DocumentReference")
    assert CANARY in from_note(note).text and "Advice: Emollient." in from_note(note).text
