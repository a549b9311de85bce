"""What `AuditTrail` promises."""

from __future__ import annotations

import datetime as dt

from fhir_plugin.ports import AuditEntry
from tests.contracts.conftest import Stores

ENTRY = AuditEntry(
    action="image.filed",
    actor="Practitioner/gp-1",
    patient="Patient/p1",
    launch="launch-1",
    subject="capture-1",
    policy="nhs-default/3",
    outcome="success",
    detail={"images": 2, "media": "Media/ä-1", "read_back": True},
)


def test_an_entry_is_kept_word_for_word(stores: Stores) -> None:
    appended = stores.audit.append(ENTRY)
    (read,) = stores.audit.entries()
    assert read == appended
    assert read.entry == ENTRY
    assert read.at == stores.clock.now()


def test_entries_are_numbered_without_gaps_and_each_follows_the_one_before(stores: Stores) -> None:
    for number in range(5):
        stores.clock.advance(seconds=-number)  # order is by sequence, whatever the clock does
        stores.audit.append(AuditEntry(f"step.{number}", "system"))
    chain = stores.audit.entries()
    assert [chained.sequence for chained in chain] == [1, 2, 3, 4, 5]
    assert chain[0].previous == "0" * 64
    assert [chained.previous for chained in chain[1:]] == [chained.hash for chained in chain[:-1]]
    assert len({chained.hash for chained in chain}) == 5


def test_entries_are_found_by_subject_patient_and_sequence(stores: Stores) -> None:
    stores.audit.append(ENTRY)
    stores.audit.append(AuditEntry("image.revealed", "Practitioner/gp-1", patient="Patient/p2", subject="i-2"))
    stores.audit.append(AuditEntry("image.revealed", "Practitioner/gp-1", patient="Patient/p1", subject="i-2"))
    assert [chained.sequence for chained in stores.audit.entries(patient="Patient/p1")] == [1, 3]
    assert [chained.sequence for chained in stores.audit.entries(subject="i-2")] == [2, 3]
    assert [chained.sequence for chained in stores.audit.entries(subject="i-2", patient="Patient/p1")] == [3]
    assert [chained.sequence for chained in stores.audit.entries(after=2)] == [3]


def test_the_instant_is_utc(stores: Stores) -> None:
    stores.audit.append(ENTRY)
    assert stores.audit.entries()[0].at.utcoffset() == dt.timedelta(0)


def test_an_untouched_chain_is_intact(stores: Stores) -> None:
    assert stores.audit.verify().intact
    stores.audit.sign_head()
    for _ in range(3):
        stores.audit.append(ENTRY)
        stores.audit.sign_head()
    stores.audit.sign_head()
    stores.audit.append(ENTRY)
    report = stores.audit.verify()
    assert (report.intact, report.entries, report.signed_heads, report.broken_at) == (True, 4, 3, None)
