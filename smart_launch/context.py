"""What a launch is about: the context that comes with the token (SMART App Launch 2.2, launch context)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from smart_launch.details import subject_of
from smart_launch.errors import PatientMissing
from smart_launch.token import Grant
from smart_launch.urls import is_plain_path, is_safe_endpoint, resolve

_USER_TYPES = ("Patient", "Practitioner", "PractitionerRole", "RelatedPerson", "Person")
_USER = re.compile(rf"(?P<type>{'|'.join(_USER_TYPES)})/(?P<id>(?!\.{{1,2}}\Z)[A-Za-z0-9.-]{{1,64}})")


@dataclass(frozen=True)
class FhirUser:
    """Who signed in, as a FHIR resource. `base` is where it lives: another server's if the claim says so."""

    resource_type: str
    id: str
    base: str
    here: bool
    """Whether it lives on the FHIR server of this launch, so that the grant may read it."""

    @property
    def reference(self) -> str:
        """`Practitioner/1` if it lives here, else the absolute URL."""
        relative = f"{self.resource_type}/{self.id}"
        return relative if self.here else f"{self.base}/{relative}"


def read_fhir_user(claim: object, fhir_base: str) -> FhirUser | None:
    """The `fhirUser` claim, absolute or relative to the FHIR base; None if absent or not understood."""
    if not isinstance(claim, str):
        return None
    base = fhir_base.rstrip("/")
    here = True
    relative = claim
    if "://" in claim:
        pieces = claim.rsplit("/", 2)
        if len(pieces) != 3 or not is_safe_endpoint(claim) or urlsplit(claim).query:
            return None
        if not is_plain_path(urlsplit(claim).path):
            return None
        here = pieces[0].rstrip("/") == base
        base, relative = pieces[0].rstrip("/"), f"{pieces[1]}/{pieces[2]}"
    match = _USER.fullmatch(relative.removeprefix("/") if here else relative)
    return None if match is None else FhirUser(match["type"], match["id"], base, here)


@dataclass(frozen=True)
class ContextItem:
    """One entry of `fhirContext`: a reference, a canonical or an identifier. No role means `launch`."""

    role: str = "launch"
    reference: str = field(default="", repr=False)
    canonical: str = ""
    identifier: Mapping[str, Any] = field(default_factory=dict, repr=False)
    resource_type: str = ""


@dataclass(frozen=True)
class LaunchContext:
    """What the EHR says this launch is about. Ids do not show in `repr`."""

    patient: str | None = field(default=None, repr=False)
    encounter: str | None = field(default=None, repr=False)
    fhir_context: tuple[ContextItem, ...] = ()
    need_patient_banner: bool = True
    """Whether the app must show who the patient is; taken as yes unless the EHR says no."""
    intent: str | None = None
    smart_style_url: str | None = None
    tenant: str | None = None
    fhir_user: FhirUser | None = field(default=None, repr=False)
    """From the verified id_token only."""

    def references(self, resource_type: str, *, role: str = "launch") -> tuple[str, ...]:
        """The references of `fhirContext` to a type under a role."""
        return tuple(
            item.reference
            for item in self.fhir_context
            if item.role == role and item.reference and item.resource_type == resource_type
        )


def read_context(grant: Grant, *, fhir_user: FhirUser | None = None) -> LaunchContext:
    """The launch context of a grant. Unknown parameters are ignored, broken optional ones dropped.

    Raises `PatientMissing` if access to one patient was granted and none is named, `UnusableReply` if the patient
    or encounter is no FHIR id, and `LaunchRefused` if two are named: who it is about must never be guessed.
    """
    given = grant.parameters
    patient, encounter = (subject_of(given, name, grant.fhir_base) for name in ("patient", "encounter"))
    if patient is None and grant.scopes.needs_patient:
        raise PatientMissing("The EHR granted access to one patient but did not say which.")
    return LaunchContext(
        patient=patient,
        encounter=encounter,
        fhir_context=_items(given.get("fhirContext")),
        need_patient_banner=given.get("need_patient_banner") not in (False, "false"),
        intent=_text(given, "intent"),
        smart_style_url=_style(given.get("smart_style_url"), grant.fhir_base),
        tenant=_text(given, "tenant"),
        fhir_user=fhir_user,
    )


def _text(given: Mapping[str, Any], name: str) -> str | None:
    value = given.get(name)
    return value if isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable() else None


def _style(value: object, fhir_base: str) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        url = resolve(fhir_base, value)
    except ValueError:
        return None
    return url if is_safe_endpoint(url) else None


def _items(value: object) -> tuple[ContextItem, ...]:
    found = (_item(entry) for entry in value) if isinstance(value, list) else ()
    return tuple(item for item in found if item is not None)


def _item(entry: object) -> ContextItem | None:
    if not isinstance(entry, dict):
        return None
    role = entry.get("role", "launch")
    reference, canonical = entry.get("reference", ""), entry.get("canonical", "")
    identifier = entry.get("identifier", {})
    stated = entry.get("type", "")
    if not all(isinstance(text, str) for text in (role, reference, canonical, stated)):
        return None
    if not role or not isinstance(identifier, dict) or not (reference or canonical or identifier):
        return None
    kind = stated or (reference.split("/")[-2] if reference.count("/") else "")
    if kind in {"Patient", "Encounter"} and role == "launch":
        return None  # these have parameters of their own; a second answer could contradict the first
    return ContextItem(role, reference, canonical, identifier, kind)
