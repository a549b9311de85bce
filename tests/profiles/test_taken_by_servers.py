"""Every definition and example of the package, given to servers of others: they take it and give it back."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import pytest

from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.errors import PluginError
from mappings.model.identifiers import FhirBase
from mappings.profiles.package import definitions
from smart_launch.transport import Transport
from tests.servers.hapi_server import running_hapi
from tests.servers.medplum_router import running_medplum_router

SERVERS: Final[dict[str, tuple[Callable[[], AbstractContextManager[FhirBase]], tuple[str, ...]]]] = {
    "hapi": (running_hapi, ("javac", "mvn")),
    "medplum-router": (running_medplum_router, ("node", "npm")),
}

NOT_TAKEN: Final = {
    # The guide refers to what is not there, which HAPI refuses; read, it answers with OperationDefinitions of its own.
    "hapi": {"ImplementationGuide/fhir-plugin.profiles", "OperationDefinition/redact"},
    "medplum-router": set[str](),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.needs(tool) for tool in tools])
        for name, (_start, tools) in SERVERS.items()
    ],
)
def test_every_definition_is_taken_and_given_back(name: str) -> None:
    start, _tools = SERVERS[name]
    refused = {}
    transport = Transport(read_timeout=60, total_timeout=120)
    try:
        with start() as base:
            record = FhirServerRecord(transport, base, binary_forms=BinaryForms())
            for each in definitions():
                given = {key: value for key, value in each.items() if key != "id"}
                try:
                    back = record.read(each["resourceType"], record.create(given).id)
                    assert (back["url"], back["version"]) == (each["url"], each["version"])
                except PluginError as error:
                    refused[f"{each['resourceType']}/{each['id']}"] = str(error)
    finally:
        transport.close()
    assert set(refused) == NOT_TAKEN[name], refused
