"""What a clinician reads after the button: the truth in each of the states that filing can be in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.receipt import MESSAGES, Receipt
from mappings.model.identifiers import CaptureId, IntentId, Sha256
from tests.web.conftest import Person
from tests.web.fake import FakeParts


def reach(person: Person, parts: FakeParts, state: str, **rest: object) -> str:
    capture, _ = person.ready()
    parts.captures.outcomes[CaptureId(capture)] = Receipt(CaptureId(capture), state, MESSAGES[state], **rest)  # type: ignore[arg-type] # fields by name
    assert person.post(f"captures/{capture}/file").status_code == 303
    return capture


def test_while_filing_the_page_looks_again_by_itself_and_then_reloads(person: Person, parts: FakeParts) -> None:
    capture = reach(person, parts, "filing", retry_after=4.0)
    page = person.get(f"captures/{capture}/receipt")
    assert 'hx-trigger="every 4s"' in page.text
    assert '<meta http-equiv="refresh" content="4; url=?unattended=1">' in page.text
    again = person.get(f"captures/{capture}/receipt", **{"HX-Request": "true"})
    assert again.text.lstrip().startswith("<div")
    assert "HX-Refresh" not in again.headers
    parts.captures.outcomes[CaptureId(capture)] = Receipt(CaptureId(capture), "filed", MESSAGES["filed"])
    assert person.get(f"captures/{capture}/receipt", **{"HX-Request": "true"}).headers["HX-Refresh"] == "true"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting-for-sign-in", "open the app again"),
        ("unresolved", "Do not file these pictures again"),
        ("nothing-current", "Your pictures and answers are still here"),
    ],
)
def test_what_did_not_end_well_says_what_to_do_and_does_not_poll(
    person: Person, parts: FakeParts, state: str, words: str
) -> None:
    page = person.get(f"captures/{reach(person, parts, state)}/receipt")
    assert words in page.text
    assert "every " not in page.text
    assert "Read back and identical" not in page.text


def test_somebody_may_ask_the_record_now(person: Person, parts: FakeParts) -> None:
    capture = reach(person, parts, "unresolved")
    assert person.post(f"captures/{capture}/resume").headers["Location"].endswith("/receipt")
    assert parts.captures.resumed == [capture]


def test_after_a_try_that_was_taken_back_the_screen_says_so(person: Person, parts: FakeParts) -> None:
    capture = reach(person, parts, "nothing-current")
    draft = parts.captures.drafts[CaptureId(capture)]
    parts.captures.drafts[CaptureId(capture)] = replace(draft, state=DraftState.OPEN, intent=IntentId("i"))
    screen = person.get(f"captures/{capture}")
    assert screen.status_code == 200
    assert "The last try did not go through" in screen.text
    assert "Change it or try again" in person.get(f"captures/{capture}/receipt").text


def test_the_mailbox_is_still_to_be_emptied_until_somebody_says_so(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready(arrival="other", taken_on="2026-03-01")
    person.post(f"captures/{capture}/file")
    receipt = person.get(f"captures/{capture}/receipt").text
    assert "Still to do" in receipt
    assert "mailbox" in receipt
    assert person.post(f"captures/{capture}/source-emptied").status_code == 303
    assert "that this is done" in person.get(f"captures/{capture}/receipt").text


def test_what_remains_elsewhere_is_said(person: Person, parts: FakeParts) -> None:
    capture = reach(person, parts, "nothing-current", residue=("Old versions stay readable in the EHR's history.",))
    assert "Old versions stay readable" in person.get(f"captures/{capture}/receipt").text


def test_an_open_capture_has_no_receipt_yet(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    parts.captures.outcomes[CaptureId(capture)] = Receipt(CaptureId(capture), "open", MESSAGES["open"])
    assert person.get(f"captures/{capture}/receipt").headers["Location"] == f"/l/amy/captures/{capture}"


@pytest.mark.parametrize("read_back", ["", "f" * 64])
def test_only_what_was_proved_is_called_identical(person: Person, parts: FakeParts, read_back: str) -> None:
    capture, _ = person.ready()
    person.post(f"captures/{capture}/file")
    outcome = parts.captures.outcomes[CaptureId(capture)]
    unproved = replace(outcome.filed[0], sha256_read_back=Sha256(read_back))
    parts.captures.outcomes[CaptureId(capture)] = replace(outcome, message="", filed=(unproved,))
    receipt = person.get(f"captures/{capture}/receipt").text
    assert "Read back and identical" not in receipt
    assert "Not read back yet" in receipt


def test_the_receipt_tells_what_was_written_about_consent_and_not_what_the_form_says_now(
    person: Person, parts: FakeParts
) -> None:
    capture, _ = person.ready()
    assert person.post(f"captures/{capture}/file").status_code == 303
    page = person.get(f"captures/{capture}/receipt").text
    assert "Receive the image: given. Store the image in the record: not asked. Spoken." in page
    assert "A deputy appointed by the court (Jo &lt;b&gt;Test&lt;/b&gt;)" in page
    assert "strict/2026.11" in page
    assert "<dt>Decision</dt><dd><code>QuestionnaireResponse/q1</code></dd>" in page
