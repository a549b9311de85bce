"""The table of the guidance's requirements: each is there once, and what it names exists."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from fhir_plugin.policy.contents import Attestation
from fhir_plugin.policy.coverage import (
    GROUPS,
    LAST,
    Requirement,
    Standing,
    as_markdown,
    disagreements,
    lines_of,
    requirements,
)
from fhir_plugin.policy.keys import BY_NAME
from fhir_plugin.policy.pack import shipped_pack
from tests.shape.project import ROOT

EVERY = requirements()
by_id = pytest.mark.parametrize("one", EVERY, ids=lambda one: one.id)


def test_every_number_is_there_exactly_once() -> None:
    assert [each.number for each in EVERY] == list(range(1, LAST + 1))
    assert {each.group for each in EVERY} == set(GROUPS)
    assert [each.id for each in disagreements()] == [f"X{number}" for number in range(1, 27)]


@cache
def _names(path: Path) -> frozenset[str]:
    """What a Python file defines: functions, classes and their methods, constants."""
    tree = ast.parse(path.read_text("utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
    return frozenset(found)


def _exists(reference: str) -> bool:
    path, _, name = reference.partition("::")
    file = ROOT / path
    return file.is_file() and (not name or name in _names(file))


@by_id
def test_what_it_names_exists(one: Requirement) -> None:
    attestations: tuple[Attestation, ...] = shipped_pack("strict").attestations
    for where in one.where:
        kind, _, name = where.partition(":")
        if kind == "pack":
            assert name in BY_NAME, where
        elif kind == "attestation":
            assert name in {each.name for each in attestations}, where
        else:
            assert _exists(where), where
    for test in one.tests:
        path, _, name = test.partition("::")
        assert path.startswith("tests/"), test
        assert name.startswith("test_"), test
        assert _exists(test), test


@by_id
def test_its_standing_is_borne_out(one: Requirement) -> None:
    match one.standing:
        case Standing.ENFORCED:
            assert one.where
            assert one.tests
            assert any("/" in where for where in one.where), "code enforces it"
        case Standing.TEXT | Standing.FIELD:
            assert one.where
            assert one.tests
        case Standing.CONFIGURED:
            assert any(where.startswith("pack:") for where in one.where)
            assert one.tests
        case Standing.OUTSIDE:
            assert any(where.startswith("attestation:") for where in one.where) or one.note
        case Standing.LATER:
            assert one.note
            assert not one.where


def test_lines_are_cited_by_document() -> None:
    every = {each.id: each.seeds for each in EVERY} | {each.id: each.seeds for each in disagreements()}
    for id, seeds in every.items():
        for seed in seeds:
            assert re.fullmatch(r"00[0-4]:\d+(-\d+)?", seed), (id, seed)
    assert lines_of(["G-R116", "X14", "G-R116"])[0].startswith("004:271")
    assert lines_of(["nothing"]) == []


def test_every_attestation_stands_in_for_something() -> None:
    named = {where.partition(":")[2] for each in EVERY for where in each.where if where.startswith("attestation:")}
    assert named == {each.name for each in shipped_pack("strict").attestations}


def test_the_document_is_up_to_date() -> None:
    stored = (ROOT / "docs" / "guidance-coverage.md").read_text("utf-8")
    assert stored == as_markdown(), "run fhir-plugin policy coverage --markdown > docs/guidance-coverage.md"
