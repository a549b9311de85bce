"""The sandbox's face of R5: what it keeps in R4 it takes and gives in R5, by the project's own translation.

For the whole app in one process. What the translation itself gets wrong cannot be seen here: that is for servers of R5
that others wrote (`tests/contracts/test_r5_server.py`).
"""

from __future__ import annotations

from dataclasses import replace

from fhir_plugin.sandbox.fhir.exchange import Call, Reply
from fhir_plugin.sandbox.fhir.outcome import Json
from mappings.r5.searches import RENAMED
from mappings.r5.translate import from_r5, to_r5


def taken(call: Call) -> Call:
    """What came in R5, as the sandbox keeps it."""
    names = {new: old for old, new in RENAMED.get(call.path[0] if call.path else "", {}).items()}
    query = tuple((_renamed(name, names), value) for name, value in call.query)
    return replace(call, query=query, resource=None if call.resource is None else from_r5(call.resource))


def given(reply: Reply) -> Reply:
    """What the sandbox says, in R5."""
    if reply.resource is None or reply.resource.get("resourceType") in ("OperationOutcome", "Binary"):
        return reply
    if reply.resource.get("resourceType") == "CapabilityStatement":
        return replace(reply, resource=_statement(reply.resource))
    return replace(reply, resource=to_r5(reply.resource))


def _statement(statement: Json) -> Json:
    """With R5's names of search parameters."""
    described = [
        {**each, "searchParam": [_parameter(each["type"], one) for one in each["searchParam"]]}
        for each in statement["rest"][0]["resource"]
    ]
    return {**statement, "rest": [{**statement["rest"][0], "resource": described}]}


def _parameter(resource_type: str, parameter: Json) -> Json:
    return {**parameter, "name": RENAMED.get(resource_type, {}).get(parameter["name"], parameter["name"])}


def _renamed(name: str, names: dict[str, str]) -> str:
    head, colon, modifier = name.partition(":")
    return names.get(head, head) + colon + modifier
