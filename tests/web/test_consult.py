"""The pages of second opinions: who may open what, and that an anonymised one names nobody anywhere."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from flask import Flask
from PIL import Image

from mappings.model.consent import ConsentAnswer, ConsentScope
from mappings.model.identifiers import FhirBase, LaunchId, Reference
from mappings.model.people import ClinicalSession
from mappings.r4.consent import from_consent
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import AMY, BASE, SAM, session
from tests.web.test_worklist import NURSE, furnish, said, with_consent

FORM = {
    "to": str(NURSE.reference),
    "purpose": "diagnosis",
    "reason": "canary: is it eczema?",
    "checked": ["tattoos", "jewellery", "background", "rare"],
    "anonymised": "yes",
    "consent": "given",
    "right": "patient",
    "quarter_turns": "0",
    "crop": "10 10 60 60",
    "black_out": "0 0 30 30",
}
IDENTITY = ("Amy", "LEE", "9990000018", "999 000 0018", "1984", "Patient/amy", "/amy", "Media/m1", "m1")


def at_sams_chart(launch: str = "nurse-sam") -> ClinicalSession:
    return replace(session(launch, SAM), user=NURSE)


@pytest.fixture
def asker(person: Person, parts: FakeParts) -> Person:
    furnish(parts)
    with_consent(parts)
    parts.sessions.known["nurse-sam"] = at_sams_chart()
    person.get()
    return person


@pytest.fixture
def colleague(asker: Person) -> Person:
    """The nurse, in the same browser, at another patient's chart."""
    there = Person(asker.client, "nurse-sam")
    there.get()
    return there


def ask(asker: Person, **changed: object) -> str:
    response = asker.post("images/Media/m1/opinion", {**FORM, **changed})  # type: ignore[dict-item]
    assert response.status_code == 303, said(response.text)
    return response.location.rsplit("/", 1)[1]


def test_the_copy_is_cut_before_anybody_is_asked(asker: Person) -> None:
    page = asker.get("images/Media/m1/opinion/prepare")
    assert page.status_code == 200 and 'id="editor"' in page.text
    assert asker.get("images/Media/m1/opinion/upright?turns=1").mimetype == "image/jpeg"
    assert asker.get("images/Media/m1/opinion/upright?turns=7").status_code == 400
    on = asker.post(
        "images/Media/m1/opinion/prepare", {"quarter_turns": "1", "crop": "10 10 60 60", "black_out": ["0 0 9 9"]}
    )
    assert on.status_code == 303 and "Amy" not in on.location and "crop=10" in on.location
    shown = asker.get(on.location.split("/l/amy/")[1])
    assert 'value="10 10 60 60"' in shown.text and "No picture of Amy LEE was shared like this before" in said(
        shown.text
    )
    copy = asker.get("images/Media/m1/opinion/copy?crop=10+10+60+60&black_out=0+0+30+30")
    assert copy.headers["Cache-Control"] == "no-store"
    assert Image.open(io.BytesIO(copy.data)).size == (320, 240)


def test_what_is_missing_is_marked_and_nothing_typed_is_lost(asker: Person, parts: FakeParts) -> None:
    response = asker.post("images/Media/m1/opinion", {**FORM, "to": "", "reason": "Ask Amy’s nurse", "checked": []})
    page = said(response.text)
    assert response.status_code == 422
    assert "Choose the colleague." in page and "This names the patient." in page and "Look for each" in page
    assert "Ask Amy’s nurse" in page
    assert parts.bench.opinions.live() == []


def test_the_whole_way_and_the_anonymised_one_names_nobody_anywhere(
    asker: Person, colleague: Person, parts: FakeParts
) -> None:
    id = ask(asker)
    pages = {"list": colleague.get("worklist").text, "asked": colleague.get(f"asked/{id}").text}
    link = re.search(rf'href="([^"]*asked/{id})"', pages["list"])
    assert link is not None
    assert colleague.get(f"asked/{id}/picture").status_code == 400, "not before it is accepted"
    assert colleague.post(f"asked/{id}/answer", {"answer": "Eczema."}).status_code == 400
    pages["accepted"] = colleague.client.post(
        f"/l/nurse-sam/asked/{id}/accept", data=colleague.guard, follow_redirects=True
    ).text
    picture = colleague.get(f"asked/{id}/picture")
    assert (picture.status_code, picture.headers["Cache-Control"]) == (200, "no-store")
    assert picture.headers["Content-Disposition"] == "inline"
    assert picture.data != asker.get("images/Media/m1/opinion/copy?crop=10+10+60+60").data
    missing = colleague.post(f"asked/{id}/answer", {"answer": " "})
    assert missing.status_code == 422 and "Write your answer." in said(missing.text)
    assert colleague.post(f"asked/{id}/answer", {"answer": "canary: eczema."}).status_code == 303
    pages["answered"] = colleague.get(f"asked/{id}").text
    assert colleague.get(f"asked/{id}/picture").status_code == 400
    line = re.search(rf'<li class="app-work__item[^>]*" id="{_item(parts, id)}".*?</li>', pages.pop("list"), re.DOTALL)
    assert line is not None and [word for word in IDENTITY if word in line[0]] == []
    for name, page in pages.items():
        own = page[page.index("<main") :]
        assert [word for word in IDENTITY if word in own] == [], name
        assert "This is not part of the chart that is open" in said(page), name
    one = said(asker.get(f"opinions/{id}").text)
    assert (
        "Answered" in one and "canary: eczema." in one and "Words for the note" in one and "Media/m1, version 1" in one
    )
    assert "Answered" in said(asker.get("images/Media/m1").text) or "answered" in said(
        asker.get("images/Media/m1").text
    )
    assert asker.post(f"opinions/{id}/read").status_code == 303
    audit = repr([each.entry for each in parts.bench.audit.entries() if each.entry.action.startswith("opinion.")])
    assert "canary" not in audit and "Amy" not in audit and "Patient/sam" not in audit


