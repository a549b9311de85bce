"""Every kind of server that a conformance run is made against here, and how it is started."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from fhir_plugin.conformance.recording import RecordingTransport
from fhir_plugin.conformance.results import Report, Verdict
from fhir_plugin.conformance.run import run
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.fhir.personality import personality_names
from fhir_plugin.sandbox.serve import running_sandbox
from mappings.model.identifiers import FhirBase
from tests.contracts.sekmet_server import running_sekmet
from tests.servers.hapi_server import running_hapi
from tests.servers.medplum_router import running_medplum_router

Start = Callable[[], AbstractContextManager[FhirBase]]
OTHERS: Final[dict[str, Start]] = {
    "HAPI FHIR JPA": running_hapi,
    "HAPI FHIR JPA, R5": partial(running_hapi, "r5"),
    "Medplum router": running_medplum_router,
    "sekmet-fhir": running_sekmet,
}
"""Servers written by others."""
FAMILIES: Final = ("athena", "epic", "hapi", "medplum", "oracle", "smart-launcher", "strict", "text-only")
"""Personalities of the sandbox that stand for a family of servers, from its documents; the rest differ in one thing."""
PATIENT: Final = "p-adult-1"
"""Of the sandbox, for personalities where nobody creates a patient."""


def personality(name: str) -> Start:
    """The sandbox, open, as one of its personalities."""

    @contextlib.contextmanager
    def start() -> Iterator[FhirBase]:
        with running_sandbox(SandboxConfig(personality=name, open=True)) as sandbox:
            yield FhirBase(sandbox.fhir_base)

    return start


def everyone() -> dict[str, Start]:
    """By name, in the order of the tables."""
    return {**OTHERS, **{name: personality(name) for name in personality_names()}}


def tried(base: FhirBase) -> Report:
    """A run, and where nobody creates a patient, one with a patient who is there."""
    transport = RecordingTransport(read_timeout=60, total_timeout=120)
    try:
        report = run(transport, base)
        nobody = any(each.name == "patient" and each.verdict is Verdict.UNAVAILABLE for each in report.results)
        return run(transport, base, patient=PATIENT) if nobody else report
    finally:
        transport.close()
