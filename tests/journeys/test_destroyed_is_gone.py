"""After a destruction that is proven: no byte of image, thumbnail or a base64 of them lies anywhere on the disk.

Everything on the disk is ours and the EHR's, which forgets what it erases: database and journal, vault, queue, state
folder, temporary files, log. What is planted in each place shows that the scan, and the proof, would find it.
"""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fhir_plugin.demo import Demo, start_demo
from mappings.model.deletion import DeletionCase, DeletionItem, DeletionState
from mappings.model.people import ClinicalSession
from tests.app.canary_sweep import forms_of
from tests.journeys.destroying import approve, ask_for, file_images, photograph
from tests.journeys.test_destroyed import signed_in
from tests.journeys.test_discarded_is_gone import Seen, places


@dataclass
class Place:
    """An image in the record that was seen in every way, and whose destruction is asked for."""

    demo: Demo
    folder: Path
    case: DeletionCase
    guardian: ClinicalSession
    seen: Seen = field(default_factory=lambda: Seen([]))

    def carry_out(self) -> DeletionItem:
        installation = self.demo.installation
        approve(installation, self.guardian, self.case)
        assert installation.parts.background.settle(120)
        installation.resume()
        return installation.deletion.parts.cases.get(self.case.id).items[0]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    demo = start_demo(tmp_path)
    gp, guardian = signed_in(demo, "gp"), signed_in(demo, "caldicott-guardian")
    (image,) = file_images(demo.installation, gp, [photograph(7)])
    gallery = demo.installation.gallery
    filed, small = gallery.picture(gp, image)[0], gallery.thumbnail(gp, image)[0]
    case = ask_for(demo.installation, gp, image)
    picture = case.items[0].picture
    assert picture is not None
    marked = demo.installation.vault.get(picture)
    yield Place(demo, tmp_path, case, guardian, Seen([photograph(7), filed, small, marked]))
    demo.stop()


def found_in(place: Place, log: str = "") -> set[str]:
    """Where any run of them lies, plainly, as base64 at any offset or as hexadecimal, or a hash that anybody could
    compute of them; in ours and in what the EHR shows or keeps."""
    forms = [form for secret in place.seen.secrets for form in forms_of(secret).values() if len(form) >= 24]
    hashes = {each.encode() for each in place.seen.hashes}
    hashes |= {base64.b64encode(hashlib.sha1(each, usedforsecurity=False).digest()) for each in place.seen.contents}
    hits = set()
    for name, content in [*places(place.folder), ("log", log.encode())]:
        if name.startswith("ehr.sqlite"):
            continue  # its free pages are the server's; what it shows is below
        if any(form in content for form in forms) or any(each in content for each in hashes):
            hits.add(name)
    return hits


def no_version_is_left(place: Place) -> bool:
    image = place.case.items[0].image
    store = place.demo.sandbox.store
    return not any(
        not version.deleted
        for each in (image.reference, *image.binaries)
        for version in store.history(*each.split("/"))
    )


def test_nothing_is_left_of_what_was_destroyed(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    item = place.carry_out()
    assert item.state is DeletionState.COMPLETED, (item.why, item.proof)
    assert found_in(place, "".join(capfd.readouterr())) == set()
    assert no_version_is_left(place)
    kept = place.demo.installation.vault.items()
    assert [each for each in kept if place.demo.installation.vault.get(each.vault_id) in place.seen.contents] == []


@pytest.mark.parametrize(
    ("where", "form"),
    [
        ("app/left.bin", "base64 at 1"),
        ("tmp/left.bin", "plain"),
        pytest.param("app/left.bin", "plain", marks=pytest.mark.exhaustive),
        pytest.param("app/left.bin", "base64 at 0", marks=pytest.mark.exhaustive),
        pytest.param("tmp/left.bin", "base64 at 2", marks=pytest.mark.exhaustive),
    ],
)
def test_what_is_planted_is_found_by_the_scan_and_by_the_proof(place: Place, form: str, where: str) -> None:
    filed = place.seen.contents[1]
    planted = forms_of(filed)[form]
    (place.folder / where).write_bytes(b"before" + planted + b"after")
    assert found_in(place)
    item = place.carry_out()
    assert (item.state, item.why, item.certificate) == (DeletionState.FAILED, "not-proven", None)
    assert item.proof is not None
    assert any(where.split("/")[1] in found for each in item.proof.places for found in each.found)
