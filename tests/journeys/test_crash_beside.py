"""Whatever dies, and whenever, where a chart takes no images: the whole image beside it and one copy in it, or nothing
that counts in either place, and the register says what is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mappings.terminology import systems
from tests.journeys.test_crash import WRITES, Killer, kill_points, killing

pytestmark = pytest.mark.crash

SPREAD = 3
DOCUMENTS = {**WRITES, "path": "/fhir/DocumentReference"}
FAULTS: list[tuple[str, list[dict[str, Any]], bool]] = [
    ("no fault", [], False),
    ("silence after the first write", [{"kind": "timeout-after-write", "match": WRITES, "seconds": 3}], False),
    ("500 after the second write", [{"kind": "error-after-write", "match": WRITES, "skip": 1}], False),
    ("cut in the middle of the first answer", [{"kind": "cut", "match": WRITES}], False),
    ("503 before the second write", [{"kind": "error-before-write", "match": WRITES, "skip": 1}], False),
    ("201 and no copy", [{"kind": "not-stored", "match": DOCUMENTS}], False),
    ("201 and no note", [{"kind": "not-stored", "match": DOCUMENTS, "skip": 1}], False),
    ("the token expires half-way", [{"kind": "unauthorised", "match": WRITES, "skip": 1, "times": 99}], False),
]


@pytest.fixture(scope="module", params=["text-only", "oracle"])
def killer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    yield from killing(tmp_path_factory.mktemp("ehr"), request.param, "tests.journeys.crash_beside")


def check(killer: Killer, answer: dict[str, Any], what: str) -> None:
    ran, after = answer["ran"], answer["recovered"]
    assert "failed" not in ran, f"{what}: {ran['failed']}"
    assert "failed" not in after, f"{what}: {after['failed']}"
    assert "killed" not in after, f"{what}: recovery was killed"
    assert after["stable"], f"{what}: the second resume changed something: {after}"
    assert after["chain"], f"{what}: the audit chain is broken"
    assert after["files"] == after["vault"], f"{what}: bytes without a row, or rows without bytes: {after}"
    if after["capture"] is None:
        assert (after["vault"], after["binaries"], after["copies"]) == (0, 0, []), f"{what}: of nobody: {after}"
        return
    assert after["orphans"] == 0 and after["lost"] == 0, f"{what}: {after}"
    copies, notes = in_the_chart(killer, after)
    if after["draft"] == "filed":
        assert after["outcome"] == "done"
        assert (after["media"], after["binaries"]) == (["completed"], 1), f"{what}: {after}"
        assert after["hashes"] == [after["filed"][0]["sha256_clean"]] == [after["filed"][0]["sha256_read_back"]]
        assert set(after["with_it"].values()) == {1}, f"{what}: {after}"
        assert (len(copies), len(notes)) == (1, 1), f"{what}: the chart holds {copies} and {notes}"
        assert after["copies"] == [["in-chart", copies[0]]]
        assert after["thumbnails"] == 2, "of the vault's items that belong to the record: a thumbnail, and the image"
    else:
        assert (after["media"], after["binaries"], after["thumbnails"]) == ([], 0, 0), f"{what}: {after}"
        assert (copies, notes) == ([], []), f"{what}: {after['draft']}, and the chart says {copies}, {notes}"
        assert {state for state, _ in after["copies"]} <= {"taken-back", "gone"}, f"{what}: {after}"
        assert after["intent"] in (None, "ended"), f"{what}: still {after['intent']}: {after}"
        assert after["outcome"] in (None, "nothing-current")


def in_the_chart(killer: Killer, after: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Copies of this capture's images that count, and its notes."""
    copies: list[str] = []
    notes: list[str] = []
    for each in killer.sandbox.store.search("DocumentReference", {}):
        if each["status"] != "current":
            continue
        named = {(one["system"], one["value"]) for one in each.get("identifier", [])}
        related = each.get("context", {}).get("related", [])
        images = {one["identifier"]["value"] for one in related if "identifier" in one}
        if any(system == systems.CHART_COPY for system, _ in named) and images & set(after["image_ids"]):
            copies.append(f"DocumentReference/{each['id']}")
        if (systems.NOTE, after["capture"]) in named:
            notes.append(f"DocumentReference/{each['id']}")
    return copies, notes


def test_every_end_is_truthful(killer: Killer, pytestconfig: pytest.Config) -> None:
    whole = killer.kill(None, [], False)
    assert whole["ran"].get("state") == "filed", whole
    check(killer, whole, "undisturbed")
    total = whole["ran"]["count"]
    assert total > 60
    points = range(1, total + 1) if pytestconfig.getoption("--exhaustive") else kill_points(total, SPREAD)
    killed = 0
    for number, point in enumerate(points):
        name, faults, expire = FAULTS[number % len(FAULTS)]
        answer = killer.kill(point, faults, expire)
        killed += "killed" in answer["ran"]
        check(killer, answer, f"killed at {point} of {total}, {name}")
    assert killed >= len(points) * 0.5


@pytest.mark.exhaustive
@pytest.mark.parametrize("fault", FAULTS, ids=[name for name, _, _ in FAULTS])
def test_every_fault_ends_truthfully_without_a_kill(
    killer: Killer, fault: tuple[str, list[dict[str, Any]], bool]
) -> None:
    name, faults, expire = fault
    check(killer, killer.kill(None, faults, expire), name)
