"""Resources that are only about something withheld: without it they say nothing but that there was something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from fhir_plugin.disclose.redact.strict import Json, is_object

_ALL_OF: Final[dict[str, tuple[str, ...]]] = {
    "Communication": ("payload", "about"),
    "CommunicationRequest": ("payload", "about"),
    "Composition": ("section",),
    "DiagnosticReport": ("media", "presentedForm", "result", "imagingStudy", "study"),
    "DocumentManifest": ("content",),
    "DocumentReference": ("content",),
    "List": ("entry",),
    "Media": ("content",),
    "MessageHeader": ("focus",),
    "Observation": ("focus",),
    "Provenance": ("target",),
    "QuestionnaireResponse": ("item",),
    "VerificationResult": ("target",),
}
"""What a resource is about: when all of these that it had are gone, it was about nothing else."""

_ANY_OF: Final[dict[str, tuple[str, ...]]] = {
    "Basic": ("subject",),
    "Binary": ("data", "securityContext"),
    "Task": ("focus",),
}
"""One of these gone is enough."""


_OWN_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "Communication": ("note",),
    "CommunicationRequest": ("note",),
    "DiagnosticReport": ("conclusion", "_conclusion", "conclusionCode"),
    "List": ("note",),
}
"""What a clinician may have said there that stands for itself. An Observation is not among them: without its focus its
value would be read as the patient's."""


def says_more(resource: Json) -> bool:
    """Whether a resource, though about nothing else, has a finding of its own: it is for a person, not to be lost."""
    return any(resource.get(name) for name in _OWN_WORDS.get(str(resource["resourceType"]), ()))


def only_about_withheld(before: Json, after: Json, gone: set[str]) -> bool:
    """Whether nothing is left of what a resource was about. `gone`: the elements that it lost as a whole."""
    type_ = str(before["resourceType"])
    had = {name for name in _ALL_OF.get(type_, ()) if name in before}
    if had and had <= gone:
        return True
    if any(name in gone for name in _ANY_OF.get(type_, ())):
        return True
    if type_ == "Linkage":  # it says that its items are the same thing
        return _size(after.get("item")) < _size(before.get("item"))
    if type_ == "Consent":
        return _has_data(before) and not _has_data(after)
    return False


def _size(value: object) -> int:
    return len(value) if isinstance(value, list) else 0


def _has_data(consent: Json) -> bool:
    return any("data" in each for each in _provisions(consent.get("provision")))


def _provisions(value: object) -> Iterator[Json]:
    if is_object(value):
        yield value
        yield from _provisions(value.get("provision"))
    elif isinstance(value, list):
        for each in value:
            yield from _provisions(each)
