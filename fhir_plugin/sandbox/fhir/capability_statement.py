"""What this server says of itself (R4 CapabilityStatement): made from the same tables that it answers from."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_plugin.sandbox.fhir.exchange import FHIR_JSON
from fhir_plugin.sandbox.fhir.outcome import Json
from fhir_plugin.sandbox.fhir.parameters import parameters_of, resource_types
from fhir_plugin.sandbox.fhir.personality import Personality

_INTERACTIONS = (
    "create",
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "search-type",
)
_SECURITY_SERVICE = "http://terminology.hl7.org/CodeSystem/restful-security-service"
_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
_DATE = "2026-01-01"
_DEFINITIONS = {
    "everything": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
    "validate": "http://hl7.org/fhir/OperationDefinition/Resource-validate",
    "expunge": "http://hapifhir.io/fhir/OperationDefinition/expunge",
    "erase": "http://sandbox.example/fhir/OperationDefinition/erase",
    "purge-history": "http://sandbox.example/fhir/OperationDefinition/purge-history",
    "meta-add": "http://hl7.org/fhir/OperationDefinition/Resource-meta-add",
    "meta-delete": "http://hl7.org/fhir/OperationDefinition/Resource-meta-delete",
}


def capability_statement(personality: Personality, base: str, *, oauth_uris: Mapping[str, str] | None = None) -> Json:
    """`oauth_uris`: endpoints by name (authorize, token, ...), for the SMART extension."""
    return {
        "resourceType": "CapabilityStatement",
        "id": "sandbox",
        "status": "active",
        "date": _DATE,
        "kind": "instance",
        "software": {"name": personality.software_name, "version": personality.software_version},
        "implementation": {
            "description": "A sandbox EHR with synthetic people, for demonstrations and tests",
            "url": base,
        },
        "fhirVersion": personality.fhir_version,
        "format": [FHIR_JSON, "json"],
        "patchFormat": ["application/json-patch+json"],
        "rest": [_rest(personality, oauth_uris or {})],
    }


def _rest(personality: Personality, oauth_uris: Mapping[str, str]) -> Json:
    system = [
        {"code": code}
        for code in ("transaction", "batch", "history-system")
        if personality.claims("system", code) and not (code == "transaction" and personality.transactions == "refused")
    ]
    rest: Json = {
        "mode": "server",
        "security": _security(oauth_uris),
        "resource": [
            _resource(personality, resource_type)
            for resource_type in sorted(resource_types() - personality.absent_types)
        ],
    }
    if system:
        rest["interaction"] = system
    if _purges_by(personality) == "expunge":
        rest["operation"] = [_operation("expunge")]
    return rest


def _purges_by(personality: Personality) -> str | None:
    """The operation that it tells of; None where it has none, or one of which an R4 statement has no word."""
    if personality.expunge == "refused":
        return None
    told = {"expunge": "expunge", "erase": "erase", "purge-history": "purge-history"}
    return told.get(personality.purge)


def _security(oauth_uris: Mapping[str, str]) -> Json:
    security: Json = {"service": [{"coding": [{"system": _SECURITY_SERVICE, "code": "SMART-on-FHIR"}]}]}
    if oauth_uris:
        uris = [{"url": name, "valueUri": uri} for name, uri in oauth_uris.items()]
        security["extension"] = [{"url": _OAUTH_URIS, "extension": uris}]
    return security


def _resource(personality: Personality, resource_type: str) -> Json:
    claimed = {code for code in _INTERACTIONS if personality.claims(resource_type, code)}
    parameters = parameters_of(resource_type)
    searchable = [code for code in sorted(parameters) if personality.searches(resource_type, code)]
    includes = [f"{resource_type}:{code}" for code in searchable if parameters[code].kind == "reference"]
    stated: Json = {
        "type": resource_type,
        "interaction": [{"code": code} for code in _INTERACTIONS if code in claimed],
        "versioning": "versioned",
        "readHistory": "vread" in claimed,
        "updateCreate": "update" in claimed and personality.client_ids != "refused",
        "conditionalCreate": "create" in claimed and personality.conditional_create == "honoured",
        "conditionalRead": "full-support",
        "conditionalUpdate": "update" in claimed,
        "conditionalDelete": "single" if "delete" in claimed else "not-supported",
        "searchParam": [
            {"name": code, "type": "token" if parameters[code].kind == "flag" else parameters[code].kind}
            for code in searchable
        ],
    }
    if includes:
        stated["searchInclude"] = includes
    operations = ["validate"]
    if (purges := _purges_by(personality)) is not None:
        operations.append(purges)
    if personality.meta_operations and "update" in claimed:
        operations += ["meta-add", "meta-delete"]
    if resource_type == "Patient":
        operations.append("everything")
    stated["operation"] = [_operation(name) for name in sorted(operations)]
    return {key: value for key, value in stated.items() if value != []}


def _operation(name: str) -> Json:
    return {"name": name, "definition": _DEFINITIONS[name]}
