"""CI promises that nothing is skipped: a missing tool must then fail."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.conftest import POSTGRESQL_VARIABLE
from tests.shape.project import ROOT

_NEEDS_POSTGRESQL = "tests/adapters/test_database.py::test_a_short_connection_cannot_write_on_postgresql"


def run(*options: str) -> subprocess.CompletedProcess[str]:
    """That test, on a machine where nobody has named a PostgreSQL."""
    environment = {name: value for name, value in os.environ.items() if name != POSTGRESQL_VARIABLE}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options, _NEEDS_POSTGRESQL]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_missing_tool_skips_and_says_so() -> None:
    done = run()
    assert done.returncode == 0
    assert "1 skipped" in done.stdout and "needs postgresql" in done.stdout


def test_where_nothing_may_be_skipped_it_fails_and_says_so() -> None:
    done = run("--no-skips")
    assert done.returncode == 1
    assert "1 error" in done.stdout and "needs postgresql" in done.stdout
