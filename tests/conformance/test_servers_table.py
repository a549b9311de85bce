"""docs/servers.md: what was seen, of every server, and still true of those that are tried here again."""

from __future__ import annotations

import pytest

from fhir_plugin.conformance import files
from fhir_plugin.conformance.run import CHECKS
from tests.conformance.servers import everyone, tried
from tests.conformance.servers_table import PAGE, Json, groups, kept, page_of, seen
from tests.definitions.validator import issues

ANEW = "again, with: nice .venv/bin/python -m tests.conformance.servers_table"
SAMPLED = ("epic",)
"""Tried again in a normal run, beside those of `test_against_servers` and `test_servers_of_others`."""

TRIED_ELSEWHERE = ("HAPI FHIR JPA", "Medplum router")
"""In `tests/contracts/test_servers_of_others.py`, which has started them."""


def verdicts(one: Json) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in one["checks"]}


def test_the_page_says_what_was_seen() -> None:
    assert PAGE.read_text("utf-8") == page_of(seen()), ANEW


def test_every_server_stands_there_with_every_check() -> None:
    assert list(seen()) == list(everyone()), ANEW
    for name, one in seen().items():
        assert list(verdicts(one)) == [check.name for check in CHECKS], f"{name} {ANEW}"
    assert [name for names in groups(seen()).values() for name in names] != []
    assert sorted(name for names in groups(seen()).values() for name in names) == sorted(everyone())


def test_nothing_is_not_said() -> None:
    """What a server does otherwise than it says is in words on the page."""
    page = PAGE.read_text("utf-8")
    for name, one in seen().items():
        for check in one["checks"]:
            if check["verdict"] == "failed":
                assert f"- {name}: *" in page
                assert check["words"] in page


def _needs(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.needs(tool) for tool in ("javac", "mvn")] if name.startswith("HAPI") else []


@pytest.mark.parametrize(
    "name",
    [
        each if each in SAMPLED else pytest.param(each, marks=[pytest.mark.exhaustive, *_needs(each)])
        for each in everyone()
        if each not in TRIED_ELSEWHERE
    ],
)
def test_it_is_still_so(name: str) -> None:
    with everyone()[name]() as base:
        report = tried(base)
    assert issues(files.as_test_report(report)) == []
    now, before = kept(report), seen()[name]
    assert verdicts(now) == verdicts(before), ANEW
    assert now["way"] == before["way"], ANEW
    assert now["left_behind"] == before["left_behind"], ANEW
