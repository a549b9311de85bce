"""An audit chain in memory."""

from __future__ import annotations

import dataclasses
import hashlib

from fhir_plugin.ports import AuditEntry, ChainedEntry, ChainReport, Clock
from tests.fakes.unit_of_work import FakeUnitOfWork


class FakeAuditTrail:
    def __init__(self, clock: Clock, work: FakeUnitOfWork | None = None) -> None:
        self._work = work or FakeUnitOfWork()
        self._entries: dict[int, ChainedEntry] = self._work.table()
        self._heads: dict[int, str] = self._work.table()
        self._clock = clock

    def append(self, entry: AuditEntry) -> ChainedEntry:
        with self._work.transaction():
            sequence = len(self._entries) + 1
            previous = self._entries[sequence - 1].hash if sequence > 1 else "0" * 64
            at = self._clock.now()
            whole = repr((sequence, at, dataclasses.astuple(entry), previous))
            hash_ = hashlib.sha256(whole.encode()).hexdigest()
            chained = ChainedEntry(sequence, at, entry, previous, hash_)
            self._entries[sequence] = chained
        return chained

    def entries(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        patient: str | None = None,
        launch: str | None = None,
        action: str | None = None,
    ) -> list[ChainedEntry]:
        return [
            chained
            for chained in self._entries.values()
            if chained.sequence > after
            and subject in (None, chained.entry.subject)
            and patient in (None, chained.entry.patient)
            and launch in (None, chained.entry.launch)
            and action in (None, chained.entry.action)
        ]

    def sign_head(self) -> None:
        if self._entries:
            newest = self._entries[len(self._entries)]
            self._heads[newest.sequence] = newest.hash

    def verify(self) -> ChainReport:
        return ChainReport(True, len(self._entries), signed_heads=len(self._heads))

    @property
    def actions(self) -> list[str]:
        """What happened, in order: handy in assertions."""
        return [chained.entry.action for chained in self._entries.values()]
