"""The table of SMART's requirements is whole and honest: nothing left out, nothing met without a test that runs."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_plugin import cli
from smart_launch import conformance
from smart_launch.conformance import PAGES, STATUSES, Feature, Requirement, as_markdown, counts, features, requirements

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = (
    "1-13 20-23 25-26 28-29 32-47 50-52 60-72 90 93 97-98 105-108 117 120-122 124-125 131-133 135 137 141 143 "
    "146-148 150-153 155-158 161-162 166 191 193 195-196 201-202 211 215-216 218-227 229-230 232-239 242 263-264 "
    "267-268 270 284 290-295 298-304 307-309 312-315 317-325 327-334 343 345 375 379 413-416 420 425-426 435"
)
"""What Inferno's list for clients of SMART App Launch 2.2.0 holds: these and no others."""

WORDS = {"SHALL": 115, "SHALL NOT": 6, "SHOULD": 25, "SHOULD NOT": 3, "MAY": 15, "DEPRECATED": 9}
MAY_NOT_RUN = {"skip", "skipif", "xfail", "exhaustive", "needs"}
SENTENCE = re.compile(r"[A-Z].{20,}[.]", re.DOTALL)

each = pytest.mark.parametrize("one", requirements(), ids=lambda one: one.id)
each_and_beside = pytest.mark.parametrize(
    "one", [*requirements(), *features()], ids=lambda one: one.id if isinstance(one, Requirement) else one.name
)


def numbers() -> list[int]:
    found: list[int] = []
    for piece in NUMBERS.split():
        first, _, last = piece.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


@cache
def marks(path: str) -> dict[str, frozenset[str]]:
    """The tests of a module, each with the marks that it and its module carry."""
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    of_module = {
        name
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign) and "pytestmark" in ast.unparse(node)
        for name in _names(node)
    }
    return {
        node.name: frozenset(of_module.union(*(_names(decorator) for decorator in node.decorator_list)))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def _names(node: ast.AST) -> set[str]:
    return {part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)}


def test_every_requirement_is_there_once() -> None:
    assert len(numbers()) == 173
    assert sorted(one.number for one in requirements()) == numbers()
    assert {word: sum(one.word == word for one in requirements()) for word in WORDS} == WORDS


def test_they_stand_in_order_under_their_pages() -> None:
    assert list(dict.fromkeys(one.page for one in requirements())) == list(PAGES)
    for page in PAGES:
        found = [one.number for one in requirements() if one.page == page]
        assert found == sorted(found)
    kept = {path.name for path in Path(conformance.__file__).parent.joinpath("requirements").iterdir()}
    assert kept == {f"{name}.toml" for name in (*PAGES, "beyond")}


@each
def test_it_is_quoted_and_can_be_looked_up(one: Requirement) -> None:
    assert re.fullmatch(r"SMART-R[1-9]\d*", one.id)
    assert 20 <= len(one.text) <= 310 and one.text.strip() == one.text
    assert re.fullmatch(r"https://hl7\.org/fhir/smart-app-launch/STU2\.2/[a-z-]+\.html#[a-z0-9_-]+", one.url)


@each_and_beside
def test_it_is_met_with_tests_or_there_is_a_reason(one: Requirement | Feature) -> None:
    assert one.status in STATUSES
    assert bool(one.tests) is (one.status == "met")
    assert len(set(one.tests)) == len(one.tests)
    if one.status != "met" or one.reason:
        assert SENTENCE.fullmatch(one.reason), one.reason


@each_and_beside
def test_what_shows_it_exists_and_always_runs(one: Requirement | Feature) -> None:
    for test in one.tests:
        path, _, name = test.partition("::")
        function = name.partition("[")[0]
        assert path.startswith("tests/") and Path(path).name.startswith("test_") and function.startswith("test_")
        assert function in marks(path), f"there is no {test}"
        assert not marks(path)[function] & MAY_NOT_RUN, f"{test} does not always run"


@each
def test_a_duty_is_refused_by_nobody(one: Requirement) -> None:
    """Only what is a permission may be refused; a withdrawn row says what becomes of it."""
    if one.status == "refused":
        assert one.word == "MAY"
    if one.word == "DEPRECATED":
        assert "eprecated" in one.reason


def test_the_look_for_marks_finds_them() -> None:
    found = marks("tests/adapters/test_tokens.py")
    assert "needs" in found["test_fifty_requests_in_four_processes_make_one_refresh_on_postgresql"]
    assert not found["test_fifty_requests_in_four_processes_make_one_refresh"] & MAY_NOT_RUN
    assert "no_such_test" not in found


# --- the document and the command ---


def test_the_document_is_what_the_table_says() -> None:
    """After a change: `fhir-plugin smart-conformance --markdown > docs/smart-conformance.md`."""
    assert (ROOT / "docs" / "smart-conformance.md").read_text("utf-8") == as_markdown()


def test_every_row_of_the_document_is_a_row() -> None:
    rows = [line for line in as_markdown().splitlines() if line.startswith("| [")]
    assert len(rows) == 173 + len(features())
    assert sum(row.startswith("| [SMART-R") for row in rows) == 173
    for row in rows:
        assert len(re.findall(r"(?<!\\)\|", row)) == 5
        assert not re.search(r"<(?!br>)", row)


def test_the_command_prints_one_json_value() -> None:
    result = CliRunner().invoke(cli.main, ["smart-conformance", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert [row["id"] for row in answer["requirements"]] == [one.id for one in requirements()]
    assert answer["counts"] == counts(requirements())
    assert sum(answer["counts"].values()) == 173
    assert set(answer["requirements"][0]) == {"id", "word", "text", "url", "status", "tests", "reason"}
    assert [row["name"] for row in answer["beside_the_list"]] == [one.name for one in features()]


def test_the_command_in_words_has_a_line_for_each_and_the_counts_last() -> None:
    lines = CliRunner().invoke(cli.main, ["smart-conformance"]).stdout.splitlines()
    assert [line.split()[0] for line in lines[:-1]] == [one.id for one in requirements()]
    assert lines[-1].startswith("173 requirements: ")


def test_the_command_prints_the_document() -> None:
    assert CliRunner().invoke(cli.main, ["smart-conformance", "--markdown"]).stdout == as_markdown()
    assert CliRunner().invoke(cli.main, ["smart-conformance", "--markdown", "--json"]).exit_code == 64
