"""The harness of `tests.journeys.crash_harness` where a chart takes no images: it tells what is kept beside as well."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.installation import Installation
from fhir_plugin.walkthrough import DEMO_VISIT
from mappings.model.identifiers import CaptureId, PatientId
from tests.journeys.crash_harness import Harness, main
from tests.journeys.record_checks import TAG


class BesideHarness(Harness):
    visit = DEMO_VISIT

    def _standing(self, installation: Installation, state: Path) -> dict[str, Any]:
        told = super()._standing(installation, state)
        companion = CompanionRecord(
            installation.database,
            installation.masters,
            installation.sessions.get(self.launch).fhir_base,
            installation.clock,
            installation.vault,
        )
        copies = installation.parts.copies.of_patient(companion.base, PatientId(self.patient))
        told["copies"] = sorted([each.state.value, each.document] for each in copies)
        told["binaries"] = len(companion.search("Binary", {}))
        if told["capture"] is None:
            return told
        of_capture = {"_tag": f"{TAG}|{told['capture']}"}
        images = companion.search("Media", of_capture)
        told["media"] = [each["status"] for each in images]
        told["hashes"] = [
            hashlib.sha256(companion.read_binary(each["content"]["url"]).content).hexdigest() for each in images
        ]
        told["with_it"] = {
            each: len(companion.search(each, of_capture))
            for each in ("Provenance", "Consent", "QuestionnaireResponse", "AuditEvent")
        }
        draft = installation.parts.drafts.get(CaptureId(told["capture"]))
        told["image_ids"] = [each.image_id for each in draft.images]
        return told


if __name__ == "__main__":
    main(BesideHarness)
