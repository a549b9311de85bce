"""Whatever a server sends: a reader gives a safe value or a MappingError, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.model.identifiers import Reference
from mappings.model.labels import RESTRICTED, is_restricted
from mappings.r4.audit_event import from_audit_event
from mappings.r4.consent import changed, consented_images, from_consent, to_consent
from mappings.r4.document_reference import from_document_reference, holds_image, to_document_reference
from mappings.r4.errors import MappingError
from mappings.r4.media import from_media, is_photograph, show_online, to_media
from mappings.r4.note import from_note, to_note
from mappings.r4.patient import from_patient
from mappings.r4.practitioner import from_fhir_user
from mappings.r4.provenance import from_provenance, to_provenance
from mappings.r4.questionnaire_response import (
    from_questionnaire_response,
    to_questionnaire_response,
    with_conversation,
)
from mappings.r4.statement import disagreements, statement
from tests.mappings.samples import (
    NOW,
    Json,
    consultation_note,
    damaged,
    json_values,
    labelled_image,
    photo_consent,
)
from tests.mappings.test_audit_event import audit_event
from tests.mappings.test_golden import BY_PARENT, DECIDED, WITHDRAWN

LABELLED = labelled_image(labels=(RESTRICTED,))

WRITTEN: dict[str, Json] = {
    "Media": to_media(LABELLED, binary_url="Binary/b1", id="m1"),
    "DocumentReference": to_document_reference(LABELLED, binary_url="Binary/b1", id="d1"),
    "Note": to_note(consultation_note(), id="n1"),
    "Consent": to_consent(photo_consent(), images=[Reference("Media/m1")], id="c1"),
    "QuestionnaireResponse": to_questionnaire_response(DECIDED, BY_PARENT, labels=(RESTRICTED,), id="q1"),
    "ConsentByParent": to_consent(WITHDRAWN, images=[Reference("Media/m1")], id="c2"),
    "Provenance": to_provenance(
        LABELLED,
        targets=[Reference("Media/m1")],
        software_version="1",
        statement=statement(LABELLED, consent=None),
        jws="a..b",
        id="p1",
    ),
    "AuditEvent": audit_event(),
    "Patient": {
        "resourceType": "Patient",
        "id": "p1",
        "name": [{"use": "official", "given": ["A"], "family": "B", "period": {"end": "2020"}}],
        "identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}],
        "birthDate": "2000-01-01",
        "deceasedBoolean": False,
    },
    "PractitionerRole": {
        "resourceType": "PractitionerRole",
        "id": "r1",
        "practitioner": {"reference": "Practitioner/1"},
        "period": {"start": "2020-01-01", "end": "2030-01-01"},
        "code": [{"coding": [{"system": "https://fhir.hl7.org.uk/CodeSystem/UKCore-SDSJobRoleName", "code": "R0260"}]}],
    },
}

READERS: dict[str, list[Callable[[Any], object]]] = {
    "Media": [
        from_media,
        is_photograph,
        lambda json: show_online(json),
        lambda json: disagreements(statement(LABELLED, consent=None), json, sha256_clean=LABELLED.image.sha256),
    ],
    "DocumentReference": [from_document_reference, holds_image, from_note],
    "Note": [from_note, from_document_reference],
    "Consent": [from_consent, consented_images],
    "ConsentByParent": [from_consent, consented_images, lambda json: changed(json, WITHDRAWN)],
    "QuestionnaireResponse": [from_questionnaire_response, lambda json: with_conversation(BY_PARENT, json)],
    "Provenance": [from_provenance],
    "AuditEvent": [from_audit_event],
    "Patient": [from_patient],
    "PractitionerRole": [lambda json: from_fhir_user(json, [json], on=NOW.date())],
}


@pytest.mark.parametrize("name", sorted(WRITTEN))
@given(data=st.data())
def test_a_damaged_resource_is_read_safely_or_refused(name: str, data: st.DataObject) -> None:
    broken = data.draw(damaged(WRITTEN[name]))
    for read in READERS[name]:
        try:
            read(broken)
        except MappingError as refused:
            assert refused.code != "mapping"


@given(json_values)
def test_anything_at_all_is_read_safely_or_refused(json: Any) -> None:
    for resource_type, readers in READERS.items():
        value = json | {"resourceType": resource_type, "id": "x"} if isinstance(json, dict) else json
        for read in readers[:1]:
            try:
                read(value)
            except MappingError as refused:
                assert refused.code != "mapping"


@given(st.data())
def test_damaged_labels_never_open_a_restricted_image(data: st.DataObject) -> None:
    """Losing the whole label restricts as well; only somebody who writes a clear, single N can open it."""
    for name, read in (("Media", from_media), ("DocumentReference", from_document_reference)):
        broken = {**WRITTEN[name], "meta": data.draw(damaged({"meta": WRITTEN[name]["meta"]})).get("meta")}
        assert is_restricted(read(broken).labels)
