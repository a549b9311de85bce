"""The table of channels in `docs/disclosure.md` is whole, and each test that it names exists."""

from __future__ import annotations

import re

import pytest

from tests.shape.project import ROOT, section

TABLE = section("docs/disclosure.md", "Every way in which a picture can be told of, and what holds it")
ROWS = re.findall(r"^\| (\d+) \| (.+) \| (.+) \| (.+) \|$", TABLE, re.MULTILINE)
NAMED = sorted(set(re.findall(r"`([a-z_]+/test_\w+\.py)::(\w+)`", TABLE)))


def test_all_33_channels_are_there_each_with_a_test() -> None:
    assert [int(number) for number, *_rest in ROWS] == list(range(1, 34))
    for _number, channel, done, tests in ROWS:
        assert channel and done and "::test_" in tests


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_named_test_exists(path: str, name: str) -> None:
    found = [base / path for base in (ROOT / "tests" / "disclose", ROOT / "tests") if (base / path).is_file()]
    assert found, path
    assert re.search(rf"^def {name}\(", found[0].read_text("utf-8"), re.MULTILINE), f"{path}::{name}"
