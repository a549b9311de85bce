"""Hiding whose process is killed: what was hidden shows at no moment, and ends hidden; what was being put back ends as
it was. Nothing of it is ever only in a process that is gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.crash_hiding import ACTS
from tests.journeys.test_crash import Killer, kill_points, killing

pytestmark = pytest.mark.crash


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    yield from killing(tmp_path_factory.mktemp("ehr"), "default", "tests.journeys.crash_hiding")


def check(act: str, answer: dict[str, Any], what: str) -> None:
    ran, after = answer["ran"], answer["recovered"]
    assert "failed" not in ran, f"{what}: {ran['failed']}"
    assert "failed" not in after, f"{what}: {after['failed']}"
    assert after["stable"] and after["chain"] and after["signed"], f"{what}: {after}"
    assert after["files"] == after["vault"], f"{what}: bytes without a row, or rows without bytes: {after}"
    at_once = after["at_once"]
    assert at_once["kept"] or at_once["bytes"] == "there", f"{what}: lost: {at_once}"
    assert at_once["shown"] == (at_once["row"] == ""), f"{what}: {at_once}"
    assert set(after["intents"]) <= {"ended"} and not after["pending"], f"{what}: {after}"
    if act == "restore" and "restore" in after["acts"]:
        assert (after["row"], after["bytes"], after["form"], after["kept"]) == ("", "there", "", False), (
            f"{what}: {after}"
        )
        assert after["shown"], f"{what}: {after}"
    elif after["row"]:
        assert (after["row"], after["bytes"], after["form"]) == ("hidden", "neutral", "picture"), f"{what}: {after}"
        assert after["kept"] and not after["shown"], f"{what}: {after}"
        assert (after["status"] == "entered-in-error") == (act == "wrong-patient"), f"{what}: {after}"
        assert after["asked"] == (act == "wrong-patient"), f"{what}: {after}"
    else:  # killed before it was written down
        assert (after["bytes"], after["form"], after["intents"]) == ("there", "", []), f"{what}: {after}"


@pytest.mark.parametrize("act", ACTS)
def test_every_end_is_truthful(killer: Killer, act: str, pytestconfig: pytest.Config) -> None:
    whole = killer.kill(None, [{"act": act}], False)
    check(act, whole, "undisturbed")
    total = whole["ran"]["count"]
    assert total > 30
    spread = kill_points(total, 5)[1 + ACTS.index(act)]  # early in hiding, late in restoring
    points = range(1, total + 1) if pytestconfig.getoption("--exhaustive") else [spread]
    for point in points:
        answer = killer.kill(point, [{"act": act}], False)
        assert "killed" in answer["ran"], f"not killed at {point} of {total}"
        check(act, answer, f"{act} killed at {point} of {total}")
