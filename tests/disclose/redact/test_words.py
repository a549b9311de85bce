"""Words that name or may speak of what is withheld: narratives, notes, titles, displays."""

from __future__ import annotations

import base64

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    FILE,
    HASH,
    ID,
    PLAIN,
    TITLE,
    collection,
    leaks,
    media,
    narrative,
    only,
    redacted,
    resources,
)


@BOTH
@pytest.mark.parametrize(
    "words",
    [
        f"see Media/{ID}.",
        TITLE.upper(),
        f"file {FILE}",
        f"<img src='Media%2F{ID}'>",
        "Vulva, picture of today",
        "photo of 4 March 2026",
        "taken 04/03/2026 (photograph)",
        "1.2.826.0.1.4711.8 on PACS",
        f"hash {HASH}",
    ],
)
def test_a_narrative_that_tells_is_dropped_and_one_by_a_person_waits(words: str, mode: Mode) -> None:
    out, _record = redacted(collection({**PLAIN, "text": narrative(words)}), mode)
    left = only(out, "Observation")
    assert "text" not in left and left["code"] == PLAIN["code"]
    out, record = redacted(collection({**PLAIN, "text": narrative(words, "additional")}), mode)
    assert all(each["resourceType"] != "Observation" for each in resources(out))
    assert record.counts["review"] == 1
    out, record = redacted(collection({**PLAIN, "note": [{"text": words}]}), mode)
    assert all(each["resourceType"] != "Observation" for each in resources(out))
    assert {each["rule"] for each in (one.as_json() for one in record.findings) if each["verdict"] == "review"} <= {
        "free-text-names-withheld",
        "free-text-may-speak-of-withheld",
    }


@BOTH
@pytest.mark.parametrize("words", ["all well", "Vulva: no lesion", "seen on 4 March 2026", "photosensitive rash", "a"])
def test_words_that_speak_of_no_picture_stay(words: str, mode: Mode) -> None:
    resource = {**PLAIN, "text": narrative(words), "note": [{"text": words}]}
    out, record = redacted(collection(resource), mode)
    assert only(out, "Observation") == resource
    assert record.counts["review"] == 0


def test_another_patients_words_are_not_about_this_patients_image() -> None:
    other = {**PLAIN, "subject": {"reference": "Patient/p2"}, "note": [{"text": "photo of 4 March 2026"}]}
    out, _record = redacted(collection(other), Mode.SILENT)
    assert only(out, "Observation") == other


def test_words_may_speak_of_a_picture_of_nobody_as_of_ones_own() -> None:
    """Where two are withheld, one of this patient and one that does not say of whom, a day of either is asked about."""
    nobodys = media(id="of-nobody", identifier=[], createdDateTime="2026-05-06", content={})
    del nobodys["subject"]
    for day in ("4 March 2026", "6 May 2026"):
        said = {**PLAIN, "note": [{"text": f"photo of {day}"}]}
        _out, record = redacted(collection(nobodys, said), Mode.SILENT)
        assert {each.id for each in record.findings if each.word == "review"} == {"o1"}


def test_what_a_person_has_read_goes_out() -> None:
    resource = {**PLAIN, "note": [{"text": "photo of 4 March 2026"}]}
    out, _record = redacted(collection(resource), Mode.SILENT, cleared=["Observation/o1"])
    assert only(out, "Observation") == resource


@BOTH
def test_a_reference_by_display_alone_waits_for_a_person(mode: Mode) -> None:
    out, record = redacted(collection({**PLAIN, "derivedFrom": [{"display": TITLE}]}), mode)
    assert leaks(out) == [] and record.counts["review"] == 1


def letter(words: str) -> dict[str, object]:
    content = {"contentType": "text/plain", "data": base64.b64encode(words.encode()).decode()}
    named = {"resourceType": "DocumentReference", "id": "letter-1", "status": "current"}
    return {**named, "subject": {"reference": "Patient/p1"}, "content": [{"attachment": content}]}


@BOTH
def test_a_letter_that_speaks_of_the_picture_and_its_place_waits_for_a_person(mode: Mode) -> None:
    told = letter("4 March 2026\nOne image was taken.\nStored in the record: Vulva, left. Seen by nobody else.")
    out, record = redacted(collection(told), mode)
    assert all(each["resourceType"] != "DocumentReference" for each in resources(out))
    asked = [one.as_json()["rule"] for one in record.findings if one.as_json()["verdict"] == "review"]
    assert asked == ["free-text-may-speak-of-withheld"]
    out, _record = redacted(collection(told), mode, cleared=["DocumentReference/letter-1"])
    assert only(out, "DocumentReference") == told


@BOTH
@pytest.mark.parametrize(
    "words", ["4 March 2026\nOne image was taken.\nThe forearm.", "Vulva: no lesion\nKind regards"]
)
def test_a_letter_of_the_same_day_or_without_a_picture_goes_out(words: str, mode: Mode) -> None:
    out, record = redacted(collection(letter(words)), mode)
    assert only(out, "DocumentReference") == letter(words) and record.counts["review"] == 0
