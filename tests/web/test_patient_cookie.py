"""The cookie of the patient's page: there before the date of birth is said, and worth nothing without it."""

from __future__ import annotations

import pytest

from tests.web.patients import Clinic
from tests.web.visitor import another, heading, visitor


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


def test_an_answer_that_was_lost_after_the_date_of_birth_locks_nobody_out(clinic: Clinic) -> None:
    patient = visitor(clinic)
    patient.get()
    kept = patient.client.get_cookie("__Secure-visit", path=patient.at())
    assert kept is not None
    born = clinic.request(patient.secret).birth_date
    said = {"day": str(born.day), "month": str(born.month), "year": str(born.year)}
    answer = patient.post("birth", said, follow=False)
    assert answer.headers["Location"].endswith("/about")
    patient.client.delete_cookie("__Secure-visit", path=patient.at())  # the answer never arrived
    patient.client.set_cookie("__Secure-visit", kept.value, path=patient.at(), secure=True)
    assert patient.post("birth", said, follow=False).headers["Location"].endswith("/about")
    assert "forearm" in patient.get("about").text


def test_a_link_that_is_shown_first_to_a_messenger_changes_nothing_and_gives_each_a_cookie_of_its_own(
    clinic: Clinic,
) -> None:
    patient = visitor(clinic)
    before = clinic.request(patient.secret)
    cookies = set()
    for _ in range(3):
        other = another(clinic, patient.secret)
        cookie = next(each for each in other.get().headers.getlist("Set-Cookie") if each.startswith("__Secure-visit="))
        assert f"Path={patient.at()}" in cookie and "HttpOnly" in cookie and "Secure" in cookie
        cookies.add(cookie.split(";")[0])
        assert not [each for each in other.get().headers.getlist("Set-Cookie") if each.startswith("__Secure-visit=")]
    assert len(cookies) == 3
    assert clinic.request(patient.secret) == before
    assert "forearm" in patient.come_in().text


def test_who_only_saw_the_link_is_not_told_how_it_ended(clinic: Clinic) -> None:
    patient = visitor(clinic)
    other = another(clinic, patient.secret)
    other.get()
    patient.come_in()
    patient.post("decline")
    assert heading(patient.get()) == "That is fine. You do not have to send a photo"
    assert other.get().status_code == 404
