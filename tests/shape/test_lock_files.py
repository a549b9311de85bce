"""The lock files: exact, hashed, and tied to no registry."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.shape.project import ROOT, text_of

LOCKS = ("requirements/app.lock", "requirements/dev.lock")
_PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[a-z0-9,-]+\])?==[^\s;\\]+(?: ; [^\\]+)? \\$")
_HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


def pins(lock: str) -> dict[str, str]:
    """Every pinned package by its normal name, with its line."""
    lines = [line for line in text_of(lock).splitlines() if line and not line.startswith((" ", "#"))]
    return {re.sub(r"[-_.]+", "-", re.split(r"[\[=]", line)[0]).lower(): line for line in lines}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_pins_and_hashes_and_nothing_else(lock: str) -> None:
    lines = [line for line in text_of(lock).splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not (_PIN.match(line) or _HASH.match(line))] == []
    assert "://" not in text_of(lock)
    assert len(pins(lock)) > 20


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_has_a_hash(lock: str) -> None:
    lines = [line for line in text_of(lock).splitlines() if line and not line.startswith("#")]
    followed = [_HASH.match(after) for line, after in zip(lines, [*lines[1:], ""], strict=True) if _PIN.match(line)]
    assert all(followed)


def test_both_locks_pin_the_same_versions() -> None:
    app, dev = pins(LOCKS[0]), pins(LOCKS[1])
    assert app.items() <= dev.items()


def test_every_direct_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *(each for extra in project["project"]["optional-dependencies"].values() for each in extra),
        *(each for group in project["dependency-groups"].values() for each in group if isinstance(each, str)),
    ]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[=<>~! ]", each)[0]).lower() for each in wanted}
    assert names - pins("requirements/dev.lock").keys() == set()
