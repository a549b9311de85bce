"""Ways of telling of an image that no list of paths holds, one canary each. The table is in `docs/disclosure.md`."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_plugin.disclose.decide import judge_for, on_their_word
from fhir_plugin.disclose.decide.facts import INLINE_LABEL
from mappings.model.disclosure import Mode, Release, Requester
from mappings.model.labels import ACT_CODE, CONFIDENTIALITY
from tests.disclose.decide.items import TODAY
from tests.disclose.redact.records import (
    BOTH,
    FILE,
    ID,
    PLAIN,
    TITLE,
    URL,
    collection,
    entry,
    leaks,
    media,
    only,
    redacted,
    resources,
)

BACKPORT = "http://hl7.org/fhir/5.0/StructureDefinition/extension-DiagnosticReport.media.link"
TRANSLATION = "http://hl7.org/fhir/StructureDefinition/translation"


@BOTH
def test_a_report_of_r5_in_r4_that_hides_a_document_in_an_extension(mode: Mode) -> None:
    hidden = {"url": BACKPORT, "valueReference": {"reference": URL}}
    open_ = {"url": BACKPORT, "valueReference": {"reference": "DocumentReference/open"}}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r1",
        "status": "final",
        "code": {"text": "Dermatology"},
        "media": [{"extension": [hidden], "comment": "taken on the left"}, {"extension": [open_]}],
        "result": [{"reference": "Observation/o9"}],
    }
    out, _record = redacted(collection(report), mode)
    assert leaks(out) == [] and only(out, "DiagnosticReport")["media"] == [{"extension": [open_]}]


@BOTH
def test_a_file_asked_for_with_a_signed_url_and_a_document_that_replaces_it(mode: Mode) -> None:
    signed = f"{FILE}?X-Amz-Signature=abc&X-Amz-Expires=60"
    document: dict[str, Any] = {"resourceType": "DocumentReference", "status": "current"}
    letter = {"contentType": "application/pdf", "url": "https://store.example/letter.pdf"}
    one = {**document, "id": "d1", "content": [{"attachment": {"contentType": "image/jpeg", "url": signed}}]}
    two = {**document, "id": "d2", "content": [{"attachment": letter}]}
    two["relatesTo"] = [{"code": "replaces", "target": {"reference": f"DocumentReference/{ID}"}}]
    image = {**one, "id": ID, "meta": media()["meta"], "content": [{"attachment": {"url": FILE}}]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [entry(image), entry(one), entry(two)]}
    out, _record = redacted(bundle, mode)
    assert leaks(out) == [] and "X-Amz" not in str(out)
    left = {each["id"]: each for each in resources(out)}
    assert "d1" not in left and "relatesTo" not in left["d2"] and left["d2"]["content"] == two["content"]


@BOTH
def test_lists_of_people_and_things(mode: Mode) -> None:
    group = {"resourceType": "Group", "id": "g1", "type": "device", "actual": True}
    group["member"] = [{"entity": {"reference": f"Media/{ID}"}}, {"entity": {"reference": "Device/d1"}}]
    flag = {"resourceType": "Flag", "id": "f1", "status": "active", "code": {"text": f"see Media/{ID}"}}
    empty = {"resourceType": "List", "id": "l1", "emptyReason": {"text": TITLE}}
    out, record = redacted(collection(group, flag, empty), mode)
    assert leaks(out) == [] and only(out, "Group")["member"] == [{"entity": {"reference": "Device/d1"}}]
    assert {each.id for each in record.findings if each.word == "review"} == {"f1", "l1"}


@BOTH
def test_an_order_and_a_code_that_speak_of_the_picture(mode: Mode) -> None:
    order = {"resourceType": "ServiceRequest", "id": "s1", "subject": {"reference": "Patient/p1"}}
    order["code"] = {"coding": [{"system": "http://snomed.info/sct", "display": "Photography of vulva"}]}
    words = {**order, "id": "s2", "code": {"text": "photo of 4 March 2026"}}
    other = {**order, "id": "s3", "code": {"text": "Blood count of 4 March 2026"}}
    out, record = redacted(collection(order, words, other), mode)
    assert {each.id for each in record.findings if each.word == "review"} == {"s1", "s2"}
    assert only(out, "ServiceRequest") == other


@BOTH
def test_words_in_another_language(mode: Mode) -> None:
    said = {"url": TRANSLATION, "extension": [{"url": "content", "valueString": f"siehe Media/{ID}"}]}
    title: dict[str, Any] = {"url": TRANSLATION, "extension": [{"url": "lang", "valueCode": "de"}, {"url": "content"}]}
    title["extension"][1]["valueString"] = TITLE
    for extension in (said, title):
        out, record = redacted(collection({**PLAIN, "_status": {"extension": [extension]}}), mode)
        assert leaks(out) == [] and record.counts["review"] == 1


@BOTH
def test_where_a_resource_says_that_it_came_from(mode: Mode) -> None:
    meta = {"source": f"{URL}#camera", "profile": ["https://x.example/plain"], "tag": [{"display": ID}]}
    out, _record = redacted(collection({**PLAIN, "meta": meta}), mode)
    assert leaks(out) == [] and only(out, "Observation")["meta"]["profile"] == ["https://x.example/plain"]


@BOTH
def test_a_stub_says_nothing_of_what_it_stands_for(mode: Mode) -> None:
    meta = {**media()["meta"], "source": "https://camera.example", "tag": [{"code": "clinical-photo"}]}
    large = {**media()["content"], "size": 48151, "creation": "2026-03-04"}
    image = media(meta=meta, height=4711, width=815, deviceName="GPS phone", note=[{"text": "x"}], content=large)
    out, _record = redacted({"resourceType": "Bundle", "type": "collection", "entry": [entry(image)]}, mode)
    small = media(id="other", content={"contentType": "image/png"})
    other, _record = redacted({"resourceType": "Bundle", "type": "collection", "entry": [entry(small)]}, mode)
    assert out == other, "two images leave the same, whatever they are"


@BOTH
def test_headers_that_a_bundle_writes_down(mode: Mode) -> None:
    """What a request or an answer said besides its URL: conditions, locations and ETags of the image."""
    asked = {"method": "PUT", "url": "Observation/o1", "ifNoneExist": f"identifier={ID}", "ifMatch": 'W/"3"'}
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [entry(media()), {**entry(PLAIN)}],
    }
    bundle["entry"][1]["request"] = asked
    out, _record = redacted(bundle, mode)
    assert leaks(out) == []
    bundle["entry"][1]["request"] = {**asked, "ifNoneExist": "identifier=another"}
    out, _record = redacted(bundle, mode)
    assert out is not None and out["entry"] == [bundle["entry"][1]]


def label(system: str, code: str) -> dict[str, str]:
    return {"system": system, "code": code}


LABELLED_INSIDE: dict[str, dict[str, Any]] = {
    "consent": {"resourceType": "Consent", "provision": {"securityLabel": [label(ACT_CODE, "SEX")]}},
    "document": {"resourceType": "DocumentReference", "securityLabel": [{"coding": [label(CONFIDENTIALITY, "R")]}]},
    "inline": {**PLAIN, "code": {"extension": [{"url": INLINE_LABEL, "valueCoding": label(CONFIDENTIALITY, "R")}]}},
    "letter": {"resourceType": "Composition", "confidentiality": "R"},
    "tag": {**PLAIN, "meta": {"tag": [label(CONFIDENTIALITY, "R")]}},
    "contained": {**PLAIN, "contained": [{"resourceType": "Media", "id": "i", "meta": media()["meta"]}]},
    "unknown-code": {**PLAIN, "meta": {"security": [label(CONFIDENTIALITY, "XR")]}},
    "unknown-system": {**media(), "meta": {"security": [label("https://x.example/labels", "secret")]}},
    "unlabelled-private-site": {**media(), "meta": {}},
}


@pytest.mark.parametrize("name", LABELLED_INSIDE)
def test_labels_wherever_they_stand_and_private_places_without_one_keep_it_from_an_insurer(name: str) -> None:
    judge = judge_for(on_their_word(Requester.INSURER, TODAY))
    assert not isinstance(judge(LABELLED_INSIDE[name]), Release)
    assert isinstance(judge(PLAIN), Release)
