"""The only place where parts are joined: an installation, and the web application over it."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import tempfile
import uuid
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from fhir_plugin.adapters.appointments import Appointments
from fhir_plugin.adapters.audit import DatabaseAuditTrail
from fhir_plugin.adapters.background import BackgroundThreads
from fhir_plugin.adapters.chart_copies import DatabaseChartCopies
from fhir_plugin.adapters.client_keys import DatabaseClientKeys
from fhir_plugin.adapters.clock import SystemClock
from fhir_plugin.adapters.copy_sheet import RenderedSheets
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.deletion_cases import DatabaseDeletionCases
from fhir_plugin.adapters.destruction_log import DestructionLogFile
from fhir_plugin.adapters.disclosure_requests import DatabaseDisclosureRequests
from fhir_plugin.adapters.drafts import DatabaseDrafts
from fhir_plugin.adapters.ehr_records import LaunchRecords
from fhir_plugin.adapters.ehr_users import load_job_roles
from fhir_plugin.adapters.hidden_images import DatabaseHiddenImages
from fhir_plugin.adapters.image_labels import DatabaseImageLabels
from fhir_plugin.adapters.image_worker import ProcessImageWorker
from fhir_plugin.adapters.kept_images import DatabaseKeptImages
from fhir_plugin.adapters.launches import Launches
from fhir_plugin.adapters.ledger_store import DatabaseLedger
from fhir_plugin.adapters.outbox import OutboxFolder
from fhir_plugin.adapters.packs import DatabasePacks
from fhir_plugin.adapters.photo_requests import DatabaseLinkTries, DatabasePhotoRequests
from fhir_plugin.adapters.practice import DatabaseAbsences, DatabaseColleagues, DatabaseHolds
from fhir_plugin.adapters.queue import HueyQueue
from fhir_plugin.adapters.second_opinions import DatabaseSecondOpinions
from fhir_plugin.adapters.secrets_folder import SecretsFolder
from fhir_plugin.adapters.server_limits import DatabaseServerLimits
from fhir_plugin.adapters.sessions import LaunchSessions, PendingLaunches
from fhir_plugin.adapters.signed_export import SignedExports
from fhir_plugin.adapters.signing import DatabaseStatementSigner
from fhir_plugin.adapters.tokens import Tokens, TokenSource
from fhir_plugin.adapters.traces import FolderTraces
from fhir_plugin.adapters.vault import FileVault
from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.capture.captures import Captures
from fhir_plugin.capture.carry_out import CarryOut
from fhir_plugin.capture.forgetting import Filed
from fhir_plugin.capture.parts import CaptureParts
from fhir_plugin.capture.requests.asking import Requests
from fhir_plugin.capture.requests.parts import RequestParts
from fhir_plugin.capture.requests.record import KIND as PHOTO_REQUEST
from fhir_plugin.capture.requests.record import FollowRecord
from fhir_plugin.capture.requests.visit import Visits
from fhir_plugin.capture.write import KIND
from fhir_plugin.damage import unless_damaged
from fhir_plugin.deleting import KnownRoles, join_deletion
from fhir_plugin.disclose.forgetting import Packages
from fhir_plugin.disclosing import join_desk
from fhir_plugin.errors import SignInNeeded
from fhir_plugin.from_settings import master_keys, registered_ehrs
from fhir_plugin.hiding import join_hiding
from fhir_plugin.installation import Installation
from fhir_plugin.keep.consent_change import KIND as CONSENT_CHANGE
from fhir_plugin.keep.consent_change import ConsentChanges
from fhir_plugin.keep.consult import Consultations
from fhir_plugin.keep.forgetting import KeptElsewhere
from fhir_plugin.keep.label_order import KIND as LABEL_CHANGE
from fhir_plugin.keep.label_plan import LabelChanges
from fhir_plugin.keep.label_review import LabelReviews
from fhir_plugin.keep.opinion_events import KIND as OPINION_ACT
from fhir_plugin.keep.opinion_events import OpinionActs
from fhir_plugin.keep.relabel import Labels
from fhir_plugin.keep.review import Reviews
from fhir_plugin.keep.view import Gallery
from fhir_plugin.keep.withdraw import Withdrawals
from fhir_plugin.launching import launching
from fhir_plugin.ledger.concern_note import KIND as CONCERN
from fhir_plugin.ledger.concern_note import ConcernNotes
from fhir_plugin.ledger.engine import Engine
from fhir_plugin.ledger.intents import Intent, LedgerStore
from fhir_plugin.logs import configure_logs
from fhir_plugin.machines import machines
from fhir_plugin.moving import join_moving
from fhir_plugin.ports import AuditTrail, Clock, Holds, ImageWorker, KeptImages, StatementSigner, Vault, Worklist
from fhir_plugin.readiness import ready_for_patients
from fhir_plugin.reconciling import replay_destructions
from fhir_plugin.settings import Settings
from fhir_plugin.web.access import bound_to_this_browser, remembered_in_this_request, shut_by_default
from fhir_plugin.web.launch import register_launch
from fhir_plugin.web.machines.pages import register_machines
from fhir_plugin.web.pages import register_pages
from fhir_plugin.web.patient.wording import shipped
from fhir_plugin.web.unforeseen import DiscreetFlask
from fhir_plugin.work.concerns import Concerns
from fhir_plugin.work.parts import WorkParts
from fhir_plugin.work.practice import Practice
from mappings.model.identifiers import FhirBase, LaunchId, PatientId, Reference
from smart_launch import ClientKey, IssuerRegistry, SmartClient, Transport, UnknownIssuer

P = TypeVar("P")


class Around(Protocol):
    """Wraps a port as it is joined: for tests that count, delay or kill at port calls."""

    def __call__(self, name: str, port: P) -> P: ...


def unwrapped(name: str, port: P) -> P:  # noqa: ARG001
    """The port itself."""
    return port


def install(
    settings: Settings,
    *,
    registry: IssuerRegistry | None = None,
    transport: Transport | None = None,
    clock: Clock | None = None,
    worker: ImageWorker | None = None,
    client_keys: Mapping[str, ClientKey] | None = None,
    chart_link: Callable[[FhirBase, PatientId, Reference], str | None] = lambda _base, _patient, _reference: None,
    around: Around = unwrapped,
    others: Collection[Path] = (),
) -> Installation:
    """Joins the parts. Without arguments everything is the embedded default below `settings.state`.

    `others`: databases of other systems that lie among this machine's temporary files, as a sandbox EHR's may.
    """
    configure_logs()
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    clock = clock or SystemClock()
    folder = SecretsFolder(settings.secrets)
    if registry is None:
        registry = registered_ehrs(settings, folder)
    transport = transport or Transport(
        allowed_private_hosts=registry.private_hosts, ca_bundle=str(settings.ca_bundle) if settings.ca_bundle else None
    )
    job_roles = load_job_roles(settings.job_roles_file)
    masters = master_keys(settings)
    database = Database(settings.database)
    database.upgrade()
    signer: StatementSigner = around("signer", DatabaseStatementSigner(database, masters, clock))
    vault: Vault = around("vault", FileVault(database, settings.state / "vault", masters, clock))
    audit: AuditTrail = around("audit", DatabaseAuditTrail(database, clock, signer))
    ledger: LedgerStore = around("ledger", DatabaseLedger(database, clock))
    sessions = LaunchSessions(
        database,
        masters,
        clock,
        idle=dt.timedelta(minutes=settings.session_idle_minutes),
        remembered=remembered_in_this_request,
    )
    tokens = Tokens(database, masters, clock)
    pending = PendingLaunches(database, masters, clock)
    fixed = folder.client_keys() if client_keys is None else client_keys
    keys = DatabaseClientKeys(database, masters, clock, fixed=fixed)
    worklist: Worklist = around("worklist", DatabaseWorklist(database, masters))
    holds: Holds = around("holds", DatabaseHolds(database, masters))
    kept: KeptImages = around("kept", DatabaseKeptImages(database, masters))
    smart = SmartClient(
        registry,
        redirect_uri=f"{settings.base_url}/callback",
        store=pending,
        keys=keys.key_for,
        transport=transport,
        now=clock.now,
    )
    records = LaunchRecords(
        database=database,
        masters=masters,
        vault=vault,
        sessions=sessions,
        tokens=TokenSource(tokens, smart.refresh, clock),
        transport=transport,
        registry=registry,
        clock=clock,
        limits=DatabaseServerLimits(database, clock),
        discover=smart.configuration,
        around=lambda record: around("record", record),
        around_purge=lambda purge: around("purge", purge),
    )
    policy = DatabasePacks(database, clock, audit).in_force(settings.policy, settings.policy_file)
    worker = around("worker", worker or ProcessImageWorker(workers=settings.image_workers))
    plans: dict[str, Callable[[Intent], Any]] = {}
    engine = Engine(
        store=ledger, work=database, clock=clock, plans=plans, owner=f"{os.getpid()}-{secrets.token_hex(4)}"
    )

    installation: Installation
    queue = HueyQueue(settings.redis_url or settings.state / "queue.sqlite", lambda: installation.resume())
    parts = CaptureParts(
        work=database,
        drafts=around("drafts", DatabaseDrafts(database, masters)),
        vault=vault,
        audit=audit,
        signer=signer,
        worker=worker,
        ledger=ledger,
        engine=engine,
        queue=queue,
        clock=clock,
        policy=policy,
        records=records.record_of,
        chart_link=chart_link,
        new_id=lambda: str(uuid.uuid4()),
        worklist=worklist,
        holds=holds,
        kept=kept,
        labels=around("labels", DatabaseImageLabels(database, masters)),
        hidden=around("hidden", DatabaseHiddenImages(database, masters)),
        copies=around("copies", DatabaseChartCopies(database, masters)),
        background=BackgroundThreads(max(1, settings.image_workers - 1)),
        sheets=around("sheets", RenderedSheets(worker)),
    )
    colleagues = DatabaseColleagues(database, masters)
    practice_parts = WorkParts(
        work=database,
        worklist=worklist,
        colleagues=colleagues,
        absences=DatabaseAbsences(database, masters),
        holds=holds,
        copies=parts.copies,
        audit=audit,
        ledger=ledger,
        engine=engine,
        queue=queue,
        clock=clock,
        policy=policy,
        records=records.record_of,
        new_id=parts.new_id,
    )
    concerns = Concerns(practice_parts)
    plans[KIND] = CarryOut(parts)
    plans[CONCERN] = ConcernNotes(holds, audit, records.record_of)
    plans[CONSENT_CHANGE] = ConsentChanges(parts)
    plans[OPINION_ACT] = OpinionActs(parts)
    plans[LABEL_CHANGE] = LabelChanges(parts)
    request_parts = RequestParts(
        capture=parts,
        requests=around("requests", DatabasePhotoRequests(database, masters)),
        tries=DatabaseLinkTries(database),
        messages=around("messages", OutboxFolder(settings.state / "outbox")),
        link_of=lambda secret: f"{settings.base_url}/p/{secret}",
    )
    gallery, practice = Gallery(parts), Practice(practice_parts)
    records.also_forget(gallery.ended)
    labels = Labels(parts, gallery)
    opinions = around("opinions", DatabaseSecondOpinions(database, masters))
    plans[PHOTO_REQUEST] = FollowRecord(request_parts)
    captures = Captures(parts)
    disclosures = around("disclosures", DatabaseDisclosureRequests(database, masters))
    appointments = Appointments(database, masters, audit, clock)
    traces = FolderTraces(
        database,
        state=settings.state,
        file=database.file,
        vault=settings.state / "vault",
        temporary=Path(tempfile.gettempdir()),
        others=others,
    )
    desk = join_desk(parts, disclosures, captures.patient, plans)
    held_elsewhere = KeptElsewhere(parts, opinions, gallery.forget)
    consultations = Consultations(parts, opinions, gallery, practice.clinicians)
    known = KnownRoles(colleagues, appointments.listed, clock)
    installation = Installation(
        settings=settings,
        masters=masters,
        policy=policy,
        registry=registry,
        transport=transport,
        clock=clock,
        database=database,
        vault=vault,
        audit=audit,
        signer=signer,
        ledger=ledger,
        worker=worker,
        queue=queue,
        pending=pending,
        sessions=sessions,
        tokens=tokens,
        records=records,
        exports=SignedExports(parts, records.beside),
        smart=smart,
        launches=Launches(
            database=database, sessions=sessions, tokens=tokens, records=records, audit=audit, smart=smart
        ),
        client_keys=keys,
        engine=engine,
        parts=parts,
        captures=captures,
        gallery=gallery,
        job_roles=job_roles,
        appointments=appointments,
        worklist=worklist,
        practice=practice,
        concerns=concerns,
        withdrawals=Withdrawals(parts),
        reviews=Reviews(
            parts,
            hide=lambda session, *said: installation.deletion.hide_for_review(session, *said),
            asked_to_destroy=lambda session: installation.deletion.asked_to_destroy(session),
        ),
        consultations=consultations,
        labels=labels,
        label_reviews=LabelReviews(parts, gallery, labels),
        moving=join_moving(parts, records.places_of, plans),
        request_parts=request_parts,
        requests=Requests(request_parts),
        visits=Visits(request_parts),
        desk=desk,
        deletion=join_deletion(
            parts,
            around("deletions", DatabaseDeletionCases(database, masters, vault.keyed_digest)),
            patient=captures.patient,
            purges=records.purge_of,
            traces=traces,
            destroyed=around("destroyed", DestructionLogFile(settings.state / "destroyed.log", vault.keyed_digest)),
            known=known,
            hiding=partial(
                join_hiding,
                pictures=gallery,
                takes=captures,
                opinions=opinions,
                disclosures=disclosures,
                stop=consultations.settle_all,
                name_of=known.name_of,
                plans=plans,
            ),
            elsewhere={
                "capture": Filed(request_parts).forget,
                "opinion": held_elsewhere.end_opinions,
                "label-order": held_elsewhere.end_orders,
                "package": Packages(desk.parts).destroy,
            },
            after_commit=database.after_commit,
            plans=plans,
        ),
    )
    unless_damaged("destroyed", lambda: replay_destructions(installation), 0)
    return installation


def create_app(installation: Installation) -> Flask:
    """The web application. `app.extensions["fhir_plugin"]` is the installation."""
    app = DiscreetFlask("fhir_plugin.web", static_folder=None, template_folder="templates")
    app.secret_key = installation.vault.keyed_digest(b"csrf cookie")  # alike in every worker and after a restart
    app.extensions["fhir_plugin"] = installation
    app.extensions["patient_languages"] = shipped(installation.settings.patient_languages)
    registry = installation.registry
    every_ehr = tuple(sorted({origin for issuer in registry for origin in issuer.frame_ancestors}))

    def frame_ancestors(launch: str | None) -> tuple[str, ...]:
        """The EHR of a launch alone may frame its pages. Pages that know nobody (the way in, its errors, "launch
        again") may be framed by every registered EHR, or a failed launch would be a blank frame."""
        if launch is None:
            return every_ehr
        try:
            session = installation.sessions.get(LaunchId(launch))
        except SignInNeeded:
            return every_ehr
        if not bound_to_this_browser(session.browser_binding_hash):
            return every_ehr
        try:
            return registry.named(session.issuer).frame_ancestors
        except UnknownIssuer:  # taken out of the registry while a session lasts: from now on nobody may frame it
            return ()

    register_pages(
        app,
        picture_bytes=installation.policy.most_bytes_per_image,
        video_bytes=installation.policy.video_most_bytes,
        frame_ancestors=frame_ancestors,
        policy_notices=lambda: installation.policy.notices(installation.clock.now().date()),
    )
    register_launch(app, launching(installation))
    if (for_machines := machines(installation)) is not None:
        register_machines(app, for_machines)
    if proxies := installation.settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # as Flask's own documents do
            app.wsgi_app, x_for=proxies, x_proto=0, x_host=0, x_port=0, x_prefix=0
        )
    shut_by_default(app)
    return app


def app_from_environment() -> Flask:
    """For WSGI servers: the app that the environment describes."""
    return create_app(ready_for_patients(install(Settings())))
