"""Hide from record and wrong patient, as a clinician sees them: what each act says, asks and leaves behind."""

from __future__ import annotations

import datetime as dt
import html
import re
from dataclasses import replace

import pytest

from fhir_plugin.errors import (
    AnswerLost,
    AnswersChanged,
    NotAllowed,
    PluginError,
    RecordUnavailable,
    Refused,
    VersionConflict,
)
from fhir_plugin.web.deleting.words import ACTS, HIDING_REASONS, HIDING_STATES, OFFERED_TO_HIDE
from mappings.model.hiding import HidingReason, HidingState
from mappings.model.identifiers import Reference
from mappings.model.people import Role
from mappings.model.work import WorkKind
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.fake_deletion import HISTORY
from tests.web.test_home import become
from tests.web.test_worklist import add

ONE, CALM = Reference("Media/m1"), Reference("Media/m3")
CANARY = "canary4711 typed"
BARE = re.compile(r"\bdelet(e|es|ed|ing)\b", re.IGNORECASE)


def said(text: str) -> str:
    """What a page says, without its markup."""
    body = text[text.index("<main") : text.index("</main>")]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body)))


def test_a_picture_offers_three_different_acts_and_none_is_called_delete(person: Person) -> None:
    page = person.get("images/Media/m1").text
    names = [act.name for act in ACTS]
    assert names == ["Hide from record", "Wrong patient", "Request permanent deletion"]
    for act in ACTS:
        assert f">{act.name}</a>" in page
        assert act.does in said(page) and act.does_not in said(page)
    assert not BARE.search(said(page))
    for path in ("/images/Media/m1/hide", "/images/Media/m1/wrong-patient", "/deletions/new?image=Media/m1"):
        assert f'href="/l/amy{path}"' in page


@pytest.mark.parametrize("path", ["images/Media/m1/hide", "images/Media/m1/wrong-patient", "hidden", "deletions"])
def test_who_treats_nobody_has_no_part_in_it(person: Person, parts: FakeParts, path: str) -> None:
    become(parts, Role.TRIAGE)
    assert person.get(path).status_code == 403


def test_hiding_asks_why_and_tells_how_it_stands(person: Person, parts: FakeParts) -> None:
    form = person.get("images/Media/m1/hide").text
    assert "Nothing is destroyed." in said(form) and "Forearm, left" in said(form)
    assert form.count('name="reason"') == len(OFFERED_TO_HIDE)
    assert HIDING_REASONS[HidingReason.WRONG_PATIENT] not in said(form), "that is an act of its own"
    done = person.post("images/Media/m1/hide", {"reason": "patient-asked", "words": "She <b>rang</b>"})
    assert done.status_code == 303 and done.headers["Location"].endswith("/hidden/Media/m1")
    after = person.get("hidden/Media/m1").text
    for words in ("Dr Priya Shah", "2 March 2026, 9:30am", "The patient asked for it", HISTORY, "byte for byte"):
        assert words in said(after), words
    assert "She &lt;b&gt;rang&lt;/b&gt;" in after
    assert "Forearm" not in said(after), "what it shows is said nowhere"
    assert "thumbnail" not in after and "1 hidden image" in said(person.get().text)
    assert "Hidden 2 March 2026" in said(person.get("hidden").text)


@pytest.mark.parametrize("path", ["images/Media/m1", "images/Media/m1/hide"])
def test_a_hidden_one_leads_from_old_tabs_to_how_it_stands(person: Person, path: str) -> None:
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    answer = person.get(path)
    assert answer.status_code == 303 and answer.headers["Location"].endswith("/hidden/Media/m1")


def test_what_is_not_hidden_or_not_of_this_patient_is_not_told_of(person: Person) -> None:
    assert person.get("hidden/Media/m1").headers["Location"].endswith("/images/Media/m1")
    assert person.get("images/Media/nobody/hide").status_code == 404
    assert person.get("images/Patient/amy/hide").status_code == 404
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    person.launch = "sam"
    assert "No picture of Samira" in said(person.get("hidden").text)


@pytest.mark.parametrize("act", ["hide", "wrong-patient"])
@pytest.mark.parametrize(
    ("trouble", "status", "words"),
    [
        (None, 422, ""),
        (Refused("It is in a package that is being made."), 409, "It is in a package that is being made."),
        (NotAllowed("Only its own clinicians."), 409, "Only its own clinicians."),
        (AnswersChanged("x"), 409, "has changed this request since"),
        (VersionConflict("x"), 409, "has been changed in the record since"),
        (RecordUnavailable("x"), 503, "Nothing was done."),
        (AnswerLost("x"), 503, "before you press again"),
    ],
    ids=["missing", "refused", "not allowed", "changed", "conflict", "down", "lost"],
)
def test_whatever_goes_wrong_the_form_comes_back_with_every_word(
    person: Person, parts: FakeParts, act: str, trouble: PluginError | None, status: int, words: str
) -> None:
    person.get(f"images/Media/m1/{act}")
    parts.deletion.hiding.trouble = trouble
    typed = {"words": CANARY if act == "hide" or trouble else "  ", "reason": "other" if trouble else ""}
    answer = person.post(f"images/Media/m1/{act}", typed)
    assert answer.status_code == status
    assert "There is a problem" in said(answer.text) and words in said(answer.text)
    assert typed["words"] in answer.text
    if trouble and act == "hide":
        assert 'value="other" checked' in answer.text.replace("  ", " ")
    assert not parts.deletion.hiding.kept


