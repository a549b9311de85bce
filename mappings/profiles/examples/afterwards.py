"""What relabelling, hiding, disclosure and permanent deletion write."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

from mappings.model.deletion import (
    BoundImage,
    CaseId,
    CertificateNumber,
    DeletionCase,
    DeletionItem,
    DeletionReason,
    DeletionState,
    ItemId,
    Looked,
    Principle,
    Proof,
    Signed,
)
from mappings.model.disclosed import Disclosed, DisclosedImage
from mappings.model.disclosure import Requester
from mappings.model.disclosure_request import DisclosureId
from mappings.model.hiding import HidingReason
from mappings.model.identifiers import FhirBase, PatientId, Reference, Sha256
from mappings.model.label_change import LabelReason
from mappings.profiles.examples.filed import FOREARM, IMAGE_ID, INTIMATE, JWS, NOW, ORDINARY, POLICY, PRIVATE
from mappings.profiles.examples.filed import SOFTWARE as SOFTWARE_VERSION
from mappings.profiles.examples.people import BINARY, CLINICIAN, COLLEAGUE, GUARDIAN, PATIENT
from mappings.r4.deletion_task import to_deletion_parent, to_deletion_task
from mappings.r4.destruction_trace import destruction_of, to_destruction_event, to_destruction_provenance
from mappings.r4.disclosure_event import to_disclosure_event, to_disclosure_provenance
from mappings.r4.document_reference import to_document_reference
from mappings.r4.elements import Json
from mappings.r4.hidden_stub import Form, hidden_stub
from mappings.r4.hiding_provenance import HidingAct, HidingTold, hiding_statement, to_hiding_provenance
from mappings.r4.label_provenance import LabelChange, to_label_provenance
from mappings.r4.media import to_media
from mappings.r4.statement import label_statement
from mappings.r4.tombstone import to_tombstone

IMAGE: Final = Reference("Media/photograph")
LATER: Final = NOW + dt.timedelta(days=30)
PICTURE: Final = b"\x89PNG stands for the neutral picture"

CHANGE: Final = LabelChange(
    target=IMAGE,
    patient=PATIENT,
    image=IMAGE_ID,
    before=ORDINARY,
    after=INTIMATE,
    reason=LabelReason.PATIENT_ASKED,
    words="She telephoned",
    at=LATER,
    by=CLINICIAN,
    by_name="Dr Grey",
    second=COLLEAGUE,
    second_name="Dr White",
    policy_version=POLICY,
)
HIDDEN: Final = HidingTold(
    target=IMAGE,
    patient=PATIENT,
    act=HidingAct.HIDE,
    reason=HidingReason.PATIENT_ASKED,
    at=LATER,
    by=CLINICIAN,
    by_name="Dr Grey",
    digest="d" * 64,
    policy_version=POLICY,
)
SENT: Final = Disclosed(
    id=DisclosureId("release-1"),
    patient=PatientId("amy"),
    requester=Requester.PATIENT,
    purpose="PATRQT",
    at=LATER,
    signed_by=(CLINICIAN, GUARDIAN),
    images=(DisclosedImage(IMAGE, ORDINARY),),
    package=Sha256("a" * 64),
    manifest=Sha256("b" * 64),
    decided="f" * 64,
    policy_version=POLICY,
)
APPROVED: Final = Signed(GUARDIAN, "Dr Black", LATER, frozenset(Principle), "Seen and agreed")
WAITING: Final = DeletionItem(
    id=ItemId("item-1"),
    image=BoundImage(IMAGE, "3", "d" * 64, (BINARY,)),
    title="",
    state=DeletionState.RECEIVED,
)
DESTROYED: Final = replace(
    WAITING,
    state=DeletionState.COMPLETED,
    approval=APPROVED,
    expires=LATER + dt.timedelta(days=14),
    purged=("vault", "binary", "image", "history"),
    proof=Proof(LATER, (Looked("record-read", LATER),)),
    certificate=CertificateNumber("DC-2026-0001"),
)
CASE: Final = DeletionCase(
    id=CaseId("case-1"),
    fhir_base=FhirBase("https://ehr.example/fhir"),
    patient=PatientId("amy"),
    revision=1,
    created=NOW,
    due=dt.date(2026, 12, 20),
    reason=DeletionReason.ERASURE_REQUEST,
    items=(WAITING,),
    requested_by=CLINICIAN,
    requested_by_name="Dr Grey",
    words="",
    described="DocumentReference/note",
    instead="",
    policy=POLICY,
)


def examples() -> dict[str, Json]:
    """By title."""
    media = to_media(FOREARM, binary_url=BINARY, id="hidden")
    document = to_document_reference(PRIVATE, binary_url=BINARY, id="hidden")
    done = replace(CASE, items=(DESTROYED,))
    gone = destruction_of(done, DESTROYED, at=LATER)
    return {
        "A change of label": _labelled(),
        "Hiding a photograph": _hidden(HidingAct.HIDE, "hide"),
        "Putting a photograph back": _hidden(HidingAct.RESTORE, "restore"),
        "What stands for a hidden photograph": _stub(media, Form.PICTURE),
        "What stands for a hidden photograph, without a picture": {
            **_stub(media, Form.EMPTY),
            "id": "hidden-empty",
        },
        "What stands for a hidden document": _stub(document, Form.PICTURE),
        "What stands for a photograph of a wrong patient": {
            **_stub(document, Form.EMPTY, wrong=True),
            "id": "hidden-wrong-patient",
        },
        "A release, as the audit event tells it": to_disclosure_event(
            SENT, act="act-3", software_version=SOFTWARE_VERSION, id="disclosed"
        ),
        "Provenance of a package": to_disclosure_provenance(
            SENT, act="act-3", software_version=SOFTWARE_VERSION, jws=JWS, id="disclosed"
        ),
        "A request for permanent deletion": to_deletion_parent(CASE, at=NOW, id="deletion"),
        "One image of it, waiting for the Guardian": to_deletion_task(
            CASE, WAITING, parent=Reference("Task/deletion"), at=NOW, id="deletion-waiting"
        ),
        "One image of it, destroyed": to_deletion_task(
            done, DESTROYED, parent=Reference("Task/deletion"), at=LATER, id="deletion-done"
        ),
        "What stands where a photograph was destroyed": to_tombstone({**media, "id": "destroyed"}),
        "What stands where a document was destroyed": to_tombstone({**document, "id": "destroyed"}),
        "Provenance of a destruction": to_destruction_provenance(
            gone, act="act-4", software_version=SOFTWARE_VERSION, jws=JWS, id="destroyed"
        ),
        "A deletion, as the audit event tells it": to_destruction_event(
            gone, erased=False, act="act-4", software_version=SOFTWARE_VERSION, id="deleted"
        ),
        "A proven destruction, as the audit event tells it": to_destruction_event(
            replace(gone, certificate=DESTROYED.certificate),
            erased=True,
            act="act-5",
            software_version=SOFTWARE_VERSION,
            id="destroyed",
        ),
    }


def _labelled() -> Json:
    statement = label_statement(
        target=CHANGE.target,
        image=CHANGE.image,
        patient=CHANGE.patient,
        before=CHANGE.before,
        after=CHANGE.after,
        reason=CHANGE.reason,
        at=CHANGE.at,
        by=CHANGE.by,
        second=CHANGE.second,
        policy_version=CHANGE.policy_version,
    )
    return to_label_provenance(
        CHANGE, statement=statement, jws=JWS, software_version=SOFTWARE_VERSION, act="act-1", id="labelled"
    )


def _hidden(act: HidingAct, id: str) -> Json:
    told = replace(HIDDEN, act=act)
    return to_hiding_provenance(
        told, statement=hiding_statement(told), jws=JWS, software_version=SOFTWARE_VERSION, act="act-2", id=id
    )


def _stub(resource: Json, form: Form, *, wrong: bool = False) -> Json:
    return hidden_stub(resource, act="act-2", form=form, picture=PICTURE, wrong_patient=wrong)
