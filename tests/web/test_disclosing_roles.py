"""Who may do what at the desk: every page by role, a clinician who is asked, items hidden from most."""

from __future__ import annotations

import pytest
from werkzeug.routing import Rule

from mappings.model.people import Role
from tests.web.at_the_desk import a_request, at, officer, path
from tests.web.conftest import Person
from tests.web.fake import FakeParts
from tests.web.test_access_and_headers import APP, path_of
from tests.web.test_home import become, words_of

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