def test_the_wrong_patient_is_told_what_happens_and_what_to_do(person: Person, parts: FakeParts) -> None:
    parts.deletion.hiding.people = {ONE: ("Dr Oak was sent it for a second opinion, 1 March 2026",)}
    form = said(person.get("images/Media/m1/wrong-patient").text)
    assert "Dr Oak was sent it" in form and "must not name another patient" in form
    assert person.post("images/Media/m1/wrong-patient", {"words": "Another wristband"}).status_code == 303
    page = person.get("hidden/Media/m1").text
    for words in (
        "wrong patient",
        "9:30am, 5 March 2026",
        "data protection officer",
        "Dr Oak was sent it",
        "file in the right chart",
        "Requested 2 March 2026: waits for the Caldicott Guardian",
    ):
        assert words in said(page), words
    assert "/restore" not in page, "it is never simply restored"
    parts.clock.advance(hours=73)
    assert "that was by 9:30am, 5 March 2026" in said(person.get("hidden/Media/m1").text)


def test_it_is_kept_for_the_same_person_and_offered_in_another_chart(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/wrong-patient")
    person.post("images/Media/m1/wrong-patient", {"words": "Another wristband"})
    kept = person.post("hidden/Media/m1/hand-over")
    assert kept.status_code == 303
    after = person.get("hidden/Media/m1?handed=1").text
    assert "It waits for you alone" in said(after) and "Samira" not in after
    assert "It was in another chart" not in said(person.get().text), "not in the chart that it came from"
    assert person.post("handed-over/handed-1").status_code == 404
    person.launch = "sam"
    page = person.get().text
    assert "Is it of Samira O’NEILL-CHATTERJEE?" in said(page) and "Amy" not in page
    taken = person.post("handed-over/handed-1")
    assert taken.headers["Location"].endswith("/l/sam/captures/capture-9")
    assert "It was in another chart" not in said(person.get().text)


def test_what_is_not_kept_here_is_said_where_it_was_pressed(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/wrong-patient")
    person.post("images/Media/m1/wrong-patient", {"words": "Another wristband"})
    parts.deletion.hand_overs.trouble = Refused("It is not kept here: save it from the EHR.", code="not-here")
    answer = person.post("hidden/Media/m1/hand-over")
    assert answer.status_code == 409 and "save it from the EHR" in said(answer.text)


def test_the_breach_to_consider_is_work_and_leads_both_ways(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/wrong-patient")
    person.post("images/Media/m1/wrong-patient", {"words": "Another wristband"})
    add(parts, "breach", kind=WorkKind.BREACH, subject=str(ONE))
    assert 'href="/l/amy/worklist/breach"' in person.get("hidden/Media/m1").text
    assert 'href="/l/amy/hidden/Media/m1"' in person.get("worklist/breach").text


def test_restoring_ends_when_policy_says(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    assert "It can be restored until" in said(person.get("hidden/Media/m1").text)
    parts.clock.advance(days=parts.policy.hiding_restorable.days + 1)
    page = person.get("hidden/Media/m1").text
    assert "It could be restored until" in said(page) and "/restore" not in page


def test_one_that_is_hidden_may_turn_out_to_be_of_somebody_else(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    assert "/images/Media/m1/wrong-patient" in person.get("hidden/Media/m1").text
    form = person.get("images/Media/m1/wrong-patient").text
    assert "It is hidden since 2 March 2026" in said(form) and "Forearm" not in form
    person.post("images/Media/m1/wrong-patient", {"words": "Another wristband"})
    assert parts.deletion.hiding.kept[ONE].wrong_patient
    assert person.get("images/Media/m1/wrong-patient").headers["Location"].endswith("/hidden/Media/m1")


def test_restoring_needs_a_reason_and_stays_hidden_until_proven(person: Person, parts: FakeParts) -> None:
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    without = person.post("hidden/Media/m1/restore", {"words": " "})
    assert without.status_code == 422 and "Say why it may be seen again." in said(without.text)
    assert re.search(r"<details[^>]* open", without.text)
    assert person.post("hidden/Media/m1/restore", {"words": "She agrees now"}).status_code == 303
    assert "On its way back" in said(person.get("hidden/Media/m1").text)


@pytest.mark.parametrize("state", HidingState)
def test_every_state_is_told_in_words(person: Person, parts: FakeParts, state: HidingState) -> None:
    person.get("images/Media/m1/hide")
    person.post("images/Media/m1/hide", {"reason": "not-needed"})
    kept = parts.deletion.hiding.kept[ONE]
    parts.deletion.hiding.kept[ONE] = replace(kept, state=state, remains=(), since=kept.since - dt.timedelta(days=1))
    page = person.get("hidden/Media/m1").text
    assert all(words in said(page) for words in HIDING_STATES[state])
    settled = state in (HidingState.HIDDEN, HidingState.HIDDEN_HERE_ONLY)
    assert ("/restore" in page) is settled
    assert ("Look again in a minute" in said(page)) is (state is HidingState.HIDING)


def test_a_sensitive_one_is_acted_on_without_being_shown(person: Person, parts: FakeParts) -> None:
    for act in ("hide", "wrong-patient"):
        page = person.get(f"images/Media/m3/{act}").text
        assert "Body site hidden" in said(page) and "Genital" not in page
        assert "Media/m3/thumbnail" not in page
    parts.gallery.revealed["amy"] = "Direct care"
    assert "Media/m3/thumbnail" in person.get("images/Media/m3/hide").text
