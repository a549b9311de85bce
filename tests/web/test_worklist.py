"""The pages of the practice's list: what triage sees, what is of other patients, how things are given and end."""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import replace

import pytest

from mappings.model.consent import ConsentScope
from mappings.model.identifiers import FhirBase, PatientId, Reference, WorkId
from mappings.model.people import Role, User
from mappings.model.work import WorkItem, WorkKind
from tests.keep.test_withdraw import consent
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import AMY, BASE, DOCTOR, SAM, session

NURSE = User(Reference("Practitioner/nurse"), "Nurse Chidi Okoro", frozenset({Role.CLINICIAN}))
DESK = User(Reference("Practitioner/desk"), "Reception", frozenset({Role.TRIAGE}))
WORDS = "canary: what the patient wrote"


def furnish(parts: FakeParts) -> None:
    """Items of every kind about Sam and Amy, some late, some with somebody who is away."""
    parts.sessions.known["desk"] = replace(session("desk"), user=DESK)
    parts.sessions.known["nurse"] = replace(session("nurse"), user=NURSE)
    for user in (DOCTOR, NURSE, DESK):
        parts.practice.seen(replace(session(), user=user))
    add(parts, "late", due=-30, patient=SAM.id, patient_name=SAM.name, owner=NURSE.reference, owner_name=NURSE.display)
    add(parts, "call", kind=WorkKind.CALL_ME)
    add(parts, "declined", kind=WorkKind.DECLINED, due=5, patient=SAM.id, patient_name=SAM.name)
    parts.concerns.raise_concern(session("amy"), AMY, words="She was frightened.", about="", told="")


def add(parts: FakeParts, id: str, *, due: float = 24, kind: WorkKind = WorkKind.CAME_BACK, **changed: object) -> None:
    now = parts.clock.now()
    item = WorkItem(
        id=WorkId(id),
        kind=kind,
        fhir_base=BASE,
        patient=AMY.id,
        subject=f"subject-{id}",
        created=now - dt.timedelta(hours=36),
        due=now + dt.timedelta(hours=due),
        patient_name=AMY.name,
        words=WORDS,
    )
    parts.bench.worklist.add(replace(item, **changed))  # type: ignore[arg-type]  # fields of WorkItem


@pytest.fixture
def list_of(person: Person, parts: FakeParts) -> Person:
    furnish(parts)
    return person


def said(page: str) -> str:
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page[page.index("<main") :])))


def test_a_clinician_sees_names_kinds_ages_and_what_is_late_in_words(list_of: Person) -> None:
    page = said(list_of.get("worklist?whose=all").text)
    for words in ("Samira O’NEILL-CHATTERJEE", "Wants to be called", "Safeguarding concern", "Late by 30 hours"):
        assert words in page
    assert "Waits for 36 hours" in page and "With Nurse Chidi Okoro" in page
    assert page.count("To see to it: open Samira") == 2, "another patient's items are opened at their own chart"
    assert WORDS not in page, "what was written is read at the chart"


def test_triage_sees_that_something_waits_and_neither_words_nor_a_concern(list_of: Person) -> None:
    list_of.launch = "desk"
    page = list_of.get("worklist?whose=all")
    text = said(page.text)
    assert page.status_code == 200
    assert "For a clinician, today" in text and "Samira" in text
    assert "Safeguarding" not in page.text.split("<main")[1] and WORDS not in page.text
    assert "subject-" not in page.text
    assert "For a clinician" not in said(list_of.get("worklist?whose=all&kind=came-back").text)
    filtered = said(list_of.get("worklist?whose=all&kind=safeguarding").text)
    assert "Would rather not send pictures" in filtered, "a kind that is not theirs to ask for filters nothing"
    for path in ("worklist/call", "concerns/h1"):
        assert list_of.get(path).status_code == 403


def test_items_of_another_ehr_are_nowhere(list_of: Person, parts: FakeParts) -> None:
    add(parts, "theirs", fhir_base=FhirBase("https://other.example/fhir"), patient_name="Other PERSON")
    assert "Other PERSON" not in list_of.get("worklist?whose=all").text
    assert list_of.get("worklist/theirs").status_code == 404
    assert list_of.post("worklist/theirs/owner", {"to": "me"}).status_code == 404


