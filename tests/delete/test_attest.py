"""Somebody's word about what nobody here can look at: with a day, by somebody responsible, and never a proof."""

from __future__ import annotations

import datetime as dt

import pytest

from fhir_plugin.delete.attest import ATTESTED_PLACES, attest
from fhir_plugin.delete.told import not_said_yet
from fhir_plugin.errors import Incomplete, NotAllowed
from mappings.model.deletion import CaseId
from mappings.model.people import Role
from tests.delete.destroying_bench import DestroyingBench
from tests.fakes.clock import START

TODAY = START.date()
CASE = CaseId("case-1")


@pytest.fixture
def bench() -> DestroyingBench:
    bench = DestroyingBench()
    bench.approve()
    return bench


@pytest.mark.parametrize("role", [Role.PRIVACY_OFFICER, Role.CALDICOTT_GUARDIAN])
def test_it_is_kept_with_its_day_and_who_said_it_and_can_be_said_anew(bench: DestroyingBench, role: Role) -> None:
    session = bench.launch("l", role, person="Practitioner/officer")
    attest(bench.parts, session, CASE, place="own-backups", words=" Gone on Monday. ", on=TODAY)
    case = attest(bench.parts, session, CASE, place="own-backups", words="Gone today.", on=TODAY)
    (said,) = case.attested
    assert (said.place, said.words, said.by, said.on) == ("own-backups", "Gone today.", "Practitioner/officer", TODAY)
    assert bench.cases.get(CASE) == case
    assert len(not_said_yet(case)) == len(ATTESTED_PLACES) - 1
    noted = [each.entry for each in bench.audit.entries(action="deletion.attested")]
    assert len(noted) == 2 and "Gone" not in str(noted)


def test_it_proves_nothing(bench: DestroyingBench) -> None:
    session = bench.launch("l", Role.PRIVACY_OFFICER)
    for place in ATTESTED_PLACES:
        attest(bench.parts, session, CASE, place=place, words="Gone.", on=TODAY)
    assert bench.item().proof is None and bench.item().certificate is None


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.AUDITOR])
def test_not_everybodys_word_counts(bench: DestroyingBench, role: Role) -> None:
    with pytest.raises(NotAllowed):
        attest(bench.parts, bench.launch("l", role), CASE, place="logs", words="Gone.", on=TODAY)
    assert bench.cases.get(CASE).attested == ()


@pytest.mark.parametrize(
    ("place", "words", "on", "field"),
    [
        ("somewhere", "Gone.", TODAY, "place"),
        ("logs", "  ", TODAY, "words"),
        ("logs", "x" * 1001, TODAY, "words"),
        ("logs", "Gone.", TODAY + dt.timedelta(days=2), "on"),
    ],
)
def test_what_is_missing_or_lies_ahead_is_refused(
    bench: DestroyingBench, place: str, words: str, on: dt.date, field: str
) -> None:
    with pytest.raises(Incomplete) as refused:
        attest(bench.parts, bench.launch("l", Role.PRIVACY_OFFICER), CASE, place=place, words=words, on=on)
    assert set(refused.value.fields) == {field}
