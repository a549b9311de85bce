"""What stands in the place of a hidden image: valid R4 in every form, silent about what was there, known again exactly;
and the Provenance that says who hid it."""

from __future__ import annotations

import base64
import copy
from dataclasses import replace
from typing import Any

import pytest
from fhir.resources.R4B.documentreference import DocumentReference
from fhir.resources.R4B.media import Media
from fhir.resources.R4B.provenance import Provenance

from fhir_plugin.delete.neutral_picture import neutral_picture
from mappings.model.hiding import HidingReason
from mappings.model.identifiers import Reference
from mappings.model.labels import NORMAL, RESTRICTED, SEXUALITY, VERY_RESTRICTED, Label
from mappings.r4.document_reference import to_document_reference
from mappings.r4.elements import Json
from mappings.r4.errors import NotMappable
from mappings.r4.hidden_stub import MASKED, Form, act_of, form_of, hidden_stub, stub_labels
from mappings.r4.hiding_provenance import (
    HidingAct,
    HidingTold,
    hiding_statement,
    signed_hiding_in,
    to_hiding_provenance,
)
from mappings.r4.media import to_media
from mappings.r4.tombstone import to_tombstone
from tests.definitions.validator import issues
from tests.fakes.clock import START
from tests.fakes.signer import FakeStatementSigner
from tests.keep.labelled import labelled

PICTURE = neutral_picture()
MODELS: dict[str, Any] = {"Media": Media, "DocumentReference": DocumentReference}


def image(kind: str = "Media", *labels: Label) -> Json:
    write = to_media if kind == "Media" else to_document_reference
    return write(labelled(*(labels or (RESTRICTED, SEXUALITY))), binary_url="Binary/secret-bytes", id="m1")


def stub(resource: Json, form: Form, *, wrong: bool = False) -> Json:
    return hidden_stub(resource, act="act-1", form=form, picture=PICTURE, wrong_patient=wrong)


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("kind", MODELS)
def test_every_form_is_valid_r4_and_known_again(kind: str, form: Form, wrong: bool) -> None:
    resource = image(kind)
    hidden = stub(resource, form, wrong=wrong)
    MODELS[kind].model_validate(copy.deepcopy(hidden))
    assert issues(hidden) == []
    assert form_of(hidden, picture=PICTURE) is form and act_of(hidden) == "act-1"
    assert hidden["status"] == ("entered-in-error" if wrong else resource["status"])
    assert hidden["subject"]["reference"] == "Patient/amy" and hidden["id"] == "m1"
    assert form_of(resource, picture=PICTURE) is None
    served = {**hidden, "meta": {**hidden["meta"], "versionId": "2", "lastUpdated": "2026-01-01T00:00:00Z"}}
    assert form_of(served, picture=PICTURE) is form


@pytest.mark.parametrize("form", [Form.PICTURE, Form.EMPTY])
@pytest.mark.parametrize("kind", MODELS)
def test_a_stub_says_nothing_about_what_was_there(kind: str, form: Form) -> None:
    said = str(stub(image(kind), form))
    for secret in ("secret-bytes", "Forearm", "14975008", "Rash", "SEX", "2026", "image/jpeg", "capture-1", "gp"):
        assert secret not in said
    assert {each["code"] for each in stub(image(kind), form)["meta"]["security"]} == {"R", "MASKED"}


def test_it_is_never_less_strict_than_what_it_hides() -> None:
    assert stub_labels(image("Media", VERY_RESTRICTED)) == (VERY_RESTRICTED, MASKED)
    assert stub_labels(image("Media", NORMAL)) == (RESTRICTED, MASKED)
    marked = stub(image("Media", NORMAL), Form.MARKED)
    assert {each["code"] for each in marked["meta"]["security"]} == {"N", "R", "MASKED"}
    assert stub(stub(image(), Form.MARKED), Form.MARKED) == stub(image(), Form.MARKED)


def test_one_element_more_and_it_is_no_stub() -> None:
    hidden = stub(image(), Form.PICTURE)
    other = base64.b64encode(b"another picture").decode()
    for changed in (
        {**hidden, "bodySite": {"text": "Forearm"}},
        {**hidden, "content": {**hidden["content"], "data": other}},
        {**hidden, "content": {**hidden["content"], "url": "Binary/secret-bytes"}},
    ):
        assert form_of(changed, picture=PICTURE) is Form.MARKED
        bare = {**changed, "meta": {}}
        assert form_of(bare, picture=PICTURE) is None
    assert form_of({**hidden, "meta": {}}, picture=PICTURE) is Form.PICTURE  # servers lose labels and tags


def test_what_was_destroyed_is_not_hidden_and_what_is_no_image_is_neither() -> None:
    assert form_of(to_tombstone(image()), picture=PICTURE) is None
    with pytest.raises(NotMappable):
        stub({"resourceType": "Patient", "id": "amy"}, Form.PICTURE)


TOLD = HidingTold(
    target=Reference("Media/m1"),
    patient=Reference("Patient/amy"),
    act=HidingAct.HIDE,
    reason=HidingReason.PATIENT_ASKED,
    at=START,
    by=Reference("Practitioner/gp"),
    by_name="Dr Shah",
    digest="d" * 64,
    policy_version="strict/1",
)


@pytest.mark.parametrize("act", HidingAct)
def test_the_provenance_is_valid_signed_and_read_back(act: HidingAct) -> None:
    told, signer = replace(TOLD, act=act, digest="" if act is HidingAct.RESTORE else TOLD.digest), FakeStatementSigner()
    statement = hiding_statement(told)
    written = to_hiding_provenance(
        told, statement=statement, jws=signer.sign(statement), software_version="1", act="act-1", id="p1"
    )
    Provenance.model_validate(copy.deepcopy(written))
    assert issues(written) == []
    read = signed_hiding_in(written)
    assert read is not None and read[0] == statement and signer.verify(*read)


def test_a_statement_that_was_meddled_with_is_not_read() -> None:
    statement = hiding_statement(TOLD)
    written = to_hiding_provenance(
        TOLD, statement=statement, jws=FakeStatementSigner().sign(statement), software_version="1", act="a", id="p1"
    )
    [signature] = written["signature"]
    [extension] = signature["extension"]
    for parts in (extension["extension"][1:], [*extension["extension"], {"url": "act", "valueString": "restore"}]):
        meddled = {**signature, "extension": [{**extension, "extension": parts}]}
        assert signed_hiding_in({**written, "signature": [meddled]}) is None
    with pytest.raises(NotMappable):
        hiding_statement(replace(TOLD, at=START.replace(tzinfo=None)))