def test_an_item_of_another_patient_does_not_open_at_this_chart(list_of: Person) -> None:
    list_of.get("worklist")
    assert list_of.get("worklist/declined").status_code == 404
    assert list_of.post("worklist/declined/done", {"outcome": "offered", "words": "x"}).status_code == 404


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.CLINICIAN, Role.TRIAGE)])
def test_other_roles_get_nothing(list_of: Person, parts: FakeParts, role: Role) -> None:
    parts.sessions.known["amy"] = replace(session("amy"), user=replace(DOCTOR, roles=frozenset({role})))
    for path in ("worklist", "worklist/away", "worklist/call", "concerns", "reviews/x", "images/Media/m1/consent"):
        assert list_of.get(path).status_code == 403, path


def test_taking_and_giving_moves_the_item_and_of_two_the_second_is_told(list_of: Person, parts: FakeParts) -> None:
    list_of.get("worklist")
    taken = list_of.post("worklist/call/owner", {"to": "me", "owner_seen": "", "whose": "mine"})
    assert taken.status_code == 303 and taken.headers["Location"].endswith("worklist?whose=mine#call")
    assert parts.bench.worklist.get(WorkId("call")).owner == DOCTOR.reference
    late = list_of.post("worklist/call/owner", {"to": NURSE.reference, "owner_seen": ""})
    assert late.status_code == 400 and "taken or passed on" in late.text
    list_of.launch = "desk"
    list_of.get("worklist")
    given = list_of.post("worklist/declined/owner", {"to": NURSE.reference, "owner_seen": ""})
    assert given.status_code == 303
    assert parts.bench.worklist.get(WorkId("declined")).owner == NURSE.reference
    assert list_of.post("worklist/call/owner", {"to": "me", "owner_seen": DOCTOR.reference}).status_code == 422


def test_an_item_ends_with_how_and_what_is_missing_is_marked_with_what_was_typed(
    list_of: Person, parts: FakeParts
) -> None:
    page = list_of.get("worklist/call")
    assert WORDS in page.text
    missing = list_of.post("worklist/call/done", {"outcome": "not-reached", "words": ""})
    assert missing.status_code == 422 and 'href="#words"' in missing.text
    assert re.search(r'value="not-reached"[^>]*checked', missing.text)
    done = list_of.post("worklist/call/done", {"outcome": "not-reached", "words": "Left a message, wrote a letter."})
    assert done.status_code == 303
    item = parts.bench.worklist.get(WorkId("call"))
    assert (item.outcome, item.done_by) == ("not-reached", DOCTOR.reference)
    again = list_of.post("worklist/call/done", {"outcome": "spoken"})
    assert again.status_code == 400 and "done this meanwhile" in again.text


def test_a_mailbox_that_somebody_emptied_for_the_one_who_filed_is_told_to_the_capture(
    list_of: Person, parts: FakeParts
) -> None:
    add(parts, "source", kind=WorkKind.SOURCE, owner=NURSE.reference)
    list_of.get("worklist/source")
    assert list_of.post("worklist/source/done", {"outcome": "emptied"}).status_code == 303
    assert parts.captures.emptied_for == ["subject-source"]


def test_who_is_away_is_covered_and_comes_back(list_of: Person, parts: FakeParts) -> None:
    today = parts.bench.parts.today
    list_of.get("worklist/away")
    days = {"first_day": today.isoformat(), "last_day": (today + dt.timedelta(days=3)).isoformat()}
    people = {"user": NURSE.reference, "cover": DOCTOR.reference}
    assert list_of.post("worklist/away", {**people, "first_day": "soon", "last_day": ""}).status_code == 422
    assert list_of.post("worklist/away", {**people, **days, "cover": NURSE.reference}).status_code == 422
    assert list_of.post("worklist/away", {**people, **days}).status_code == 303
    assert "covering for Nurse Chidi Okoro" in said(list_of.get("worklist").text)
    assert list_of.post("worklist/away/end", {"user": NURSE.reference}).status_code == 303
    assert "Nobody is away" in list_of.get("worklist/away").text


def test_the_gallery_says_quietly_what_is_due_for_this_patient_only(list_of: Person) -> None:
    page = list_of.get().text
    assert 'href="/l/amy/worklist/call"' in page and "2 things wait about this patient" in said(page)
    list_of.launch = "sam"
    assert "Wants to be called" not in list_of.get().text


