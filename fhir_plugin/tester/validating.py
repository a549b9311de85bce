"""What a validator says of a resource as a server of some FHIR version was sent it, or sent it."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cache
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from fhir_plugin.sandbox.fhir.outcome import FhirError
from fhir_plugin.sandbox.fhir.validation import validate
from fhir_plugin.tester import shown
from fhir_plugin.tester.watching import Said

Json = dict[str, Any]

R4: Final = "4.0.1"
_MOST: Final = 20


def version_told(said: Iterable[Said]) -> str:
    """The FHIR version of the newest CapabilityStatement that was heard; R4 where there was none."""
    told = R4
    for one in said:
        found = one.response_json or {}
        if found.get("resourceType") == "CapabilityStatement" and isinstance(found.get("fhirVersion"), str):
            told = found["fhirVersion"]
    return told


def validators_words(resource: Json | None, version: str = R4) -> tuple[str, ...]:
    """What the models of that version (and, for R4, our own rules of FHIR's JSON and codes) say of it; nothing where it
    is right, or where there is nothing."""
    if resource is None:
        return ()
    whole = shown.for_a_validator(resource)
    return _words_of_r5(whole) if version.startswith("5.") else _words_of_r4(whole)


def _words_of_r4(resource: Json) -> tuple[str, ...]:
    try:
        validate(resource)
    except FhirError as error:
        return tuple(f"{each.expression or resource.get('resourceType')}: {each.text}" for each in error.issues)
    return ()


def _words_of_r5(resource: Json) -> tuple[str, ...]:
    name = str(resource.get("resourceType"))
    try:
        model = _model(name)
    except (ImportError, AttributeError, ValueError):
        return (f"{name}: no resource type of R5",)
    try:
        model.model_validate(resource)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False, include_input=False)[:_MOST]
        return tuple(f"{'.'.join([name, *map(str, each['loc'])])}: {each['msg']}" for each in found)
    return ()


@cache
def _model(resource_type: str) -> type[BaseModel]:
    if not resource_type.isalpha():
        raise ValueError(resource_type)
    found: type[BaseModel] = getattr(importlib.import_module(f"fhir.resources.{resource_type.lower()}"), resource_type)
    return found
