"""What reconciling knows of rows and files without opening any: a damaged row owns, a file in the making is spared."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from fhir_plugin.adapters.deletion_cases import DatabaseDeletionCases
from fhir_plugin.adapters.hidden_images import DatabaseHiddenImages
from fhir_plugin.adapters.kept_images import DatabaseKeptImages
from fhir_plugin.adapters.reconciled import Rows
from fhir_plugin.adapters.tables import deletion_cases, drafts, kept_images, launch_sessions, tokens
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import CaptureId, FhirBase, PatientId, Reference
from mappings.model.kept import KeptImage
from tests.conftest import OwnStores
from tests.mappings.deletions import BASE, a_case

KEPT, HIDDEN = Reference("Media/kept"), Reference("Media/hidden")


@pytest.fixture
def rows(own: OwnStores) -> Rows:
    return Rows(own.database, own.clock)


def fill(own: OwnStores) -> None:
    now = own.clock.now()
    kept = KeptImage(BASE, KEPT, PatientId("p1"), CaptureId("capture-1"), now)
    DatabaseKeptImages(own.database, own.masters).keep(kept)
    by = Reference("Practitioner/gp")
    hidden = HiddenImage(BASE, HIDDEN, PatientId("p2"), now, HidingState.HIDDEN, HidingReason.OTHER, by)
    DatabaseHiddenImages(own.database, own.masters).keep(hidden)
    DatabaseDeletionCases(own.database, own.masters, own.vault.keyed_digest).add(a_case(patient=PatientId("p3")))


def test_names_and_patients_are_known_also_of_rows_that_cannot_be_opened(own: OwnStores, rows: Rows) -> None:
    fill(own)
    for _ in range(2):
        owners = rows.owners()
        assert {kept_under(BASE, KEPT), kept_under(BASE, HIDDEN), "case-1"} <= owners
        assert rows.patients() == [(BASE, "p1"), (BASE, "p2"), (BASE, "p3")]
        assert (rows.cases(BASE), rows.cases(FhirBase("https://elsewhere.example"))) == (1, 0)
        with own.database.writing() as connection:
            connection.execute(sa.update(kept_images).values(sealed=b"damaged"))
            connection.execute(sa.update(deletion_cases).values(sealed=b"damaged"))


def test_a_draft_owns_what_was_received_for_it(own: OwnStores, rows: Rows) -> None:
    now = own.clock.now()
    row = {
        "capture_id": "capture-9",
        "launch": "l",
        "fhir_base": BASE,
        "patient": "p",
        "user": "u",
        "state": "open",
        "version": 1,
        "sealed": b"x",
        "created": now,
        "updated": now,
    }
    with own.database.writing() as connection:
        connection.execute(sa.insert(drafts).values(row))
    assert "capture-9" in rows.owners()


def test_only_launches_that_have_a_token_and_are_not_over_are_asked_the_newest_first(
    own: OwnStores, rows: Rows
) -> None:
    now = own.clock.now()
    with own.database.writing() as connection:
        for name, patient, age, left, token in (
            ("old", "p1", 30, 60, True),
            ("new", "p1", 1, 60, True),
            ("over", "p1", 10, -1, True),
            ("signed-out", "p1", 5, 60, False),
            ("another's", "p2", 1, 60, True),
        ):
            session = {
                "launch_id": name,
                "fhir_base": BASE,
                "patient": patient,
                "user": "u",
                "sealed": b"x",
                "created": now - dt.timedelta(minutes=age),
                "last_seen": now,
                "ends": now + dt.timedelta(minutes=left),
            }
            connection.execute(sa.insert(launch_sessions).values(session))
            if token:
                held = {"launch_id": name, "sealed": b"x", "version": 1, "refresh_state": "none", "updated": now}
                connection.execute(sa.insert(tokens).values(held))
    assert rows.launches(BASE, PatientId("p1")) == ["new", "old"]


def test_files_without_a_key_and_keys_without_a_file(own: OwnStores) -> None:
    whole, lost, gone = (
        own.vault.put(b"content", compartment=Compartment.CLEAN, owner=f"capture-{number}") for number in range(3)
    )
    folder = own.state / "vault"
    assert own.vault.strays() == ([], [])
    (folder / lost).unlink()
    own.vault.destroy(gone)
    _left(folder / gone, at=1)
    stray = _left(folder / ("a" * 32), at=1)
    young = _left(folder / ("b" * 32), at=own.clock.now().timestamp())
    assert own.vault.strays() == (sorted([stray.name, gone]), [lost])
    assert stray.exists() and own.vault.get(whole) == b"content", "looking changes nothing"
    own.vault.sweep()
    assert own.vault.strays() == ([], [lost]) and young.exists() and not stray.exists()


def _left(file: Path, *, at: float) -> Path:
    file.write_bytes(b"nobody has a key for this")
    os.utime(file, (at, at))
    return file
