"""A letter that stays is found by what it alone says; two letters of one clinic are not the same, and a copy is."""

from __future__ import annotations

import base64
import json
import textwrap
from typing import Any

import pytest

from fhir_plugin.disclose.kept_back import KeptBack
from fhir_plugin.disclose.prove import Clean, Kind, Letters, Needles, prove, what_to_look_for
from fhir_plugin.disclose.redact import Part
from fhir_plugin.disclose.redact.places import places
from tests.disclose.prove.wrapped import PADDING

Json = dict[str, Any]

HEADING = [
    "Clinical photography, 22 November 2026",
    "Reason for image: a rash on the forearm, to compare in two weeks",
    "Taken during this consultation, picture taken by me, on our organisation's device.",
]
END = ["Advice: emollient twice daily. Come back if it spreads, weeps or becomes painful.", "Dr A. Example"]
PARTICULAR = "Gone on without a chaperone because: would rather have nobody else there"
OURS = "\n".join([*HEADING, "An intimate image.", PARTICULAR, *END])
SIBLING = "\n".join([*HEADING, "Stored in the record: left forearm.", *END])


def document(text: str, id_: str = "withheld-1", **more: object) -> Json:
    attachment = {"contentType": "text/plain", "data": base64.b64encode(text.encode()).decode()}
    return {"resourceType": "DocumentReference", "id": id_, "content": [{"attachment": attachment}], **more}


def finds(data: bytes, needles: Needles) -> list[Kind]:
    answer = prove([("record.json", [data])], needles)
    return [] if isinstance(answer, Clean) else [find.kind for find in answer.finds]


def line(resource: Json) -> bytes:
    return json.dumps(resource).encode()


def test_two_notes_of_one_visit_are_not_the_same() -> None:
    sibling = document(SIBLING, "note-2")
    assert finds(line(sibling), what_to_look_for([document(OURS)])) == [Kind.WORDS]
    needles = what_to_look_for([document(OURS)], released=[sibling])
    assert not finds(line(sibling), needles) and not finds(SIBLING.encode(), needles)
    for leak in (PARTICULAR, f"He wrote: '{PARTICULAR}'.", f"<p>{PARTICULAR}</p>", OURS):
        assert finds(leak.encode(), needles) == [Kind.WORDS], leak
        assert finds(b'"' + base64.b64encode(PADDING + leak.encode()), needles) == [Kind.WORDS], leak


@pytest.mark.parametrize(
    "copy",
    [
        OURS,
        f"Dear colleague,\n{OURS}\nKind regards",
        textwrap.indent(OURS, "> "),
        f'"{OURS}"',
        OURS.replace("\n", "\r\n"),
        textwrap.fill(OURS, 70),
        "<html xmlns='http://www.w3.org/1999/xhtml'><p>" + OURS.replace("\n", "</p><p>") + "</p></html>",
    ],
)
def test_a_copy_of_a_whole_letter_makes_nothing_common_and_is_found(copy: str) -> None:
    elsewhere = document(copy, "note-3")
    for also in ([], [document(SIBLING, "note-2")]):
        for released in ([elsewhere, *also], [*also, elsewhere]):
            needles = what_to_look_for([document(OURS)], released=released)
            assert finds(line(elsewhere), needles) == [Kind.WORDS]
    said = {"resourceType": "Communication", "id": "c1", "payload": [{"contentString": copy}]}
    needles = what_to_look_for([document(OURS)], released=[said])
    assert finds(line(said), needles) == [Kind.WORDS]


def test_a_letter_that_differs_in_a_few_letters_only_is_no_copy() -> None:
    other = document(OURS.replace("An intimate image.\n", "").replace(PARTICULAR, "Chaperone: declined"), "note-2")
    assert not finds(line(other), what_to_look_for([document(OURS)], released=[other]))
    short = document(OURS.replace("An intimate image.\n", ""), "note-2")
    needles = what_to_look_for([document(OURS)], released=[short])
    assert not finds(line(short), needles)


@pytest.mark.parametrize(
    "pointer", ["DocumentReference/withheld-1", "https://ehr.example/DocumentReference/withheld-1"]
)
def test_what_points_at_a_letter_that_stays_makes_nothing_common(pointer: str) -> None:
    quoting = document(SIBLING, "note-2", relatesTo=[{"code": "appends", "target": {"reference": pointer}}])
    needles = what_to_look_for([document(OURS)], released=[quoting])
    assert Kind.WORDS in finds(SIBLING.encode(), needles)
    other = document(SIBLING, "note-2", relatesTo=[{"code": "appends", "target": {"reference": pointer + "1"}}])
    assert not finds(SIBLING.encode(), what_to_look_for([document(OURS)], released=[other]))


