"""What filing writes: images, consent, decision, note, provenance, audit event, a copy for a chart without images."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Final

from mappings.model.chart_document import ChartDocument
from mappings.model.consent import (
    AlsoAsked,
    Assessment,
    ChildView,
    ConsentAnswer,
    ConsentForm,
    ConsentGiver,
    ConsentScope,
    Grantor,
    Override,
    PhotoConsent,
    ScopeDecision,
    withdrawn,
)
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.filing import ConsultationNote, LabelledImage
from mappings.model.identifiers import CaptureId, FhirBase, ImageId, PatientId, Reference, RequestId, Sha256
from mappings.model.images import Arrival, CleanImage, Laterality, Photographer
from mappings.model.labels import Intimacy, Source, image_labels
from mappings.model.practice import Hold, HoldKind
from mappings.profiles.examples.people import BINARY, CLINICIAN, COLLEAGUE, ENCOUNTER, FATHER, PATIENT
from mappings.r4.attachment import with_inline_content
from mappings.r4.audit_event import AuditedObject, to_audit_event
from mappings.r4.chart_copy import to_chart_copy
from mappings.r4.communication_request import PhotoAsked, PhotoAskedStatus, to_communication_request
from mappings.r4.concern import to_concern
from mappings.r4.consent import to_consent
from mappings.r4.document_reference import to_document_reference
from mappings.r4.elements import Json
from mappings.r4.media import to_media
from mappings.r4.note import to_note
from mappings.r4.provenance import to_provenance
from mappings.r4.questionnaire_response import to_questionnaire_response
from mappings.r4.statement import statement
from mappings.terminology.audit import Lifecycle, Operation, Outcome
from mappings.terminology.body_sites import body_sites

NOW: Final = dt.datetime(2026, 11, 20, 9, 30, tzinfo=dt.UTC)
CAPTURE: Final = CaptureId("capture-1")
IMAGE_ID: Final = ImageId("image-1")
POLICY: Final = "strict-mdu-nhs 1.0"
SOFTWARE: Final = "0.1.0"
JWS: Final = "eyJhbGciOiJFUzM4NCIsImtpZCI6ImV4YW1wbGUifQ..bm8tc2lnbmF0dXJl"
"""Of the form of a detached JWS; it verifies nothing."""
BYTES: Final = b"\xff\xd8 not a real picture \xff\xd9"
ORDINARY: Final = image_labels(intimacy=Intimacy.NO, private_site=False, source=Source.PATIENT)
INTIMATE: Final = image_labels(intimacy=Intimacy.INTIMATE, private_site=False, source=Source.PROXY, child=True)

CLEAN: Final = CleanImage(
    image_id=IMAGE_ID,
    content=BYTES,
    content_type="image/jpeg",
    width=1600,
    height=1200,
    sha256=Sha256("c" * 64),
    sha256_received=Sha256("e" * 64),
    thumbnail=b"",
)
FOREARM: Final = LabelledImage(
    image=CLEAN,
    labels=ORDINARY,
    capture_id=CAPTURE,
    patient=PATIENT,
    encounter=ENCOUNTER,
    site=body_sites()["14975008"].site,
    laterality=Laterality.LEFT,
    purpose="Rash for two weeks, is it spreading?",
    arrival=Arrival.OUR_LINK,
    photographer=Photographer.PATIENT,
    recorded_by=CLINICIAN,
    recorded_at=NOW,
    captured=dt.date(2026, 11, 19),
    show_online=True,
    policy_version=POLICY,
)
PRIVATE: Final = replace(
    FOREARM,
    labels=INTIMATE,
    site=body_sites()["46862004"].site,
    laterality=Laterality.RIGHT,
    arrival=Arrival.EMAIL,
    photographer=Photographer.PARENT,
    show_online=False,
)
VIDEO: Final = replace(
    FOREARM,
    image=replace(CLEAN, image_id=ImageId("video-1"), content_type="video/mp4", seconds=12.5),
    photographer=Photographer.CLINICIAN,
    captured=NOW - dt.timedelta(minutes=2),
    ended=NOW - dt.timedelta(minutes=1),
)
SCOPES: Final = (
    ScopeDecision(ConsentScope.RECEIVE, ConsentAnswer.GIVEN, NOW),
    ScopeDecision(ConsentScope.VIEW, ConsentAnswer.GIVEN, NOW),
    ScopeDecision(ConsentScope.STORE, ConsentAnswer.GIVEN, NOW),
    ScopeDecision(ConsentScope.TEACHING, ConsentAnswer.REFUSED, NOW),
)
GIVEN: Final = PhotoConsent(
    capture_id=CAPTURE,
    patient=PATIENT,
    recorded_by=CLINICIAN,
    recorded_at=NOW,
    decisions=SCOPES,
    form=ConsentForm.VERBAL,
    understood=True,
    policy_version=POLICY,
    explained=("why", "who-sees", "how-long"),
    template="strict 2026-11",
    record_told=True,
)
BY_PARENT: Final = replace(
    GIVEN,
    decisions=(*SCOPES, ScopeDecision(ConsentScope.RECORD_VIDEO, ConsentAnswer.REFUSED, NOW)),
    giver=ConsentGiver(Grantor.PARENT, name="Sam Example", relationship="Father", evidence="Birth certificate seen."),
    also=(AlsoAsked(Grantor.GUARDIAN, ConsentAnswer.GIVEN, name="Jo Example", relationship="Guardian"),),
    private=True,
    child_view=ChildView.AGREES,
    child_words="It itches, take the photo.",
    assessments=(Assessment("gillick", False, "Does not yet weigh what storing means.", CLINICIAN, NOW),),
    overrides=(Override("without-parent", "Safety of the child.", CLINICIAN, None, True, NOW),),
)
TAKEN_BACK: Final = withdrawn(
    BY_PARENT,
    [ConsentScope.RECEIVE, ConsentScope.VIEW, ConsentScope.STORE],
    PATIENT,
    NOW + dt.timedelta(days=900),
    right=Grantor.COMPETENT_CHILD,
)
DECIDED: Final = DecisionRecord(
    pack=POLICY,
    images=(DecidedImage(IMAGE_ID, "store", (Ground("face-to-face-parity", "It would have been kept.", "G-R155"),)),),
    answers=(Answered("purpose", "Rash for two weeks"), Answered("site", "14975008", IMAGE_ID)),
    warnings=(Ground("face", "Somebody may be recognised.", "G-R249"),),
    flags=("under-18",),
    urgent=True,
    urgent_reason="Severe pain, nobody else on duty.",
)
NOTE: Final = ConsultationNote(
    capture_id=CAPTURE,
    patient=PATIENT,
    encounter=ENCOUNTER,
    author=CLINICIAN,
    author_display="Dr Grey",
    recorded_at=NOW,
    text="Photograph seen.\nErythema on the left forearm, 3 cm. Advice given.",
    labels=ORDINARY,
)
CONCERN: Final = Hold(
    id="concern-1",
    kind=HoldKind.SAFEGUARDING,
    fhir_base=FhirBase("https://ehr.example/fhir"),
    patient=PatientId("amy"),
    since=NOW,
    by=CLINICIAN,
    by_name="Dr Grey",
    words="What was said does not fit what is seen.",
    told="The safeguarding lead",
)
ASKED: Final = PhotoAsked(
    request_id=RequestId("request-1"),
    patient=PATIENT,
    asked_by=CLINICIAN,
    asked_by_name="Dr Grey",
    status=PhotoAskedStatus.ACTIVE,
    status_reason="sent",
    purpose="To see whether the rash has spread",
    area="left forearm",
    authored=NOW,
    until=NOW + dt.timedelta(hours=72),
    restricted=False,
)
COPY: Final = ChartDocument(
    id="copy-1",
    image_id=IMAGE_ID,
    capture_id=CAPTURE,
    patient=PATIENT,
    encounter=ENCOUNTER,
    author=CLINICIAN,
    author_display="Dr Grey",
    recorded_at=NOW,
    taken=NOW,
    title="Photograph, forearm (left)",
    labels=ORDINARY,
    content=b"%PDF-1.4\n% stands for the page with the picture\n",
    content_type="application/pdf",
    shows_picture=True,
)
POINTER: Final = replace(
    COPY,
    id="copy-2",
    labels=INTIMATE,
    content=b"A photograph is kept by the app. To find it: image-1.",
    content_type="text/plain",
    shows_picture=False,
)


def examples() -> dict[str, Json]:
    """By title."""
    document = to_document_reference(PRIVATE, binary_url=BINARY, id="photograph-private")
    return {
        "A photograph of a forearm": to_media(FOREARM, binary_url=BINARY, id="photograph"),
        "A photograph of a private area": to_media(PRIVATE, binary_url=BINARY, id="photograph-private"),
        "A photograph with its bytes inside": with_inline_content(
            to_media(FOREARM, binary_url=BINARY, id="photograph-inline"), BYTES
        ),
        "A video": to_media(VIDEO, binary_url=BINARY, id="video"),
        "A photograph as a document": document,
        "A photograph as a document with its bytes inside": with_inline_content(
            {**document, "id": "photograph-inline"}, BYTES
        ),
        "Consent of a patient": to_consent(GIVEN, images=[Reference("Media/photograph")], id="given"),
        "Consent of a parent": to_consent(
            BY_PARENT, images=[], named=[("Media", IMAGE_ID)], id="by-parent", labels=INTIMATE
        ),
        "Consent that a child, grown up, took back": to_consent(
            TAKEN_BACK, images=[Reference("Media/photograph-private")], id="taken-back", labels=INTIMATE
        ),
        "How it was decided": to_questionnaire_response(
            DECIDED, BY_PARENT, labels=INTIMATE, encounter=ENCOUNTER, id="decision"
        ),
        "The note of a consultation": to_note(NOTE, id="note"),
        "A safeguarding concern": to_concern(CONCERN, id="concern"),
        "Provenance of a photograph that the patient sent": _provenance(FOREARM, "photograph", None),
        "Provenance of a photograph that a parent sent": _provenance(PRIVATE, "photograph-private", FATHER),
        "A filed photograph, as the audit event tells it": to_audit_event(
            action="image.filed",
            operation=Operation.CREATE,
            at=NOW,
            user=CLINICIAN,
            patient=PATIENT,
            objects=[AuditedObject(Reference("Media/photograph"), ORDINARY, Lifecycle.ORIGINATION)],
            purpose="TREAT",
            outcome=Outcome.SUCCESS,
            software_version=SOFTWARE,
            capture_id=CAPTURE,
            id="filed",
        ),
        "A second opinion, as the audit event tells it": to_audit_event(
            action="opinion.opened",
            operation=Operation.READ,
            at=NOW,
            user=COLLEAGUE,
            patient=PATIENT,
            objects=[AuditedObject(Reference("Media/photograph-private"), INTIMATE, Lifecycle.DISCLOSURE)],
            purpose="TREAT",
            outcome=Outcome.SUCCESS,
            software_version=SOFTWARE,
            act="opinion-1",
            id="opened",
        ),
        "A request for a photograph": to_communication_request(ASKED, id="request"),
        "A page with the picture, for a chart that takes no images": to_chart_copy(COPY, id="copy-page"),
        "Words that say where a picture is": to_chart_copy(POINTER, id="copy-words"),
    }


def _provenance(image: LabelledImage, id: str, photographer: Reference | None) -> Json:
    return to_provenance(
        image,
        targets=[Reference(f"Media/{id}"), Reference("Consent/given"), Reference("DocumentReference/note")],
        software_version=SOFTWARE,
        statement=statement(image, consent="Consent/given"),
        jws=JWS,
        photographer=photographer,
        id=f"filed-{id}",
    )
