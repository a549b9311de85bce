"""Adding pictures: what is answered, saved, refused and filed, without a browser."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from fhir_plugin.capture.decide import WORTH_KEEPING
from fhir_plugin.capture.unasked import Handled
from fhir_plugin.errors import Incomplete, PluginError, RecordUnavailable, SignInNeeded, WrongPatient
from fhir_plugin.policy.ruling import Reason
from fhir_plugin.web.capture import errors_in_order
from fhir_plugin.web.questions import FILLS
from mappings.model.identifiers import CaptureId, ImageId
from tests.web.conftest import FOREHEAD, READY, Person
from tests.web.fake import FakeParts
from tests.web.people import DOCTOR


def test_from_nothing_to_a_receipt(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    screen = person.get(f"captures/{capture}")
    assert "Removed: location, phone model and time" in screen.text
    assert "Ready to file" in screen.text
    assert "Reason for image: Is it infected?" in screen.text
    filed = person.post(f"captures/{capture}/file")
    assert (filed.status_code, filed.headers["Location"]) == (303, f"/l/amy/captures/{capture}/receipt")
    assert parts.captures.filed_with[0][0] == "amy"
    receipt = person.get(f"captures/{capture}/receipt")
    for words in (
        "1 image filed",
        "Read back and identical",
        "Forehead",
        "Dr Priya Shah",
        "Consent/c1",
        f"Media/{image}",
    ):
        assert words in receipt.text
    assert person.get(f"captures/{capture}").headers["Location"].endswith("/receipt")


def test_nothing_is_ticked_before_anybody_answers(person: Person) -> None:
    capture = person.begin()
    person.add(capture)
    screen = person.get(f"captures/{capture}").text
    assert " checked" not in screen
    assert " selected" not in screen


def test_answers_are_kept_valid_or_not_and_cleared_when_unticked(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    image = person.add(capture).headers["X-Image"]
    typed = {"whole": "yes", "image": image, "purpose": " ", "taken_on": "last week", "capacity_doubt": "yes"}
    person.post(f"captures/{capture}/answers", typed)
    shared = parts.captures.drafts[CaptureId(capture)].answers.shared
    assert (shared["purpose"], shared["taken_on"], shared["capacity_doubt"]) == (" ", "last week", "yes")
    person.post(f"captures/{capture}/answers", {"whole": "yes", "image": image, "purpose": "x"})
    shared = parts.captures.drafts[CaptureId(capture)].answers.shared
    assert (shared["purpose"], shared["capacity_doubt"]) == ("x", "")


def test_a_page_says_nothing_about_pictures_that_it_does_not_show(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    person.post(f"captures/{capture}/answers", {"whole": "yes", "purpose": "from another tab"})
    draft = parts.captures.drafts[CaptureId(capture)]
    assert draft.answers.per_image[ImageId(image)]["site"] == FOREHEAD


def test_autosave_answers_with_where_things_stand(person: Person) -> None:
    capture = person.begin()
    image = person.add(capture).headers["X-Image"]
    answer = person.client.put(
        f"/l/amy/captures/{capture}/answers",
        data={**READY, "whole": "yes", "image": image, "intimacy": "intimate"},
        headers={**person.script_headers, "HX-Request": "true"},
    )
    assert answer.status_code == 200
    assert answer.text.lstrip().startswith("<section")
    assert 'id="more"' in answer.text and 'hx-swap-oob="true"' in answer.text
    assert "Was a chaperone offered?" in answer.text
    assert "G-R193" in answer.text and "policy strict" in answer.text
    assert "Which part of the body" not in answer.text, "that is asked beside the picture"
    assert 'data-missing="' in answer.text and "chaperone" in answer.text.split('data-missing="')[1].split('"')[0]


@pytest.mark.parametrize(
    ("changed", "question", "why"),
    [
        ({"intimacy": "intimate"}, "Was a chaperone offered?", "G-R193"),
        ({"capacity_doubt": "yes"}, "Does the patient lack capacity", "G-R81"),
        ({"arrival": "unasked", "taken_on": "2026-03-01"}, "Have you spoken to the patient", "G-R116"),
        ({"arrival": "other", "taken_unknown": "yes"}, "Why is keeping it, apart from taking it", "G-R111"),
        ({"photographer": "family-carer"}, "Does the patient agree to this person taking it?", "G-R336"),
    ],
)
def test_a_flag_opens_its_own_questions_and_loses_nothing(
    person: Person, parts: FakeParts, changed: dict[str, str], question: str, why: str
) -> None:
    capture, _ = person.ready(**changed)
    screen = person.get(f"captures/{capture}")
    assert screen.text.count('id="open-question"') == 1, "one question at a time"
    assert question in screen.text and why in screen.text
    forced = person.post(f"captures/{capture}/file")
    assert forced.status_code == 422
    assert parts.captures.filed_with == []
    assert "Is it infected?" in forced.text


def test_answers_one_after_the_other_without_scripts(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready(photographer="family-carer")
    said = person.post(f"captures/{capture}/answers", {"asked": "helper_agreed", "helper_agreed": "yes", "next": "yes"})
    assert said.headers["Location"].endswith("#more")
    screen = person.get(f"captures/{capture}").text
    assert "Does the patient agree to this person taking it?" in screen and "Change" in screen
    assert "all answered" in screen and 'id="open-question"' not in screen
    person.post(f"captures/{capture}/answers", {"purpose": "Another tab", "whole": "yes"})
    assert parts.captures.drafts[CaptureId(capture)].answers.shared["helper_agreed"] == "yes"
    person.post(f"captures/{capture}/answers", {"asked": "helper_agreed"})
    assert parts.captures.drafts[CaptureId(capture)].answers.shared["helper_agreed"] == ""


def test_one_tap_says_several_things_and_every_one_can_be_seen(person: Person, parts: FakeParts) -> None:
    capture = person.begin()
    person.add(capture)
    for name, fills in FILLS.items():
        person.post(f"captures/{capture}/answers", {"whole": "yes", "purpose": "why", "at_once": name})
        said = parts.captures.drafts[CaptureId(capture)].answers.shared
        assert fills.items() <= said.items() and said["purpose"] == "why"
        screen = person.get(f"captures/{capture}").text
        for field, value in fills.items():
            assert re.search(rf'name="{field}"[^>]*value="{value}" checked', screen), (field, value)


def test_nobody_agrees_for_somebody_else_in_one_tap(person: Person) -> None:
    capture, _ = person.ready(capacity_doubt="yes", lacks_capacity="yes")
    assert 'id="at-once-agreed"' not in person.get(f"captures/{capture}").text
    assert 'id="at-once-agreed"' in person.get(f"captures/{person.ready()[0]}").text


def test_store_says_face_to_face_and_offers_why(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready(parity="yes", face_to_face="")
    own = parts.captures.drafts[CaptureId(capture)].answers.per_image[ImageId(image)]
    assert own["face_to_face"] == "yes"
    screen = person.get(f"captures/{capture}").text
    assert "Ready to file" in screen and WORTH_KEEPING in screen
    person.post(f"captures/{capture}/answers", {"parity": "yes", "image": image, f"decision-{image}": "describe"})
    own = parts.captures.drafts[CaptureId(capture)].answers.per_image[ImageId(image)]
    assert (own["face_to_face"], own["store_justification"]) == ("", "")


def test_an_image_that_nobody_asked_for_has_no_pixel_on_the_page(person: Person, parts: FakeParts) -> None:
    person.get()
    capture = person.post("captures", {"at_once": "unasked"}).headers["Location"].rsplit("/", 1)[1]
    card = person.add(capture)
    image = card.headers["X-Image"]
    for page in (card.text, person.get(f"captures/{capture}").text):
        assert "Held unseen" in page and f"images/{image}/thumbnail" not in page
        assert "edit" not in page.split("app-card__tools")[1][:200]
    parts.captures.handled = [Handled(parts.clock.now(), "Received and sealed, unseen", DOCTOR.reference, True)]
    handling = person.get(f"captures/{capture}").text.partition("What happened to it so far")[2]
    assert "Received and sealed, unseen" in handling
    reached = {"contact": "reached", "contact_words": "She sent it to the wrong practice", "lacks_capacity": "no"}
    reached |= {"consent_view": "given", "capacity_words": "Understood and weighed it up"}
    answer = person.post(
        f"captures/{capture}/answers",
        {**READY, **reached, "arrival": "unasked", "photographer": "patient", "image": image, "on_page": image},
        **{"HX-Request": "true"},
    )
    assert f"images/{image}/thumbnail" in answer.text, "now it may be seen"


def test_a_picture_that_is_not_on_the_page_yet_gets_no_piece_of_it(person: Person, parts: FakeParts) -> None:
    person.get()
    capture = person.post("captures").headers["Location"].rsplit("/", 1)[1]
    image, other = (person.add(capture).headers["X-Image"] for _ in range(2))
    said = {**READY, "image": image, "on_page": image}
    answer = person.post(f"captures/{capture}/answers", said, **{"HX-Request": "true"})
    assert f'id="seen-{image}"' in answer.text
    assert f'id="seen-{other}"' not in answer.text and f'id="worth-{other}"' not in answer.text


def test_a_record_that_changed_meanwhile_is_looked_at_again(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    draft = parts.captures.drafts[CaptureId(capture)]
    parts.captures.drafts[CaptureId(capture)] = replace(draft, identity="as they were called before")
    screen = person.get(f"captures/{capture}").text
    assert "The record names the patient differently now" in screen
    assert person.post(f"captures/{capture}/file").status_code == 422
    assert person.post(f"captures/{capture}/same-patient").status_code == 303
    assert "Ready to file" in person.get(f"captures/{capture}").text


def test_what_is_missing_is_listed_with_links_and_every_word_stays(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    own = {"image": image, "whole": "yes", f"site-{image}": "", f"decision-{image}": "store"}
    answer = person.post(f"captures/{capture}/file", {**READY, **own, "findings": "", "advice": "Rest <b>well</b>"})
    assert answer.status_code == 422
    assert "Not filed yet" in answer.text
    assert f'href="#site-{image}"' in answer.text
    assert 'href="#findings"' in answer.text
    assert "Rest &lt;b&gt;well&lt;/b&gt;" in answer.text
    assert "<title>Error:" in answer.text
    assert parts.captures.filed_with == []


def test_describe_only_writes_a_note_and_the_button_says_so(person: Person) -> None:
    capture, _ = person.ready("describe")
    assert "Write note to Amy LEE’s record" in person.get(f"captures/{capture}").text
    person.post(f"captures/{capture}/file")
    receipt = person.get(f"captures/{capture}/receipt").text
    assert "Note written" in receipt
    assert "described in the note" in receipt


def test_discard_and_undo(person: Person, parts: FakeParts) -> None:
    capture, image = person.ready()
    refused = person.post(f"captures/{capture}/images/{image}/discard")
    assert refused.status_code == 400 and "Say why it is not needed" in refused.text
    person.post(f"captures/{capture}/images/{image}/discard", {"because": "duplicate"})
    screen = person.get(f"captures/{capture}").text
    assert "It was never filed" in screen
    assert "Undo until 9:40am" in screen
    assert "Ready to file" in screen and "Write note to" in screen, "what came and why it was not kept is written"
    person.post(f"captures/{capture}/images/{image}/keep")
    assert "Undo until" not in person.get(f"captures/{capture}").text
    everything = person.post(f"captures/{capture}/discard", {"because": "sent-in-error"})
    assert everything.headers["Location"].endswith(f"/captures/{capture}/receipt")
    assert "No picture was filed" in person.get(f"captures/{capture}/receipt").text
    empty = person.begin()
    assert person.post(f"captures/{empty}/discard").headers["Location"] == "/l/amy/"


def test_nothing_can_be_discarded_while_a_concern_is_open(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    parts.captures.held = (Reason("open-concern", "A safeguarding concern is open.", "Nothing is destroyed."),)
    screen = person.get(f"captures/{capture}").text
    assert screen.count("A safeguarding concern is open.") >= 2
    assert 'name="because"' not in screen


def test_sites_are_found_by_word_and_by_region(person: Person) -> None:
    found = person.get("captures/sites?q=kne").json
    assert found is not None
    assert found["sites"][0]["display"] == "Knee"
    assert found["sites"][0]["paired"] is True
    region = person.get("captures/sites?region=hand").json
    assert region is not None
    assert region["sites"]
    assert person.get("captures/sites?region=nowhere").json == {"sites": []}
    for typed, side in (("left knee", "left"), ("knee r", "right"), ("both knees", "both"), ("left right knee", "")):
        sided = person.get(f"captures/sites?q={typed}").json
        assert sided is not None and sided["sites"][0]["side"] == side, typed
    assert found["sites"][0]["side"] == "", "nobody gets a side that nobody typed"


def test_another_patients_capture_does_not_exist_here(person: Person) -> None:
    capture, image = person.ready()
    person.launch = "sam"
    person.get()
    for path in ("", "/receipt", f"/images/{image}/edit", f"/images/{image}/thumbnail"):
        assert person.get(f"captures/{capture}{path}").status_code == 404


def test_filing_that_the_flow_refuses_shows_what_is_missing(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    parts.captures.trouble["file"] = Incomplete("answers are missing", fields={"purpose": "Say why."})
    answer = person.post(f"captures/{capture}/file")
    assert answer.status_code == 422
    assert 'href="#purpose"' in answer.text
    parts.captures.trouble["file"] = RecordUnavailable("The EHR does not answer.")
    assert person.post(f"captures/{capture}/file").status_code == 503
    assert person.post(f"captures/{capture}/file").status_code == 303


def test_errors_are_listed_in_the_order_of_the_page() -> None:
    numbers = {ImageId("b"): 2, ImageId("a"): 1}
    errors = {"advice": "Advise.", "decision-b": "Choose.", "purpose": "Say why.", "site-a": "Where?"}
    texts = [each["text"] for each in errors_in_order(errors, numbers)]
    assert texts == ["Picture 1: Where?", "Picture 2: Choose.", "Say why.", "Advise."]


@pytest.mark.parametrize("error", [RecordUnavailable("The EHR does not answer."), SignInNeeded("Its token ended.")])
def test_words_are_kept_and_called_saved_while_the_ehr_cannot_be_asked(
    person: Person, parts: FakeParts, error: PluginError
) -> None:
    capture, _ = person.ready()
    path, script = f"captures/{capture}/answers", {"HX-Request": "true"}
    parts.captures.trouble["patient"] = error
    saved = person.post(path, {"advice": "By a script"}, **script)
    assert (saved.status_code, saved.text) == (204, ""), "htmx keeps what it shows"
    assert "By a script" in person.get(f"captures/{capture}").text
    parts.captures.trouble["patient"] = error
    assert person.post(path, {"advice": "By a form"}).status_code in (401, 503), "a form must show a page"
    assert "By a form" in person.get(f"captures/{capture}").text


def test_a_refusal_while_saving_is_not_taken_for_an_ehr_that_is_down(person: Person, parts: FakeParts) -> None:
    capture, _ = person.ready()
    parts.captures.trouble["patient"] = WrongPatient("Another patient.")
    answer = person.post(f"captures/{capture}/answers", {"advice": "x"}, **{"HX-Request": "true"})
    assert answer.status_code in (400, 409)