def test_what_another_resource_says_in_its_own_words_names_no_letter() -> None:
    address = "Department of Dermatology, Example Hospital, 12 Long Street, Leeds"
    letter = document(f"{address}\n{PARTICULAR}")
    organisation = {"resourceType": "Organization", "id": "o1", "alias": [address]}
    assert finds(line(organisation), what_to_look_for([letter])) == [Kind.WORDS]
    needles = what_to_look_for([letter], released=[organisation])
    assert not finds(line(organisation), needles) and finds(PARTICULAR.encode(), needles)


def test_a_third_of_a_long_letter_is_found_wherever_it_is() -> None:
    lines = [f"On day {number} the wound number {number} was seen and dressed again." for number in range(300)]
    needles = what_to_look_for([document("\n".join(lines))])
    assert sum(each.kind is Kind.WORDS for each in needles.needles) <= 8
    for start in range(0, 200, 7):
        assert finds("\n".join(lines[start : start + 100]).encode(), needles) == [Kind.WORDS], start
    long = " ".join(lines)
    assert finds(long[5000:12000].encode(), what_to_look_for([document(long)])) == [Kind.WORDS]


def test_tags_headings_and_signatures_are_not_what_a_letter_says() -> None:
    page = '<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><title>Letter</title><p>It&#39;s {}</p></html>'
    words = "the wound that nobody else may ever know about"
    needles = what_to_look_for([document(page.format(words))])
    assert not finds(page.format("something else that everybody knows").encode(), needles)
    assert finds(page.format(words).encode(), needles) and finds(f"It's {words}".encode(), needles)
    signature = {"when": "2026-03-04", "who": {}, "data": base64.b64encode(OURS.encode()).decode()}
    assert not said_of({"resourceType": "Provenance", "id": "s1", "signature": [signature]})


def said_of(resource: Json) -> list[bytes]:
    letters = Letters()
    letters.add(resource)
    return list(letters.pieces())


@pytest.mark.parametrize(
    "text",
    [
        "day;size;colour\n" + ";".join(f"{n};{n}cm;red" for n in range(400)),
        "患者" + "は傷の写真を撮りましたがそれは秘密です" * 3,
    ],
)
def test_a_text_without_spaces_is_found_too(text: str) -> None:
    needles = what_to_look_for([document(text)])
    assert finds(text.encode(), needles) == [Kind.WORDS]
    assert not finds(("other " + SIBLING).encode(), needles)


def kept_back(stay: list[Json], record: list[Json]) -> Needles:
    parts = [Part("record.ndjson", line(each), number) for number, each in enumerate(record, 1)]
    kept = KeptBack()
    for part, each in zip(parts, record, strict=True):
        kept.add(place for place in places(each, part.place) if place.resource in stay)
    kept.beside(parts)
    return kept.needles()


def test_of_a_record_only_what_goes_out_makes_common() -> None:
    private, twin = document(OURS), document(OURS.replace("rash", "rash and itch"))
    del twin["id"]
    usual = document(SIBLING, "note-2")
    bundle = {"resourceType": "Bundle", "entry": [{"resource": twin}, {"resource": {"resourceType": "Patient"}}]}
    record = [private, bundle, usual]
    needles = kept_back([private, twin], record)
    assert not finds(line(usual), needles)
    assert finds(PARTICULAR.encode(), needles) == [Kind.WORDS]  # both letters that stay say it
    assert set(finds(line(twin), needles)) == {Kind.WORDS}
    assert not finds(PARTICULAR.encode(), kept_back([private], record)), "the twin goes out, and is no copy"
    assert finds(line(usual), kept_back([private], [private])) == [Kind.WORDS]


@pytest.mark.parametrize(
    "said", ['He said: "it is nothing of the kind that you have seen"', "Café crème à la carte, trente-trois fois"]
)
def test_escapes_do_not_hide_what_goes_out(said: str) -> None:
    private, other = document(f"{said}\n{PARTICULAR}"), document(f"{said}\nNothing else.", "note-2")
    assert not finds(line(other), kept_back([private], [private, other]))
