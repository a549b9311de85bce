"""What the companion store keeps of one patient, counted and named; and it goes over into a chart, bytes and all."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.companion_kept import LaunchPlaces, counted, patients_kept
from fhir_plugin.adapters.reconciled import Rows
from fhir_plugin.adapters.tables import companion_history, companion_resources
from fhir_plugin.capture.moving import KIND, MovingOver, Movings
from fhir_plugin.errors import NotFound
from fhir_plugin.ledger.engine import Engine, PlanFor
from fhir_plugin.ports import kept_under
from mappings.model.identifiers import FhirBase, PatientId, Reference
from tests.capture.bench import SESSION, Bench
from tests.conftest import OwnStores
from tests.fakes.record import FakeRecord

HERE, AMY = SESSION.fhir_base, SESSION.patient_id
PHOTO = b"\xff\xd8\xff" + bytes(range(256)) * 30


def companion_of(own: OwnStores, base: FhirBase = HERE) -> CompanionRecord:
    return CompanionRecord(own.database, own.masters, base, own.clock, own.vault)


def fill(companion: CompanionRecord, patient: PatientId = AMY, suffix: str = "1") -> None:
    subject = {"reference": f"Patient/{patient}"}
    image = f"m{suffix}"
    companion.create_binary(PHOTO, "image/jpeg", id=f"b{suffix}", security_context=Reference(f"Media/{image}"))
    companion.put(
        {
            "resourceType": "Media",
            "id": image,
            "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]},
            "status": "completed",
            "subject": subject,
            "content": {"contentType": "image/jpeg", "url": f"Binary/b{suffix}"},
        }
    )
    companion.put({"resourceType": "Consent", "id": f"c{suffix}", "status": "active", "patient": subject})


@pytest.fixture(params=["own", pytest.param("own_on_postgresql", marks=pytest.mark.needs("postgresql"))])
def stores(request: pytest.FixtureRequest) -> OwnStores:
    found: OwnStores = request.getfixturevalue(request.param)
    return found


def test_it_is_named_for_its_patient_alone_and_counted_without_names(stores: OwnStores) -> None:
    companion = companion_of(stores)
    fill(companion)
    fill(companion, PatientId("bob"), "2")
    fill(companion_of(stores, FhirBase("https://other.example/fhir")), suffix="3")
    companion.put(
        {"resourceType": "Consent", "id": "c1", "status": "inactive", "patient": {"reference": f"Patient/{AMY}"}}
    )
    companion.delete("Consent", "c2")
    places = LaunchPlaces(FakeRecord(base=HERE), companion, AMY, stores.database)
    assert places.kept() == ["Consent/c1", "Media/m1"]
    for id, target in (("p1", "Media/m1"), ("p2", "Media/m2"), ("p3", "Media/moved-before/_history/1")):
        companion.put({"resourceType": "Provenance", "id": id, "target": [{"reference": target}]})
    assert places.kept() == ["Consent/c1", "Media/m1"]
    assert places.kept([]) == ["Consent/c1", "Media/m1", "Provenance/p1"]
    assert places.kept([Reference("Media/moved-before")])[2:] == ["Provenance/p1", "Provenance/p3"]
    told = {(base, kind): (number, of) for base, kind, number, of in counted(stores.database)}
    assert told[(HERE, "Media")] == (2, 2) and told[(HERE, "Consent")] == (1, 1)
    assert set(patients_kept(stores.database)) == {(HERE, AMY), (HERE, "bob"), ("https://other.example/fhir", AMY)}
    rows = Rows(stores.database, stores.clock)
    assert {kept_under(HERE, "Binary/b1"), kept_under(HERE, "Binary/b2")} <= rows.owners()
    assert (HERE, AMY) in rows.patients()


def test_it_goes_over_and_leaves_nothing_behind(stores: OwnStores) -> None:
    companion, chart = companion_of(stores), FakeRecord(base=HERE)
    fill(companion)
    bench = Bench()
    plans: dict[str, PlanFor] = {}
    engine = Engine(store=bench.ledger, work=bench.work, clock=bench.clock, plans=plans, owner="moving")
    parts = replace(bench.parts, engine=engine)

    def places(_launch: object) -> LaunchPlaces:
        return LaunchPlaces(chart, companion, AMY, stores.database)

    plans[KIND] = Movings(parts, places)
    assert MovingOver(parts, places).move(SESSION) == {"moved": 2, "stay": 0}
    assert chart.read_binary("Binary/b1").content == PHOTO
    assert chart.read("Media", "m1")["meta"]["security"][0]["code"] == "R"
    with stores.database.connection() as connection:
        for table in (companion_resources, companion_history):
            assert connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0
    assert stores.vault.items() == []
    with pytest.raises(NotFound):
        companion.read_binary("Binary/b1")
