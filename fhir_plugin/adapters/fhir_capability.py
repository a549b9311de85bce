"""Builds the one `Capability` value: CapabilityStatement, granted scopes and what is known of the vendor.

What is known of a server family is data (`vendor_files`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from fhir_plugin.adapters.vendor_files import recognise, vendor_named, vendor_names
from fhir_plugin.capability import Capability
from fhir_plugin.errors import RecordRefused
from mappings.r5.searches import offered_in_r4

Json = dict[str, Any]

ACCEPTED_VERSIONS = re.compile(r"^(4\.[03]|5\.0)(\.[0-9]+)?\Z")
"""R4 and R4B, which are the same in what we file and read; and R5, which `fhir_r5` translates."""


def build_capability(
    statement: Json,
    *,
    vendor: str | None = None,
    granted: Callable[[str, str], bool] = lambda _type, _interaction: True,
) -> Capability:
    """What the server of this CapabilityStatement can do for this launch.

    `vendor` names the family when the registry of issuers knows it; otherwise it is recognised, else
    `unknown`. `granted` says what the granted scopes allow. Raises `RecordRefused` (`fhir-version`,
    `capability-unusable`, `vendor-unknown`).
    """
    if statement.get("resourceType") != "CapabilityStatement":
        raise RecordRefused("the record did not describe itself", code="capability-unusable")
    version = statement.get("fhirVersion")
    if not isinstance(version, str) or not ACCEPTED_VERSIONS.match(version):
        raise RecordRefused("the record speaks neither FHIR R4 nor R5", code="fhir-version")
    rest = next((r for r in _objects(statement.get("rest")) if r.get("mode") == "server"), None)
    if rest is None:
        raise RecordRefused("the record describes no server", code="capability-unusable")
    software = _software_name(statement)
    if vendor is not None and vendor not in vendor_names():
        message = "the registry of issuers names a server family that has no file"
        raise RecordRefused(message, code="vendor-unknown")
    described = {str(r["type"]): r for r in _objects(rest.get("resource")) if isinstance(r.get("type"), str)}
    return Capability(
        fhir_version=version,
        software=software,
        interactions={t: _codes(r.get("interaction"), "code") for t, r in described.items()},
        system_interactions=_codes(rest.get("interaction"), "code"),
        update_create=frozenset(t for t, r in described.items() if r.get("updateCreate") is True),
        conditional_create=frozenset(t for t, r in described.items() if r.get("conditionalCreate") is True),
        search_params={t: _parameters(t, r, version) for t, r in described.items()},
        operations=frozenset(_operations(rest, described)),
        granted=granted,
        vendor=vendor_named(vendor) if vendor else recognise(software),
    )


def _software_name(statement: Json) -> str:
    software = statement.get("software")
    name = software.get("name") if isinstance(software, dict) else None
    return name if isinstance(name, str) else ""


def _operations(rest: Json, described: dict[str, Json]) -> Iterator[str]:
    """`$name` at the system level, `Type/$name` on a type."""
    for operation in _codes(rest.get("operation"), "name"):
        yield "$" + operation.lstrip("$")
    for resource_type, resource in described.items():
        for operation in _codes(resource.get("operation"), "name"):
            yield f"{resource_type}/$" + operation.lstrip("$")


def _parameters(resource_type: str, described: Json, version: str) -> frozenset[str]:
    """What it can be searched by, in R4's names."""
    names = _codes(described.get("searchParam"), "name")
    return offered_in_r4(resource_type, names) if version.startswith("5.") else names


def _codes(value: object, key: str) -> frozenset[str]:
    return frozenset(item[key] for item in _objects(value) if isinstance(item.get(key), str))


def _objects(value: object) -> list[Json]:
    """A server's list may hold anything: only the objects in it count."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
