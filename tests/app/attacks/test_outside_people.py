"""A Caldicott Guardian whose record is on another server: let in by appointment, as exactly that person, unread."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest

from fhir_plugin.adapters.appointments import Appointment
from mappings.model.identifiers import LaunchId
from mappings.model.people import Role
from tests.app.attacks.conftest import World
from tests.app.attacks.ehr import BASE

OUTSIDE = "https://fhir.ics.example/r4/Practitioner/9"


@pytest.fixture
def guardian(world: World) -> Iterator[Appointment]:
    installation = world.installation
    (ehr,) = (each for each in installation.registry if each.fhir_base == BASE)
    made = installation.appointments.appoint(
        ehr, OUTSIDE, Role.CALDICOTT_GUARDIAN, name="Dr Ruth Outside", by="The board", reason="Ours left"
    )
    yield made
    if installation.appointments.roles_of(ehr, made.user, world.clock.now().date()):
        installation.appointments.withdraw(made.id, by="The board", reason="Test over")


def test_they_come_in_under_the_name_of_their_appointment_and_are_asked_for_nowhere(
    world: World, guardian: Appointment
) -> None:
    world.ehr.claims.update(fhirUser=OUTSIDE)
    visitor = world.visitor()
    path = visitor.launched()
    page = visitor.get(f"{path}home")
    assert page.status_code == 200
    assert "Dr Ruth Outside, Caldicott Guardian" in page.text
    assert "Images of Amy" in page.text, "the patient is named"
    session = world.installation.sessions.get(LaunchId(path.split("/")[2]))
    assert (session.user, session.context["roles"]) == (OUTSIDE, ["caldicott-guardian"])
    assert visitor.get(path).status_code == 403, "no pictures for a Guardian"
    assert not [asked.url for asked in world.ehr.asked if "ics.example" in asked.url or "Practitioner" in asked.url]
    assert "Outside" not in world.logged


@pytest.mark.parametrize(
    "claim",
    [
        "Practitioner/9",
        f"{BASE}/Practitioner/9",
        "https://fhir.ics.example/r4/Practitioner/99",
        "https://fhir.ics.example/r4/PractitionerRole/9",
        "https://fhir.ics.example/r4b/Practitioner/9",
        "https://fhir.ics.example.evil.example/r4/Practitioner/9",
    ],
)
def test_nobody_else_comes_in_with_it(world: World, guardian: Appointment, claim: str) -> None:
    world.ehr.claims.update(fhirUser=claim)
    kept = world.kept()
    answer = world.visitor().come_back()
    assert answer.status_code in (403, 503)
    assert "Ruth" not in answer.text
    assert world.kept() == kept


def test_after_its_last_day_or_its_withdrawal_nobody_comes_in(world: World, guardian: Appointment) -> None:
    world.ehr.claims.update(fhirUser=OUTSIDE)
    world.visitor().launched()
    over = (guardian.until - world.clock.now()) / dt.timedelta(seconds=1)
    for seconds, status in ((over - 60, 303), (61, 403), (-over - 1, 303)):
        world.clock.advance(seconds=seconds)
        assert world.visitor().come_back().status_code == status
    world.installation.appointments.withdraw(guardian.id, by="The board", reason="Left")
    assert world.visitor().come_back().status_code == 403