def _item(parts: FakeParts, id: str) -> str:
    done = parts.bench.worklist.of_patient(BASE, AMY.id, done=True)
    return next(each.id for each in done if each.subject == id)


def test_nobody_elses_opinion_opens_and_the_chart_that_is_open_must_be_named(
    asker: Person, colleague: Person, parts: FakeParts, app: Flask
) -> None:
    id = ask(asker)
    for path in (f"asked/{id}", f"asked/{id}/picture"):
        assert asker.get(path).status_code == 404, "who asked is not who was asked"
    assert colleague.get(f"opinions/{id}").status_code == 404
    parts.sessions.known["other"] = replace(at_sams_chart("other"), fhir_base=FhirBase("https://other.example/fhir"))
    other = Person(asker.client, "other")
    assert other.client.get(f"/l/other/asked/{id}").status_code == 404
    assert asker.client.get(f"/l/desk/asked/{id}").status_code == 403
    assert asker.client.get(f"/l/desk/opinions/{id}").status_code == 403
    with app.test_client() as stranger:
        assert stranger.get(f"/l/nurse-sam/asked/{id}", base_url="https://app.example").status_code == 401
    wrong = colleague.client.post(f"/l/nurse-sam/asked/{id}/accept", data={**colleague.guard, "patient": AMY.reference})
    assert wrong.status_code == 409
    assert parts.bench.opinions.get(id).state == "asked"  # type: ignore[arg-type]
    assert LaunchId("other") in parts.sessions.known


def test_withdrawn_at_the_picture_it_is_gone_for_the_colleague_at_once(
    asker: Person, colleague: Person, parts: FakeParts
) -> None:
    id = ask(asker)
    colleague.post(f"asked/{id}/accept")
    assert colleague.get(f"asked/{id}/picture").status_code == 200
    withdrawn = asker.post("images/Media/m1/withdraw", {"scope": str(ConsentScope.SECOND_OPINION), "right": "patient"})
    assert withdrawn.status_code == 303
    assert colleague.get(f"asked/{id}/picture").status_code == 400
    assert "consent does not allow it" in said(colleague.get(f"asked/{id}").text)
    assert parts.bench.vault.items(owner=id) == []
    stopped = said(asker.get("images/Media/m1/opinion/prepare").text)
    assert "Consent to this was withdrawn." in stopped


def test_everything_taken_back_says_no_to_the_colleague_too_whatever_the_record_held(
    asker: Person, colleague: Person, parts: FakeParts
) -> None:
    id = ask(asker)
    with_consent(parts)  # the EHR never kept the yes
    assert asker.post("images/Media/m1/withdraw", {"scope": "all", "right": "patient"}).status_code == 303
    assert colleague.get(f"asked/{id}/picture").status_code == 400
    assert ConsentScope.SECOND_OPINION in parts.bench.kept.get(BASE, Reference("Media/m1")).withdrawn
    now = from_consent(parts.bench.record.read("Consent", "c1"))
    assert now.answer(ConsentScope.SECOND_OPINION) is ConsentAnswer.REFUSED


def test_an_identified_copy_names_the_patient_only_while_somebody_has_agreed_to_look(
    asker: Person, colleague: Person
) -> None:
    id = ask(asker, anonymised="no", identified_reason="canary: she knows her.")

    def page() -> str:
        text = colleague.get(f"asked/{id}").text
        return said(text[text.index("<main") :])

    assert "Said once you agree to look" in page() and "Amy" not in page()
    colleague.post(f"asked/{id}/accept")
    assert "Amy" in page()
    asker.post(f"opinions/{id}/cancel")
    assert "Not said any more" in page() and "Amy" not in page() and "canary" not in page()


def test_cancelled_and_declined_it_ends(asker: Person, colleague: Person) -> None:
    first = ask(asker)
    assert asker.post(f"opinions/{first}/cancel").status_code == 303
    assert "Cancelled" in said(colleague.get(f"asked/{first}").text)
    second = ask(asker, consent="")
    assert colleague.post(f"asked/{second}/decline", {"declined": "I know her family."}).status_code == 303
    assert "I know her family." in said(asker.get(f"opinions/{second}").text)
    assert "shared like this once before" not in said(asker.get("images/Media/m1/opinion").text)
    assert "2 times" in said(asker.get("images/Media/m1/opinion").text)


def test_a_no_is_recorded_and_leads_to_what_was_agreed(asker: Person, parts: FakeParts) -> None:
    response = asker.post("images/Media/m1/opinion", {**FORM, "consent": "refused"})
    assert response.status_code == 303 and response.location.endswith("/images/Media/m1/consent")
    assert parts.bench.opinions.live() == []
