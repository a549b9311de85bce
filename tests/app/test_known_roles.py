"""Who is known to have a role now: as of the last launch, with appointments as they stand today."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest

from fhir_plugin.deleting import KNOWN_FOR, KnownRoles
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from mappings.model.people import ClinicalSession, Role, User
from mappings.model.practice import Colleague
from tests.fakes.clock import START, FakeClock
from tests.fakes.practice import FakeColleagues

HERE, THERE = FhirBase("https://ehr.example/fhir"), FhirBase("https://other.example/fhir")
DR = Reference("Practitioner/dr")
GUARDIAN, CLINICIAN = Role.CALDICOTT_GUARDIAN, Role.CLINICIAN
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Appointed:
    fhir_base: FhirBase = HERE
    user: Reference = DR
    role: Role = GUARDIAN
    name: str = "Dr Guards"
    until: dt.datetime = START + 10 * DAY
    ended: dt.datetime | None = None

    def holds(self, on: dt.date) -> bool:
        return self.ended is None and on < self.until.date()


@pytest.fixture
def colleagues() -> FakeColleagues:
    return FakeColleagues()


def known(colleagues: FakeColleagues, *appointed: Appointed, at: dt.datetime = START) -> KnownRoles:
    clock = FakeClock()
    clock.advance(seconds=(at - clock.now()).total_seconds())
    return KnownRoles(colleagues, lambda: appointed, clock)


def seen(colleagues: FakeColleagues, *roles: Role, at: dt.datetime = START - DAY, user: Reference = DR) -> None:
    colleagues.seen(Colleague(HERE, user, at, "Dr Guards", frozenset(roles)))


def test_nobody_known_has_no_role(colleagues: FakeColleagues) -> None:
    seen(colleagues, GUARDIAN, user=Reference("Practitioner/other"))
    assert known(colleagues, Appointed(fhir_base=THERE)).of(HERE, DR) == frozenset()


def test_roles_are_those_of_the_last_launch(colleagues: FakeColleagues) -> None:
    seen(colleagues, GUARDIAN, CLINICIAN)
    assert known(colleagues).of(HERE, DR) == {GUARDIAN, CLINICIAN}
    seen(colleagues, CLINICIAN)
    assert known(colleagues).of(HERE, DR) == {CLINICIAN}
    assert known(colleagues, at=START + KNOWN_FOR).of(HERE, DR) == frozenset()


def test_an_appointment_counts_while_it_holds(colleagues: FakeColleagues) -> None:
    assert known(colleagues, Appointed()).of(HERE, DR) == {GUARDIAN}
    assert known(colleagues, Appointed(), at=START + 11 * DAY).of(HERE, DR) == frozenset()


@pytest.mark.parametrize("over", [Appointed(ended=START), Appointed(until=START)])
def test_what_was_had_by_an_appointment_ends_with_it(colleagues: FakeColleagues, over: Appointed) -> None:
    seen(colleagues, GUARDIAN, CLINICIAN)
    assert known(colleagues, over, at=START + DAY).of(HERE, DR) == {CLINICIAN}
    assert known(colleagues, over, Appointed(), at=START + DAY).of(HERE, DR) == {CLINICIAN, GUARDIAN}, "appointed again"


def test_a_role_of_the_ehr_is_not_lost_with_an_old_appointment(colleagues: FakeColleagues) -> None:
    seen(colleagues, GUARDIAN, at=START)
    assert known(colleagues, Appointed(ended=START - DAY)).of(HERE, DR) == {GUARDIAN}


def test_the_guardians_of_an_ehr(colleagues: FakeColleagues) -> None:
    seen(colleagues, GUARDIAN)
    seen(colleagues, CLINICIAN, user=Reference("Practitioner/gp"))
    session = ClinicalSession(LaunchId("l"), HERE, "ehr", PatientId("p"), User(DR, "Dr"))
    outside = Appointed(user=Reference("https://x.example/Practitioner/1"), name="Dr Outside")
    found = known(colleagues, outside, Appointed(fhir_base=THERE)).guardians(session)
    assert {name for _login, name in found} == {"Dr Guards", "Dr Outside"}
