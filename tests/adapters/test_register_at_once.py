"""Two people at one patient's pictures at once: whatever each of them says is in the register afterwards.

The register stops each writer between its reading and its writing until the other has read as well, or cannot because
it waits: without rows that are held, one of the two would write over what the other said.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.adapters.kept_images import DatabaseKeptImages
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.ledger_store import DatabaseLedger
from fhir_plugin.adapters.second_opinions import DatabaseSecondOpinions
from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.capture.afterwards import shut_kept
from fhir_plugin.keep.consent_change import KIND, ConsentChanges
from fhir_plugin.keep.consult import Consultations
from fhir_plugin.keep.review import Outcome, Reviews
from fhir_plugin.keep.withdraw import Withdrawals
from fhir_plugin.ledger.engine import Engine, PlanFor
from mappings.model.consent import ConsentAnswer, ConsentScope, Grantor
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference, WorkId
from mappings.model.kept import KeptImage, OwnConsent
from mappings.model.people import Patient
from mappings.model.work import WorkItem, WorkKind
from tests.conftest import OwnStores
from tests.fakes.clock import START
from tests.fakes.practice_parts import Keeping
from tests.keep.consulting import ASKING, Wall
from tests.keep.test_withdraw import AMY, CONSENT, ONE, TWO, furnished
from tests.work.test_practice import GP, HERE, NURSE, at

MEETING_SECONDS = 0.7
"""How long the first waits for the second to have read, too: who is held out never comes."""


class Slow(DatabaseKeptImages):
    """Whoever has read waits once, in a transaction, until the other has read as well."""

    meeting: threading.Barrier | None = None
    lately = threading.local()

    def of_patient(self, fhir_base: FhirBase, patient: PatientId, *, for_change: bool = False) -> list[KeptImage]:
        found = super().of_patient(fhir_base, patient, for_change=for_change)
        self._meet()
        return found

    def get(self, fhir_base: FhirBase, reference: Reference, *, for_change: bool = False) -> KeptImage:
        found = super().get(fhir_base, reference, for_change=for_change)
        self._meet()
        return found

    def _meet(self) -> None:
        if (
            self.meeting is None
            or not self._database.in_transaction
            or getattr(self.lately, "met", None) is self.meeting
        ):
            return
        self.lately.met = self.meeting
        try:
            self.meeting.wait(MEETING_SECONDS)
        except threading.BrokenBarrierError:
            return


@dataclass
class Desk:
    kept: Slow
    keeping: Keeping
    withdrawals: Withdrawals
    reviews: Reviews
    consult: Consultations
    review: WorkId


@pytest.fixture(params=["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    own: OwnStores = request.getfixturevalue(request.param)
    database, masters = own.database, own.masters
    bench = furnished()
    for user in (GP, NURSE):
        bench.practice.seen(at(user))
    ledger, kept = DatabaseLedger(database, own.clock), Slow(database, masters)
    plans: dict[str, PlanFor] = {}
    numbers = itertools.count(1)
    keeping = replace(
        bench.keeping,
        work=database,
        vault=own.vault,
        audit=own.audit,
        clock=own.clock,
        worklist=DatabaseWorklist(database, masters),
        kept=kept,
        ledger=ledger,
        engine=Engine(store=ledger, work=database, clock=own.clock, plans=plans, owner="test"),
        new_id=lambda: f"00000000-0000-4000-9000-{next(numbers):012d}",
    )
    plans[KIND] = ConsentChanges(keeping)
    for image in bench.kept.of_patient(HERE, AMY.id):
        kept.keep(replace(image, own_consent=OwnConsent.DUE, birth_date=AMY.birth_date))
    review = WorkItem(
        WorkId("review"), WorkKind.MATURITY, HERE, AMY.id, "Patient/amy#16", START, START, words="Turned 16."
    )
    keeping.worklist.add(review)
    opinions = DatabaseSecondOpinions(database, masters)
    yield Desk(
        kept,
        keeping,
        Withdrawals(keeping),
        Reviews(keeping),
        Consultations(keeping, opinions, Wall(), bench.practice.clinicians),
        review.id,
    )


DEAD = replace(AMY, deceased=True)
REBORN = Patient(AMY.id, AMY.name, AMY.birth_date.replace(year=1985) if AMY.birth_date else None)


def take_back(scope: ConsentScope, reference: Reference) -> Callable[[Desk], None]:
    return lambda desk: desk.withdrawals.withdraw(at(GP), AMY, reference, (scope,), Grantor.PATIENT)


def at_our_link(desk: Desk) -> None:
    with desk.keeping.work.transaction():
        shut_kept(desk.keeping, HERE, AMY.id, CaptureId("capture-1"), frozenset({ConsentScope.RESEARCH}))  # type: ignore[arg-type]  # of the capture's parts it takes the register


def agreed(desk: Desk) -> None:
    desk.reviews.decide(at(GP), desk.review, Outcome.AGREED, "")


ACTS: dict[str, tuple[Callable[[Desk], object], Callable[[KeptImage], bool]]] = {
    "teaching taken back": (
        take_back(ConsentScope.TEACHING, ONE),
        lambda image: ConsentScope.TEACHING in image.withdrawn,
    ),
    "publication taken back at the other picture": (
        take_back(ConsentScope.PUBLICATION, TWO),
        lambda image: ConsentScope.PUBLICATION in image.withdrawn,
    ),
    "taken back at our link": (at_our_link, lambda image: ConsentScope.RESEARCH in image.withdrawn & image.untold),
    "reviewed": (agreed, lambda image: image.own_consent is OwnConsent.GIVEN),
    "wishes": (
        lambda desk: desk.reviews.record_wishes(at(GP), DEAD, "Destroy them."),
        lambda image: image.known_wishes == "Destroy them.",
    ),
    "born otherwise": (
        lambda desk: desk.reviews.learn_birth_date(at(GP), REBORN),
        lambda image: image.birth_date == REBORN.birth_date,
    ),
}


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(ACTS, 2)))
def test_of_two_at_once_neither_is_lost(desk: Desk, one: str, other: str) -> None:
    desk.kept.meeting = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        for running in [pool.submit(ACTS[name][0], desk) for name in (one, other)]:
            running.result(timeout=60)
    desk.kept.meeting = None
    for reference in (ONE, TWO):
        image = desk.kept.get(HERE, reference)
        assert [name for name in (one, other) if not ACTS[name][1](image)] == [], "what somebody said is lost"
    reviews = [each for each in desk.keeping.worklist.of_patient(HERE, AMY.id) if each.kind is WorkKind.WITHDRAWAL]
    taken_back = [name for name in (one, other) if "taken back at" in name or "teaching" in name]
    at_the_chart = [name for name in taken_back if "link" not in name]
    assert [each.subject for each in reviews] == ([CONSENT] if at_the_chart else []), "both are one review"


def test_a_no_to_a_colleague_and_a_withdrawal_at_once_both_stand(desk: Desk) -> None:
    for reference in (ONE, TWO):
        desk.kept.keep(replace(desk.kept.get(HERE, reference), own_consent=OwnConsent.NOT_DUE))
    refusing = replace(ASKING, consent=ConsentAnswer.REFUSED)
    desk.kept.meeting = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(desk.consult.ask, at(GP), AMY, ONE, refusing)
        taking = pool.submit(take_back(ConsentScope.TEACHING, TWO), desk)
        assert (asking.result(timeout=60), taking.result(timeout=60)) == (None, None)
    for reference in (ONE, TWO):
        assert desk.kept.get(HERE, reference).withdrawn >= {ConsentScope.TEACHING, ConsentScope.SECOND_OPINION}


def test_a_rotation_of_keys_writes_no_older_word_over_a_newer_one(desk: Desk, tmp_path: Path) -> None:
    """The row is held from its reading to its sealing: a withdrawal waits, and is not sealed away."""
    both = tmp_path / "state" / "master.key"
    MasterKeys.add_to_file(both)
    fresh = DatabaseKeptImages(desk.kept._database, MasterKeys.from_file(both))
    desk.kept._rows._masters = MasterKeys.from_file(both)
    reading = threading.Event()
    opened = fresh._rows._masters.seal_again

    def slowly(*args: Any, **named: Any) -> bytes:
        reading.set()
        time.sleep(MEETING_SECONDS)
        return opened(*args, **named)

    fresh._rows._masters.seal_again = slowly  # type: ignore[method-assign]  # between reading and writing
    with ThreadPoolExecutor(2) as pool:
        rotating = pool.submit(fresh.rotate_master)
        assert reading.wait(30)
        take_back(ConsentScope.TEACHING, ONE)(desk)
        assert rotating.result(timeout=60) >= 1  # what is written meanwhile is sealed afresh by that
    assert ConsentScope.TEACHING in fresh.get(HERE, ONE).withdrawn


@pytest.mark.parametrize(("first", "then"), [(ONE, TWO), (TWO, ONE)])
def test_a_rotation_of_keys_and_who_holds_several_rows_never_wait_for_each_other(
    desk: Desk, tmp_path: Path, first: Reference, then: Reference
) -> None:
    both = tmp_path / "state" / "master.key"
    MasterKeys.add_to_file(both)
    fresh = DatabaseKeptImages(desk.kept._database, MasterKeys.from_file(both))
    with ThreadPoolExecutor(1) as pool:
        with desk.keeping.work.transaction():
            fresh.get(HERE, first, for_change=True)
            rotating = pool.submit(fresh.rotate_master)
            time.sleep(MEETING_SECONDS)  # it gets as far as it may
            fresh.get(HERE, then, for_change=True)
        assert rotating.result(timeout=60) >= 2
    assert fresh.rotate_master() == 0
