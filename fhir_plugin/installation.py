"""One installation of the app, in one process: its parts, and what it does by itself."""

from __future__ import annotations

from dataclasses import dataclass

from fhir_plugin.adapters.appointments import Appointments
from fhir_plugin.adapters.client_keys import DatabaseClientKeys
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.ehr_records import LaunchRecords
from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.launches import Launches
from fhir_plugin.adapters.queue import HueyQueue
from fhir_plugin.adapters.sessions import LaunchSessions, PendingLaunches
from fhir_plugin.adapters.signed_export import SignedExports
from fhir_plugin.adapters.tokens import Tokens
from fhir_plugin.capture.captures import Captures
from fhir_plugin.capture.moving import MovingOver
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.requests.asking import Requests
from fhir_plugin.capture.requests.ends import tidy
from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.requests.visit import Visits
from fhir_plugin.capture.waiting import WaitingItem, mend, waiting_too_long
from fhir_plugin.damage import unless_damaged
from fhir_plugin.delete.again import look_again
from fhir_plugin.deleting import Deletion
from fhir_plugin.disclose.desk.desk import Desk
from fhir_plugin.disclose.send import tidy as tidy_packages
from fhir_plugin.keep.consult import Consultations
from fhir_plugin.keep.label_review import LabelReviews
from fhir_plugin.keep.relabel import Labels
from fhir_plugin.keep.review import Reviews
from fhir_plugin.keep.view import Gallery
from fhir_plugin.keep.withdraw import Withdrawals
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import Intent, LedgerStore
from fhir_plugin.policy.pack import PolicyPack
from fhir_plugin.ports import AuditTrail, Clock, ImageWorker, StatementSigner, Vault, Worklist
from fhir_plugin.settings import Settings
from fhir_plugin.web.access import clinical_session
from fhir_plugin.work.concerns import Concerns
from fhir_plugin.work.practice import Practice
from mappings.model.identifiers import FhirBase, PatientId
from mappings.model.people import ClinicalSession
from mappings.terminology.job_roles import JobRoles
from smart_launch import IssuerRegistry, SmartClient, Transport


@dataclass
class Installation:
    """One installation of the app, in one process. `close()` when done."""

    settings: Settings
    masters: MasterKeys
    policy: PolicyPack
    registry: IssuerRegistry
    transport: Transport
    clock: Clock
    database: Database
    vault: Vault
    audit: AuditTrail
    signer: StatementSigner
    ledger: LedgerStore
    worker: ImageWorker
    queue: HueyQueue
    pending: PendingLaunches
    sessions: LaunchSessions
    tokens: Tokens
    records: LaunchRecords
    exports: SignedExports
    smart: SmartClient
    launches: Launches
    client_keys: DatabaseClientKeys
    engine: Engine
    parts: CaptureParts
    captures: Captures
    gallery: Gallery
    job_roles: JobRoles
    appointments: Appointments
    worklist: Worklist
    practice: Practice
    concerns: Concerns
    request_parts: RequestParts
    requests: Requests
    visits: Visits
    withdrawals: Withdrawals
    reviews: Reviews
    consultations: Consultations
    labels: Labels
    label_reviews: LabelReviews
    moving: MovingOver
    desk: Desk
    deletion: Deletion

    def resume(self) -> list[Intent]:
        """Takes everything unfinished as far as it goes now, and mends what a crash left. Safe at any time, twice."""
        nothing: list[Intent] = []
        resumed = unless_damaged("intents", self.engine.run_due, nothing)
        if unless_damaged("requests", lambda: tidy(self.request_parts), 0):
            resumed = resumed + unless_damaged("intents", self.engine.run_due, nothing)  # what ended is told, too
        unless_damaged("captures", lambda: mend(self.parts), 0)
        unless_damaged("reviews", self.reviews.raise_due, 0)
        unless_damaged("opinions", self.consultations.tidy, 0)
        unless_damaged("packages", lambda: tidy_packages(self.desk.parts), 0)
        unless_damaged("disclosures", self.desk.tidy, 0)
        unless_damaged("deletions", self.deletion.tidy, 0)
        unless_damaged("deletions", lambda: look_again(self.deletion.parts, self.live_at), 0)
        for part, step in (
            ("audit", self.audit.sign_head),
            ("pending", self.pending.purge),
            ("sessions", self.sessions.purge),
        ):
            unless_damaged(part, step, None)
        return resumed

    def live_at(self, fhir_base: FhirBase, patient: PatientId) -> list[ClinicalSession]:
        """The launches of a patient that have not ended, newest first."""
        return [clinical_session(each) for each in self.sessions.of_patient(fhir_base, patient) if each.user]

    def waiting_too_long(self) -> list[WaitingItem]:
        """What a person must look at."""
        return waiting_too_long(self.parts)

    def close(self) -> None:
        """Ends the image workers and the database's connections."""
        if isinstance(self.worker, ProcessImageWorker):
            self.worker.close()
        self.queue.close()
        self.database.dispose()