@pytest.mark.parametrize(
    ("kind", "changed", "page"),
    [
        (WorkKind.CAME_BACK, {}, "photo-requests"),
        (WorkKind.SECOND_PERSON, {}, "captures/subject-w/second-person"),
        (WorkKind.SECOND_PERSON, {"not_by": DOCTOR.reference}, "worklist/w"),
        (WorkKind.UNSOLICITED, {"owner": DOCTOR.reference}, "worklist/w"),
        (WorkKind.UNSOLICITED, {"owner": NURSE.reference}, "worklist/w"),
        (WorkKind.URGENT_REVIEW, {}, "worklist/w"),
        (WorkKind.MATURITY, {}, "reviews/w"),
        (WorkKind.RETENTION, {}, "reviews/w"),
        (WorkKind.SAFEGUARDING, {}, "concerns/subject-w"),
    ],
)
def test_each_kind_leads_to_where_it_is_seen_to(
    person: Person, parts: FakeParts, kind: WorkKind, changed: dict[str, object], page: str
) -> None:
    add(parts, "w", kind=kind, **changed)  # type: ignore[arg-type]  # fields of WorkItem
    assert f'class="app-due__one"><a href="/l/amy/{page}"' in person.get().text


def test_what_nobody_asked_for_is_gone_on_with_from_its_item(person: Person, parts: FakeParts) -> None:
    add(parts, "w", kind=WorkKind.UNSOLICITED, owner=NURSE.reference, owner_name="Nurse Chidi Okoro")
    add(parts, "call")
    page = person.get("worklist/w").text
    assert "Nurse Chidi Okoro has it" in said(page) and f'name="owner_seen" value="{NURSE.reference}"' in page
    gone_on = person.post("worklist/w/take-over", {"owner_seen": NURSE.reference})
    assert gone_on.status_code == 303 and gone_on.location.endswith("/captures/subject-w")
    assert parts.captures.taken_over == [("subject-w", NURSE.reference)]
    assert person.post("worklist/call/take-over", {"owner_seen": ""}).status_code == 400


def test_every_page_of_clinicians_and_triage_leads_to_raising_a_concern(list_of: Person) -> None:
    for launch, path in (("amy", ""), ("amy", "worklist"), ("amy", "worklist/call"), ("desk", "home")):
        list_of.launch = launch
        assert f'href="/l/{launch}/concerns"' in list_of.get(path).text


def test_a_concern_is_raised_read_and_closed(person: Person, parts: FakeParts) -> None:
    person.get("concerns")
    empty = person.post("concerns", {"words": " ", "about": "her father"})
    assert empty.status_code == 422 and "her father" in empty.text
    raised = person.post("concerns", {"words": "A bruise in the shape of a hand.", "told": "Lead"})
    assert raised.status_code == 303
    page = person.get("concerns?raised=1")
    assert "written down" in page.text and "It is in the record" in page.text
    hold = parts.bench.holds.of_patient(BASE, AMY.id)[0]
    one = person.get(f"concerns/{hold.id}")
    assert "A bruise in the shape of a hand." in one.text
    assert person.post(f"concerns/{hold.id}/close", {"because": ""}).status_code == 422
    assert person.post(f"concerns/{hold.id}/close", {"because": "Referred."}).status_code == 303
    assert parts.concerns.held(BASE, AMY.id) == ()
    assert person.post(f"concerns/{hold.id}/close", {"because": "Again."}).status_code == 400
    person.launch = "sam"
    assert person.get(f"concerns/{hold.id}").status_code == 404


def test_triage_raises_a_concern_without_reading_others(list_of: Person) -> None:
    list_of.launch = "desk"
    page = list_of.get("concerns")
    assert "She was frightened" not in page.text and "What keeps" not in page.text
    assert list_of.post("concerns", {"words": "He shouted at her in the waiting room."}).status_code == 303
    assert "He shouted" not in list_of.get("concerns?raised=1").text


def test_a_complaint_holds_everything_until_it_is_closed(person: Person, parts: FakeParts) -> None:
    person.get("concerns")
    assert person.post("concerns/holds", {"kind": "complaint", "hold_words": ""}).status_code == 422
    assert person.post("concerns/holds", {"kind": "safeguarding", "hold_words": "x"}).status_code == 400
    assert person.post("concerns/holds", {"kind": "gossip", "hold_words": "x"}).status_code == 400
    assert person.post("concerns/holds", {"kind": "complaint", "hold_words": "The wait."}).status_code == 303
    assert [reason.code for reason in parts.concerns.held(BASE, AMY.id)] == ["open-complaint"]


