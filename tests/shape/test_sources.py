"""The source as a reader meets it: small modules, true citations, no traces of anybody's machine."""

from __future__ import annotations

import re

import pytest

from tests.shape.project import PACKAGES, python_files, text_of
from tests.shape.project import files as all_files

MOST_LINES, MOST_TEST_LINES = 400, 500
LONGER: dict[str, str] = {}
"""Modules that may be longer, and why. One that has become short again must leave this list."""

REQUIREMENTS = {"G": 351, "SMART": 435}
"""How many there are in each series: the guidance's, and those of SMART App Launch 2.2."""

_CITED = re.compile(r"\b(G|SMART)-R(\d+)(?:(?:,? (?:to|and) |, |-)(?:\1-)?R?(\d+)\b)?")
_MACHINES = re.compile(
    "|".join((r"(?<![\w./>-])/" + "work/", r"/home/\w", "/" + r"Users/\w", "/" + r"root/\w", r"[A-Z]:\\Users"))
)
_NO_TESTS_OF_TEXT = frozenset({"tests/shape/test_sources.py", "LICENSE"})


def test_no_module_is_longer_than_a_reader_can_hold() -> None:
    most = {name: MOST_TEST_LINES if name.startswith("tests/") else MOST_LINES for name in python_files()}
    long = {name for name, limit in most.items() if text_of(name).count("\n") > limit}
    assert long - LONGER.keys() == set(), "too long: split by meaning, or give a reason in LONGER"
    assert LONGER.keys() - long == set(), "short again, or gone: take it out of LONGER"


@pytest.mark.parametrize("package", PACKAGES)
def test_rooms_have_names_of_the_field(package: str) -> None:
    """No room for whatever fits nowhere (architecture, principle 11)."""
    words = {"utils", "util", "common", "helpers", "helper", "misc", "manager", "handlers", "services"}
    parts = {part for name in python_files() if name.startswith(f"{package}/") for part in name[:-3].split("/")}
    assert parts & words == set()


def test_every_cited_requirement_exists() -> None:
    wrong: list[str] = []
    cited = 0
    for name in all_files():
        if name in _NO_TESTS_OF_TEXT:
            continue
        for series, first, last in _CITED.findall(text_of(name)):
            cited += 1
            numbers = [int(first), int(last or first)]
            if not 1 <= numbers[0] <= numbers[1] <= REQUIREMENTS[series]:
                wrong.append(f"{name}: {series}-R{first} to {last or first}")
    assert wrong == []
    assert cited > 50


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    found = [
        f"{name}:{number}"
        for name in all_files()
        if name not in _NO_TESTS_OF_TEXT
        for number, line in enumerate(text_of(name).splitlines(), 1)
        if _MACHINES.search(line)
    ]
    assert found == []


def test_only_missing_tools_and_the_exhaustive_versions_may_skip() -> None:
    """So that `--no-skips` in CI means what it says."""
    ways = re.compile(r"pytest\.skip\(|mark\.skip|importorskip|unittest|xfail\(")
    excused = {"tests/conftest.py", "tests/shape/test_sources.py"}
    tests = [name for name in python_files() if name.startswith("tests/") and name not in excused]
    assert [name for name in tests if ways.search(text_of(name))] == []


def test_setting_up_and_checking_name_no_registry() -> None:
    """Whoever runs them has a package index of their own choice."""
    for name in ("Makefile", ".ci/run", ".pre-commit-config.yaml", "pyproject.toml"):
        addresses = re.findall(
            r"\b(?!postgresql:)[a-z][a-z+]*://[^\s\"']+|--(?:extra-)?index-url|--find-links", text_of(name)
        )
        assert addresses == [], name
    assert set(re.findall(r"repo: (.+)", text_of(".pre-commit-config.yaml"))) == {"local"}
