"""What the desk shows of content: pictures after a reason, black boxes, the preview, and what changes in an item."""

from __future__ import annotations

from fhir_plugin.web.disclosing.cuts import MOST_LINES, difference, shortened
from mappings.model.disclosure import Review, Reviewer
from mappings.model.disclosure_request import ItemKey
from tests.web.at_the_desk import a_request, at, officer, path
from tests.web.conftest import Person
from tests.web.desk_record import LOOK, an_item
from tests.web.fake import FakeParts
from tests.web.test_home import words_of
from tests.web.test_hostile_words import MARKUP


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
