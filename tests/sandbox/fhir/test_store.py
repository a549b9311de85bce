"""The store's plain Python API: for seeding, and for the sandbox's own pages."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from fhir_plugin.sandbox.fhir import FhirError, FhirStore
from tests.sandbox.fhir.client import FhirUnderTest, got, media, patient


def test_put_read_search_history_and_binary() -> None:
    with FhirStore() as store:
        store.put(patient(id="p"))
        assert store.put(patient(id="p", active=True))["meta"]["versionId"] == "2"
        made = store.create(media("Patient/p"))
        store.put_binary("b", b"bytes", "image/png", security_context="Patient/p")
        assert store.read("Patient", "p") == store.search("Patient", {"_id": "p"})[0]
        assert store.read("Patient", "none") is None
        assert [one["id"] for one in store.search("Media", {"patient": "p"})] == [made["id"]]
        assert [version.version for version in store.history("Patient", "p")] == [2, 1]
        assert store.binary("b") == (b"bytes", "image/png")
        assert store.binary("none") is None
        assert store.search("Binary", {})[0]["securityContext"] == {"reference": "Patient/p"}


def test_what_is_not_r4_is_not_stored() -> None:
    with FhirStore() as store:
        with pytest.raises(FhirError, match="422"):
            store.put(patient(id="p", birthDate="x"))
        with pytest.raises(FhirError, match="422"):
            store.put(patient(id="not an id"))
        with pytest.raises(FhirError, match="400"):
            store.search("Patient", {"nonsense": "x"})
        assert store.search("Patient", {}) == []


def test_a_failing_session_leaves_nothing_and_the_store_usable() -> None:
    with FhirStore() as store:
        with pytest.raises(RuntimeError), store.session(write=True) as session:
            session.write(patient(), "p", "PUT")
            raise RuntimeError
        assert store.read("Patient", "p") is None
        store.put(patient(id="p"))


def test_a_store_on_disk_is_there_again(tmp_path: Path) -> None:
    path = tmp_path / "ehr.sqlite"
    with FhirStore(path) as store:
        store.put(patient(id="p"))
    with FhirStore(path) as store:
        assert store.read("Patient", "p") is not None
        assert len(store.search("Patient", {"name": "okafor"})) == 1


def test_a_temporary_store_leaves_nothing_on_disk() -> None:
    store = FhirStore()
    with store.session() as session:
        (_, _, file) = session.connection.execute("PRAGMA database_list").fetchone()
    assert Path(file).exists()
    store.close()
    store.close()
    assert not Path(file).parent.exists()


def test_time_never_runs_backwards() -> None:
    moments = iter(dt.datetime(2026, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=s) for s in (10, 5, 20, 20, 20, 20))
    with FhirUnderTest(now=lambda: next(moments)) as fhir:
        stamps = [got(fhir.put("Patient/p", patient(id="p")))["meta"]["lastUpdated"] for _ in range(3)]
    assert stamps == ["2026-01-01T00:00:10.000Z", "2026-01-01T00:00:10.000Z", "2026-01-01T00:00:20.000Z"]
