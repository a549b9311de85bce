"""`fhir-plugin export-capture`: from an EHR that takes nothing to a file that `verify-package` accepts."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fhir_plugin.adapters.composite import CompositeRecord
from fhir_plugin.app import install
from fhir_plugin.capture.captures import Captures
from fhir_plugin.capture.carry_out import CarryOut
from fhir_plugin.capture.write import KIND
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from mappings.model.identifiers import CaptureId
from tests.app.commands_here import CommandLine
from tests.capture.bench import FOREARM, PATIENT, SESSION, SHARED
from tests.fakes.paper import PaperRecord
from tests.imaging.drawing import as_jpeg, chart


class Chart(PaperRecord):
    """It takes no document that we can make, and knows its patient."""

    def __init__(self) -> None:
        super().__init__(frozenset({"application/dicom"}))

    def read(self, resource_type: str, id: str) -> dict[str, object]:
        return dict(PATIENT) if (resource_type, id) == ("Patient", "p1") else super().read(resource_type, id)


@dataclass(frozen=True)
class Here:
    line: CommandLine
    capture: CaptureId


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Here]:
    line = CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state")})
    installation = install(Settings(state=line.state))
    try:
        yield Here(line, filed_by_hand(installation))
    finally:
        installation.close()


def filed_by_hand(installation: Installation) -> CaptureId:
    """One picture, filed at an EHR that takes nothing, by this installation's own stores."""
    record = CompositeRecord(Chart(), installation.records.beside(SESSION.fhir_base))
    parts = replace(installation.parts, records=lambda _launch: record)
    parts.engine._plans[KIND] = CarryOut(parts)  # type: ignore[index]  # the same dictionary that the app fills
    captures = Captures(parts)
    capture = captures.begin(SESSION)
    image = captures.receive(SESSION, capture, as_jpeg(chart(320, 240)), "image/jpeg").image_id
    said = {f"site-{image}": FOREARM, f"laterality-{image}": "left", f"decision-{image}": "store"}
    captures.answer(SESSION, capture, {**SHARED, **said})
    digest = captures.identity_digest(captures.patient(SESSION))
    receipt = captures.file(SESSION, capture, patient_id=str(SESSION.patient_id), identity_digest=digest)
    assert receipt.state == "filed", receipt.message
    return capture


def test_the_file_is_whole_for_its_owner_alone_and_written_down(here: Here, tmp_path: Path) -> None:
    out = tmp_path / "to-file.zip"
    done = here.line.run("export-capture", here.capture, "-o", str(out), "--json")
    assert (done.status, done.json()) == (0, {"capture": here.capture, "images": 1, "output": str(out)})
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    checked = here.line.run("verify-package", str(out), "--json")
    assert checked.status == 0 and checked.json()["whole"] and checked.json()["package"] == here.capture
    assert ("capture.exported", here.capture) in here.line.actions()


def test_what_is_not_there_or_not_to_be_exported_leaves_no_file(here: Here, tmp_path: Path) -> None:
    out = tmp_path / "to-file.zip"
    gone = here.line.run("export-capture", "no-such-capture", "-o", str(out), "--json")
    assert gone.status != 0 and not out.exists() and list(tmp_path.glob(".to-file*")) == []
