"""A disclosure whose process is killed: a whole package that the record knows of, or none; the request says which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.journeys.test_crash import Killer, kill_points, killing

pytestmark = pytest.mark.crash

SOME = 3


@pytest.fixture(scope="module")
def killer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    yield from killing(tmp_path_factory.mktemp("ehr"), "default", "tests.journeys.crash_disclosing")


def check(answer: dict[str, Any], what: str) -> None:
    """Signed is sent: with an EHR that answers, whatever was signed goes out after the next start. OPEN is truthful
    only where the process died before the signature was on the disk: no intent, and nothing given out. (A disclosure
    that cannot be made is OPEN again, too, and says why: `disclose/send/test_sent.py`. A kill is no such reason.)"""
    ran, after = answer["ran"], answer["recovered"]
    assert "failed" not in ran, f"{what}: {ran['failed']}"
    assert "failed" not in after, f"{what}: {after['failed']}"
    assert after["stable"] and after["chain"], f"{what}: {after}"
    assert after["files"] == after["vault"], f"{what}: bytes without a row, or rows without bytes: {after}"
    if after["state"] == "sent":
        assert after["event"] and after["provenance"] and after["whole"] and after["images"] > 0, f"{what}: {after}"
        assert (after["events"], after["held"], after["intents"]) == (1, False, ["ended"]), f"{what}: {after}"
    else:
        assert after["state"] == "open", f"{what}: {after}"  # killed before the signature was written down
        assert (after["events"], after["held"], after["intents"]) == (0, True, []), f"{what}: {after}"
        assert after["refused"] == "not-sent", f"{what}: {after}"


def test_every_end_is_truthful(killer: Killer, pytestconfig: pytest.Config) -> None:
    whole = killer.kill(None, [], False)
    assert whole["ran"].get("state") == "sent", whole
    check(whole, "undisturbed")
    total = whole["ran"]["count"]
    assert total > 60
    exhaustive = pytestconfig.getoption("--exhaustive")
    points = range(1, total + 1, 2) if exhaustive else kill_points(total, SOME)
    for point in points:
        answer = killer.kill(point, [], False)
        assert "killed" in answer["ran"], f"not killed at {point} of {total}"
        check(answer, f"killed at {point} of {total}")
