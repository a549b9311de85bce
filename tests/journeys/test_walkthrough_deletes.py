"""The very end of the walkthrough: one image destroyed and proven to be, or said exactly what remains where."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from fhir_plugin.cli import _drawn_photograph, main
from fhir_plugin.delete.needles import pieces_of
from fhir_plugin.demo import Demo, start_demo
from fhir_plugin.walkthrough import walk
from fhir_plugin.walkthrough_deletion import destroyed
from mappings.model.deletion import CertificateNumber
from mappings.model.identifiers import Reference
from mappings.r4.tombstone import is_tombstone
from tests.journeys.deletion_outcomes import HEAD, row, row_of
from tests.shape.project import section

PLACES = {
    "record-control",
    "record-read",
    "record-versions",
    "search-id",
    "search-patient",
    "everything",
    "binary",
    "binary-versions",
    "vault",
    "registers",
    "traces-database",
    "traces-queue",
    "traces-state",
    "traces-temp",
}
TABLE = section("docs/deletion-servers.md", "What comes of it")


def test_where_the_server_forgets_it_is_proven_and_nothing_is_left_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HAPI: it does not delete what is referred to, so that a tombstone stands in its place."""
    pictures: list[bytes] = []

    def watched(demo: Demo, at_the_chart: Any, image: str, timed: Any) -> dict[str, Any]:
        gp = at_the_chart("gp")
        pictures.append(demo.installation.gallery.picture(gp, Reference(image))[0])
        pictures.append(demo.installation.gallery.thumbnail(gp, Reference(image))[0])
        assert _left_on_disk(tmp_path, pictures), "before, it stands in the EHR's own file"
        return destroyed(demo, at_the_chart, image, timed)

    monkeypatch.setattr("fhir_plugin.walkthrough.destroyed", watched)
    packages = tmp_path / "packages"
    packages.mkdir()
    with start_demo(tmp_path / "demo", like="hapi") as demo:
        result = walk(demo, _drawn_photograph(), "image/jpeg", packages=packages)
        assert result["deletion_self_approval"] == "own-request"
        assert result["deletion_state"] == "proven"
        assert set(result["deletion_proof"]["places"]) >= PLACES
        assert (result["deletion_proof"]["found"], result["deletion_proof"]["unasked"]) == ({}, {})
        assert result["deletion_why"] == []
        assert row("hapi", "expunge", result) in TABLE.splitlines()
        _in_the_record(demo, result)
        assert _left_on_disk(tmp_path, pictures) == []
    assert _left_on_disk(tmp_path, pictures) == []


def _in_the_record(demo: Demo, result: dict[str, Any]) -> None:
    """What the EHR itself holds: the Task is done, a tombstone stands, and the certificate is of this image."""
    store = demo.sandbox.store
    task = store.read(*result["deletion_task"].split("/"))
    assert task is not None
    assert task["status"] == "completed"
    versions = store.history(*result["deletion_image"].split("/"))
    assert versions
    assert all(each.deleted or is_tombstone(each.resource) for each in versions)
    number = CertificateNumber(result["certificate"])
    cases = demo.installation.deletion.parts.cases
    with demo.installation.database.transaction():
        assert cases.certificate(number).statement["image"] == result["deletion_image"]


def _left_on_disk(folder: Path, pictures: list[bytes]) -> list[str]:
    """Files in which any piece of any of the pictures stands, plainly or as base64 at any offset."""
    forms = [form for picture in pictures for piece in pieces_of(picture) for form in _forms(piece)]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            found += [path.name] if any(form in content for form in forms) else []
    return found


def _forms(piece: bytes) -> list[bytes]:
    """Itself, and what of its base64 does not depend on what stands before and after it."""
    encoded = [base64.b64encode(bytes(lead) + piece)[4 * bool(lead) :] for lead in range(3)]
    return [piece, *(each[: (len(each) - 4) // 4 * 4] for each in encoded)]


def test_where_the_server_keeps_versions_the_command_says_so_and_ends_well(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(_drawn_photograph())
    asked = ["walkthrough", "--photo", str(photo), "--packages", str(tmp_path), "--like", "no-purge", "--json"]
    ran = CliRunner().invoke(main, asked)
    assert ran.exit_code == 0, ran.output
    result = json.loads(ran.stdout)
    assert (result["deletion_state"], result["certificate"]) == ("not-proven", None)
    assert set(result["deletion_proof"]["found"]) == {"record-versions", "binary-versions"}
    image = result["deletion_image"]
    assert result["deletion_proof"]["found"]["record-versions"] == [f"{image}/_history/1"]
    assert any("administrator" in why for why in result["deletion_why"])
    assert result["deletion_task"].startswith("Task/")
    assert row("no-purge", "none", result) in TABLE.splitlines()


# ------------------------------------------------------------------------------------------ the table of outcomes


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "like", [each.split("`")[1] for each in TABLE.splitlines() if each.startswith("| `") and each not in HEAD]
)
def test_the_table_says_what_comes_of_it(like: str, tmp_path: Path) -> None:
    assert row_of(like, tmp_path) in TABLE.splitlines()
