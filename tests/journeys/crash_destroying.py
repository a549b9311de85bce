"""Kills a permanent deletion at its N-th port call or commit, from *Carry out* on; then resumes it, and asks what is.

As `crash_harness`, over a state that is made for many kills: photographs filed, each asked for and approved in a case
of its own. Each kill works on a copy of ours and takes the next photograph, for in the record it is gone for good.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from fhir_plugin.delete.execute import KIND
from fhir_plugin.errors import PluginError
from fhir_plugin.installation import Installation
from fhir_plugin.settings import Settings
from mappings.model.deletion import CaseId, DeletionCase
from mappings.model.identifiers import LaunchId
from tests.journeys.crash_harness import PORTS, STEP, Counter, Harness, ShiftedClock, files_of, in_child, main
from tests.journeys.destroying import approve, ask_for, file_images, photograph

BATCH: Final = int(os.environ.get("CRASH_BATCH", "10"))
"""Photographs of one state. More make every look at the record longer, fewer make more states."""
READS: Final = frozenset(
    {
        *("GET", "capability", "read", "read_version", "history", "search", "read_binary", "get", "items", "entries"),
        *("keyed_digest", "verify", "find", "references", "of_patient", "of_practice", "of_nhs_number", "at", "due"),
        *("late", "open_at", "certificate", "certificates", "unreadable", "for_subject", "steps", "unsettled"),
        *("waiting", "of", "unfinished", "live", "overdue", "reading", "public_jwks", "home"),
    }
)
"""What changes nothing anywhere: there are two thousand such calls in one destruction, most of them in the proof."""
SIGNED_IN: Final = 300
"""Seconds after which a state is made anew: a session ends."""


class DestructionHarness(Harness):
    ports = PORTS | {
        "deletions",
        "hidden",
        "kept",
        "worklist",
        "holds",
        "destroyed",
        "opinions",
        "disclosures",
        "signer",
    }
    quiet = frozenset() if os.environ.get("CRASH_AT_READS") else READS
    patience = 30.0

    def __init__(self, setting: Mapping[str, Any]) -> None:
        super().__init__(setting)
        self.database: str | None = setting.get("database")
        self.folder = tempfile.TemporaryDirectory(prefix="crash-")
        self.made = 0
        self.waiting: list[dict[str, Any]] = []
        self.launched = 0.0
        atexit.register(self._drop_all)

    # ------------------------------------------------------------------------------------------ before

    @property
    def ready(self) -> Path:
        return Path(self.folder.name) / f"ready-{self.made}"

    def open(self, state: Path, counter: Counter, clock: ShiftedClock) -> Installation:
        temporary = state.parent / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        tempfile.tempdir = str(temporary)  # what a proof looks through is this process's own
        return super().open(state, counter, clock)

    def settings(self, state: Path) -> Settings:
        base = super().settings(state)
        return base if self.database is None else base.model_copy(update={"database_url": self._database_of(state)})

    def _get_ready(self) -> dict[str, Any]:
        """What many kills start from: `BATCH` images, each approved by a Guardian who sits at another chart."""
        installation = self.open(self.ready, Counter(None), ShiftedClock())
        self.launch = LaunchId(self._launch_again(installation))
        gp = self.session(installation)
        self.user = "caldicott-guardian"
        self.patient = "p-adult-1"
        guardian = self.session(installation, LaunchId(self._launch_again(installation)))
        images = file_images(installation, gp, [photograph(self.made * BATCH + each) for each in range(BATCH)])
        cases = [approve(installation, guardian, ask_for(installation, gp, each)) for each in images]
        installation.resume()  # the record is told of all of them, once
        _settle(installation)
        installation.close()
        told = [
            {"case": each.id, "image": image, "binaries": list(each.items[0].image.binaries)}
            for each, image in zip(cases, images, strict=True)
        ]
        return {"launch": self.launch, "cases": told}

    def _next(self) -> dict[str, Any]:
        if not self.waiting or time.monotonic() - self.launched > SIGNED_IN:
            self.made += 1
            if self.database is not None:
                self._execute(f'CREATE DATABASE "{_name_of(self.ready)}"')
            told = in_child(self._get_ready, group=True)
            if "cases" not in told:
                raise RuntimeError(told.get("failed", told))
            self.launch, self.waiting = LaunchId(told["launch"]), told["cases"]
            self.launched = time.monotonic()
        return self.waiting.pop(0)

    # ------------------------------------------------------------------------------------------ the kill

    def carry_out(self, state: Path, case: CaseId, kill_at: int | None) -> dict[str, Any]:
        """From the button until the background has nothing left to do."""
        counter = Counter(kill_at)
        installation = self.open(state, counter, ShiftedClock())
        session = self.session(installation)
        found = installation.deletion.requests.get(session, case)
        counter.armed = True
        installation.deletion.requests.carry_out(session, case, found.items[0].id, revision=found.revision)
        if not installation.parts.background.settle(60):
            raise TimeoutError
        counter.armed = False
        state_now = self._case(installation, case).items[0].state
        installation.close()
        return {"count": counter.count, "state": state_now.value}

    def look_after(self, state: Path, case: CaseId, image: str) -> dict[str, Any]:
        clock = ShiftedClock()
        installation = self.open(state, Counter(None), clock)
        for _ in range(2):
            clock.by += STEP
            installation.resume()
            _settle(installation)
        first = self._told(installation, case, image)
        clock.by += STEP
        installation.resume()
        _settle(installation)
        second = self._told(installation, case, image)
        clock.by += 40 * STEP
        installation.vault.sweep()
        swept = {"vault": len(installation.vault.items()), "files": files_of(state)}
        chain = installation.audit.verify()
        installation.close()
        return {**second, **swept, "stable": first == second, "chain": chain.intact}

    def _told(self, installation: Installation, id: CaseId, image: str) -> dict[str, Any]:
        parts, session = installation.deletion.parts, self.session(installation)
        item = self._case(installation, id).items[0]
        record = installation.records.record_of(session.launch_id)
        mine = [each for each in parts.ledger.for_subject(item.id) if each.kind == KIND]
        events = [each for each in record.search("AuditEvent", {"patient": session.patient_id}) if item.id in str(each)]
        told: dict[str, Any] = {
            "state": item.state.value,
            "why": item.why,
            "purged": list(item.purged),
            "proven": item.proof is not None and item.proof.proven,
            "title": item.title,
            "intents": [each.state.value for each in mine],
            "logged": len([each for each in parts.destroyed.entries() if each.item == item.id]),
            "kept": len([each for each in installation.vault.items() if image in each.owner or item.id in each.owner]),
            "events": len(events),
            "begun": [each.event for each in item.timeline],
            "certificates": len(parts.cases.certificates(session.fhir_base, session.patient_id)),
            "record": [each.get("status") for each in _read(record, image)],
        }
        certificate = item.certificate
        told["certificate"] = certificate is not None and parts.cases.certificate(certificate).item == item.id
        return told

    def _case(self, installation: Installation, id: CaseId) -> DeletionCase:
        return installation.deletion.parts.cases.get(id)

    def kill(self, kill_at: int | None, faults: list[Any], expire: bool) -> dict[str, Any]:
        mine = self._next()
        with tempfile.TemporaryDirectory(prefix="crash-") as folder:
            state = Path(folder) / "app"
            shutil.copytree(self.ready, state)
            self._copy_database(self.ready, state)
            case = CaseId(mine["case"])
            ran = in_child(lambda: self.carry_out(state, case, kill_at), group=True)
            recovered = in_child(lambda: self.look_after(state, case, mine["image"]), group=True)
            self._drop_database(state)
        return {"ran": ran, "recovered": recovered, **mine}

    # ------------------------------------------------------------------------------------------ PostgreSQL

    def _database_of(self, state: Path) -> str:
        assert self.database is not None
        return sa.make_url(self.database).set(database=_name_of(state)).render_as_string(hide_password=False)

    def _copy_database(self, ready: Path, state: Path) -> None:
        if self.database is not None:
            self._execute(f'CREATE DATABASE "{_name_of(state)}" TEMPLATE "{_name_of(ready)}"')

    def _drop_database(self, state: Path) -> None:
        if self.database is not None:
            self._execute(f'DROP DATABASE IF EXISTS "{_name_of(state)}" WITH (FORCE)')

    def _drop_all(self) -> None:
        """Also what a kill left of its own."""
        if self.database is not None:
            for number in range(1, self.made + 1):
                self._drop_database(Path(self.folder.name) / f"ready-{number}")

    def _execute(self, statement: str) -> None:
        assert self.database is not None
        engine = sa.create_engine(self.database, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sa.text(statement))
        engine.dispose()


def _name_of(state: Path) -> str:
    return f"crash_{state.parent.name}_{state.name}".replace("-", "_").lower()


def _settle(installation: Installation) -> None:
    if not installation.parts.background.settle(60):
        raise TimeoutError


def _read(record: Any, image: str) -> list[dict[str, Any]]:
    try:
        return [record.read(*image.split("/"))]
    except PluginError:
        return []


if __name__ == "__main__":
    main(DestructionHarness)
