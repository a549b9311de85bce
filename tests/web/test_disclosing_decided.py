"""What people do at the desk: decide, read, ask, open a picture, black out, sign, refuse; and who may do which."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace

import pytest
from werkzeug.routing import Rule

from fhir_plugin.disclose.desk.values import Accounted
from fhir_plugin.errors import AnswersChanged
from fhir_plugin.web.disclosing.cuts import MOST_LINES, difference, shortened
from mappings.model.disclosure import Review, Reviewer
from mappings.model.disclosure_request import DisclosureRequest, ItemKey, RequestState
from mappings.model.identifiers import Reference
from mappings.model.people import Role, User
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.fake_desk import LOOK, an_item
from tests.web.test_access_and_headers import APP, path_of
from tests.web.test_disclosing import a_request, officer, path
from tests.web.test_home import become, words_of
from tests.web.test_hostile_words import MARKUP

DISCLOSING = [rule for rule in APP.url_map.iter_rules() if rule.endpoint.startswith("disclosing.")]
OFFICER, PRIVACY = Role.DISCLOSURE_OFFICER, Role.PRIVACY_OFFICER
SECOND = frozenset({OFFICER, PRIVACY, Role.CALDICOTT_GUARDIAN})
WHO = {
    **dict.fromkeys(("new", "begin", "facts", "set_facts", "gather", "accept_unread"), frozenset({OFFICER})),
    **dict.fromkeys(
        ("package", "locked_package", "ending", "extend", "refuse", "accounting_sheet"), frozenset({OFFICER})
    ),
    **dict.fromkeys(("at_the_desk", "accounting", "one", "progress", "shown", "decide", "read", "ask"), SECOND),
    **dict.fromkeys(("upright", "editor", "black_out"), frozenset({OFFICER})),
    **dict.fromkeys(("preview", "preview_page", "open_preview", "as_sent", "signing", "sign"), SECOND),
    **dict.fromkeys(("reveal", "picture"), SECOND | {Role.CLINICIAN}),
    **dict.fromkeys(("opinions", "opinion", "opine"), frozenset({Role.CLINICIAN})),
}


def at(request: DisclosureRequest, then: str) -> str:
    return f"disclosures/{request.id}/{then}".rstrip("/")


def the(parts: FakeParts, key: str) -> object:
    [items] = parts.desk.items.values()
    return next(item for item in items if item.key == ItemKey(key))


@pytest.mark.parametrize("rule", DISCLOSING, ids=lambda rule: rule.endpoint)
@pytest.mark.parametrize("role", list(Role))
def test_every_page_is_for_its_roles_alone(person: Person, parts: FakeParts, rule: Rule, role: Role) -> None:
    become(parts, role)
    a_request(parts)
    person.get("home" if role is not Role.CLINICIAN else "")
    where = path_of(rule).removeprefix("/l/amy/")
    answer = person.get(where) if "GET" in (rule.methods or ()) else person.post(where, {"requester": "patient"})
    allowed = role in WHO[rule.endpoint.removeprefix("disclosing.")]
    assert (answer.status_code != 403) == allowed, answer.status_code
    assert answer.status_code < 500


def test_a_decision_needs_a_reason_and_goes_on_to_what_waits_next(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    here = path(request, "Media/m17")
    token = here.rsplit("/", 1)[1]
    person.get(here)
    said = {"item": token, "at": token, "decided": "release", "revision": "0"}
    wrong = person.post(at(request, "decide"), said)
    assert (
        wrong.status_code == 422 and "Say why." in wrong.text and re.search('value="release"[^>]* checked', wrong.text)
    )
    nothing = person.post(at(request, "decide"), {**said, "decided": "", "reason": "My <i>words</i>"})
    assert nothing.status_code == 422 and "My &lt;i&gt;words&lt;/i&gt;" in nothing.text
    assert parts.desk.done == []
    done = person.post(at(request, "decide"), {**said, "reason": "Seen: a forearm"})
    assert done.status_code == 303
    assert path(request, "Media/m18") in done.headers["Location"]
    page = words_of(person.get(here).text)
    assert "This goes out." in page and "Seen: a forearm" in page and "Jo Desk" in page
    back = person.post(at(request, "decide"), {"item": token, "at": token, "decided": "as-proposed", "revision": "1"})
    assert back.status_code == 303 and "This waits for you." in words_of(person.get(here).text)


def test_several_at_once_and_a_stale_page_keeps_ticks_and_words(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    tokens = [path(request, f"Media/m{n}").rsplit("/", 1)[1] for n in (1, 2)]
    person.get(at(request, ""))
    said = {"several": "yes", "item": tokens, "several-decided": "redact", "revision": "0"}
    none = person.post(at(request, "decide"), {**said, "item": []})
    assert none.status_code == 422 and "Choose the items first" in none.text
    wrong = person.post(at(request, "decide"), said)
    assert wrong.status_code == 422 and 'href="#several-reason"' in wrong.text and 'id="several-reason"' in wrong.text
    parts.desk.trouble["decide"] = AnswersChanged("Somebody was quicker.")
    stale = person.post(at(request, "decide"), {**said, "several-reason": "Third parties in it"})
    assert stale.status_code == 409 and "Third parties in it" in stale.text
    assert len(re.findall(r'type="checkbox" name="item"[^>]* checked', stale.text)) == 2
    assert person.post(at(request, "decide"), {**said, "several-reason": "Third parties in it"}).status_code == 303
    assert "Masked 6" in words_of(person.get(at(request, "")).text)


def test_holding_back_without_a_word_is_offered_where_it_is_allowed(person: Person, parts: FakeParts) -> None:
    officer(parts)
    insurer, patient = a_request(parts), a_request(parts, requester="patient")
    assert 'value="withhold"' in person.get(path(insurer, "Media/m1")).text
    assert 'value="withhold"' not in person.get(path(patient, "Media/m1")).text


def test_reading_clears_an_item_and_asking_puts_it_before_a_clinician(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    letter = path(request, "DocumentReference/d1")
    person.get(letter)
    assert person.post(f"{letter}/read", {"revision": "0"}).status_code == 303
    assert "2 parts taken out" in words_of(person.get(letter).text)
    image = path(request, "Media/m13")
    empty = person.post(f"{image}/ask", {"revision": "1"})
    assert empty.status_code == 422 and "Say what makes you ask." in empty.text
    assert person.post(f"{image}/ask", {"question": "Was she told?", "revision": "1"}).status_code == 303
    said = words_of(person.get(image).text)
    assert "waits for a health professional" in said and "Was she told?" in said


def test_a_clinician_sees_what_they_are_asked_about_and_nothing_else(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    image = path(request, "Media/m13")
    person.get(image)
    person.post(f"{image}/ask", {"question": "Was she told?", "revision": "0"})
    become(parts, Role.CLINICIAN, name="Dr Priya Shah")
    assert "Waits for an opinion" in words_of(person.get("disclosures/opinions").text)
    page = person.get(f"{image}/opinion")
    assert "Was she told?" in page.text and "<img" not in page.text
    assert person.get(f"{path(request, 'Media/m14')}/opinion").status_code == 404
    assert person.get(f"{path(request, 'Media/m14')}/picture").status_code == 404
    assert person.get(f"{image}/picture").status_code == 403
    opened = person.post(f"{image}/reveal", {"reason": "To give an opinion about harm", "back": "opinion"})
    assert opened.headers["Location"].endswith("/opinion#item")
    assert person.get(f"{image}/picture").mimetype == "image/jpeg"
    unsaid = person.post(f"{image}/opinion", {"words": "She <b>knows</b>", "revision": "1"})
    assert unsaid.status_code == 422 and "She &lt;b&gt;knows&lt;/b&gt;" in unsaid.text
    stale = person.post(f"{image}/opinion", {"opinion": "no-harm", "words": "She knows", "revision": "0"})
    assert stale.status_code == 409 and "She knows" in stale.text
    done = person.post(f"{image}/opinion", {"opinion": "no-harm", "words": "She knows", "revision": "1"})
    assert done.status_code == 303
    assert "Dr Priya Shah has answered" in words_of(person.get("disclosures/opinions").text)


def test_hidden_items_are_counted_for_the_officer_and_decided_by_the_privacy_officer(
    person: Person, parts: FakeParts
) -> None:
    officer(parts)
    request = a_request(parts)
    hidden = path(request, "Media/m20")
    assert "1 hidden item" in words_of(person.get(at(request, "")).text)
    token = hidden.rsplit("/", 1)[1]
    assert person.get(hidden).status_code == 404 and token not in person.get(at(request, "")).text
    said = {"item": token, "at": token, "decided": "release", "reason": "Hers", "revision": "0"}
    assert person.post(at(request, "decide"), said).status_code == 404
    become(parts, PRIVACY, name="Pat Privacy")
    assert "1 hidden item: you decide." in words_of(person.get("disclosures").text)
    assert "This waits for you." in words_of(person.get(hidden).text)
    assert "Somebody else decides" in words_of(person.get(path(request, "Media/m17")).text)
    assert person.post(at(request, "decide"), said).status_code == 303
    officer(parts)
    assert "hidden item" not in words_of(person.get(at(request, "")).text)
    assert "Somebody else decides" in words_of(person.get(hidden).text), "what goes out is seen by whoever signs"


def test_pixels_only_after_a_reason_that_is_offered(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    image = path(request, "Media/m13")
    person.get(image)
    assert person.get(f"{image}/picture").status_code == 403
    assert person.get(f"{image}/black-out").status_code == 303
    assert person.post(f"{image}/reveal", {"reason": "Because"}).status_code == 400
    assert person.post(f"{image}/reveal", {"reason": "To black out part of it"}).status_code == 303
    assert parts.desk.done == [("reveal", (ItemKey("Media/m13"), "To black out part of it"))]
    page = person.get(image).text
    assert page.count("<img") == 1 and "Black out part of it" in page
    assert person.get(f"{image}/picture").mimetype == "image/jpeg"
    assert "<img" not in person.get(path(request, "Media/m14")).text, "one opens no other"


def test_black_boxes_and_those_of_a_stale_page(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    image = path(request, "Media/m1")
    person.get(image)
    person.post(f"{image}/reveal", {"reason": "To black out part of it"})
    assert "editor.js" in person.get(f"{image}/black-out").text
    assert person.post(f"{image}/black-out", {"revision": "0"}).headers["Location"].endswith("black-out")
    boxes = {"quarter_turns": "0", "black_out": ["0 0 10 10", ""], "revision": "7"}
    stale = person.post(f"{image}/black-out", boxes)
    assert stale.status_code == 409 and 'data-black-outs="0 0 10 10"' in stale.text
    assert person.post(f"{image}/black-out", {**boxes, "revision": "0"}).status_code == 303
    assert "with parts blacked out" in words_of(person.get(image).text)
    assert person.get(f"{image}/upright?turns=9").status_code == 400
    assert person.get(f"{image}/upright?turns=1").mimetype == "image/jpeg"


# ------------------------------------------------------------------------------------------ signing


def decided(parts: FakeParts) -> DisclosureRequest:
    request = a_request(parts)
    parts.desk.items[request.id] = [replace(item, asks=None) for item in parts.desk.items[request.id]]
    return request


def test_nothing_is_signed_while_something_waits(person: Person, parts: FakeParts) -> None:
    officer(parts)
    page = person.get(at(a_request(parts), "sign"))
    assert "Not yet" in page.text and "Letter to dermatology waits." in page.text and 'name="name"' not in page.text


def test_signed_with_ones_own_name_about_what_was_shown(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = decided(parts)
    page = person.get(at(request, "sign"))
    assert "Acme Insurance" in page.text and 'name="about" value="digest-0"' in page.text
    assert person.post(at(request, "sign"), {"about": "digest-0", "revision": "0"}).status_code == 422
    other = person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-9", "revision": "0"})
    assert other.status_code == 409 and 'value="Jo Desk"' in other.text
    assert parts.desk.requests[request.id].state is RequestState.OPEN
    assert (
        person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"}).status_code == 303
    )
    done = words_of(person.get(at(request, "")).text)
    assert "The package is made" in done and "Signed by Jo Desk" in done and "abab" in done
    package = person.get(at(request, "package"))
    assert package.data.startswith(b"PK") and package.mimetype == "application/zip"
    assert package.headers["Content-Disposition"] == "attachment; filename=record.zip"
    assert package.headers["Cache-Control"] == "no-store"


def test_the_package_behind_the_password_that_the_page_shows(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = decided(parts)
    person.get(at(request, "sign"))
    person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"})
    shown = [re.search(r'name="password" value="([^"]+)"', person.get(at(request, "")).text) for _ in range(2)]
    passwords = [found[1] for found in shown if found]
    assert len(set(passwords)) == 2 and all(len(each) == 35 for each in passwords)
    package = person.post(at(request, "package"), {"password": passwords[1]})
    assert package.mimetype == "application/zip" and passwords[1].encode() not in package.data
    with zipfile.ZipFile(io.BytesIO(package.data)) as found:
        assert found.namelist() == ["record.html"] and all(each.flag_bits & 1 for each in found.infolist())
    assert person.post(at(request, "package"), {"password": "short"}).status_code == 400


def test_a_second_person_is_somebody_else(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = decided(parts)
    parts.desk.why_second = ("Policy says so.",)
    assert "a second person looks at it" in words_of(person.get(at(request, "sign")).text)
    person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"})
    assert parts.desk.requests[request.id].state is RequestState.WAITS_FOR_SECOND
    page = person.get(at(request, "sign"))
    assert "Somebody else signs now" in page.text and 'name="name"' not in page.text
    for launch, session in parts.sessions.known.items():
        other = User(Reference("Practitioner/cg"), "Ruth Abelson", frozenset({Role.CALDICOTT_GUARDIAN}))
        parts.sessions.known[launch] = replace(session, user=other)
    page = person.get(at(request, "sign"))
    assert "Jo Desk signed" in words_of(page.text) and "Sign as second person" in page.text
    said = {"name": "Ruth Abelson", "about": "digest-1", "revision": "1"}
    assert person.post(at(request, "sign"), said).status_code == 303
    assert parts.desk.requests[request.id].state is RequestState.SENT


def test_what_they_get_is_shown_as_it_is_and_can_run_nothing(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    parts.desk.page = "<p>Their page</p><script>alert(1)</script>"
    around = person.get(at(request, "preview"))
    assert "frame-src 'self'" in around.headers["Content-Security-Policy"] and " sandbox" in around.text
    page = person.get(at(request, "preview/page"))
    assert page.text == parts.desk.page
    policy = page.headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "img-src data:", "form-action 'none'", "frame-ancestors 'self'", "sandbox"):
        assert directive in policy
    assert "script-src" not in policy and "allow-" not in policy
    assert "frame-src" not in person.get(at(request, "")).headers["Content-Security-Policy"]


def test_pictures_of_what_they_get_are_shown_after_a_press_with_a_reason(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    closed = person.get(at(request, "preview"))
    assert "preview/page" in closed.text and "preview/record.html" not in closed.text
    assert person.get(at(request, "preview/record.html")).status_code == 403
    assert person.post(at(request, "preview"), {"reason": "Curiosity"}).status_code >= 400
    assert not parts.desk.opened
    reason = "To check what will be sent before signing"
    assert person.post(at(request, "preview"), {"reason": reason}).status_code == 303
    assert "preview/record.html" in person.get(at(request, "preview")).text
    page = person.get(at(request, "preview/record.html"))
    assert page.text == "<p>record.html</p>" + parts.desk.page
    assert "sandbox" in page.headers["Content-Security-Policy"] and "no-store" in page.headers["Cache-Control"]
    assert "preview/cover.html" in person.get(at(request, "preview?shows=cover.html")).text
    parts.desk.cannot_be_made = "The picture <2> is damaged."
    damaged = person.get(at(request, "preview/record.html"))
    assert damaged.status_code == 200 and "The picture &lt;2&gt; is damaged." in damaged.text, "shown in the frame"


@pytest.mark.parametrize(
    ("form", "field", "state"),
    [
        ("extend", "extend-reason", RequestState.OPEN),
        ("refuse", "refuse-reason", RequestState.REFUSED),
        ("refuse", "close-reason", RequestState.CLOSED),
    ],
)
def test_ending_needs_a_reason_and_keeps_it(
    person: Person, parts: FakeParts, form: str, field: str, state: RequestState
) -> None:
    officer(parts)
    request = a_request(parts, requester="patient")
    person.get(at(request, "end"))
    closed = {"closed": "yes"} if field == "close-reason" else {}
    wrong = person.post(at(request, form), {**closed, "revision": "0"})
    assert wrong.status_code == 422 and f'href="#{field}"' in wrong.text
    if form == "extend":
        untold = person.post(at(request, form), {field: "Too much", "revision": "0"})
        assert untold.status_code == 422 and 'href="#extend-told"' in untold.text
        closed = {"extend-told": "2026-03-01"}
    stale = person.post(at(request, form), {**closed, field: "Too <b>much</b>", "revision": "5"})
    assert stale.status_code == 409 and "Too &lt;b&gt;much&lt;/b&gt;" in stale.text
    assert person.post(at(request, form), {**closed, field: "Too much", "revision": "0"}).status_code == 303
    assert parts.desk.requests[request.id].state is state
    said = words_of(person.get(at(request, "")).text)
    assert ("nothing was sent" in said and "Too much" in said) if state is not RequestState.OPEN else "extended" in said


def test_what_the_ehr_did_not_give_is_said_and_accepted_with_a_reason(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    parts.desk.requests[request.id] = replace(request, not_read={"Observation": "not-granted"})
    assert "the disclosure desk’s entry in the EHR" in person.get(at(request, "")).text
    parts.desk.requests[request.id] = replace(request, not_read={"Observation": "forbidden"})
    assert "the disclosure desk’s entry" not in person.get(at(request, "")).text
    page = person.get(at(request, ""))
    assert "Observation (forbidden)" in words_of(page.text)
    wrong = person.post(at(request, "unread"), {"revision": "0"})
    assert wrong.status_code == 422 and 'href="#unread-reason"' in wrong.text
    assert person.post(at(request, "unread"), {"unread-reason": "None exist", "revision": "0"}).status_code == 303
    assert "could not be read" not in person.get(at(request, "")).text


def test_a_page_that_waits_looks_again_and_then_goes_on(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    parts.desk.reading = [0.25, 0.5]
    page = person.get(at(request, ""))
    assert "25% is read." in page.text and "unattended=1" in page.text
    script = {"HX-Request": "true"}
    part = person.get(at(request, "progress"), **script)
    assert "50% is read." in part.text and "<html" not in part.text
    onward = person.get(at(request, "progress"), **script)
    assert onward.status_code == 204 and onward.headers["HX-Redirect"].endswith(f"/disclosures/{request.id}")
    parts.desk.requests[request.id] = replace(request, state=RequestState.MAKING)
    assert "being made and checked" in person.get(at(request, "")).text
    assert person.get(path(request, "Media/m1")).status_code == 303


def test_whoever_changes_something_after_the_first_signature_is_told_what_that_does(
    person: Person, parts: FakeParts
) -> None:
    officer(parts)
    request = decided(parts)
    parts.desk.why_second = ("Policy says so.",)
    person.get(at(request, "sign"))
    person.post(at(request, "sign"), {"name": "Jo Desk", "about": "digest-0", "revision": "0"})
    page = person.get(path(request, "Media/m1"))
    said = words_of(page.text)
    assert "Jo Desk has signed what is here." in said and "Whoever changes anything now takes that signature" in said
    assert "Now somebody else looks at it and signs" in said and "Sign as second person" not in page.text
    assert 'name="decided"' in page.text
    signed = parts.desk.requests[request.id]
    assert signed.first is not None
    parts.desk.requests[request.id] = replace(signed, first=replace(signed.first, by=Reference("Practitioner/other")))
    page = person.get(path(request, "Media/m1"))
    assert "Sign as second person" in page.text and "Now somebody else" not in page.text


def test_a_preview_says_what_is_not_in_it_yet(person: Person, parts: FakeParts) -> None:
    officer(parts)
    request = a_request(parts)
    assert "4 items still wait for a person" in words_of(person.get(at(request, "preview")).text)


def test_markup_in_every_word_is_only_text(person: Person, parts: FakeParts) -> None:
    officer(parts)
    bad = {"title": MARKUP, "words": MARKUP, "category": MARKUP, "sensitive": True}
    parts.desk.fresh = lambda: [an_item(1, Review(LOOK, Reviewer.OFFICER), **bad)]
    parts.desk.texts[ItemKey("Media/m1")] = MARKUP
    request = a_request(parts, recipient=MARKUP, purpose=MARKUP, identity_checked=MARKUP)
    item = path(request, "Media/m1")
    token = item.rsplit("/", 1)[1]
    pages = [person.get(where) for where in ("disclosures", item, *(at(request, t) for t in ("facts", "sign", "end")))]
    said = {"item": token, "at": token, "decided": "", "reason": MARKUP, "revision": "0"}
    pages += [person.post(at(request, "decide"), said), person.get(at(request, "preview"))]
    for page in pages:
        assert page.status_code in (200, 422)
        assert "<img src=x" not in page.text and "<script>alert" not in page.text and "{{ 7*7 }}" in page.text


# ------------------------------------------------------------------------------------------ the difference


def test_a_difference_is_said_in_words() -> None:
    before = (
        '{"a": 1, "derivedFrom": [{"reference": "Media/1"}, {"reference": "Media/2"}], "text": {"div": "<p>x</p>"}}'
    )
    after = '{"a": 2, "derivedFrom": [{"reference": "Media/2"}], "meta": {"security": [{"code": "REDACTED"}]}}'
    told = difference(before, after, {"Media/1": "Picture: Knee"})
    said = [(cut.what, cut.kind, cut.was, cut.becomes) for cut in told.cuts]
    assert said == [
        ("A", "changed", "1", "2"),
        ("Taken from 1", "taken out", "Picture: Knee", ""),
        ("Summary", "taken out", "x", ""),
        ("A label", "added", "", "something was left out"),
    ]
    assert difference(before, None).whole and difference("{", "{}").cuts == () and difference(before, before).cuts == ()
    many = "[" + ",".join(str(n) for n in range(200)) + "]"
    assert len(difference(many, "[]").cuts) == MOST_LINES and difference(many, "[]").more == 200 - MOST_LINES
    assert len(shortened('{"data": "' + "A" * 90_000 + '"}')) < 120


def test_an_item_may_wait_for_two_kinds_of_people_in_words(person: Person, parts: FakeParts) -> None:
    officer(parts)
    parts.desk.fresh = lambda: [an_item(1, Review(LOOK, Reviewer.HEALTH_PROFESSIONAL))]
    assert "waits for a health professional" in words_of(person.get(at(a_request(parts), "")).text)


def test_the_patient_gets_a_sheet_of_what_was_sent_and_somebody_looks_first_where_it_could_do_harm(
    person: Person, parts: FakeParts
) -> None:
    officer(parts)
    line = Accounted(parts.clock.now(), "Acme Insurance", "By consent", "A claim", 3, 1, "Jo Desk")
    police = replace(line, recipient="Thames Valley Police", look_first=True)
    parts.desk.sent = [line, police]
    page = person.get("disclosures/accounting")
    assert page.text.count('name="also"') == 1 and "Look at these before" in page.text
    sheet = person.get(f"disclosures/accounting/sheet?also={police.token}")
    assert sheet.headers["Content-Type"] == "application/pdf" and sheet.data.startswith(b"%PDF")
    assert parts.desk.done[-1] == ("accounting_sheet", (police.token,))
