"""Kills a disclosure at its N-th port call or commit, from the last signature on; then resumes it, and asks what is.

As `crash_harness`, over a state that is made once: a photograph filed, an officer signed in. Each kill works on a copy.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from fhir_plugin.disclose.desk.values import Facts
from fhir_plugin.errors import PluginError
from fhir_plugin.installation import Installation
from fhir_plugin.walkthrough import answers_for
from mappings.model.disclosure_request import Decided, DisclosureId
from mappings.model.identifiers import LaunchId
from mappings.model.people import ClinicalSession
from mappings.r4.disclosure_event import disclosure_in, images_sent_in, signed_disclosure_in
from tests.journeys.crash_harness import STEP, Counter, Harness, ShiftedClock, files_of, in_child, main

SAID = {
    "requester": "patient",
    "recipient": "The patient, by hand",
    "relationship": "herself",
    "identity_checked": "Passport seen",
    "consent": "general",
    "authority": "seen",
}

SIGNED_IN: Final = 300
"""Seconds after which the officer signs in again: a session ends, and a long run is longer."""


class DisclosureHarness(Harness):
    user = "disclosure-officer"
    patience = 30.0
    """Here no EHR is silent; a busy machine may be slow."""

    def __init__(self, setting: Mapping[str, Any]) -> None:
        super().__init__(setting)
        self.folder = tempfile.TemporaryDirectory(prefix="crash-")
        self.ready = Path(self.folder.name) / "ready"
        self.launch = LaunchId(in_child(self._get_ready, group=True)["launch"])
        self.launched = time.monotonic()

    def _get_ready(self) -> dict[str, Any]:
        installation = self.open(self.ready, Counter(None), ShiftedClock())
        self.user, officer = "gp", self.user
        self.launch = LaunchId(self._launch_again(installation))
        session, captures = self.session(installation), installation.captures
        capture = captures.begin(session)
        image = captures.receive(session, capture, self.photo, "image/jpeg")
        captures.answer(session, capture, answers_for([image.image_id]))
        digest = captures.identity_digest(captures.patient(session))
        receipt = captures.file(session, capture, patient_id=session.patient_id, identity_digest=digest)
        assert receipt.state == "filed", receipt.reason
        self.user = officer
        launch = self._launch_again(installation)
        installation.close()
        return {"launch": launch}

    def _sign_in_anew(self) -> dict[str, Any]:
        installation = self.open(self.ready, Counter(None), ShiftedClock())
        launch = self._launch_again(installation)
        installation.close()
        return {"launch": launch}

    def sign(self, state: Path, kill_at: int | None) -> dict[str, Any]:
        """From the signature until the background has nothing left to do: it tidies up after the request says SENT.

        Nothing is asked meanwhile, and nothing of what went before is still under way, so that every run has the same
        moments.
        """
        counter, clock = Counter(kill_at), ShiftedClock()
        installation = self.open(state, counter, clock)
        desk, session = installation.desk, self.session(installation)
        request = desk.begin(session, Facts({**SAID, "received": clock.now().date().isoformat()}))
        (state / "request").write_text(request.id)
        desk.gather(session, request.id)
        _settled(installation)
        assert desk.parts.requests.get(request.id).gathered is not None
        view = desk.view(session, request.id)
        waiting = [each.key for each in view.items if each.asks is not None]
        if waiting:
            desk.decide(session, request.id, waiting, Decided.REDACT, "Not sure.", revision=view.request.revision)
        view = desk.view(session, request.id)
        counter.armed = True
        desk.sign(session, request.id, session.user.display, about=view.digest, revision=view.request.revision)
        _settled(installation)
        counter.armed = False
        state_now = desk.parts.requests.get(request.id).state
        installation.close()
        return {"count": counter.count, "state": state_now.value}

    def recover(self, state: Path, relaunch: bool) -> dict[str, Any]:
        clock = ShiftedClock()
        installation = self.open(state, Counter(None), clock)
        for _ in range(3):
            clock.by += STEP
            installation.resume()
        first = self._told(installation, state)
        clock.by += STEP
        installation.resume()
        second = self._told(installation, state)
        clock.by += 40 * STEP
        installation.vault.sweep()
        swept = {"vault": len(installation.vault.items()), "files": files_of(state)}
        chain = installation.audit.verify()
        installation.close()
        return {**second, **swept, "stable": first == second, "chain": chain.intact}

    def _told(self, installation: Installation, state: Path) -> dict[str, Any]:
        desk, session = installation.desk, self.session(installation)
        request = desk.parts.requests.get(DisclosureId((state / "request").read_text()))
        told: dict[str, Any] = {
            "state": request.state.value,
            "intents": [each.state.value for each in installation.ledger.for_subject(request.id)],
            "why": request.why_not,
            "held": any(each.id == request.id for each in installation.parts.holds.of_patient(*_whose(session))),
        }
        record = installation.records.record_of(session.launch_id)
        package = request.package
        if package is not None and package.event is not None and package.provenance is not None:
            event, provenance = (record.read(*each.split("/")) for each in (package.event, package.provenance))
            signed = signed_disclosure_in(provenance)
            told["event"] = disclosure_in(event) == request.id and images_sent_in(event) == set(package.images)
            told["provenance"] = signed is not None and installation.signer.verify(*signed)
            told["images"] = len(package.images)
        try:
            _name, pieces = desk.package(session, request.id)
            told["size"] = len(b"".join(pieces)) if package is not None else 0
            told["whole"] = package is not None and told["size"] == package.size
        except PluginError as error:
            told["refused"] = error.code
        told["events"] = len(
            [
                each
                for each in record.search("AuditEvent", {"patient": session.patient_id})
                if disclosure_in(each) == request.id
            ]
        )
        return told

    def kill(self, kill_at: int | None, faults: list[Any], expire: bool) -> dict[str, Any]:
        if time.monotonic() - self.launched > SIGNED_IN:
            self.launch = LaunchId(in_child(self._sign_in_anew, group=True)["launch"])
            self.launched = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="crash-") as folder:
            state = Path(folder) / "app"
            shutil.copytree(self.ready, state)
            ran = in_child(lambda: self.sign(state, kill_at), group=True)
            recovered = in_child(lambda: self.recover(state, relaunch=False), group=True)
        return {"ran": ran, "recovered": recovered}


def _whose(session: ClinicalSession) -> tuple[Any, Any]:
    return session.fhir_base, session.patient_id


def _settled(installation: Installation) -> None:
    if not installation.desk.parts.background.settle(60):
        raise TimeoutError


if __name__ == "__main__":
    main(DisclosureHarness)
