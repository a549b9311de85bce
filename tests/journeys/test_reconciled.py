"""Vault, database and record of a living installation: they agree, and where somebody sees to it that they do not, it
is found; and a backup that is put back brings back nothing that was destroyed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_plugin.app import install
from fhir_plugin.delete.disagreement import Kind
from fhir_plugin.delete.reconcile import Report, reconcile
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.reconciling import sources_of
from mappings.model.deletion import DeletionState
from mappings.model.hiding import HidingReason
from tests.journeys.destroying import approve, ask_for, file_images, photograph
from tests.journeys.test_destroyed import carried_out, signed_in

LIKE = (
    "default",
    *(
        pytest.param(each, marks=pytest.mark.exhaustive)
        for each in ("hapi", "no-purge", "no-transaction", "server-ids", "create-only", "images-only", "no-media")
    ),
)


@pytest.fixture
def demo(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Demo]:
    """The EHR does not lie in our temporary folder, which a proof looks through."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("tmp")))
    demo = start_demo(tmp_path_factory.mktemp("ehr"), like=request.param)
    yield demo
    demo.stop()


def compared(demo: Demo, *, mend: bool = False) -> Report:
    return reconcile(sources_of(demo.installation), mend=mend)


def found(report: Report) -> set[tuple[Kind, str]]:
    return {(each.kind, each.what) for each in report.findings}


@pytest.mark.parametrize("demo", LIKE, indirect=True)
def test_a_living_installation_agrees(demo: Demo) -> None:
    """Whatever was done in it: filed, hidden, another patient's, asked for, destroyed or not proven."""
    carried_out(demo)
    installation, gp = demo.installation, signed_in(demo, "gp")
    images = file_images(installation, gp, [photograph(number) for number in (2, 3, 4, 5)])
    patient, hiding = installation.captures.patient(gp), installation.deletion.hiding
    hiding.hide(gp, patient, images[0], HidingReason.NOT_NEEDED, "")
    hiding.wrong_patient(gp, patient, images[1], "It is somebody else.")
    ask_for(installation, gp, images[2])
    for _ in range(3):
        installation.resume()
    report = compared(demo)
    assert (found(report), report.asked, report.down) == (set(), 1, False), report


@pytest.mark.parametrize("demo", ["default"], indirect=True)
def test_what_somebody_breaks_is_found(demo: Demo) -> None:
    installation, gp = demo.installation, signed_in(demo, "gp")
    lost, kept, asked = file_images(installation, gp, [photograph(number) for number in (2, 3, 4)])
    case = ask_for(installation, gp, asked)
    for _ in range(2):
        installation.resume()
    record, parts = installation.records.record_of(gp.launch_id), installation.deletion.parts
    record.delete(*lost.split("/"))
    parts.kept.forget(gp.fhir_base, kept)
    task = parts.cases.get(case.id).items[0].task
    assert task is not None
    record.put({**record.read(*task.split("/")), "status": "completed"})
    stray = installation.settings.state / "vault" / ("a" * 32)
    stray.write_bytes(b"nobody has a key for this")
    os.utime(stray, (1, 1))
    planted = {
        (Kind.KEPT_WITHOUT_RESOURCE, lost),
        (Kind.RESOURCE_WITHOUT_REGISTER, kept),
        (Kind.TASK_EDITED, case.items[0].id),
        (Kind.BYTES_WITHOUT_KEY, "a" * 32),
    }
    looked = found(compared(demo))
    copies = {each for each in looked if each[0] is Kind.THUMBNAIL_WITHOUT_IMAGE}
    assert looked - copies == planted and len(copies) == 1, "and the small copy of the one that is gone"
    assert stray.exists() and found(compared(demo, mend=True)) == looked
    for _ in range(2):
        installation.resume()
    left = compared(demo)
    assert found(left) == {(Kind.KEPT_WITHOUT_RESOURCE, lost)} and not stray.exists()
    assert installation.audit.verify().intact


@pytest.mark.parametrize("demo", ["default"], indirect=True)
def test_a_backup_that_is_put_back_brings_nothing_back(demo: Demo, tmp_path: Path) -> None:
    installation = demo.installation
    gp, guardian = signed_in(demo, "gp"), signed_in(demo, "caldicott-guardian")
    image, other = file_images(installation, gp, [photograph(1), photograph(2)])
    case = ask_for(installation, gp, image)
    state, backup = installation.settings.state, tmp_path / "backup"
    shutil.copytree(state / "vault", backup / "vault")
    database = Path(str(installation.settings.database).removeprefix("sqlite:///"))
    with sqlite3.connect(database) as here, sqlite3.connect(backup / "database") as there:
        here.backup(there)
    before = {each.vault_id: each.owner for each in installation.vault.items()}
    approve(installation, guardian, case)
    assert installation.parts.background.settle(60)
    assert installation.deletion.parts.cases.get(case.id).items[0].state is DeletionState.COMPLETED
    settings = installation.settings
    demo.stop()

    shutil.rmtree(state / "vault")
    shutil.copytree(backup / "vault", state / "vault")
    for old in database.parent.glob(f"{database.name}*"):
        old.unlink()
    shutil.copy(backup / "database", database)
    again = install(settings)
    try:
        left = {each.owner for each in again.vault.items()}
        assert not any(str(image) in owner for owner in left) and any(str(image) in owner for owner in before.values())
        assert any(str(other) in owner for owner in left), "nothing else has gone"
        item = again.deletion.parts.cases.get(case.id).items[0]
        assert (item.title, item.picture) == ("", None)
        assert "destruction.replayed" in [each.entry.action for each in again.audit.entries()]
        report = reconcile(sources_of(again))
        assert (Kind.DESTROYED_WITHOUT_CASE, str(item.id)) in found(report), "and somebody is told"
    finally:
        again.close()
