"""Roles that an organisation gives: for a time, by somebody, and by nobody who only has the database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.adapters.appointments import Appointment, Appointments, latest_end
from fhir_plugin.adapters.sessions import LaunchSessions
from fhir_plugin.adapters.tables import appointments
from fhir_plugin.errors import Refused, Tampered
from mappings.model.identifiers import FhirBase, Reference
from mappings.model.people import Role
from smart_launch import Issuer, IssuerRegistry
from tests.adapters.launches import make_session
from tests.conftest import OwnStores

EHR = Issuer(name="trust-a", iss="https://fhir.trust-a.example/r4", client_id="photographs")
OTHER = Issuer(name="trust-b", iss="https://fhir.trust-b.example/r4", client_id="photographs")
GUARDIAN = Reference("Practitioner/guardian")
OUTSIDE = Reference("https://ics.example/fhir/Practitioner/9")
CANARY = "canary that somebody typed"


@pytest.fixture(params=["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def stores(request: pytest.FixtureRequest) -> OwnStores:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, OwnStores)
    return found


@pytest.fixture
def kept(stores: OwnStores) -> Appointments:
    return Appointments(stores.database, stores.masters, stores.audit, stores.clock)


def appoint(
    kept: Appointments, user: str = GUARDIAN, role: Role = Role.CALDICOTT_GUARDIAN, **given: Any
) -> Appointment:
    said = {"name": f"Dr {CANARY}", "by": f"The board {CANARY}", "reason": f"Ours left {CANARY}", **given}
    return kept.appoint(EHR, user, role, **said)


def today(stores: OwnStores) -> dt.date:
    return stores.clock.now().date()


def test_an_appointment_gives_its_role_from_today_to_its_last_day(stores: OwnStores, kept: Appointments) -> None:
    day = today(stores)
    made = appoint(kept, until=day + dt.timedelta(days=3))
    for days, roles in ((-1, set()), (0, {Role.CALDICOTT_GUARDIAN}), (3, {Role.CALDICOTT_GUARDIAN}), (4, set())):
        assert set(kept.roles_of(EHR, GUARDIAN, day + dt.timedelta(days=days))) == roles, days
    assert made.last_day == day + dt.timedelta(days=3)
    assert [each.id for each in kept.listed()] == [made.id]
    assert kept.damaged() == []


def test_the_sessions_of_an_appointment_are_those_of_its_ehr(stores: OwnStores, kept: Appointments) -> None:
    """Also of each simulation of a sandbox, but not of an EHR whose address only begins alike."""
    launcher = Issuer(name="launcher", iss="https://launch.example/v/r4/sim", client_id="x", sandbox=True, prefix=True)
    nested = Issuer(name="nested", iss=f"{EHR.iss}/tenant", client_id="x")
    registry = IssuerRegistry([EHR, OTHER, nested, launcher])
    sessions, now = LaunchSessions(stores.database, stores.masters, stores.clock), stores.clock.now()
    bases = {
        "ehr": EHR.iss,
        "nested": nested.iss,
        "unknown": f"{EHR.iss}/x",
        "other": OTHER.iss,
        "simulation": f"{launcher.iss}/WzJd/fhir",
    }
    for name, base in bases.items():
        sessions.create(make_session(now, name, fhir_base=FhirBase(base), user=GUARDIAN))
    sessions.create(make_session(now, "another's", fhir_base=FhirBase(EHR.iss), user=OUTSIDE))
    made = appoint(kept)
    assert kept.sessions_of(made, registry) == ["ehr"]
    assert kept.sessions_of(made, IssuerRegistry([])) == ["ehr"], "its entry is gone, its sessions are not"
    everywhere = kept.appoint(launcher, GUARDIAN, Role.TRIAGE, name="A", by="B", reason="C")
    assert kept.sessions_of(everywhere, registry) == ["simulation"]


def test_it_is_for_that_person_at_that_ehr_alone(stores: OwnStores, kept: Appointments) -> None:
    appoint(kept)
    appoint(kept, OUTSIDE, Role.AUDITOR)
    assert kept.roles_of(EHR, OUTSIDE, today(stores)) == {Role.AUDITOR}
    assert kept.roles_of(OTHER, GUARDIAN, today(stores)) == frozenset()
    assert kept.roles_of(EHR, Reference("Practitioner/9"), today(stores)) == frozenset()
    assert kept.roles_of(EHR, Reference("PractitionerRole/guardian"), today(stores)) == frozenset()


def test_a_name_that_now_means_another_ehr_means_nobody(stores: OwnStores, kept: Appointments) -> None:
    appoint(kept)
    renamed = Issuer(name=EHR.name, iss=OTHER.iss, client_id="photographs")
    assert kept.roles_of(renamed, GUARDIAN, today(stores)) == frozenset()


def test_in_a_sandbox_of_many_simulations_an_appointment_holds_in_all(stores: OwnStores, kept: Appointments) -> None:
    launcher = Issuer(name="launcher", iss="https://launch.example/v/r4/sim", client_id="x", sandbox=True, prefix=True)
    kept.appoint(launcher, GUARDIAN, Role.TRIAGE, name="A", by="B", reason="C")
    one = Issuer(name="launcher", iss=f"{launcher.iss}/WzJd/fhir", client_id="x", sandbox=True, prefix=True)
    assert kept.roles_of(one, GUARDIAN, today(stores)) == {Role.TRIAGE}


def test_the_whole_url_of_somebody_of_this_ehr_is_the_same_person(stores: OwnStores, kept: Appointments) -> None:
    appoint(kept, f"{EHR.fhir_base}/Practitioner/guardian")
    assert kept.roles_of(EHR, GUARDIAN, today(stores)) == {Role.CALDICOTT_GUARDIAN}


def test_what_is_withdrawn_is_gone_at_once_and_for_good(stores: OwnStores, kept: Appointments) -> None:
    made = appoint(kept)
    ended = kept.withdraw(made.id, by="The board", reason="Left")
    assert (ended.ended, ended.ended_by, ended.ended_reason) == (stores.clock.now(), "The board", "Left")
    assert kept.roles_of(EHR, GUARDIAN, today(stores)) == frozenset()
    assert made.holds(today(stores)) and not ended.holds(today(stores))
    assert kept.listed() == [ended]
    for id in (made.id, "0" * 16):
        with pytest.raises(Refused):
            kept.withdraw(id, by="The board", reason="Again")
    again = appoint(kept)
    assert kept.roles_of(EHR, GUARDIAN, today(stores)) == {Role.CALDICOTT_GUARDIAN}
    assert again.id != made.id


def test_appointing_again_replaces_so_that_one_withdrawal_is_enough(stores: OwnStores, kept: Appointments) -> None:
    first = appoint(kept, until=today(stores) + dt.timedelta(days=5))
    other_role = appoint(kept, role=Role.AUDITOR)
    second = appoint(kept)
    assert [each.ended is None for each in kept.listed() if each.id in (first.id, second.id)].count(True) == 1
    kept.withdraw(second.id, by="The board", reason="Left")
    assert kept.roles_of(EHR, GUARDIAN, today(stores)) == {Role.AUDITOR}
    assert other_role.id in {each.id for each in kept.in_force(EHR, GUARDIAN, today(stores))}


@pytest.mark.parametrize("days", [-1, 367, 4000])
def test_the_last_day_is_within_twelve_months(stores: OwnStores, kept: Appointments, days: int) -> None:
    with pytest.raises(Refused) as refused:
        appoint(kept, until=today(stores) + dt.timedelta(days=days))
    assert refused.value.code == "until"
    assert kept.listed() == []


@given(st.dates(dt.date(2024, 1, 1), dt.date(2090, 12, 31)))
def test_twelve_months_end_on_the_same_day_or_the_last_of_a_shorter_february(day: dt.date) -> None:
    last = latest_end(day)
    assert (last.year, last.month) == (day.year + 1, day.month)
    assert last.day == day.day or (day.month, day.day, last.day) == (2, 29, 28)


@pytest.mark.parametrize(
    "user",
    [
        "",
        "guardian",
        "Patient/1",
        "RelatedPerson/1",
        "Practitioner/",
        "Practitioner/../1",
        "Practitioner/1\n",
        "ftp://x/Practitioner/1",
        "https://x.example/Patient/1",
        "javascript:Practitioner/1",
    ],
)
def test_only_staff_as_an_ehr_names_them_can_be_appointed(kept: Appointments, user: str) -> None:
    with pytest.raises(Refused):
        appoint(kept, user)


@pytest.mark.parametrize(
    "given", [{"name": " "}, {"by": ""}, {"reason": ""}, {"reason": "x" * 501}, {"name": "a\x00b"}]
)
def test_who_decided_and_why_must_be_said(kept: Appointments, given: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        appoint(kept, **given)


def test_each_change_leaves_an_audit_entry_without_a_word_of_it(stores: OwnStores, kept: Appointments) -> None:
    made = appoint(kept, operator="root")
    kept.withdraw(made.id, by=CANARY, reason=CANARY, operator="root")
    entries = [each.entry for each in stores.audit.entries(subject=made.id)]
    assert [entry.action for entry in entries] == ["role.appointed", "role.withdrawn"]
    assert dict(entries[0].detail) == {
        "issuer": "trust-a",
        "user": GUARDIAN,
        "role": "caldicott-guardian",
        "operator": "root",
        "until": latest_end(today(stores)).isoformat(),
    }
    assert CANARY not in repr(entries)
    assert CANARY not in repr(made) + repr(kept.listed())
    with stores.database.connection() as connection:
        assert CANARY not in repr(connection.execute(sa.select(appointments)).all())


CHANGES: dict[str, dict[str, Any]] = {
    "another role": {"role": "clinician"},
    "another person": {"user": "Practitioner/thief"},
    "another EHR": {"issuer": "trust-b"},
    "longer": {"until": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)},
    "for ever": {"until": None},
    "earlier": {"since": dt.datetime(2001, 1, 1, tzinfo=dt.UTC)},
    "other bytes": {"sealed": b"\x01" + b"x" * 200},
    "no role of ours": {"role": "emperor"},
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_row_changed_past_the_app_gives_nobody_anything(stores: OwnStores, kept: Appointments, change: str) -> None:
    made = appoint(kept, until=today(stores) + dt.timedelta(days=9))
    with stores.database.writing() as connection:
        connection.execute(sa.update(appointments).values(**CHANGES[change]))
    for issuer in (EHR, OTHER):
        for user in (GUARDIAN, Reference("Practitioner/thief")):
            assert kept.roles_of(issuer, user, today(stores)) == frozenset()
    assert kept.listed() == []
    assert kept.damaged() == [made.id]
    with pytest.raises(Tampered):
        kept.withdraw(made.id, by="The board", reason="Odd")


def _write_a_copy(stores: OwnStores, kept: Appointments) -> None:
    with stores.database.writing() as connection:
        row = connection.execute(sa.select(appointments)).one()
        connection.execute(sa.insert(appointments).values(**{**row._mapping, "id": "f" * 16}))


def _undo_the_withdrawal(stores: OwnStores, kept: Appointments) -> None:
    with stores.database.connection() as connection:
        row = connection.execute(sa.select(appointments)).one()
    kept.withdraw(row.id, by="The board", reason="Left")
    with stores.database.writing() as connection:
        connection.execute(sa.update(appointments).values(**row._mapping))


def _seal_without_the_chain(stores: OwnStores, kept: Appointments) -> None:
    class Silent:
        def append(self, *_: object) -> None: ...

        def entries(self, **_: object) -> list[Any]:
            return []

    with stores.database.writing() as connection:
        connection.execute(sa.delete(appointments))
    past = Appointments(stores.database, stores.masters, Silent(), stores.clock)  # type: ignore[arg-type]  # hears nothing
    appoint(past)


@pytest.mark.parametrize("attack", [_undo_the_withdrawal, _seal_without_the_chain])
def test_a_row_that_the_audit_chain_does_not_bear_out_gives_nothing(
    stores: OwnStores, kept: Appointments, attack: Callable[[OwnStores, Appointments], None]
) -> None:
    appoint(kept)
    attack(stores, kept)
    assert kept.roles_of(EHR, GUARDIAN, today(stores)) == frozenset()
    assert kept.damaged() == [each.id for each in kept.listed()] != []


def test_a_copied_row_is_nobodys(stores: OwnStores, kept: Appointments) -> None:
    made = appoint(kept)
    _write_a_copy(stores, kept)
    assert [each.id for each in kept.in_force(EHR, GUARDIAN, today(stores))] == [made.id]
    assert kept.damaged() == ["f" * 16]


def test_one_damaged_row_takes_nothing_from_the_others(stores: OwnStores, kept: Appointments) -> None:
    bad, good = appoint(kept), appoint(kept, role=Role.PRIVACY_OFFICER)
    with stores.database.writing() as connection:
        connection.execute(sa.update(appointments).where(appointments.c.id == bad.id).values(role="clinician"))
    assert kept.roles_of(EHR, GUARDIAN, today(stores)) == {Role.PRIVACY_OFFICER}
    assert [each.id for each in kept.listed()] == [good.id]


@pytest.mark.parametrize("column", ["since", "until", "ended", "sealed"])
def test_a_column_that_cannot_even_be_read_takes_nothing_from_the_others(own: OwnStores, column: str) -> None:
    kept = Appointments(own.database, own.masters, own.audit, own.clock)
    bad, good = appoint(kept), appoint(kept, role=Role.PRIVACY_OFFICER)
    with own.database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE appointments SET {column} = 'nonsense' WHERE id = '{bad.id}'")
    assert kept.roles_of(EHR, GUARDIAN, today(own)) == {Role.PRIVACY_OFFICER}
    assert [each.id for each in kept.listed()] == [good.id]
    assert kept.damaged() == [bad.id]
    with pytest.raises(Tampered):
        kept.withdraw(bad.id, by="The board", reason="Odd")
    assert kept.rotate_master() == 0


def test_an_appointment_that_is_not_noted_is_not_made(stores: OwnStores, kept: Appointments) -> None:
    class Crash(BaseException):
        pass

    with pytest.raises(Crash), stores.database.transaction():
        appoint(kept)
        raise Crash
    assert kept.listed() == []
    assert stores.audit.entries(action="role.appointed") == []
