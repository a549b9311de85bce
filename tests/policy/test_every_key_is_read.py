"""Every key of a policy pack changes something: each has a reader, beside loading, checking and printing packs.

Found in the sources: `policy.x` or `pack.x` in code, `policy.x` in a template, and what a property or method of
`PolicyPack` reads for somebody who uses it. A key that nobody reads is a promise that the app does not keep.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from fhir_plugin.policy.contents import PolicyPack, Wording
from fhir_plugin.policy.key import Key
from fhir_plugin.policy.keys import KEYS
from fhir_plugin.policy.values import Choice
from mappings.model.work import WorkKind
from tests.shape.project import files, python_files, text_of

LOADING = frozenset(
    f"fhir_plugin/policy/{name}.py"
    for name in (
        "contents",
        "floors",
        "in_force",
        "key",
        "keys",
        "keys_of_choices",
        "keys_of_numbers",
        "keys_of_words",
        "layers",
        "pack",
        "values",
    )
)
"""Where packs are read, checked and put together. `commands` print them, which is no reader either."""
CONTENTS = "fhir_plugin/policy/contents.py"
ONE_VALUE_ONLY = frozenset({"store.default", "label.hides"})
"""X20 and X22: the guidance leaves nothing to choose, so there is one value, and it is a floor with a name."""


USES = "fhir_plugin/policy/uses.py"
NOBODY_CALLS_YET = {
    "admin.preview": "preview: triage routes by words and sees no picture under any pack, as if it were none (X7)",
}
"""Rules that are written and tested, and that no page asks yet: what happens is the strictest value. Named so that none
joins them unseen."""


@cache
def modules() -> dict[str, ast.Module]:
    names = (name for name in python_files() if name.startswith("fhir_plugin/") and "/commands/" not in name)
    found = {name: ast.parse(text_of(name)) for name in names if name not in LOADING}
    called = {
        alias.name
        for tree in found.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "fhir_plugin.policy.uses"
        for alias in node.names
    }
    uses = found[USES]
    uses.body = [each for each in uses.body if not isinstance(each, ast.FunctionDef) or each.name in called]
    return found


def _of(node: ast.expr, *names: str) -> bool:
    """Whether an expression ends in one of these names: `case.pack`, `parts().policy`, `policy`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.lstrip("_") in names
    return False


def _attributes(tree: ast.AST, *of: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and _of(node.value, *of):
            yield node.attr


@cache
def own_readers() -> dict[str, set[str]]:
    """For each property and method of `PolicyPack`, what it reads of itself."""
    pack = next(
        each
        for each in ast.walk(ast.parse(text_of(CONTENTS)))
        if isinstance(each, ast.ClassDef) and each.name == PolicyPack.__name__
    )
    return {each.name: set(_attributes(each, "self")) for each in pack.body if isinstance(each, ast.FunctionDef)}


@cache
def fields_read() -> frozenset[str]:
    found = {name for tree in modules().values() for name in _attributes(tree, "policy", "pack")}
    for name in files():
        if name.startswith("fhir_plugin/web/templates/"):
            found |= set(re.findall(r"\bpolicy\.(\w+)", text_of(name)))
    while more := {field for name in found for field in own_readers().get(name, ())} - found:
        found |= more
    return frozenset(found)


@cache
def words_read() -> frozenset[str]:
    """Texts of `wording`: by attribute, or by name where a module asks `said_by` for them."""
    found = {name for tree in modules().values() for name in _attributes(tree, "wording")}
    found |= {
        name for each in files() if each.endswith(".html") for name in re.findall(r"\bwording\.(\w+)", text_of(each))
    }
    known = set(Wording.__dataclass_fields__)
    for tree in modules().values():
        if any(isinstance(node, ast.Name) and node.id == "said_by" for node in ast.walk(tree)):
            spelled = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
            found |= {each for each in spelled if isinstance(each, str)} & known
    return frozenset(found)


@cache
def work_raised() -> frozenset[str]:
    return frozenset(name for tree in modules().values() for name in _attributes(tree, "WorkKind"))


def is_read(key: Key) -> bool:
    part, _, name = key.field.partition(".")
    match part:
        case "wording":
            return name in words_read()
        case "work_hours":
            return part in fields_read() and WorkKind(name).name in work_raised()
        case _:
            return part in fields_read()


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.name)
def test_somebody_reads_it(key: Key) -> None:
    if key.name in ONE_VALUE_ONLY:
        assert isinstance(key.kind, Choice) and len(key.kind.values) == 1 and key.floor
        assert not is_read(key), "it has a reader now: take it out of ONE_VALUE_ONLY"
    elif key.name in NOBODY_CALLS_YET:
        assert not is_read(key), "it has a reader now: take it out of NOBODY_CALLS_YET"
    else:
        assert is_read(key), f"nobody reads {key.field}: the pack promises what the app does not do"


def test_every_field_of_a_pack_belongs_to_a_key() -> None:
    fields = {key.field.partition(".")[0] for key in KEYS}
    assert fields == set(PolicyPack.__dataclass_fields__) - {"said", "stayed_because"}


def test_the_search_finds_nobody_where_there_is_nobody() -> None:
    """The test itself: a name that only the loading and the commands use has no reader."""
    assert "said" not in {name for tree in modules().values() for name in _attributes(tree, "pack")}
    assert "no_such_field" not in fields_read()
    assert "is_read" not in own_readers() and "retained" in own_readers()