# --------------------------------------------------------------------------------------- consent and reviews


def with_consent(parts: FakeParts) -> None:
    from mappings.model.identifiers import CaptureId
    from mappings.model.kept import KeptImage
    from mappings.r4.consent import to_consent

    given = consent(ConsentScope.RECEIVE, ConsentScope.STORE, ConsentScope.TEACHING)
    parts.bench.record.put(to_consent(given, images=[Reference("Media/m1")], id="c1"))
    now = parts.clock.now()
    image = KeptImage(
        BASE, Reference("Media/m1"), PatientId("amy"), CaptureId("capture-1"), now, Reference("Consent/c1")
    )
    parts.bench.kept.keep(image)


def test_consent_is_shown_by_scope_and_taken_back_with_one_press(person: Person, parts: FakeParts) -> None:
    with_consent(parts)
    page = person.get("images/Media/m1/consent")
    assert page.text.count('name="scope"') == 4, "one for each scope, and one for everything"
    assert "Use the image for teaching" in page.text and "erases nothing by itself" in page.text
    back = person.post("images/Media/m1/withdraw", {"scope": "teaching", "right": "patient"})
    assert back.status_code == 303
    assert "withdrawn" in said(person.get("images/Media/m1/consent").text)
    assert person.post("images/Media/m1/withdraw", {"scope": "all", "right": "patient"}).status_code == 303
    assert parts.bench.kept.get(BASE, Reference("Media/m1")).withdrawn == {"receive", "store", "teaching"}
    wrong = person.post("images/Media/m1/withdraw", {"scope": "store", "right": "parent"})
    assert wrong.status_code == 422
    assert person.post("images/Media/m1/withdraw", {"scope": "everything"}).status_code == 400


def test_a_review_leads_on_to_hiding_and_destroying_and_ends_with_a_reason(person: Person, parts: FakeParts) -> None:
    with_consent(parts)
    person.get("images/Media/m1/consent")
    person.post("images/Media/m1/withdraw", {"scope": "store", "right": "patient"})
    item = parts.bench.worklist.of_patient(BASE, AMY.id)[0]
    page = person.get(f"reviews/{item.id}")
    assert "Every picture of this review is hidden" in page.text and "Nothing is destroyed by saying so" in page.text
    assert 'href="/l/amy/images/Media/m1/hide"' in page.text
    assert f'href="/l/amy/deletions/new?review={item.id}"' in page.text
    assert f'href="/l/amy/reviews/{item.id}"' in person.get().text
    assert person.post(f"reviews/{item.id}", {"outcome": "", "words": "x"}).status_code == 422
    wish = person.post(f"reviews/{item.id}", {"outcome": "wish-hidden", "words": "She asked."})
    assert wish.headers["Location"].endswith(f"/reviews/{item.id}")
    kept = person.post(f"reviews/{item.id}", {"outcome": "keep", "words": "The referral needs it."})
    assert kept.headers["Location"].endswith("/worklist")
    person.launch = "sam"
    assert person.get(f"reviews/{item.id}").status_code == 404


def test_a_picture_from_before_somebody_grew_up_is_warned_of(person: Person, parts: FakeParts) -> None:
    with_consent(parts)
    image = parts.bench.kept.get(BASE, Reference("Media/m1"))
    parts.bench.kept.keep(replace(image, birth_date=AMY.birth_date, review_at_18=parts.bench.parts.today))
    assert "1 picture is from before Amy LEE grew up" in said(person.get().text)


def test_wishes_of_the_dead_are_recorded_and_those_of_the_living_are_asked(person: Person, parts: FakeParts) -> None:
    with_consent(parts)
    page = person.get("wishes")
    assert "does not say" in page.text
    assert person.post("wishes", {"wishes": "x"}).status_code == 400
    parts.captures.patients[AMY.id] = replace(AMY, deceased=True)
    person.get("wishes")
    assert person.post("wishes", {"wishes": ""}).status_code == 422
    assert person.post("wishes", {"wishes": "To be kept for her children."}).status_code == 303
    assert "To be kept for her children." in person.get("wishes").text
