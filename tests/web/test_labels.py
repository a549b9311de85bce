"""The pages of labels: what it is and who set it, changing it, a second clinician's answer, the list as a set."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from mappings.model.identifiers import LaunchId, Reference
from mappings.model.label_change import LabelLevel, LabelReason
from mappings.model.work import WorkKind
from tests.fakes.practice_parts import PracticeBench
from tests.keep.labelled import OURS, filed, foreign, lose_labels, on_server
from tests.keep.relabelling import INTIMATE, WHY, lower, standing
from tests.keep.test_label_review import BREAST
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.work.test_practice import NURSE, at

PAGE = f"images/{OURS}/label"


@pytest.fixture
def bench(parts: FakeParts) -> PracticeBench:
    return parts.bench


def seen(text: str) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', text)
    assert found
    return found[1]


def offered(text: str) -> list[str]:
    return re.findall(r'name="chosen"[^>]* value="([^"]+)"', text)


def test_the_picture_says_who_set_its_label_and_leads_to_it(person: Person, bench: PracticeBench) -> None:
    filed(bench)
    page = person.get(f"images/{OURS}").text
    assert "Label set by" in page and "Dr Shah" in page
    assert f'href="/l/amy/{PAGE}"' in page
    one = person.get(PAGE)
    assert one.status_code == 200
    for words in ("Ordinary", "Usual confidentiality of the record", "filed as “ordinary”", "The signature holds."):
        assert words in one.text, words
    assert "SEX" not in one.text and "ActCode" not in one.text


def test_a_stricter_label_needs_no_reason_and_counts_at_once(person: Person, bench: PracticeBench) -> None:
    filed(bench)
    page = person.get(PAGE).text
    assert "A stricter label counts at once." in page
    changed = person.post(PAGE, {"level": "intimate", "seen": seen(page), "words": "More <b>than</b> I saw"})
    assert changed.status_code == 303 and changed.headers["Location"].endswith(PAGE)
    assert {"R", "SEX"} <= on_server(bench, OURS)
    after = person.get(PAGE).text
    assert "set to “private area” by Dr Priya Shah" in after
    assert "It shows a private area." in after
    assert "I saw" not in after and "opens with the picture" in after
    bench.clock.advance(seconds=5)
    bench.gallery.reveal(replace(at(), launch_id=LaunchId("amy")), OURS, bench.policy.reveal_reasons[0])
    assert "More &lt;b&gt;than&lt;/b&gt; I saw" in person.get(PAGE).text


def test_what_is_missing_is_marked_and_every_word_stays(person: Person, bench: PracticeBench) -> None:
    filed(bench, *INTIMATE)
    page = person.get(PAGE).text
    nothing = person.post(PAGE, {"seen": seen(page), "words": "canary words"})
    assert nothing.status_code == 422 and "Choose a label." in nothing.text and "canary words" in nothing.text
    unsaid = person.post(PAGE, {"level": "ordinary", "seen": seen(page), "words": "canary words"})
    assert unsaid.status_code == 422 and "Say why it may be less strict." in unsaid.text
    assert "canary words" in unsaid.text and 'value="ordinary" checked' in unsaid.text.replace("  ", " ")
    assert person.post(PAGE, {"level": "nonsense", "seen": seen(page)}).status_code == 422
    assert person.post(PAGE, {"level": "private", "reason": "nonsense", "seen": seen(page)}).status_code == 400
    assert person.post(PAGE, {"level": "private", "seen": "0" * 64}).status_code == 400
    assert on_server(bench, OURS) >= {"R", "SEX"}


def test_a_less_strict_label_is_asked_of_a_second_clinician(person: Person, bench: PracticeBench) -> None:
    filed(bench, *INTIMATE)
    page = person.get(PAGE).text
    assert "and a second clinician who agrees" in page
    form = {"level": "ordinary", "reason": LabelReason.LABELLED_WRONGLY.value, "words": WHY, "seen": seen(page)}
    assert person.post(PAGE, form).status_code == 303
    assert on_server(bench, OURS) >= {"R", "SEX"}
    [item] = bench.worklist.of_patient(at().fhir_base, at().patient_id)
    assert item.kind is WorkKind.SECOND_PERSON
    asked = person.get(PAGE).text
    assert "asks for a second clinician" in asked and f"/labels/{item.id}" in asked
    mine = person.get(f"labels/{item.id}").text
    assert "somebody else has to answer it" in mine and 'name="agrees"' not in mine
    refused = person.post(f"labels/{item.id}", {"agrees": "yes", "seen": "0" * 64})
    assert refused.status_code == 403
    assert person.post(f"labels/{item.id}/take-back").status_code == 303
    assert standing(bench).asked is None


def test_the_second_clinician_comes_from_the_list_and_answers(person: Person, bench: PracticeBench) -> None:
    filed(bench, *INTIMATE)
    lower(bench, session=at(NURSE))
    [item] = bench.worklist.of_patient(at().fhir_base, at().patient_id)
    assert f"/labels/{item.id}" in person.get("worklist").text
    page = person.get(f"labels/{item.id}").text
    for words in ("Nurse Okoro asks for a second clinician", "Private area", "Ordinary", WHY):
        assert words in page, words
    unsaid = person.post(f"labels/{item.id}", {"seen": seen(page), "words": "canary"})
    assert unsaid.status_code == 422 and "Choose whether you agree." in unsaid.text and "canary" in unsaid.text
    unsaid = person.post(f"labels/{item.id}", {"seen": seen(page), "agrees": "no"})
    assert unsaid.status_code == 422 and "why not" in unsaid.text
    assert person.post(f"labels/{item.id}", {"seen": seen(page), "agrees": "yes"}).status_code == 303
    assert on_server(bench, OURS) == {"N", "PATRPT"}
    assert "Dr Priya Shah agreed" in person.get(PAGE).text
    assert person.get(f"labels/{item.id}").status_code == 404


def test_where_the_ehr_cannot_take_a_label_away_the_page_says_so(person: Person, bench: PracticeBench) -> None:
    filed(bench, *INTIMATE)
    lower(bench, session=at(NURSE))
    [item] = bench.worklist.of_patient(at().fhir_base, at().patient_id)
    record = bench.record
    record._merges_labels, record._meta_operations = True, False  # type: ignore[attr-defined]  # as such a server is
    page = person.get(f"labels/{item.id}").text
    person.post(f"labels/{item.id}", {"seen": seen(page), "agrees": "yes"})
    after = person.get(PAGE).text
    assert "never takes one away" in after and "Private area" in after


def test_the_gallery_has_a_quiet_line_only_when_something_waits(person: Person, bench: PracticeBench) -> None:
    assert "may need a label" not in person.get().text
    for number in range(3):
        foreign(bench, reference=Reference(f"Media/x{number}"), bodySite=BREAST)
    page = person.get().text
    assert "3 images may need a label" in page and 'href="/l/amy/label-review"' in page
    assert "Nothing to do" not in person.get("label-review").text


def test_a_set_is_labelled_and_another_is_noted_as_ordinary(person: Person, bench: PracticeBench) -> None:
    for number in range(4):
        foreign(bench, reference=Reference(f"Media/x{number}"), bodySite=BREAST)
    page = person.get("label-review")
    choices = offered(page.text)
    assert len(choices) == 4 and "Its body site is a private area." in page.text
    nothing = person.post("label-review", {"act": "confirm"})
    assert nothing.status_code == 422 and "Choose at least one picture." in nothing.text
    done = person.post("label-review", {"act": "confirm", "chosen": choices[:2]})
    assert done.status_code == 303
    assert "2 pictures were labelled; 2 left." in person.get(done.headers["Location"].split("/amy/")[1]).text
    unsaid = person.post("label-review", {"act": "ordinary", "chosen": choices[2]})
    assert unsaid.status_code == 422 and "checked" in unsaid.text
    form = {"act": "ordinary", "words": "A plaster cast", "chosen": choices[2:]}
    assert person.post("label-review", form).status_code == 303
    assert "Nothing to do" in person.get("label-review").text
    labelled = [number for number in range(4) if "SEX" in on_server(bench, Reference(f"Media/x{number}"))]
    assert len(labelled) == 2


def test_what_a_server_lost_is_given_back_and_is_never_ordinary(person: Person, bench: PracticeBench) -> None:
    filed(bench, *INTIMATE)
    lose_labels(bench, OURS)
    assert "not the one that was signed" in person.get(PAGE).text
    page = person.get("label-review").text
    assert "The record no longer has the label that was set." in page and "cannot be noted as ordinary" in page
    assert "They are ordinary" not in page
    [choice] = offered(page)
    forced = person.post("label-review", {"act": "ordinary", "chosen": choice, "words": "It is fine"})
    assert forced.status_code == 400
    assert person.post("label-review", {"act": "confirm", "chosen": choice}).status_code == 303
    assert on_server(bench, OURS) == {each.code for each in INTIMATE}


def test_a_page_of_another_patient_writes_nothing(person: Person, bench: PracticeBench) -> None:
    filed(bench)
    page = person.get(PAGE).text
    person.get()
    person.launch = "sam"
    assert person.get(PAGE).status_code == 404
    person.launch = "amy"
    person.get(PAGE)
    person.guard["patient"] = "https://ehr.example/fhir/Patient/sam"
    for path, form in (
        (PAGE, {"level": LabelLevel.INTIMATE.value, "seen": seen(page)}),
        ("label-review", {"act": "confirm", "chosen": f"{OURS} {'0' * 64}"}),
    ):
        assert person.post(path, form).status_code == 409
    assert on_server(bench, OURS) == {"N", "PATRPT"}


@pytest.mark.parametrize("address", ["images/Patient/m1/label", "images/Media/none/label", "labels/none"])
def test_what_is_not_there_does_not_exist(person: Person, address: str) -> None:
    assert person.get(address).status_code == 404
