"""A destruction whose process is killed: destroyed and proven, or not begun; nothing between, and the same twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from tests.journeys.test_crash import Killer, kill_points, killing

pytestmark = pytest.mark.crash

HARNESS = "tests.journeys.crash_destroying"
KINDS = {"default": 6, "hapi": 5, "no-purge": 3}
ON_POSTGRESQL = 3
"""Kinds of server, and at how many moments of each a normal run kills; `--exhaustive` kills at every one."""
ENDS = {"default": "completed", "hapi": "completed", "no-purge": "failed"}


@pytest.fixture(scope="module", params=sorted(KINDS))
def killer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Killer]:
    for each in killing(tmp_path_factory.mktemp("ehr"), request.param, HARNESS):
        each.like = request.param
        yield each


def check(killer: Killer, answer: dict[str, Any], what: str, end: str) -> None:
    """Ordered is carried out: with an EHR that answers it goes to its end by itself after the next start. ACCEPTED is
    truthful only where the process died before the order was on the disk: then nothing at all is destroyed."""
    ran, after = answer["ran"], answer["recovered"]
    assert "failed" not in ran, f"{what}: {ran['failed']}"
    assert "failed" not in after, f"{what}: {after['failed']}"
    assert "killed" not in after, f"{what}: recovery was killed"
    assert after["stable"] and after["chain"], f"{what}: {after}"
    assert after["files"] == after["vault"], f"{what}: bytes without a row, or rows without bytes: {after}"
    image, store = answer["image"], killer.sandbox.store
    versions = store.history(*image.split("/"))
    shown = store.read(*image.split("/"))
    bytes_there = [each for each in answer["binaries"] if store.binary(each.split("/")[1]) is not None]
    if after["state"] == "accepted":
        assert (after["intents"], after["logged"], after["purged"], after["events"]) == ([], 0, [], 0), after
        assert bytes_there == answer["binaries"] and after["record"] == ["completed"], f"{what}: {after}"
        assert after["kept"] > 0 and not after["certificate"], f"{what}: {after}"
        return
    assert (after["state"], after["intents"], after["logged"]) == (end, ["ended"], 1), f"{what}: {after}"
    assert bytes_there == [] and {"thumbnail", "binary", "image"} <= set(after["purged"]), f"{what}: {after}"
    assert shown is None or shown["status"] == "entered-in-error", f"{what}: {shown}"
    assert after["begun"].count("begun") == 1, f"{what}: {after}"
    if end == "completed":
        assert after["proven"] and after["certificate"] and after["title"] == "", f"{what}: {after}"
        assert (after["events"], after["certificates"], after["kept"]) == (2, 1, 0), f"{what}: {after}"
        assert len([each for each in versions if not each.deleted]) == (0 if shown is None else 1), (
            f"{what}: {versions}"
        )
    else:
        assert not after["proven"] and not after["certificate"], f"{what}: {after}"
        assert (after["events"], after["certificates"]) == (1, 0), f"{what}: {after}"


def every_moment(killer: Killer, like: str, how_many: int, *, all_of_them: bool) -> None:
    whole = killer.kill(None, [], False)
    assert whole["ran"].get("state") == ENDS[like], whole
    check(killer, whole, "undisturbed", ENDS[like])
    total = whole["ran"]["count"]
    assert total > 100
    for point in range(1, total + 1) if all_of_them else kill_points(total, how_many):
        answer = killer.kill(point, [], False)
        if "killed" not in answer["ran"] and point > total - 20:
            continue  # searches find less once others are gone: a run may have fewer moments than the first
        assert "killed" in answer["ran"], f"not killed at {point} of {total}"
        check(killer, answer, f"{like}, killed at {point} of {total}", ENDS[like])


def test_every_end_is_truthful(killer: Killer, pytestconfig: pytest.Config) -> None:
    like = killer.like
    every_moment(killer, like, KINDS[like], all_of_them=pytestconfig.getoption("--exhaustive"))


@pytest.mark.needs("postgresql")
def test_every_end_is_truthful_on_postgresql(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = make_url(pytestconfig.getoption("--postgresql")).set(drivername="postgresql+psycopg")
    database = url.render_as_string(hide_password=False)
    for killer in killing(tmp_path_factory.mktemp("ehr"), "default", HARNESS, database=database):
        every_moment(killer, "default", ON_POSTGRESQL, all_of_them=pytestconfig.getoption("--exhaustive"))
