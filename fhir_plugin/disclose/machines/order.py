"""What another system asks for: the record, for whom and in which way. From a FHIR body, read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_plugin.disclose.redact import Part
from fhir_plugin.disclose.redact.strict import Json, is_object, read_resource, write
from fhir_plugin.errors import Refused
from mappings.model.disclosure import Mode, Requester

NAME: Final = "record"
"""What the record is called in reports and proofs: it has no name of its own."""

_WORDS: Final = {"purpose": "valueCode", "mode": "valueCode", "recipient": "valueString"}
_MOST_WORDS: Final = 200


class UnclearOrder(Refused):
    """The request does not say what is asked. `code`: missing, twice, unknown-parameter, unknown-mode, ..."""

    code = "unclear-order"


@dataclass(frozen=True)
class Caller:
    """Another system, as the installation registered it, and what it may ask for. What is not named is not allowed.

    `several_patients`: it may send the records of more than one patient at once.
    """

    id: str
    requesters: frozenset[Requester]
    modes: frozenset[Mode]
    several_patients: bool = False


@dataclass(frozen=True)
class Order:
    """One request. `purpose` is the name or code of a row; `recipient` goes into the report and nowhere else.

    `report`: the caller wants to be told what became of each resource.
    """

    document: Part = field(repr=False)
    resource: Json = field(repr=False)
    purpose: str
    mode: Mode
    recipient: str = field(default="", repr=False)
    report: bool = False


def read_order(body: bytes, query: Mapping[str, str]) -> Order:
    """From a `Parameters` (then everything stands in it), or a bare resource with its words in the query.

    Raises `UnreadableRecord` for JSON that can be read in two ways, `UnclearOrder`.
    """
    resource = read_resource(body)
    if resource["resourceType"] == "Parameters":
        if query:
            raise UnclearOrder("With a Parameters, everything stands in it and nothing in the URL.", code="twice")
        said, inner = _parameters(resource)
        return _order(Part(NAME, write(inner)), inner, said)
    unknown = set(query) - {*_WORDS, "report"}
    if unknown:
        raise UnclearOrder("The URL has a parameter that is not known here.", code="unknown-parameter")
    return _order(Part(NAME, body), resource, query)


def _order(document: Part, resource: Json, said: Mapping[str, str]) -> Order:
    if not said.get("purpose"):
        raise UnclearOrder("Say for whom: the parameter `purpose` is missing.", code="missing")
    if said.get("mode", Mode.MARKED) not in tuple(Mode):
        raise UnclearOrder("The mode is marked or silent.", code="unknown-mode")
    if said.get("report", "false") not in ("true", "false"):
        raise UnclearOrder("The parameter `report` is true or false.", code="unknown-parameter")
    if any(len(said.get(name, "")) > _MOST_WORDS for name in _WORDS):
        raise UnclearOrder(f"A parameter has more than {_MOST_WORDS} characters.", code="too-long")
    return Order(
        document,
        resource,
        said["purpose"],
        Mode(said.get("mode", Mode.MARKED)),
        said.get("recipient", ""),
        said.get("report") == "true",
    )


def _parameters(resource: Json) -> tuple[dict[str, str], Json]:
    said: dict[str, str] = {}
    inner: Json | None = None
    listed = resource.get("parameter")
    for each in listed if isinstance(listed, list) else []:
        name = each.get("name") if is_object(each) else None
        if not is_object(each) or not isinstance(name, str):
            raise UnclearOrder("A parameter has no name.", code="unknown-parameter")
        if name in said or (name == "resource" and inner is not None):
            raise UnclearOrder("A parameter is there twice.", code="twice")
        value = each.get("resource")
        if name == "resource":
            if each.keys() - {"name", "resource", "id"} or not is_object(value):
                raise UnclearOrder("The parameter `resource` holds one resource.", code="unknown-parameter")
            inner = read_resource(write(value))
        else:
            said[name] = _word(name, each)
    if inner is None:
        raise UnclearOrder("The parameter `resource` is missing.", code="missing")
    return said, inner


def _word(name: str, parameter: Json) -> str:
    key = "valueBoolean" if name == "report" else _WORDS.get(name)
    if key is None or parameter.keys() - {"name", "id", key}:
        raise UnclearOrder("A parameter is not known here, or not of the right type.", code="unknown-parameter")
    value = parameter.get(key)
    if isinstance(value, bool) and name == "report":
        return "true" if value else "false"
    if isinstance(value, str) and name != "report":
        return value
    raise UnclearOrder("A parameter is not of the right type.", code="unknown-parameter")
