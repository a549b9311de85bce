"""With the EHR's banner or with ours, the patient is named wherever somebody decides or writes (G-R126)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from fhir_plugin.capture.draft import DraftState
from fhir_plugin.capture.receipt import MESSAGES, Receipt
from fhir_plugin.web.access import mark_of
from mappings.model.identifiers import CaptureId
from tests.keep.labelled import filed, foreign
from tests.keep.relabelling import INTIMATE, lower
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.people import AMY
from tests.work.test_practice import NURSE, at

NAME = "Amy LEE"
NUMBER, BORN = "999 000 0018", "21 June 1984"

WRITES_TO_THE_RECORD = {
    "capture.file",
    "capture.discard_all",
    "receipt.check_again",
    "concern.raise_one",
    "consult.ask",
    "deleting.ask",
    "deleting.do_carry_out",
    "deleting.do_hide",
    "deleting.do_wrong_patient",
    "deleting.restore",
    "disclosing.sign",
    "guarding.decide",
    "guarding.restore",
    "guarding.sign_second",
    "labels.answer",
    "labels.change",
    "labels.decide",
    "reviews.decide",
    "reviews.withdraw",
}
"""Their buttons name the patient. The second takes up what was begun: it may write."""

STAYS_WITH_US = {
    "capture.add_image",
    "capture.answers",
    "capture.begin",
    "capture.discard",
    "capture.ask_second_person",
    "capture.still_the_same",
    "capture.undo_discard",
    "concern.close",
    "concern.hold_back",
    "consult.accept",
    "consult.answer",
    "consult.cancel",
    "consult.decline",
    "consult.prepared",
    "consult.read",
    "deleting.answer",
    "deleting.hand_over",
    "deleting.replied",
    "deleting.take",
    "deleting.take_back",
    *(
        f"disclosing.{page}"
        for page in (
            *("accept_unread", "ask", "begin", "black_out", "decide", "extend", "gather", "locked_package", "opine"),
            *("open_preview", "read", "refuse", "reveal", "set_facts"),
        )
    ),
    "editing.change",
    "editing.editor",
    "gallery.reveal",
    "guarding.break_glass",
    "guarding.chain",
    "guarding.lift_legal_hold",
    "guarding.look",
    "guarding.search",
    "guarding.set_legal_hold",
    "labels.take_back",
    "receipt.source_emptied",
    "requests.cancel",
    "requests.cover",
    "requests.issue",
    "requests.prepare",
    "requests.take",
    "reviews.record_wishes",
    "second_person.answer",
    "second_person.reveal",
    "staying.stay",
    "worklist.cover",
    "worklist.done",
    "worklist.end_away",
    "worklist.give",
    "worklist.set_away",
    "worklist.take_over",
}
"""Drafts, the log of who looked, and the session: nothing of these changes a record."""

Reach = Callable[[Person, FakeParts], str]


def gallery(_person: Person, _parts: FakeParts) -> str:
    return ""


def hidden_picture(_person: Person, _parts: FakeParts) -> str:
    return "images/Media/m3"


def empty_capture(person: Person, _parts: FakeParts) -> str:
    return f"captures/{person.begin()}"


def ready_capture(person: Person, _parts: FakeParts) -> str:
    return f"captures/{person.ready()[0]}"


def note_only(person: Person, _parts: FakeParts) -> str:
    return f"captures/{person.ready('describe')[0]}"


def editor(person: Person, _parts: FakeParts) -> str:
    capture, image = person.ready()
    return f"captures/{capture}/images/{image}/edit"


def label(_person: Person, parts: FakeParts) -> str:
    return f"images/{filed(parts.bench)}/label"


def label_list(_person: Person, parts: FakeParts) -> str:
    foreign(parts.bench, bodySite={"text": "Groin"})
    return "label-review"


def label_asked(_person: Person, parts: FakeParts) -> str:
    filed(parts.bench, *INTIMATE)
    lower(parts.bench, session=at(NURSE))
    [item] = parts.bench.worklist.of_patient(at().fhir_base, at().patient_id)
    return f"labels/{item.id}"


def receipt_in(state: str) -> Reach:
    def reach(person: Person, parts: FakeParts) -> str:
        capture = CaptureId(person.ready()[0])
        if state == "filed":
            person.post(f"captures/{capture}/file")
        else:
            told = Receipt(capture, state, MESSAGES.get(state, "Something."), still_to_do=("Empty the mailbox.",))
            parts.captures.outcomes[capture] = told
            parts.captures.drafts[capture] = replace(parts.captures.drafts[capture], state=DraftState.FILING)
        return f"captures/{capture}/receipt"

    reach.__name__ = state
    return reach


STATES = ("filed", "filing", "unresolved", "waiting-for-sign-in", "nothing-current")
PAGES: list[Reach] = [
    gallery,
    hidden_picture,
    empty_capture,
    ready_capture,
    note_only,
    editor,
    label,
    label_list,
    label_asked,
]
PAGES += [receipt_in(state) for state in STATES]


def seen(html: str) -> str:
    """What a page shows: without its head, its scripts, its hidden fields and its tags."""
    body = re.sub(r"<script.*?</script>|<noscript>.*?</noscript>", "", html[html.index("<body") :], flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))


def buttons_that_write(app: Flask, html: str) -> list[str]:
    """The texts of the buttons whose form, or own address, ends in a route that writes to the record."""
    adapter = app.url_map.bind("localhost")
    found = []
    for form, inside in re.findall(r"(<form[^>]*>)(.*?)</form>", html, flags=re.DOTALL):
        action = re.search(r'\saction="([^"]+)"', form)
        for tag, text in re.findall(r"(<button[^>]*>)(.*?)</button>", inside, flags=re.DOTALL):
            own = re.search(r'formaction="([^"]+)"', tag)
            target = own or action
            if target and 'type="button"' not in tag:
                endpoint, _ = adapter.match(target[1], method="POST")
                assert endpoint in WRITES_TO_THE_RECORD | STAYS_WITH_US, endpoint
                if endpoint in WRITES_TO_THE_RECORD:
                    found.append(seen(f"<body>{text}").strip())
    return found


def test_every_route_that_takes_a_post_is_one_or_the_other(app: Flask) -> None:
    posts = {rule.endpoint for rule in app.url_map.iter_rules() if "POST" in (rule.methods or ())}
    posts = {endpoint for endpoint in posts if not endpoint.startswith("patient.")}  # nobody has launched there
    assert posts == WRITES_TO_THE_RECORD | STAYS_WITH_US
    assert all(mark_of(app, endpoint) == "launched" for endpoint in posts)


@pytest.mark.parametrize("banner", [True, False], ids=["our banner", "the EHR's banner"])
@pytest.mark.parametrize("reach", PAGES, ids=lambda reach: reach.__name__)
def test_every_page_names_its_patient(app: Flask, person: Person, parts: FakeParts, reach: Reach, banner: bool) -> None:
    person.launch = "amy" if banner else "framed"
    page = person.get(reach(person, parts))
    assert page.status_code == 200
    shown = seen(page.text)
    assert (NUMBER in shown) == (BORN in shown) == banner, "the big banner, or none"
    header = re.search(r"<header.*?</header>", page.text, flags=re.DOTALL)
    assert header and NAME in seen(f"<body>{header[0]}"), "one line names the patient in any case"
    for text in buttons_that_write(app, page.text):
        assert NAME in text, text
    title = re.search(r"<title>(.*?)</title>", page.text)
    assert title and AMY.name not in title[1], "titles stay in the browser's history"


@pytest.mark.parametrize("banner", [True, False])
@pytest.mark.parametrize(
    ("reach", "button"),
    [
        (ready_capture, "File to Amy LEE’s record"),
        (note_only, "Write note to Amy LEE’s record"),
        (receipt_in("unresolved"), "Check Amy LEE’s record again"),
    ],
    ids=["file", "note", "check again"],
)
def test_the_button_that_writes_says_to_whose_record(
    app: Flask, person: Person, parts: FakeParts, reach: Reach, button: str, banner: bool
) -> None:
    person.launch = "amy" if banner else "framed"
    found = buttons_that_write(app, person.get(reach(person, parts)).text)
    assert [each for each in found if each != THROW_AWAY] == [button]


THROW_AWAY = "Discard everything of Amy LEE (never filed)"


def test_the_button_that_throws_away_says_whose(app: Flask, person: Person) -> None:
    """It writes a note: that pictures came, and why none was kept."""
    assert THROW_AWAY in buttons_that_write(app, person.get(f"captures/{person.ready()[0]}").text)


@pytest.mark.parametrize("banner", [True, False])
def test_the_page_where_somebody_decides_names_the_patient_in_its_heading(person: Person, banner: bool) -> None:
    person.launch = "amy" if banner else "framed"
    page = person.get(f"captures/{person.ready()[0]}").text
    heading = re.search(r"<h1[^>]*>(.*?)</h1>", page, flags=re.DOTALL)
    assert heading and heading[1] == "Add images to Amy LEE’s record"
