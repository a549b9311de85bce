"""The audit chain against whoever can write to the database, and against two writers at once."""

from __future__ import annotations

import hashlib
import random
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
import rfc8785
import sqlalchemy as sa

from fhir_plugin.adapters.audit import DatabaseAuditTrail, entry_hash
from fhir_plugin.adapters.clock import SystemClock
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import audit_entries, audit_heads, audit_tip
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import AuditEntry, ChainReport
from tests.adapters.processes import in_children
from tests.conftest import OwnStores
from tests.fakes.signer import FakeStatementSigner

COLUMNS = ["at", "action", "actor", "patient", "launch", "subject", "policy", "outcome", "detail", "previous", "hash"]


def _fill(own: OwnStores, count: int = 40) -> None:
    with own.database.transaction():
        for number in range(1, count + 1):
            own.audit.append(
                AuditEntry(
                    action="image.filed",
                    actor="Practitioner/gp-1",
                    patient=f"Patient/p{number % 3}",
                    launch="launch-1",
                    subject=f"image-{number}",
                    policy="nhs/3",
                    detail={"order": number, "note": "ä", "ok": True},
                )
            )
            if number in (10, count - 5):
                own.audit.sign_head()


def _execute(own: OwnStores, sql: str, *values: object) -> None:
    with sqlite3.connect(own.state / "plugin.db", isolation_level=None) as raw:
        assert raw.execute(sql, values).rowcount != 0
    raw.close()


def _verify(own: OwnStores) -> ChainReport:
    report = own.audit.verify()
    assert report.intact == (report.broken_at is None and not report.message)
    return report


def test_the_hash_is_what_anybody_can_compute() -> None:
    entry = AuditEntry("a", "b", detail={"z": 1, "y": "ü"})
    document = {
        "sequence": 1,
        "at": "2026-03-02T09:30:00.000000+00:00",
        "previous": "0" * 64,
        "entry": {
            "action": "a",
            "actor": "b",
            "patient": None,
            "launch": None,
            "subject": None,
            "policy": None,
            "outcome": "success",
            "detail": {"y": "ü", "z": 1},
        },
    }
    expected = hashlib.sha256(rfc8785.dumps(document)).hexdigest()  # type: ignore[arg-type]  # invariance
    assert entry_hash(1, "2026-03-02T09:30:00.000000+00:00", entry, "0" * 64) == expected


