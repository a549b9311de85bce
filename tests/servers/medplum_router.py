"""Medplum's FHIR router with its repository in memory, in a process of its own on a free loopback port.

npm brings its libraries as they are locked, with their hashes. Needs Node and npm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from mappings.model.identifiers import FhirBase
from tests.servers.started import bring, running


@contextlib.contextmanager
def running_medplum_router() -> Iterator[FhirBase]:
    """Its FHIR base, once it answers; ended, with all that it stored, on leaving."""
    with running(Path(__file__).parent / "medplum", _command) as base:
        yield base


def _command(folder: Path) -> Sequence[str]:
    bring(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"], folder)
    return ["node", "server.mjs", "0"]
