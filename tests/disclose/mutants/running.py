"""Running tests on one changed module, in a forked process with a limit of its own."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from types import CodeType, ModuleType


class Fate(StrEnum):
    """What the tests made of it."""

    KILLED = "killed"
    TOO_LONG = "too long"
    SURVIVED = "survived"


class _Changed(importlib.abc.Loader, importlib.abc.MetaPathFinder):
    """Gives the changed module where the real one is asked for."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        self._name = name
        self._path = path
        self._code = code

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self._name:
            return None
        inside = [str(self._path.parent)] if self._path.name == "__init__.py" else None
        return importlib.util.spec_from_file_location(name, self._path, loader=self, submodule_search_locations=inside)

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


def warm() -> None:
    """What every child reads and no change of ours touches is read once: packages of others, and our mappings."""
    for name in ("fhir_plugin.app", "fhir_plugin.commands.redact", "tests.conftest", "tests.definitions.validator"):
        importlib.import_module(name)
    for name in [each for each in sys.modules if each.partition(".")[0] in ("fhir_plugin", "tests")]:
        if not name.startswith("tests.disclose.mutants") and name not in ("tests", "tests.disclose"):
            del sys.modules[name]


def run(name: str, path: Path, code: CodeType, tests: list[str], *, seconds: int) -> Fate:
    """Whether the tests notice. `seconds` of processor time; by the clock many more, for others may be busy here."""
    child = os.fork()
    if child == 0:
        _in_child(name, path, code, tests, seconds)
    end = time.monotonic() + 30 * seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return Fate.TOO_LONG
        time.sleep(0.02)
    if os.WIFSIGNALED(status):
        return Fate.TOO_LONG
    return Fate.SURVIVED if os.WEXITSTATUS(status) == 0 else Fate.KILLED


class _Unshrunk:
    """That something fails is enough: no example is made smaller, a quarter of them is drawn, each run the same."""

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        some = (Phase.explicit, Phase.generate)
        settings.register_profile(
            "mutants", settings.default, phases=some, derandomize=True, database=None, max_examples=25
        )
        settings.load_profile("mutants")


def _in_child(name: str, path: Path, code: CodeType, tests: list[str], seconds: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))
        nowhere = os.open(os.environ.get("MUTANT_LOG", os.devnull), os.O_WRONLY | os.O_APPEND)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        sys.meta_path.insert(0, _Changed(name, path, code))
        import pytest

        answer = pytest.main(
            [
                "-x",
                "-W",
                "ignore::pytest.PytestAssertRewriteWarning",
                "-q",
                "--tb=no",
                "-p",
                "no:cacheprovider",
                "-p",
                "no:xdist",
                *tests,
            ],
            plugins=[_Unshrunk()],
        )
        sys.stdout.flush()
        os._exit(int(answer))
    except BaseException:
        traceback.print_exc(file=sys.stdout)
        raise
    finally:
        sys.stdout.flush()
        os._exit(1)
