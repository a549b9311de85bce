"""The end of the walkthrough: what an insurer gets and what the patient gets, read from the packages themselves."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest

from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import start_demo
from fhir_plugin.walkthrough import walk


@pytest.mark.parametrize("like", ["default", pytest.param("images-only", marks=pytest.mark.exhaustive)])
def test_an_insurer_does_not_get_the_intimate_image_and_the_patient_does(tmp_path: Path, like: str) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    with start_demo(tmp_path, like=like) as demo:
        result = walk(demo, _drawn_photograph(), "image/jpeg", packages=packages)
        insurer, patient = result["disclosure_insurer"], result["disclosure_patient"]
        intimate, usual = result["intimate_media"].split("/")[1], result["media"].split("/")[1]
        for made, holds, pictures in ((insurer, False, 1), (patient, True, 2)):
            path = Path(made["package"])
            assert hashlib.sha256(path.read_bytes()).hexdigest() == made["sha256"]
            with zipfile.ZipFile(path) as package:
                assert package.testzip() is None
                everything = b"".join(package.read(name) for name in package.namelist())
                shown = [name for name in package.namelist() if name.endswith((".jpg", ".png"))]
                lines = package.read("record.ndjson").splitlines()
            assert (intimate.encode() in everything) is holds
            assert usual.encode() in everything
            assert len(shown) == made["pictures"] == pictures
            assert any(json.loads(line)["resourceType"] == "Patient" for line in lines)
            event = demo.installation.audit.entries(action="disclosure.sent")
            assert made["audit_event"] in {each.entry.detail["event"] for each in event}
        assert (insurer["intimate_image"], patient["intimate_image"]) == ("redact", "release")
        assert insurer["counts"]["redact"] and not patient["counts"]["redact"]
