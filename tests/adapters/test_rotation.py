"""After a rotation nothing at all is left under the old master key."""

from __future__ import annotations

import sqlalchemy as sa

from fhir_plugin.adapters.appointments import Appointments
from fhir_plugin.adapters.chart_copies import DatabaseChartCopies
from fhir_plugin.adapters.client_keys import DatabaseClientKeys
from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.disclosure_requests import DatabaseDisclosureRequests
from fhir_plugin.adapters.drafts import DatabaseDrafts
from fhir_plugin.adapters.hidden_images import DatabaseHiddenImages
from fhir_plugin.adapters.image_labels import DatabaseImageLabels
from fhir_plugin.adapters.kept_images import DatabaseKeptImages
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.adapters.photo_requests import DatabasePhotoRequests
from fhir_plugin.adapters.practice import DatabaseAbsences, DatabaseColleagues, DatabaseHolds
from fhir_plugin.adapters.rotation import rotate_master
from fhir_plugin.adapters.second_opinions import DatabaseSecondOpinions
from fhir_plugin.adapters.sessions import LaunchSessions, PendingLaunches
from fhir_plugin.adapters.tables import metadata
from fhir_plugin.adapters.tokens import Tokens
from fhir_plugin.adapters.worklist import DatabaseWorklist
from fhir_plugin.capture.draft import Draft, DraftState
from fhir_plugin.ports import Compartment
from mappings.model.identifiers import CaptureId, FhirBase, LaunchId, PatientId, Reference, WorkId
from mappings.model.people import Role
from mappings.model.work import WorkItem, WorkKind
from smart_launch import Issuer
from tests.adapters.launches import BASE, make_grant, make_pending, make_session
from tests.capture.requests.bench import Asking
from tests.conftest import OwnStores, open_stores
from tests.contracts.test_chart_copies import COPY
from tests.contracts.test_deletion_cases import CERTIFICATE, own_cases
from tests.contracts.test_deletion_cases import FULL as CASE
from tests.contracts.test_disclosure_requests import FULL as REQUEST
from tests.contracts.test_hidden_images import HIDDEN
from tests.contracts.test_image_labels import LABEL
from tests.contracts.test_practice_stores import ABSENCE, COLLEAGUE, HOLD, KEPT
from tests.contracts.test_second_opinions import FULL

LAUNCH = LaunchId("launch-1")
SEALED = [column for table in metadata.sorted_tables for column in table.c if isinstance(column.type, sa.LargeBinary)]


def _draft(own: OwnStores) -> Draft:
    return Draft(
        capture_id=CaptureId("c-1"),
        fhir_base=FhirBase(BASE),
        patient=PatientId("p1"),
        user=Reference("Practitioner/gp-1"),
        launch=LAUNCH,
        encounter=None,
        state=DraftState.OPEN,
        created=own.clock.now(),
        updated=own.clock.now(),
    )


def test_every_sealed_column_of_every_table_is_sealed_again(own: OwnStores) -> None:
    now, path = own.clock.now(), own.state / "master.key"
    vault_id = own.vault.put(b"bytes", compartment=Compartment.CLEAN, owner="c-1")
    digest = own.vault.keyed_digest(b"bytes")
    jws = own.signer.sign({"x": 1})
    PendingLaunches(own.database, own.masters, own.clock).save(make_pending(now))
    LaunchSessions(own.database, own.masters, own.clock).create(make_session(now))
    client_key = DatabaseClientKeys(own.database, own.masters, own.clock).current("ES384")
    Tokens(own.database, own.masters, own.clock).save(LAUNCH, make_grant(now))
    DatabaseDrafts(own.database, own.masters).add(_draft(own))
    ehr, guardian = Issuer(name="trust-a", iss=BASE, client_id="c"), "Practitioner/gp-1"
    appointments = Appointments(own.database, own.masters, own.audit, own.clock)
    appointed = appointments.appoint(ehr, guardian, Role.AUDITOR, name="Dr Example", by="The board", reason="Audit")
    item = WorkItem(WorkId("w-1"), WorkKind.CALL_ME, FhirBase(BASE), PatientId("p1"), "r-1", now, now, words="Please")
    DatabaseWorklist(own.database, own.masters).add(item)
    DatabaseKeptImages(own.database, own.masters).keep(KEPT)
    DatabaseImageLabels(own.database, own.masters).keep(LABEL)
    DatabaseHiddenImages(own.database, own.masters).keep(HIDDEN)
    DatabaseColleagues(own.database, own.masters).seen(COLLEAGUE)
    DatabaseAbsences(own.database, own.masters).set(ABSENCE)
    DatabaseHolds(own.database, own.masters).add(HOLD)
    DatabasePhotoRequests(own.database, own.masters).add(Asking().prepared())
    DatabaseSecondOpinions(own.database, own.masters).add(FULL)
    DatabaseDisclosureRequests(own.database, own.masters).add(REQUEST)
    DatabaseChartCopies(own.database, own.masters).save(COPY)
    own_cases(own).add(CASE)
    own_cases(own).certify(CERTIFICATE)
    consent = {"resourceType": "Consent", "status": "active", "patient": {"reference": "Patient/p1"}}
    before = CompanionRecord(own.database, own.masters, FhirBase(BASE), own.clock)
    stored = before.create(consent)
    before.put({**consent, "id": stored.id, "status": "inactive"})

    both = MasterKeys.add_to_file(path)
    counts = rotate_master(own.database, both, own.clock, own.state / "vault")
    assert all(counts.values()), counts
    assert not any(rotate_master(own.database, both, own.clock, own.state / "vault").values())
    with own.database.connection() as connection:
        for column in SEALED:
            values = connection.execute(sa.select(column)).scalars().all()
            assert values, f"{column} holds nothing: fill it above"
            assert all(both.is_current(value) for value in values), f"{column} is under the old key"

    new = MasterKeys.forget_old(path)
    again = open_stores(f"sqlite:///{own.state}/plugin.db", own.state, own.clock)
    assert again.vault.get(vault_id) == b"bytes"
    assert again.vault.keyed_digest(b"bytes") == digest
    assert again.signer.verify({"x": 1}, jws)
    assert DatabaseClientKeys(own.database, new, own.clock).current("ES384").as_pem() == client_key.as_pem()
    assert PendingLaunches(own.database, new, own.clock).take(make_pending(now).key) == make_pending(now)
    assert LaunchSessions(own.database, new, own.clock).get(LAUNCH) == make_session(now)
    assert Tokens(own.database, new, own.clock).get(LAUNCH).grant == make_grant(now)
    assert DatabaseDrafts(own.database, new).get(CaptureId("c-1")) == _draft(own)
    assert Appointments(own.database, new, again.audit, own.clock).listed() == [appointed]
    assert DatabaseWorklist(own.database, new).get(WorkId("w-1")) == item
    assert DatabaseKeptImages(own.database, new).of_patient(KEPT.fhir_base, KEPT.patient) == [KEPT]
    assert DatabaseHolds(own.database, new).get(HOLD.id) == HOLD
    assert DatabaseHiddenImages(own.database, new).at(HIDDEN.fhir_base) == [HIDDEN]
    assert DatabaseChartCopies(own.database, new).of_image(COPY.fhir_base, COPY.image) == [COPY]
    assert own_cases(own, new).at(CASE.fhir_base) == [CASE]
    companion = CompanionRecord(own.database, new, FhirBase(BASE), own.clock)
    assert [version["status"] for version in companion.history("Consent", stored.id)] == ["inactive", "active"]
    again.database.dispose()
