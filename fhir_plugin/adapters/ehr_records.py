"""The record of one launch: its EHR's server with its token and scopes, and our companion store beside it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from dataclasses import dataclass

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.companion_kept import LaunchPlaces
from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_purge import FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.sessions import LaunchSessions
from fhir_plugin.adapters.tokens import TokenSource
from fhir_plugin.capability import Discovery
from fhir_plugin.errors import NotFound
from fhir_plugin.ports import ClinicalRecord, Clock, RecordPurge, ServerLimits, Vault
from mappings.model.identifiers import FhirBase, LaunchId, PatientId
from smart_launch import Issuer, IssuerRegistry, SmartConfiguration, SmartError, Transport

KEEP = dt.timedelta(minutes=10)
"""How long what a server can do is believed before it is asked again."""


@dataclass(frozen=True)
class _Kept:
    record: ClinicalRecord
    purge: RecordPurge
    ehr: ClinicalRecord
    companion: CompanionRecord
    patient: PatientId | None
    since: dt.datetime


class LaunchRecords:
    """`record_of(launch)`, and `purge_of(launch)`, for every launch that is signed in. Thread-safe."""

    def __init__(
        self,
        *,
        database: Database,
        masters: MasterKeys,
        vault: Vault,
        sessions: LaunchSessions,
        tokens: TokenSource,
        transport: Transport,
        registry: IssuerRegistry,
        clock: Clock,
        limits: ServerLimits,
        discover: Callable[[Issuer], SmartConfiguration],
        around: Callable[[ClinicalRecord], ClinicalRecord] = lambda record: record,
        around_purge: Callable[[RecordPurge], RecordPurge] = lambda purge: purge,
    ) -> None:
        self._also: list[Callable[[LaunchId], None]] = []
        self._database = database
        self._masters = masters
        self._vault = vault
        self._sessions = sessions
        self._tokens = tokens
        self._transport = transport
        self._registry = registry
        self._clock = clock
        self._limits = limits
        self._discover = discover
        self._around = around
        self._around_purge = around_purge
        self._forms = BinaryForms()
        self._kept: dict[LaunchId, _Kept] = {}
        self._lock = threading.Lock()

    def record_of(self, launch: LaunchId) -> ClinicalRecord:
        """What this launch may see and write. Raises `SignInNeeded` once its session has ended."""
        return self._kept_of(launch).record

    def purge_of(self, launch: LaunchId) -> RecordPurge:
        """What destroying and proving ask of the same record, with the same token. Raises as `record_of`."""
        return self._kept_of(launch).purge

    def beside(self, fhir_base: FhirBase) -> CompanionRecord:
        """What we keep ourselves of the records of one EHR, without anybody's launch."""
        return CompanionRecord(self._database, self._masters, fhir_base, self._clock, self._vault)

    def places_of(self, launch: LaunchId) -> LaunchPlaces:
        """The same record as its two places. Raises as `record_of`, `NotFound` for a launch without a patient."""
        kept = self._kept_of(launch)
        if kept.patient is None:
            raise NotFound("this launch is of no patient", status=404)
        return LaunchPlaces(self._around(kept.ehr), kept.companion, kept.patient, self._database)

    def _kept_of(self, launch: LaunchId) -> _Kept:
        session = self._sessions.get(launch)
        now = self._clock.now()
        with self._lock:
            kept = self._kept.get(launch)
            if kept is not None and now - kept.since < KEEP:
                return kept
        issuer = self._registry.named(session.issuer)
        granted = self._tokens.scopes(launch)

        def token(rejected: str | None = None) -> str:
            """A refresh may bring less access than before: what is known of the record is then looked at again."""
            grant = self._tokens.grant(launch, rejected=rejected)
            if grant.scopes != granted:
                self.forget(launch)
            return grant.access_token

        ehr = FhirServerRecord(
            self._transport,
            session.fhir_base,
            token,
            granted=granted.allows,
            vendor=None if issuer.vendor == "unknown" else issuer.vendor,
            binary_forms=self._forms,
            renew=token,
            limits=self._limits,
            scopes=tuple(granted),
            discover=lambda: self._discovered(issuer),
        )
        companion = self.beside(session.fhir_base)
        kept = _Kept(
            record=self._around(CompositeRecord(ehr, companion)),
            purge=self._around_purge(FhirPurge(ehr, companion, session.patient)),
            ehr=ehr,
            companion=companion,
            patient=session.patient,
            since=now,
        )
        with self._lock:
            self._kept = {key: each for key, each in self._kept.items() if now - each.since < KEEP}
            self._kept[launch] = kept
        return kept

    def _discovered(self, issuer: Issuer) -> Discovery | None:
        """For people to read: where it does not answer, the record is none the worse."""
        try:
            found = self._discover(issuer)
        except SmartError:
            return None
        return Discovery(found.capabilities, found.scopes_supported)

    def forget(self, launch: LaunchId) -> None:
        """After a sign-out, or when access has changed."""
        with self._lock:
            self._kept.pop(launch, None)
        for each in self._also:
            each(launch)

    def also_forget(self, forget: Callable[[LaunchId], None]) -> None:
        """Has somebody else told whenever a launch is forgotten."""
        self._also.append(forget)
