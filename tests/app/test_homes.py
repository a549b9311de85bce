"""Where each role arrives, what it finds there, and what happens to somebody without one."""

from __future__ import annotations

import html
import re

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.tables import launch_sessions, tokens
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId, LaunchId, Reference
from mappings.model.people import ClinicalSession, Role
from tests.app.conftest import OTHER_PATIENT, PATIENT, Browser, Shop
from tests.fakes.worker import picture

GP, RECEPTIONIST = Reference("Practitioner/prac-gp"), Reference("Practitioner/prac-receptionist")
CANARY = "canary-typed-words"
TYPED = {"purpose": CANARY, "findings": CANARY, "intimacy": "intimate", "arrival": "unsolicited"}


def words_of(page: str) -> str:
    """What a person reads: no tags, no hidden metadata, one space at a time."""
    body = page[page.index("<main") : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def session_of(shop: Shop, launch: str) -> ClinicalSession:
    return clinical_session(shop.demo.installation.sessions.get(LaunchId(launch)))


def capture_of(shop: Shop, launch: str, *, pictures: int = 1) -> CaptureId:
    """A capture with pictures and answers that triage must not learn of."""
    captures, session = shop.demo.installation.captures, session_of(shop, launch)
    capture = captures.begin(session)
    for number in range(pictures):
        image = captures.receive(session, capture, picture(f"{CANARY} {number}"), "image/jpeg").image_id
        form = {f"site-{image}": "33712006", f"laterality-{image}": "left", f"decision-{image}": "store"}
        captures.answer(session, capture, {**form, **TYPED})
    kept = captures.draft(session, capture).answers
    assert dict(kept.shared) == TYPED and all("33712006" in dict(each).values() for each in kept.per_image.values())
    return capture


@pytest.fixture
def nobody_waits(shop: Shop) -> None:
    """Discards what earlier tests of this module left waiting."""
    for draft in shop.demo.installation.parts.drafts.unfinished():
        launch = str(draft.launch)
        throw_away(shop, launch, draft.capture_id)


def throw_away(shop: Shop, launch: str, capture: CaptureId) -> None:
    captures, session = shop.demo.installation.captures, session_of(shop, launch)
    identity = captures.identity_digest(captures.patient(session))
    captures.discard_all(
        session, capture, reason="sent-in-error", patient_id=session.patient_id, identity_digest=identity
    )


# ------------------------------------------------------------------------------------------------- triage


@pytest.mark.usefixtures("nobody_waits")
def test_triage_learns_that_pictures_wait_and_for_whom_and_nothing_else(shop: Shop, browser: Browser) -> None:
    mine = browser.launch()
    capture = capture_of(shop, mine, pictures=2)
    other = shop.browser()
    page = other.get(f"/l/{other.launch(user='receptionist')}/home")
    said = words_of(page.text)
    assert "Amara Nwosu : 2 pictures wait for a decision" in said
    assert "Images of Mrs Priya Lakshmi Anand" in said or "Images of Priya Lakshmi Anand" in said
    assert "triage" in said and "see any picture" in said
    for leak in (CANARY, capture, "<img", "33712006", "thumbnail", "intimate", "unsolicited"):
        assert leak not in page.text, leak
    throw_away(shop, mine, capture)
    assert "Nothing waits at this chart." in words_of(other.get(other.seen[-1]).text)


@pytest.mark.usefixtures("nobody_waits")
def test_triage_sees_what_waits_for_this_patient_alone(shop: Shop, browser: Browser) -> None:
    capture_of(shop, browser.launch(patient=OTHER_PATIENT))
    other = shop.browser()
    assert "Nothing waits at this chart." in words_of(other.get(f"/l/{other.launch(user='receptionist')}/home").text)


# ---------------------------------------------------------------------------------------------- the others


@pytest.mark.parametrize(
    ("user", "title", "sentence"),
    [
        ("disclosure-officer", "disclosure officer", "Requests for copies"),
        ("caldicott-guardian", "Caldicott Guardian", "wait on a list of their own"),
        (
            "privacy-officer",
            "privacy officer",
            "hidden in the record and asked for waits for your decision at the desk",
        ),
        ("auditor", "auditor", "nothing waits for you at a chart"),
    ],
)
def test_the_others_are_told_who_they_are_and_that_nothing_waits(
    shop: Shop, browser: Browser, user: str, title: str, sentence: str
) -> None:
    mine = shop.browser()
    capture_of(shop, mine.launch())
    page = browser.get(f"/l/{browser.launch(user=user)}/home")
    said = words_of(page.text)
    assert f", {title}" in said and sentence in said
    assert ("/disclosures" in page.text) == (user != "auditor"), (
        "the desk is one click away from whoever has to do with it"
    )
    assert "Anand" in said, "the patient is named"
    assert "pictures wait" not in said and "<img" not in page.text


def test_a_clinician_goes_to_the_pictures_and_has_no_other_home(browser: Browser) -> None:
    launch = browser.launch()
    for path in ("enter", "home"):
        answer = browser.get(f"/l/{launch}/{path}")
        assert (answer.status_code, answer.headers["Location"]) == (303, f"/l/{launch}/")
    assert "other work" not in browser.home(launch).text


def test_somebody_with_two_roles_sees_pictures_first_and_finds_the_other(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    ehr = installation.registry.named("sandbox")
    made = installation.appointments.appoint(ehr, GP, Role.CALDICOTT_GUARDIAN, name="Dr N", by="Board", reason="Cover")
    try:
        launch = browser.launch()
    finally:
        installation.appointments.withdraw(made.id, by="Board", reason="Test over")
    assert browser.get(f"/l/{launch}/enter").headers["Location"] == f"/l/{launch}/"
    assert "you are also Caldicott Guardian." in words_of(browser.home(launch).text)
    said = words_of(browser.get(f"/l/{launch}/home").text)
    assert "Caldicott Guardian" in said and "All images" in browser.get(f"/l/{launch}/home").text


# ------------------------------------------------------------------------------------------------- no role


def kept(shop: Shop) -> tuple[int, int]:
    with shop.demo.installation.database.connection() as connection:
        count = [
            connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in (launch_sessions, tokens)
        ]
    return count[0], count[1]


@pytest.mark.parametrize("ask", ["Jo Park, practice manager, extension 12", ""])
def test_without_a_role_a_page_says_who_the_ehr_says_you_are_and_whom_to_ask(
    shop: Shop, browser: Browser, monkeypatch: pytest.MonkeyPatch, ask: str
) -> None:
    installation = shop.demo.installation
    monkeypatch.setattr(installation.settings, "administrator", ask)
    before, refused = kept(shop), len(installation.audit.entries(action="launch.refused"))
    shop.logs.entries.clear()
    answer = browser.get(browser.come_back(browser.leave(user="healthcare-assistant")))
    assert answer.status_code == 403
    said = words_of(answer.text)
    assert "Practitioner/prac-healthcare-assistant" in said and "EHR sandbox" in said
    assert "You are Chloe Adeyemi, with this job:" in said and "Healthcare Assistant (R1480)" in said
    assert "No patient was opened" in said and "Code: no-role" in said
    assert (f"Ask {ask} ." if ask else "Ask the person in your organisation who looks after this app") in said
    assert "Anand" not in answer.text and PATIENT not in answer.text
    assert kept(shop) == before, "a session or tokens were left behind"
    assert any("/revoke" in asked for asked in shop.transport.asked), "the access just granted was not given back"
    entries = installation.audit.entries(action="launch.refused")
    assert len(entries) == refused + 1
    last = entries[-1].entry
    assert (last.actor, last.outcome) == ("Practitioner/prac-healthcare-assistant", "no-role")
    assert "Adeyemi" not in repr(entries) and "Adeyemi" not in repr(shop.logs.entries)


def test_a_script_without_a_role_gets_json(shop: Shop, browser: Browser) -> None:
    back = browser.come_back(browser.leave(user="healthcare-assistant"))
    answer = browser.get(back, headers={"Accept": "application/json"})
    assert answer.status_code == 403
    assert answer.json and answer.json["error"]["code"] == "no-role"
    assert "Adeyemi" not in answer.text


def test_an_appointment_lets_somebody_in_and_its_end_shuts_them_out(shop: Shop, browser: Browser) -> None:
    installation = shop.demo.installation
    ehr, user = installation.registry.named("sandbox"), "Practitioner/prac-healthcare-assistant"
    made = installation.appointments.appoint(ehr, user, Role.CLINICIAN, name="Chloe", by="Board", reason="Agreement 4")
    launch = browser.launch(user="healthcare-assistant")
    assert browser.home(launch).status_code == 200
    assert installation.appointments.sessions_of(made, installation.registry) == [launch]
    installation.appointments.withdraw(made.id, by="Board", reason="Agreement ended")
    again = shop.browser()
    assert again.get(again.come_back(again.leave(user="healthcare-assistant"))).status_code == 403
