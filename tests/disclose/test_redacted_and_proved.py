"""The judge, the redactor and the proof together: what the one withholds and the other takes out, the third misses."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.decide import Together, judge_for, on_their_word, shipped_rules
from fhir_plugin.disclose.prove import Clean, Leaks, prove, what_to_look_for
from fhir_plugin.disclose.proven import NotProven, Proven, prove_record, redact_and_prove
from fhir_plugin.disclose.redact import Part, redact_documents
from mappings.model.disclosure import Mode, Requester
from tests.disclose.decide.items import TODAY, coding

Json = dict[str, Any]
PICTURE = base64.b64encode(random.Random(3).randbytes(900)).decode()


def record() -> list[Json]:
    """A photograph, its bytes, and everything that likes to speak of a photograph."""
    labels = {"security": [coding("R"), coding("SEX")]}
    pointer = {"reference": "https://ehr.example/fhir/Media/photo-11/_history/2", "display": "photo-11.jpg"}
    return [
        {"resourceType": "Patient", "id": "p1", "birthDate": "1980-05-01"},
        {
            "resourceType": "Media",
            "id": "photo-11",
            "meta": labels,
            "status": "completed",
            "subject": {"reference": "Patient/p1"},
            "content": {"contentType": "image/jpeg", "url": "Binary/bytes-11", "title": "photo-11.jpg"},
        },
        {
            "resourceType": "Binary",
            "id": "bytes-11",
            "contentType": "image/jpeg",
            "securityContext": {"reference": "Media/photo-11"},
            "data": PICTURE,
        },
        {
            "resourceType": "DiagnosticReport",
            "id": "d1",
            "status": "final",
            "code": {"text": "Report"},
            "media": [{"comment": "taken today", "link": pointer}],
        },
        {"resourceType": "List", "id": "l1", "status": "current", "mode": "working", "entry": [{"item": pointer}]},
        {
            "resourceType": "Observation",
            "id": "o1",
            "status": "final",
            "code": {"text": "Length"},
            "derivedFrom": [pointer],
            "_status": {"extension": [{"url": "urn:x", "valueReference": pointer}]},
        },
        {
            "resourceType": "Media",
            "id": "photo-111",
            "status": "completed",
            "content": {"contentType": "image/jpeg", "title": "photo-111.jpg", "data": PICTURE[::-1].replace("=", "A")},
        },
    ]


def redacted(requester: Requester, resources: list[Json], mode: Mode) -> tuple[bytes, ...]:
    parts = [Part("record.ndjson", json.dumps(each).encode(), line) for line, each in enumerate(resources, 1)]
    judge = judge_for(on_their_word(requester, TODAY), around=Together(resources))
    return tuple(part.data for part in redact_documents(parts, judge, mode).parts)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("as_bundle", [False, True])
def test_an_insurers_copy_is_clean_and_the_record_itself_is_not(mode: Mode, as_bundle: bool) -> None:
    resources = record()
    needles = what_to_look_for(resources[1:3])
    given_ = resources
    if as_bundle:
        entries = [
            {"fullUrl": f"https://ehr.example/fhir/{each['resourceType']}/{each['id']}", "resource": each}
            for each in resources
        ]
        given_ = [{"resourceType": "Bundle", "type": "collection", "entry": entries}]
    assert isinstance(prove([("record", [json.dumps(each).encode() for each in resources])], needles), Leaks)
    out = redacted(Requester.INSURER, given_, mode)
    assert isinstance(prove([("record", out)], needles), Clean)
    whole = b"\n".join(out)
    assert b"photo-111" in whole and b'"o1"' in whole and b'"p1"' in whole


def test_the_patients_copy_is_whole() -> None:
    resources = record()
    assert [json.loads(each) for each in redacted(Requester.PATIENT, resources, Mode.MARKED)] == resources


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 11)), st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=25))
def test_random_graphs_of_references(private: set[int], references: list[tuple[int, int]]) -> None:
    """Ids that are prefixes of others, cycles and self references: nothing withheld is found, nothing else is lost."""
    resources: list[Json] = []
    for number in range(12):
        media: Json = {
            "resourceType": "Media",
            "id": f"img-{number}",
            "status": "completed",
            "content": {"contentType": "image/png", "title": f"file-{number:03}.png"},
        }
        if number in private:
            media["meta"] = {"security": [coding("R")]}
        pointed = [{"reference": f"Media/img-{to}"} for source, to in references if source == number]
        if pointed:
            media["basedOn"] = pointed
        resources.append(media)
    needles = what_to_look_for(resources[number] for number in private)
    for mode in Mode:
        out = redacted(Requester.INSURER, resources, mode)
        assert isinstance(prove([("record", out)], needles), Clean)
        kept = {json.loads(each)["id"] for each in out}
        assert {f"img-{number}" for number in range(12) if number not in private} <= kept


HEADING = [
    "Clinical photography, 22 November 2026",
    "Taken during this consultation, picture taken by me, on our organisation's device.",
]
END = ["Advice: emollient twice daily. Come back if it spreads, weeps or becomes painful."]
ALONE = ["An intimate image.", "Gone on without a chaperone because: would rather have nobody else there"]


def note(id_: str, *lines: str, labels: tuple[str, ...] = ()) -> Json:
    data = base64.b64encode("\n".join(lines).encode()).decode()
    return {
        "resourceType": "DocumentReference",
        "id": id_,
        "status": "current",
        "subject": {"reference": "Patient/p1"},
        "meta": {"security": [coding(each) for each in labels]},
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}],
    }


PRIVATE = note("note-private", *HEADING, *ALONE, *END, labels=("R", "SEX"))


def done(*resources: Json) -> Proven:
    parts = [Part("record.ndjson", json.dumps(each).encode(), line) for line, each in enumerate(resources, 1)]
    return redact_and_prove(parts, on_their_word(Requester.INSURER, TODAY), Mode.MARKED, rules=shipped_rules())


def proven(*resources: Json) -> dict[str, str]:
    """What became of each."""
    return {each.id: each.word for each in done(*resources).record.findings}


def test_the_other_note_of_a_visit_goes_out() -> None:
    usual = note("note-usual", *HEADING, "Stored in the record: left forearm.", *END)
    assert proven(PRIVATE, usual) == {"note-private": "redact", "note-usual": "release"}


def test_a_note_that_copies_the_private_one_does_not_go_out() -> None:
    whole = "\n".join([*HEADING, *ALONE, *END])
    for copy in (whole, f"Dear colleague,\n{whole}\nKind regards"):
        assert "release" not in proven(PRIVATE, note("note-copy", copy)).values()
    for copy in ("> " + whole.replace("\n", "\n> "), " ".join(whole.split()), whole.replace("\n", "\n\n")):
        with pytest.raises(NotProven):  # which the redactor does not know for a copy
            proven(PRIVATE, note("note-copy", copy))
    said = {"resourceType": "Communication", "id": "c1", "status": "completed", "payload": [{"contentString": whole}]}
    with pytest.raises(NotProven):
        proven(PRIVATE, said)


def test_words_of_the_private_note_that_no_decision_let_out_are_found() -> None:
    out = done(PRIVATE, note("note-2", *HEADING, *END))
    with pytest.raises(NotProven):
        prove_record([*out.record.parts, Part("cover.txt", ALONE[1].encode())], out.needles)
    prove_record([*out.record.parts, Part("cover.txt", HEADING[1].encode())], out.needles)
