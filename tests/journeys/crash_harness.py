"""Kills a capture at its N-th port call or commit, then resumes it twice. A process of its own, single-threaded.

It imports everything once and forks one child per kill, in a process group of its own with its image workers;
the child counts port calls, HTTP requests and commits and kills the whole group at the N-th. Commands come as
JSON lines on stdin, answers go as JSON lines to stdout.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import requests

from fhir_plugin.app import create_app, install
from fhir_plugin.capability import DESK_SCOPES, SCOPES
from fhir_plugin.cli import _drawn_photograph
from fhir_plugin.demo import KEY_ID
from fhir_plugin.errors import PluginError, Unavailable
from fhir_plugin.installation import Installation
from fhir_plugin.running import bind, run
from fhir_plugin.settings import Settings
from fhir_plugin.walkthrough import answers_for, launch_of, open_browser
from fhir_plugin.web.access import clinical_session
from mappings.model.identifiers import CaptureId, LaunchId
from mappings.model.people import ClinicalSession
from smart_launch import ClientKey, Issuer, IssuerRegistry, Transport

P = TypeVar("P")
PORTS = frozenset({"record", "vault", "audit", "ledger", "drafts", "worker"})
STEP = dt.timedelta(minutes=3)
"""Longer than a lease, so that a resume finds what a killed worker held."""


class ShiftedClock:
    def __init__(self) -> None:
        self.by = dt.timedelta()

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) + self.by


class Counter:
    """Counts moments at which a process may die, and dies at the one it was told."""

    def __init__(self, kill_at: int | None) -> None:
        self.kill_at = kill_at
        self.count = 0
        self.armed = False

    def tick(self) -> None:
        if not self.armed:
            return
        self.count += 1
        if self.count == self.kill_at:
            os.killpg(0, signal.SIGKILL)


class Counted:
    """A port whose every call is two moments: before and after. But for those of `quiet`, which change nothing: to
    die at one is to die after whatever changed something last."""

    def __init__(self, port: Any, counter: Counter, quiet: frozenset[str] = frozenset()) -> None:
        self._port = port
        self._counter = counter
        self._quiet = quiet

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._port, name)
        if not callable(found) or name in self._quiet:
            return found

        def call(*args: Any, **kwargs: Any) -> Any:
            self._counter.tick()
            result = found(*args, **kwargs)
            self._counter.tick()
            # the same record, of which some is kept beside: it is counted as well
            return Counted(result, self._counter, self._quiet) if name == "beside" else result

        return call


class CountedTransport(Transport):
    """Two moments per HTTP request."""

    def __init__(self, counter: Counter, patience: float, quiet: frozenset[str] = frozenset()) -> None:
        super().__init__(read_timeout=patience)
        self._counter = counter
        self._quiet = quiet

    def send(self, method: str, url: str, **options: Any) -> Any:
        if method in self._quiet:
            return super().send(method, url, **options)
        self._counter.tick()
        reply = super().send(method, url, **options)
        self._counter.tick()
        return reply


class Harness:
    user = "gp"
    """Who launches."""
    patient = "p-adult-2"
    visit: str | None = None
    """Some EHRs file documents within one alone."""
    ports = PORTS
    """At whose calls the process may die."""
    quiet: frozenset[str] = frozenset()
    """Methods of ports, and of HTTP, at which it does not."""
    patience = 1.0
    """Seconds for an answer: few, so that an EHR that is made to be silent costs little."""

    def __init__(self, setting: Mapping[str, Any]) -> None:
        self.origin: str = setting["ehr_origin"]
        self.launch = LaunchId("")
        self.port: int = setting["port"]
        self.key = ClientKey.from_pem(setting["key"].encode(), kid=KEY_ID)
        self.registry = IssuerRegistry(
            [
                Issuer(
                    name="sandbox",
                    iss=setting["fhir_base"],
                    client_id=setting["client_id"],
                    auth_method="private_key_jwt",
                    key_id=KEY_ID,
                    scopes=SCOPES,
                    privileged_scopes=DESK_SCOPES,
                    frame_ancestors=(self.origin,),
                    sandbox=True,
                )
            ]
        )
        self.photo = _drawn_photograph()

    def open(self, state: Path, counter: Counter, clock: ShiftedClock) -> Installation:
        def around(name: str, port: P) -> P:
            return Counted(port, counter, self.quiet) if name in self.ports else port  # type: ignore[return-value]  # same calls

        installation = install(
            self.settings(state),
            registry=self.registry,
            transport=CountedTransport(counter, self.patience, self.quiet),
            client_keys={KEY_ID: self.key},
            clock=clock,
            around=around,
        )
        installation.database.on_commit.append(counter.tick)
        return installation

    def settings(self, state: Path) -> Settings:
        return Settings(state=state, base_url=f"http://127.0.0.1:{self.port}", image_workers=1)

    def session(self, installation: Installation, launch: LaunchId | None = None) -> ClinicalSession:
        return clinical_session(installation.sessions.get(launch or self.launch))

    def capture(self, state: Path, kill_at: int | None, faults: list[Any], expire: bool) -> dict[str, Any]:
        """From the first byte to the receipt, in this process. Runs in a forked child."""
        counter = Counter(kill_at)
        installation = self.open(state, counter, ShiftedClock())
        session = self.session(installation)
        captures = installation.captures
        counter.armed = True
        capture = captures.begin(session)
        (state / "capture").write_text(capture)
        image = captures.receive(session, capture, self.photo, "image/jpeg")
        captures.answer(session, capture, answers_for([image.image_id]))
        patient = captures.patient(session)
        if faults:
            requests.post(f"{self.origin}/_sandbox/faults", json=faults, timeout=5).raise_for_status()
        if expire:
            reply = requests.post(f"{self.origin}/_sandbox/tokens/expire", json={"refresh": True}, timeout=5)
            reply.raise_for_status()
        try:
            digest = captures.identity_digest(patient)
            receipt = captures.file(session, capture, patient_id=session.patient_id, identity_digest=digest)
            answer = {"state": receipt.state, "reason": receipt.reason}
        except Unavailable as error:  # said to the clinician before anything began: the capture stays open
            answer = {"state": "open", "reason": error.code}
        counter.armed = False
        installation.close()
        return {"count": counter.count, **answer}

    def recover(self, state: Path, relaunch: bool) -> dict[str, Any]:
        """What an operator and a clinician do afterwards: resume until it settles, sign in again if needed, twice."""
        clock = ShiftedClock()
        installation = self.open(state, Counter(None), clock)
        for _ in range(3):
            clock.by += STEP
            installation.resume()
        if relaunch and any(each.state == "waiting-for-sign-in" for each in installation.ledger.unsettled()):
            later, clock.by = clock.by, dt.timedelta()  # the EHR's clock is the real one
            self._launch_again(installation)
            clock.by = later + STEP
            installation.resume()
        first = self._standing(installation, state)
        clock.by += STEP
        installation.resume()
        second = self._standing(installation, state)
        chain = installation.audit.verify()
        clock.by += dt.timedelta(hours=2)  # a sweep spares what is young, for others may still be writing it
        installation.vault.sweep()
        swept = {"vault": len(installation.vault.items()), "files": files_of(state)}
        installation.close()
        return {**second, **swept, "stable": first == second, "chain": chain.intact}

    def _launch_again(self, installation: Installation) -> str:
        server, origin = bind("127.0.0.1", self.port)
        app = run(server, origin, create_app(installation))
        asked = requests.post(
            f"{self.origin}/_sandbox/launch",
            json={"client_id": "patient-images", "user": self.user, "patient": self.patient, "encounter": self.visit},
            timeout=5,
        )
        try:
            with open_browser() as browser:
                page = browser.get(asked.json()["launch_url"])
            if page.status != 200:
                raise PluginError(f"the second launch ended with HTTP {page.status}")
            return launch_of(page)
        finally:
            app.stop()

    def _standing(self, installation: Installation, state: Path) -> dict[str, Any]:
        name = state / "capture"
        if not name.exists():
            return {"capture": None, "vault": len(installation.vault.items()), "files": files_of(state)}
        try:
            draft = installation.parts.drafts.get(CaptureId(name.read_text()))
        except PluginError:
            return {"capture": None, "vault": len(installation.vault.items()), "files": files_of(state)}
        intent = installation.ledger.get(draft.intent) if draft.intent else None
        items = installation.vault.items()
        expected = set(draft.vault_items)
        kept = [item for item in items if item.owner.startswith("http")]
        return {
            "capture": draft.capture_id,
            "draft": draft.state.value,
            "images": len(draft.images),
            "intent": intent.state.value if intent else None,
            "outcome": intent.outcome.value if intent and intent.outcome else None,
            "residue": len(intent.residue) if intent else 0,
            "orphans": len([item for item in items if item.vault_id not in expected and item not in kept]),
            "lost": len([item for item in expected if item not in {each.vault_id for each in items}]),
            "thumbnails": len(kept),
            "vault": len(items),
            "files": files_of(state),
            "filed": (draft.result or {}).get("filed", []),
        }

    def kill(self, kill_at: int | None, faults: list[Any], expire: bool) -> dict[str, Any]:
        """One launch, one child, one kill, one recovery."""
        with tempfile.TemporaryDirectory(prefix="crash-") as folder:
            state = Path(folder) / "app"
            self.launch = LaunchId(in_child(lambda: self._prepare(state), group=True)["launch"])
            ran = in_child(lambda: self.capture(state, kill_at, faults, expire), group=True)
            requests.delete(f"{self.origin}/_sandbox/faults", timeout=5)
            recovered = in_child(lambda: self.recover(state, relaunch=True), group=True)
        return {"ran": ran, "recovered": recovered}

    def _prepare(self, state: Path) -> dict[str, Any]:
        installation = self.open(state, Counter(None), ShiftedClock())
        launch = self._launch_again(installation)
        installation.close()
        return {"launch": launch}


def files_of(state: Path) -> int:
    return sum(1 for each in (state / "vault").rglob("*") if each.is_file())


def in_child(work: Callable[[], dict[str, Any]], *, group: bool) -> dict[str, Any]:
    """The answer of `work` in a forked child; {"killed": signal} if it died, {"failed": traceback} if it raised."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        if group:
            os.setpgid(0, 0)
        try:
            answer = work()
        except BaseException:  # noqa: BLE001 - the parent is told, whatever it was
            answer = {"failed": traceback.format_exc()}
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(answer))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        said = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"killed": os.WTERMSIG(status)}
    told: dict[str, Any] = json.loads(said)
    return told


def main(kind: type[Harness] = Harness) -> None:
    harness = kind(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(harness.kill(command["kill_at"], command["faults"], command["expire"])), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
