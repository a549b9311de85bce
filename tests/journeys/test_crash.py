"""Whatever dies, and whenever: one complete set in the record or nothing current, and the ledger says which."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fhir_plugin.demo import CLIENT_ID, start_demo
from fhir_plugin.sandbox.serve import RunningSandbox
from tests.journeys.record_checks import left_standing, sets_of

pytestmark = pytest.mark.crash

SPREAD = 27
WRITES = {"method": "PUT|POST", "path": "/fhir"}
FAULTS: list[tuple[str, list[dict[str, Any]], bool]] = [
    ("no fault", [], False),
    ("no fault", [], False),
    ("silence after the first write", [{"kind": "timeout-after-write", "match": WRITES, "seconds": 3}], False),
    ("500 after the second write", [{"kind": "error-after-write", "match": WRITES, "skip": 1}], False),
    ("cut in the middle of an answer", [{"kind": "cut", "match": WRITES, "skip": 1}], False),
    ("429, then well", [{"kind": "too-many-requests", "match": WRITES, "retry_after": 1}], False),
    ("503 before the second write", [{"kind": "error-before-write", "match": WRITES, "skip": 1}], False),
    ("201 and nothing stored", [{"kind": "not-stored", "match": {"method": "PUT", "path": "/fhir/Binary"}}], False),
    (
        "201 and no decision",
        [{"kind": "not-stored", "match": {**WRITES, "path": "/fhir/QuestionnaireResponse"}}],
        False,
    ),
    ("500 instead of a consent", [{"kind": "error-before-write", "match": {**WRITES, "path": "/fhir/Consent"}}], False),
    ("the token has expired", [], True),
    ("the token expires half-way", [{"kind": "unauthorised", "match": WRITES, "skip": 1, "times": 99}], False),
]


class Killer:
    """The harness process, with a sandbox that outlives every kill."""

    def __init__(
        self, setting: dict[str, Any], sandbox: RunningSandbox, harness: str = "tests.journeys.crash_harness"
    ) -> None:
        self.sandbox = sandbox
        self.like = ""
        self.process = subprocess.Popen(
            [sys.executable, "-m", harness],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        self._say(setting)

    def _say(self, value: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(value) + "\n")
        self.process.stdin.flush()

    def kill(self, kill_at: int | None, faults: list[dict[str, Any]], expire: bool) -> dict[str, Any]:
        self._say({"kill_at": kill_at, "faults": faults, "expire": expire})
        assert self.process.stdout is not None
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def killing(state: Path, like: str, harness: str = "tests.journeys.crash_harness", **more: Any) -> Iterator[Killer]:
    """A sandbox of that kind, and a harness that knows it. `more`: what else it is told."""
    demo = start_demo(state, like=like)
    key = demo.installation.client_keys.by_kid("demo-client")
    assert key is not None
    port = int(demo.app.origin.rsplit(":", 1)[1])
    demo.app.stop()
    demo.installation.close()
    setting = {
        "ehr_origin": demo.sandbox.origin,
        "fhir_base": demo.sandbox.fhir_base,
        "client_id": CLIENT_ID,
        "port": port,
        "key": key.as_pem().decode(),
        **more,
    }
    killer = Killer(setting, demo.sandbox, harness)
    yield killer
    killer.close()
    demo.sandbox.stop()


KINDS = ("default", "no-transaction", "server-ids")


@pytest.fixture(scope="module", params=KINDS)
def killer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    yield from killing(tmp_path_factory.mktemp("ehr"), request.param)


def check(killer: Killer, answer: dict[str, Any], what: str) -> None:
    """The invariants, whatever happened."""
    ran, after = answer["ran"], answer["recovered"]
    assert "failed" not in ran, f"{what}: {ran['failed']}"
    assert "failed" not in after, f"{what}: {after['failed']}"
    assert "killed" not in after, f"{what}: recovery was killed"
    assert after["stable"], f"{what}: the second resume changed something: {after}"
    assert after["chain"], f"{what}: the audit chain is broken"
    assert after["files"] == after["vault"], f"{what}: bytes without a row, or rows without bytes: {after}"
    if after["capture"] is None:
        assert after["vault"] == 0, f"{what}: bytes that belong to nobody"
        return
    assert after["orphans"] == 0 and after["lost"] == 0, f"{what}: {after}"
    complete, partial = sets_of(killer.sandbox.store, after["capture"])
    if after["draft"] == "filed":
        assert after["outcome"] == "done"
        assert (len(complete), partial) == (1, []), f"{what}: filed, but the record holds {complete} and {partial}"
        assert after["filed"][0]["sha256_clean"] == after["filed"][0]["sha256_read_back"]
        assert after["thumbnails"] == 1
    else:
        assert (complete, partial) == ([], []), f"{what}: {after['draft']}, but the record holds {complete}, {partial}"
        left = left_standing(killer.sandbox.store, after["capture"])
        assert left == [], f"{what}: {after['draft']}, and the record still holds {left}"
        assert after["intent"] in (None, "ended"), f"{what}: still {after['intent']}"
        assert after["outcome"] in (None, "nothing-current")


def kill_points(total: int, how_many: int) -> list[int]:
    return sorted({1 + round(i * (total - 1) / max(1, how_many - 1)) for i in range(how_many)})


def test_every_end_is_truthful(killer: Killer, pytestconfig: pytest.Config) -> None:
    whole = killer.kill(None, [], False)
    assert whole["ran"].get("state") == "filed", whole
    check(killer, whole, "undisturbed")
    total = whole["ran"]["count"]
    assert total > 60
    exhaustive = pytestconfig.getoption("--exhaustive")
    points = range(1, total + 1) if exhaustive else kill_points(total, SPREAD // 3 + 1)
    killed = 0
    for number, point in enumerate(points):
        name, faults, expire = FAULTS[number % len(FAULTS)]
        answer = killer.kill(point, faults, expire)
        killed += "killed" in answer["ran"]
        check(killer, answer, f"killed at {point} of {total}, {name}")
    assert killed >= len(points) * 0.5  # a fault may end the filing before the point is reached


def at_every_kind() -> Iterator[Any]:
    """Every fault at every kind of server; a normal run has all of them at one, and every third at the others."""
    for kind in KINDS:
        for number, fault in enumerate(FAULTS):
            whole = kind == KINDS[0] or number % 3 == 2
            yield pytest.param(kind, fault, id=f"{kind}-{fault[0]}", marks=() if whole else pytest.mark.exhaustive)


@pytest.mark.parametrize(("killer", "fault"), [*at_every_kind()], indirect=["killer"])
def test_every_fault_ends_truthfully_without_a_kill(
    killer: Killer, fault: tuple[str, list[dict[str, Any]], bool]
) -> None:
    name, faults, expire = fault
    check(killer, killer.kill(None, faults, expire), name)