def test_a_change_of_any_bit_of_any_column_is_found(own: OwnStores, pytestconfig: pytest.Config) -> None:
    exhaustive = pytestconfig.getoption("--exhaustive")
    count = 10_000 if exhaustive else 40
    _fill(own, count)
    choose = random.Random(18)
    for column in COLUMNS:
        for _ in range(40 if exhaustive else 12):
            sequence = choose.randint(1, count)
            with sqlite3.connect(own.state / "plugin.db", isolation_level=None) as raw:
                select = f"SELECT CAST({column} AS BLOB) FROM audit_entries WHERE sequence = ?"
                stored: bytes = raw.execute(select, (sequence,)).fetchone()[0]
                bit = choose.randrange(len(stored) * 8)
                changed = bytearray(stored)
                changed[bit // 8] ^= 1 << (bit % 8)
                update = f"UPDATE audit_entries SET {column} = CAST(? AS TEXT) WHERE sequence = ?"
                raw.execute(update, (bytes(changed), sequence))
                report = _verify(own)
                assert not report.intact, (column, sequence, bit)
                assert report.broken_at in (sequence, sequence + 1), (column, sequence, bit)
                raw.execute(update, (stored, sequence))
            raw.close()
    assert _verify(own).intact


def test_the_same_detail_in_other_words_is_found(own: OwnStores) -> None:
    _fill(own)
    _execute(own, "UPDATE audit_entries SET detail = replace(detail, ',', ', ') WHERE sequence = 21")
    assert _verify(own).broken_at == 21


@pytest.mark.parametrize("bit", range(12))
def test_a_change_of_any_bit_of_a_sequence_is_found(own: OwnStores, bit: int) -> None:
    _fill(own)
    _execute(own, "UPDATE OR REPLACE audit_entries SET sequence = ? WHERE sequence = 21", 21 ^ (1 << bit))
    assert not _verify(own).intact


@pytest.mark.parametrize("sequence", [1, 2, 10, 20, 39, 40])
def test_a_deleted_entry_is_found(own: OwnStores, sequence: int) -> None:
    _fill(own)
    _execute(own, "DELETE FROM audit_entries WHERE sequence = ?", sequence)
    report = _verify(own)
    assert (report.intact, report.broken_at) == (False, sequence)


def test_swapped_entries_are_found(own: OwnStores) -> None:
    _fill(own)
    for before, after in ((7, 1000), (8, 7), (1000, 8)):
        _execute(own, "UPDATE audit_entries SET sequence = ? WHERE sequence = ?", after, before)
    report = _verify(own)
    assert (report.intact, report.broken_at) == (False, 7)


def test_a_chain_cut_short_is_found_even_with_its_tip(own: OwnStores) -> None:
    _fill(own)
    _execute(own, "DELETE FROM audit_entries WHERE sequence > 30")
    assert _verify(own).broken_at == 31
    hash_ = own.audit.entries()[-1].hash
    _execute(own, "UPDATE audit_tip SET sequence = 30, hash = ?", hash_)
    report = _verify(own)
    assert (report.intact, report.broken_at) == (False, 31), "the signed head knows entry 35"


def test_an_emptied_chain_is_found(own: OwnStores) -> None:
    _fill(own)
    _execute(own, "DELETE FROM audit_entries")
    _execute(own, "DELETE FROM audit_tip")
    assert (_verify(own).intact, _verify(own).broken_at) == (False, 1)


def test_a_chain_rewritten_with_right_hashes_is_found_by_its_signed_heads(own: OwnStores) -> None:
    _fill(own)
    chain = own.audit.entries()
    with own.database.writing() as connection:
        previous = chain[19].previous
        for chained in chain[19:]:
            entry = chained.entry if chained.sequence != 20 else AuditEntry("image.seen", "Practitioner/gp-2")
            at = chained.at.isoformat(timespec="microseconds")
            hash_ = entry_hash(chained.sequence, at, entry, previous)
            connection.execute(
                sa.update(audit_entries)
                .where(audit_entries.c.sequence == chained.sequence)
                .values(
                    action=entry.action,
                    actor=entry.actor,
                    patient=entry.patient,
                    launch=entry.launch,
                    subject=entry.subject,
                    policy=entry.policy,
                    detail=rfc8785.dumps(dict(entry.detail)).decode(),
                    previous=previous,
                    hash=hash_,
                )
            )
            previous = hash_
        connection.execute(sa.update(audit_tip).values(hash=previous))
    report = _verify(own)
    assert (report.intact, report.broken_at) == (False, 35)
    assert "signed" in report.message


@pytest.mark.parametrize(
    ("column", "value"),
    [("sequence", 34), ("hash", "0" * 64), ("at", "2026-03-02T09:30:00.000001+00:00"), ("jws", "a..b")],
)
def test_a_changed_head_is_found(own: OwnStores, column: str, value: object) -> None:
    _fill(own)
    _execute(own, f"UPDATE audit_heads SET {column} = ? WHERE sequence = 35", value)
    assert not _verify(own).intact


def test_a_head_signed_by_somebody_else_is_found(own: OwnStores) -> None:
    _fill(own)
    DatabaseAuditTrail(own.database, own.clock, FakeStatementSigner()).sign_head()
    assert (_verify(own).intact, _verify(own).broken_at) == (False, 40)


def test_nothing_is_appended_to_a_tip_that_was_moved(own: OwnStores) -> None:
    _fill(own)
    _execute(own, "UPDATE audit_tip SET sequence = 39")
    with pytest.raises((Tampered, sa.exc.IntegrityError)):
        own.audit.append(AuditEntry("next", "system"))


def test_heads_are_signed_once(own: OwnStores) -> None:
    own.audit.sign_head()
    _fill(own)
    own.audit.sign_head()
    own.audit.sign_head()
    with own.database.connection() as connection:
        assert connection.execute(sa.select(audit_heads.c.sequence)).scalars().all() == [10, 35, 40]


def _append_many(url: str, process: int, threads: int, each: int) -> None:
    database = Database(url)
    clock = SystemClock()
    trail = DatabaseAuditTrail(database, clock, FakeStatementSigner())

    def work(thread: int) -> None:
        for number in range(each):
            with database.transaction():
                trail.append(AuditEntry("step", f"{process}/{thread}", detail={"number": number}))
                if number % 5 == 4:
                    trail.append(AuditEntry("second", f"{process}/{thread}", detail={"number": number}))

    with ThreadPoolExecutor(threads) as workers:
        list(workers.map(work, range(threads)))


def _check_concurrent(own: OwnStores, url: str) -> None:
    in_children(*(partial(_append_many, url, process, 8, 10) for process in range(2)))
    chain = own.audit.entries()
    assert [chained.sequence for chained in chain] == list(range(1, 193))
    assert own.audit.verify().intact
    for worker in {chained.entry.actor for chained in chain}:
        own_steps = [c.entry.detail["number"] for c in chain if c.entry.actor == worker and c.entry.action == "step"]
        assert own_steps == list(range(10)), "each worker's entries are in its own order, none lost"


def test_two_processes_of_eight_threads_make_one_chain(own: OwnStores, sqlite_url: str) -> None:
    _check_concurrent(own, sqlite_url)


@pytest.mark.needs("postgresql")
def test_two_processes_of_eight_threads_make_one_chain_on_postgresql(
    own_on_postgresql: OwnStores, postgresql_url: str
) -> None:
    _check_concurrent(own_on_postgresql, postgresql_url)
