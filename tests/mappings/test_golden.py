"""What exactly is written, as files to read: `python -m tests.mappings.test_golden` writes them anew."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Final

import pytest

from mappings.model.consent import (
    Assessment,
    ChildView,
    ConsentAnswer,
    ConsentGiver,
    ConsentScope,
    Grantor,
    Override,
    withdrawn,
)
from mappings.model.decisions import Answered, DecidedImage, DecisionRecord, Ground
from mappings.model.identifiers import ImageId, Reference
from mappings.model.images import Arrival, Laterality, Photographer
from mappings.r4.consent import to_consent
from mappings.r4.document_reference import to_document_reference
from mappings.r4.media import to_media
from mappings.r4.note import to_note
from mappings.r4.operation_outcome import to_operation_outcome
from mappings.r4.provenance import to_provenance
from mappings.r4.questionnaire_response import to_questionnaire_response
from mappings.r4.statement import statement
from mappings.terminology.body_sites import body_sites
from tests.definitions.validator import issues
from tests.mappings.samples import (
    CLINICIAN,
    INTIMATE,
    NOW,
    PATIENT,
    Json,
    consultation_note,
    decided,
    labelled_image,
    photo_consent,
)
from tests.mappings.test_audit_event import audit_event

FOLDER: Final = Path(__file__).parent.parent / "golden" / "r4"

INTIMATE_IMAGE = labelled_image(
    labels=INTIMATE,
    site=body_sites()["46862004"].site,
    laterality=Laterality.RIGHT,
    arrival=Arrival.EMAIL,
    photographer=Photographer.PARENT,
    captured=NOW - dt.timedelta(days=2),
    show_online=False,
)


BY_PARENT = photo_consent(
    decisions=decided(
        receive=ConsentAnswer.GIVEN,
        view=ConsentAnswer.GIVEN,
        store=ConsentAnswer.GIVEN,
        second_opinion=ConsentAnswer.GIVEN,
        teaching=ConsentAnswer.REFUSED,
        record_video=ConsentAnswer.REFUSED,
    ),
    giver=ConsentGiver(
        Grantor.PARENT, name="Sam Test", relationship="Father", evidence="Named on the birth certificate, seen today."
    ),
    private=True,
    explained=("why", "who-sees", "how-long"),
    template="strict 2026-11",
    more_wanted=False,
    record_told=True,
    child_view=ChildView.AGREES,
    child_words="It itches, take the photo.",
    parents_involved="The father was there.",
    assessments=(Assessment("gillick", False, "Does not yet weigh what storing means.", CLINICIAN, NOW),),
    overrides=(Override("without-parent", "Safety of the child.", CLINICIAN, None, True, NOW),),
)

WITHDRAWN = withdrawn(
    BY_PARENT,
    [ConsentScope.STORE, ConsentScope.SECOND_OPINION, ConsentScope.RECEIVE, ConsentScope.VIEW],
    PATIENT,
    NOW + dt.timedelta(days=900),
    right=Grantor.COMPETENT_CHILD,
)


DECIDED = DecisionRecord(
    pack="strict-mdu-nhs 1.0",
    images=(
        DecidedImage(
            ImageId("img-91c2"), "store", (Ground("face-to-face-parity", "It would have been kept.", "G-R155"),)
        ),
    ),
    answers=(Answered("purpose", "Rash for two weeks"), Answered("site", "46862004", ImageId("img-91c2"))),
    warnings=(Ground("face", "Somebody may be recognised.", "G-R249"),),
    flags=("intimate", "under-18"),
    urgent=True,
    urgent_reason="Severe pain, nobody else on duty.",
)


def examples() -> dict[str, Json]:
    """One resource of each kind, and those whose shape differs."""
    statement_ = statement(INTIMATE_IMAGE, consent="Consent/c1")
    return {
        "media": to_media(labelled_image(), binary_url="Binary/b1", id="m1"),
        "media-intimate": to_media(INTIMATE_IMAGE, binary_url="Binary/b2", id="m2"),
        "document-reference": to_document_reference(INTIMATE_IMAGE, binary_url="Binary/b2", id="d2"),
        "note": to_note(consultation_note(), id="n1"),
        "consent-given": to_consent(photo_consent(), images=[Reference("Media/m1")], id="c1"),
        "consent-not-asked": to_consent(
            photo_consent(store=ConsentAnswer.NOT_ASKED, form=None, understood=False),
            images=[Reference("Media/m1")],
            id="c2",
        ),
        "consent-refused": to_consent(
            photo_consent(store=ConsentAnswer.REFUSED), images=[Reference("Media/m2")], id="c3", labels=INTIMATE
        ),
        "consent-by-parent": to_consent(BY_PARENT, images=[Reference("Media/m2")], id="c4", labels=INTIMATE),
        "consent-withdrawn": to_consent(WITHDRAWN, images=[Reference("Media/m2")], id="c5", labels=INTIMATE),
        "decision": to_questionnaire_response(
            DECIDED, BY_PARENT, labels=INTIMATE, encounter=Reference("Encounter/e1"), id="q4"
        ),
        "provenance": to_provenance(
            INTIMATE_IMAGE,
            targets=[Reference("Media/m2"), Reference("Consent/c1"), Reference("DocumentReference/n1")],
            software_version="0.1.0",
            statement=statement_,
            jws="eyJhbGciOiJFUzM4NCIsImtpZCI6ImsxIn0..c2lnbmF0dXJl",
            photographer=Reference("RelatedPerson/r1"),
            id="p2",
        ),
        "audit-event": audit_event(id="a1"),
        "operation-outcome": to_operation_outcome(code="too-long", text="This file is too big. Choose a smaller one."),
    }


@pytest.mark.parametrize("name", sorted(examples()))
def test_what_is_written_is_what_the_file_says(name: str) -> None:
    written = examples()[name]
    assert written == json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert issues(written) == []


def test_no_file_is_left_over() -> None:
    assert {file.stem for file in FOLDER.glob("*.json")} == set(examples())


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for _name, _resource in examples().items():
        (FOLDER / f"{_name}.json").write_text(
            json.dumps(_resource, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
