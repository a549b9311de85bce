"""Whom a token response is about: `patient` and `encounter`, there or in `authorization_details`.

`authorization_details` is experimental in SMART App Launch 2.2: one response for several FHIR servers, each entry of
the type `smart_on_fhir` with its `locations` and with a patient and encounter of its own. Only what is said of our
own FHIR base counts, and only where it contradicts nothing: who it is about is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smart_launch.errors import LaunchRefused, UnusableReply

TYPE = "smart_on_fhir"
_ID = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9.-]{1,64}")
"""A FHIR id, but for the two that are steps in a path: `Patient/..` is no patient."""


def subject_of(given: Mapping[str, Any], name: str, fhir_base: str) -> str | None:
    """The id that a token response gives as `patient` or `encounter` at this FHIR base; None if it names none.

    Raises `UnusableReply` for what is no FHIR id, and `LaunchRefused` (`context-contradiction`) if the response
    names two.
    """
    stated = _id(given, name)
    named = {each for entry in _entries(given, fhir_base) if (each := _id(entry, name)) is not None}
    if stated is not None:
        named.add(stated)
    if len(named) > 1:
        raise LaunchRefused(
            f"The EHR named more than one {name} for this launch. Launch again from the chart.",
            code="context-contradiction",
        )
    return next(iter(named), None)


def _entries(given: Mapping[str, Any], fhir_base: str) -> list[Mapping[str, Any]]:
    """The entries of `authorization_details` that are about our FHIR base."""
    entries = given.get("authorization_details")
    return [
        entry
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict) and entry.get("type") == TYPE and _is_about(entry.get("locations"), fhir_base)
    ]


def _is_about(locations: object, fhir_base: str) -> bool:
    ours = fhir_base.rstrip("/")
    return isinstance(locations, list) and any(isinstance(each, str) and each.rstrip("/") == ours for each in locations)


def _id(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise UnusableReply(f"The EHR named the {name} of this launch in a way that is not a FHIR id.")
    return value
