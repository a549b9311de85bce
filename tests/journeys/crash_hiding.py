"""Kills hiding, restoring or *Wrong patient* at its N-th port call or commit; then resumes it, and asks what is.

As `crash_harness`, over a state that is made once: a clinician signed in. Each kill works on a copy of it, with a
photograph of its own, filed before.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fhir_plugin.delete.neutral_picture import neutral_picture
from fhir_plugin.errors import PluginError
from fhir_plugin.installation import Installation
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.hiding import HidingReason
from mappings.model.identifiers import LaunchId, Reference
from mappings.r4.hidden_stub import form_of
from mappings.r4.hiding_provenance import signed_hiding_in
from mappings.r4.relabelled import binaries_of
from tests.journeys.crash_destroying import READS
from tests.journeys.crash_harness import PORTS, STEP, Counter, Harness, ShiftedClock, files_of, in_child, main
from tests.journeys.destroying import file_images, photograph

SIGNED_IN: Final = 300
"""Seconds after which the clinician signs in again: a session ends, and a long run is longer."""
WHY: Final = "She asked that nobody sees it"
ACTS: Final = ("hide", "wrong-patient", "restore")


class HidingHarness(Harness):
    ports = PORTS | {"hidden", "kept", "worklist", "signer", "deletions"}
    quiet = READS
    patience = 30.0

    def __init__(self, setting: Mapping[str, Any]) -> None:
        super().__init__(setting)
        self.folder = tempfile.TemporaryDirectory(prefix="crash-")
        self.ready = Path(self.folder.name) / "ready"
        self.launch = LaunchId(in_child(self._sign_in, group=True)["launch"])
        self.launched = time.monotonic()
        self.numbers = itertools.count(1)

    def _sign_in(self) -> dict[str, Any]:
        installation = self.open(self.ready, Counter(None), ShiftedClock())
        launch = self._launch_again(installation)
        installation.close()
        return {"launch": launch}

    def act(self, state: Path, act: str, photo: bytes, kill_at: int | None) -> dict[str, Any]:
        counter = Counter(kill_at)
        installation = self.open(state, counter, ShiftedClock())
        session = self.session(installation)
        [image] = file_images(installation, session, [photo])
        binaries = binaries_of(installation.records.record_of(session.launch_id).read(*image.split("/")), base="")
        (state / "image").write_text(f"{image} {binaries[0]}")
        hiding, patient = installation.deletion.hiding, installation.captures.patient(session)
        if act == "restore":
            hiding.hide(session, patient, image, HidingReason.PATIENT_ASKED, WHY)
        counter.armed = True
        if act == "hide":
            hiding.hide(session, patient, image, HidingReason.PATIENT_ASKED, WHY)
        elif act == "wrong-patient":
            hiding.wrong_patient(session, patient, image, "It is of another person")
        else:
            hiding.restore(session, patient, image, "She changed her mind")
        counter.armed = False
        installation.close()
        return {"count": counter.count}

    def look(self, state: Path, photo: bytes) -> dict[str, Any]:
        """After the kill, and after what is resumed: twice to one end."""
        clock = ShiftedClock()
        installation = self.open(state, Counter(None), clock)
        at_once = self._told(installation, state, photo)
        told = []
        for _ in range(2):
            for _ in range(2):
                clock.by += STEP
                installation.resume()
            installation.deletion.resume_for(self.session(installation))
            told.append(self._told(installation, state, photo))
        clock.by += 40 * STEP
        installation.vault.sweep()
        swept = {"vault": len(installation.vault.items()), "files": files_of(state)}
        chain = installation.audit.verify().intact
        installation.close()
        return {**told[1], **swept, "at_once": at_once, "stable": told[0] == told[1], "chain": chain}

    def _told(self, installation: Installation, state: Path, photo: bytes) -> dict[str, Any]:
        session = self.session(installation)
        image, binary = map(Reference, (state / "image").read_text().split())
        record = installation.records.record_of(session.launch_id)
        resource, content = record.read(*image.split("/")), record.read_binary(binary).content
        row = installation.parts.hidden.find(session.fhir_base, image)
        owner = kept_under(session.fhir_base, image)
        kept = [
            installation.vault.get(each.vault_id)
            for each in installation.vault.items(compartment=Compartment.HIDDEN, owner=owner)
        ]
        form = form_of(resource, picture=neutral_picture())
        signed = [
            found
            for each in record.search("Provenance", {"target": image})
            if (found := signed_hiding_in(each)) is not None
        ]
        cases = installation.deletion.requests.of_patient(session)
        return {
            "row": row.state.value if row is not None else "",
            "pending": row.pending if row is not None else "",
            "shown": _shows(installation, session, image),
            "form": form.value if form is not None else "",
            "status": resource.get("status"),
            "bytes": "neutral" if content == neutral_picture() else "there",
            "kept": any(each not in (neutral_picture(),) and len(each) > 1000 for each in kept) and len(kept) >= 2,
            "signed": len(signed) == len([each for each in signed if installation.signer.verify(*each)]),
            "acts": sorted({statement["act"] for statement, _ in signed}),
            "intents": [each.state.value for each in installation.ledger.for_subject(image) if each.kind == "hiding"],
            "asked": len([1 for case in cases for item in case.items if item.image.reference == image]),
        }

    def kill(self, kill_at: int | None, faults: list[Any], expire: bool) -> dict[str, Any]:
        """`faults`: `{"act": ...}`, alone."""
        if time.monotonic() - self.launched > SIGNED_IN:
            self.launch = LaunchId(in_child(self._sign_in, group=True)["launch"])
            self.launched = time.monotonic()
        [act] = (each["act"] for each in faults)
        photo = photograph(next(self.numbers))
        with tempfile.TemporaryDirectory(prefix="crash-") as folder:
            state = Path(folder) / "app"
            shutil.copytree(self.ready, state)
            ran = in_child(lambda: self.act(state, act, photo, kill_at), group=True)
            recovered = in_child(lambda: self.look(state, photo), group=True)
        return {"ran": ran, "recovered": recovered}


def _shows(installation: Installation, session: Any, image: Reference) -> bool:
    try:
        installation.gallery.picture(session, image)
    except PluginError:
        return False
    return True


if __name__ == "__main__":
    main(HidingHarness)
