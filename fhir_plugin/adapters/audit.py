"""The audit chain in our own database.

Each entry's hash is SHA-256 over the RFC 8785 form of the entry and of the hash before it; the first one
follows 64 zeros. Signed heads say how long the chain was and how it ended at some moment, so that whoever can
write to the database still cannot shorten or rewrite what came before.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import rfc8785
import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError

from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.tables import audit_entries, audit_heads, audit_tip
from fhir_plugin.errors import Tampered
from fhir_plugin.ports import AuditEntry, ChainedEntry, ChainReport, Clock, Json, StatementSigner

GENESIS = "0" * 64
"""What the first entry follows."""

_CHAIN = 1
_PAGE = 1000


def entry_hash(sequence: int, at: str, entry: AuditEntry, previous: str) -> str:
    """SHA-256, hexadecimal, over everything that an entry says and the hash of the one before."""
    said: Json = {
        "action": entry.action,
        "actor": entry.actor,
        "patient": entry.patient,
        "launch": entry.launch,
        "subject": entry.subject,
        "policy": entry.policy,
        "outcome": entry.outcome,
        "detail": dict(entry.detail),
    }
    whole: Json = {"sequence": sequence, "at": at, "entry": said, "previous": previous}
    return hashlib.sha256(rfc8785.dumps(whole)).hexdigest()


def head_statement(sequence: int, hash_: str, at: str) -> Json:
    """What a signed head says."""
    return {"statement": "audit-head", "sequence": sequence, "hash": hash_, "at": at}


class DatabaseAuditTrail:
    """An `AuditTrail`. Appending joins the open transaction; appenders wait for each other."""

    def __init__(self, database: Database, clock: Clock, signer: StatementSigner) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer

    def append(self, entry: AuditEntry) -> ChainedEntry:
        """Chains `entry` after the newest one; it stands or falls with the open transaction."""
        with self._database.writing() as connection:
            self._database.lock("audit")
            sequence, previous = self._tip(connection)
            sequence += 1
            at = _instant_text(self._clock.now())
            hash_ = entry_hash(sequence, at, entry, previous)
            connection.execute(
                sa.insert(audit_entries).values(
                    sequence=sequence,
                    at=at,
                    action=entry.action,
                    actor=entry.actor,
                    patient=entry.patient,
                    launch=entry.launch,
                    subject=entry.subject,
                    policy=entry.policy,
                    outcome=entry.outcome,
                    detail=_detail_text(entry),
                    previous=previous,
                    hash=hash_,
                )
            )
            self._move_tip(connection, sequence, hash_)
        return ChainedEntry(sequence, dt.datetime.fromisoformat(at), entry, previous, hash_)

    def entries(
        self,
        *,
        after: int = 0,
        subject: str | None = None,
        patient: str | None = None,
        launch: str | None = None,
        action: str | None = None,
    ) -> list[ChainedEntry]:
        """Oldest first, those with a sequence above `after`."""
        query = sa.select(audit_entries).where(audit_entries.c.sequence > after)
        asked = {"subject": subject, "patient": patient, "launch": launch, "action": action}
        for column, value in asked.items():
            if value is not None:
                query = query.where(audit_entries.c[column] == value)
        with self._database.connection() as connection:
            rows = connection.execute(query.order_by(audit_entries.c.sequence)).all()
        return [_chained(row) for row in rows]

    def sign_head(self) -> None:
        """Signs where the chain ends now. Nothing to do when it is empty or that head is signed already."""
        with self._database.writing() as connection:
            self._database.lock("audit")
            sequence, hash_ = self._tip(connection)
            signed = connection.execute(sa.select(sa.func.max(audit_heads.c.sequence))).scalar()
            if sequence == 0 or signed == sequence:
                return
            at = _instant_text(self._clock.now())
            jws = self._signer.sign(head_statement(sequence, hash_, at))
            connection.execute(sa.insert(audit_heads).values(sequence=sequence, hash=hash_, at=at, jws=jws))

    def verify(self) -> ChainReport:
        """Walks the whole chain and checks every head.

        `broken_at` is the first sequence that is missing, out of place or not what it was.
        """
        with self._database.connection() as connection:
            if self._database.in_transaction:
                self._database.lock("audit")
            try:
                tip_sequence, tip_hash = self._tip(connection)
                heads = connection.execute(sa.select(audit_heads).order_by(audit_heads.c.sequence)).all()
            except (DatabaseError, ValueError, TypeError):
                return ChainReport(False, 0, None, "The tip or the signed heads cannot be read.")
            hashes = [GENESIS]
            for row in self._rows(connection):
                expected = len(hashes)
                if row is None or row.sequence != expected:
                    return _broken(expected, "An entry is missing or cannot be read.")
                if row.previous != hashes[-1]:
                    return _broken(expected, "An entry does not follow the one before it.")
                if _hash_of(row) != row.hash:
                    return _broken(expected, "An entry is not what it was.")
                hashes.append(row.hash)
        count = len(hashes) - 1
        for head in heads:
            if not self._is_signed(head):
                return _broken(head.sequence, "A signed head does not verify.", count)
            if head.sequence > count or head.sequence < 1:
                return _broken(count + 1, "Entries are missing: a signed head names a later one.", count)
            if hashes[head.sequence] != head.hash:
                return _broken(head.sequence, "An entry is not the one that was signed.", count)
        if (tip_sequence, tip_hash) != (count, hashes[-1]):
            return _broken(count + 1, "The chain does not end where it did.", count)
        return ChainReport(True, count, signed_heads=len(heads))

    def _tip(self, connection: sa.Connection) -> tuple[int, str]:
        row = connection.execute(sa.select(audit_tip).where(audit_tip.c.chain == _CHAIN)).one_or_none()
        return (0, GENESIS) if row is None else (row.sequence, row.hash)

    def _move_tip(self, connection: sa.Connection, sequence: int, hash_: str) -> None:
        if sequence == 1:
            connection.execute(sa.insert(audit_tip).values(chain=_CHAIN, sequence=1, hash=hash_))
            return
        moved = connection.execute(
            sa.update(audit_tip)
            .where(audit_tip.c.chain == _CHAIN, audit_tip.c.sequence == sequence - 1)
            .values(sequence=sequence, hash=hash_)
        ).rowcount
        if moved != 1:
            raise Tampered("The audit chain does not end where it did.", code="audit-broken")

    def _rows(self, connection: sa.Connection) -> Iterator[Any]:
        """Every row in order; None in place of one that cannot even be read."""
        last: int | None = None
        while True:
            query = sa.select(audit_entries).order_by(audit_entries.c.sequence)
            if last is not None:
                query = query.where(audit_entries.c.sequence > last)
            try:
                page = connection.execute(query.limit(_PAGE)).all()
            except DatabaseError:  # text that is no UTF-8: find the row itself
                page = []
                for offset in range(_PAGE):
                    try:
                        page.append(connection.execute(query.limit(1).offset(offset)).one())
                    except DatabaseError:
                        yield from page
                        yield None
                        return
            yield from page
            if not page or not isinstance(page[-1].sequence, int):
                return
            last = page[-1].sequence

    def _is_signed(self, head: Any) -> bool:
        return self._signer.verify(head_statement(head.sequence, head.hash, head.at), head.jws)


def _broken(at: int, message: str, entries: int | None = None) -> ChainReport:
    return ChainReport(False, at - 1 if entries is None else entries, at, message)


def _hash_of(row: Any) -> str | None:
    """The hash that the stored text gives; None when it is not the text that was stored."""
    try:
        entry = _entry(row)
        if _detail_text(entry) != row.detail:
            return None
        return entry_hash(row.sequence, row.at, entry, row.previous)
    except (ValueError, TypeError, AttributeError):
        return None


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        action=row.action,
        actor=row.actor,
        patient=row.patient,
        launch=row.launch,
        subject=row.subject,
        policy=row.policy,
        outcome=row.outcome,
        detail=json.loads(row.detail),
    )


def _chained(row: Any) -> ChainedEntry:
    try:
        at, entry = dt.datetime.fromisoformat(row.at), _entry(row)
    except ValueError:
        raise Tampered(f"Audit entry {row.sequence} is damaged.", code="audit-broken") from None
    return ChainedEntry(row.sequence, at, entry, row.previous, row.hash)


def _detail_text(entry: AuditEntry) -> str:
    return rfc8785.dumps(dict(entry.detail)).decode("utf-8")


def _instant_text(at: dt.datetime) -> str:
    """ISO 8601 in UTC, to the microsecond: the very text that is hashed."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
