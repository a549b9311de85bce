"""A Bundle of which not all is read gives what the whole gives when all of it is read: the same bytes and report."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.decide import glance_for, judge_for, on_their_word
from fhir_plugin.disclose.redact import BlockSurvey, Glance, Part, RedactedRecord, Redaction, UnreadableRecord
from fhir_plugin.disclose.redact import redact_documents as redact
from fhir_plugin.disclose.redact.entries import open_bundle
from fhir_plugin.disclose.redact.strict import MAX_DEPTH, AsItCame, read, write
from fhir_plugin.disclose.redact.unread import Unread
from mappings.model.disclosure import Judge, Mode, Release, Requester
from tests.disclose.redact.records import FORMS, ID, TITLE, URL, UUID, by_label, media, reason
from tests.disclose.redact.test_blocks import HOSTILE, PARTS, TEXT

ASKED = on_their_word(Requester.INSURER, dt.date(2026, 1, 1))


def by_keys(_type: str, keys: frozenset[str]) -> tuple[Release, tuple[bytes, ...]] | None:
    """What `by_label` says of every resource without labels."""
    return None if "security" in keys else (Release(reason("open")), ())


JUDGES: list[tuple[Judge, Glance]] = [(by_label, by_keys), (judge_for(ASKED), glance_for(ASKED))]
EXTRAS: list[dict[str, Any]] = [
    *PARTS,
    {"signature": [{"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "who": {"reference": "Patient/p1"}}]},
    {"target": [{"reference": f"Media/{ID}"}]},
    {"identifier": [{"system": "urn:x", "value": "7"}]},
    {"valueDecimal": 72.5},
    {"presentedForm": [{"contentType": "image/png", "data": "AAAA" * 20, "title": "photo 2 of 3"}]},
    {"presentedForm": [{"contentType": "text/plain", "data": "!", "title": TITLE}]},
    {"conclusion": "x", "media": [{"link": {"reference": URL}}]},
]
TYPES = ["Observation", "DiagnosticReport", "Provenance", "Patient", "Bundle", "AuditEvent", "Unheard", "Parameters"]
AROUND: list[dict[str, Any]] = [
    {},
    {"search": {"mode": "match"}},
    {"search": {"mode": "include", "score": 1}},
    {"request": {"method": "GET", "url": f"Media/{ID}"}},
    {"link": [{"relation": "self", "url": "x"}]},
]


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """One of a Bundle: innocent, labelled, or with something in it that may be a pointer."""
    kind, number = draw(st.sampled_from(TYPES)), draw(st.integers(1, 4))
    resource: dict[str, Any] = {"resourceType": kind, "id": draw(st.sampled_from([f"r{number}", ID, "withheld-3"]))}
    if draw(st.booleans()):
        resource["derivedFrom"] = [draw(st.sampled_from(list(FORMS.values())))]
    if draw(st.booleans()):
        resource["note"] = [{"text": draw(TEXT)}]
    if draw(st.booleans()):
        resource |= draw(st.sampled_from(EXTRAS))
    if draw(st.integers(0, 5)) == 0:
        resource = draw(st.sampled_from([media(), media(id=UUID, meta={}, identifier=[]), {"resourceType": "Media"}]))
    urls = [None, f"urn:uuid:{UUID}", f"https://ehr.example/fhir/{kind}/{resource.get('id')}", "urn:é"]
    url = draw(st.sampled_from(urls))
    return {**({"fullUrl": url} if url else {}), "resource": resource, **draw(st.sampled_from(AROUND))}


@st.composite
def bundles(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from(["collection", "searchset", "history", "document"]))
    bundle: dict[str, Any] = {"resourceType": "Bundle", "id": "b", "type": kind}
    if draw(st.booleans()):
        bundle |= {"total": 5, "link": [{"relation": "next", "url": "https://x.example/?a=b"}]}
    if draw(st.integers(0, 7)) == 0:
        bundle["meta"] = media()["meta"]
    bundle["entry"] = draw(st.lists(entries(), min_size=3, max_size=9))
    if draw(st.booleans()):
        bundle["signature"] = {"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "data": "AAAA"}
    style: dict[str, Any] = draw(st.sampled_from([{}, {"separators": (",", ":")}, {"indent": 1}]))
    return json.dumps(bundle, ensure_ascii=draw(st.booleans()), **style).encode()


def said(record: RedactedRecord) -> list[object]:
    """Everything that a redaction says, its bytes aside."""
    return [
        record.counts,
        [each.as_json() for each in record.findings],
        [(each.path, each.full_url, each.resource) for each in record.kept_back],
        record.common,
    ]


@settings(max_examples=100)
@given(st.lists(bundles(), min_size=1, max_size=2), st.sampled_from(Mode), st.sampled_from(JUDGES))
def test_what_is_left_unread_changes_nothing(texts: list[bytes], mode: Mode, by: tuple[Judge, Glance]) -> None:
    parts = [Part(f"b{number}", text) for number, text in enumerate(texts)]
    slow, quick = redact(parts, by[0], mode), redact(parts, by[0], mode, glance=by[1])
    assert said(quick) == said(slow)
    assert [each.name for each in quick.parts] == [each.name for each in slow.parts]
    for one, other, came in zip(quick.parts, slow.parts, texts, strict=False):
        assert write(read(one.data)) == write(read(other.data))
        if other.data == came:
            assert one.data == came


@settings(max_examples=100)
@given(bundles(), st.data(), st.sampled_from(JUDGES))
def test_what_is_refused_is_refused_unread(text: bytes, data: st.DataObject, by: tuple[Judge, Glance]) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        at, gone = data.draw(st.integers(0, len(text))), data.draw(st.integers(0, 2))
        text = text[:at] + data.draw(st.sampled_from(HOSTILE)) + text[at + gone :]
    assert outcome(text, by[0], by[1]) == outcome(text, by[0], None)


def outcome(text: bytes, judge: Judge, glance: Glance | None) -> object:
    """Why it is refused, or all that is said of it and what goes out."""
    try:
        record = redact([Part("b", text)], judge, Mode.MARKED, glance=glance)
    except UnreadableRecord as refused:
        return refused.code
    return said(record), [write(read(each.data)) for each in record.parts]


def plain(number: int) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": f"o{number}", "valueQuantity": {"value": number}}


def bundle_of(*resources: dict[str, Any], **more: Any) -> bytes:
    entry = [{"fullUrl": f"urn:x:{number}", "resource": each} for number, each in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", **more, "entry": entry}).encode()


def unread(data: bytes) -> int:
    opened = open_bundle(data, BlockSurvey(Redaction(by_label, Mode.MARKED), by_keys))
    found = opened.bundle["entry"] if opened is not None else []
    assert isinstance(found, list)
    return sum(isinstance(each, AsItCame) and isinstance(each["resource"], Unread) for each in found)


def test_most_of_a_bundle_is_left_unread() -> None:
    data = bundle_of(media(), *(plain(number) for number in range(20)))
    assert unread(data) == 20
    styles: list[dict[str, Any]] = [{"separators": (",", ":")}, {"indent": 2}, {"indent": "\t"}]
    for style in styles:
        assert unread(json.dumps(json.loads(data), **style).encode()) == 20
    (out,) = redact([Part("b", data)], by_label, Mode.MARKED, glance=by_keys).parts
    assert json.loads(out.data)["entry"][1:] == json.loads(data)["entry"][1:]
    assert json.dumps(plain(7)).encode() in out.data


def test_two_lists_of_entries_are_refused() -> None:
    data = bundle_of(*(plain(number) for number in range(9)))
    twice = data[:-1] + b',"entry":[' + json.dumps({"resource": media()}).encode() + b"]}"
    assert unread(twice) == 0
    with pytest.raises(UnreadableRecord):
        redact([Part("b", twice)], by_label, Mode.MARKED, glance=by_keys)


@pytest.mark.parametrize("levels", [MAX_DEPTH - 7, MAX_DEPTH - 6, MAX_DEPTH - 5, MAX_DEPTH - 4, MAX_DEPTH])
def test_it_nests_no_deeper_than_any_other_document(levels: int) -> None:
    deep: object = 1
    for _ in range(levels):
        deep = {"extension": deep}
    data = bundle_of(*(plain(number) for number in range(5)), {"resourceType": "Basic", "x": deep})
    told = []
    for glance in (None, by_keys):
        try:
            told.append(redact([Part("b", data)], by_label, Mode.MARKED, glance=glance).counts["release"])
        except UnreadableRecord as refused:
            told.append(refused.code == "depth")
    assert told[0] == told[1]


def test_what_is_withheld_as_a_whole_is_read_as_a_whole() -> None:
    """Another document that points at what was inside a withheld Bundle loses its pointer."""
    inner = {**plain(1), "identifier": [{"system": "urn:x", "value": "number-4711-x"}]}
    held = bundle_of(inner, *(plain(number) for number in range(2, 9)), meta={"security": [{"code": "V"}]})
    pointing = {"resourceType": "Goal", "id": "g", "addresses": [{"identifier": inner["identifier"][0]}]}
    parts = [Part("a", held), Part("b", json.dumps(pointing).encode())]
    for glance in (None, by_keys):
        record = redact(parts, by_label, Mode.SILENT, glance=glance)
        assert b"4711" not in b"".join(each.data for each in record.parts)
