"""The code systems and value sets that our profiles and extensions draw on.

Codes are taken from where the app takes them, so that what is published is what is written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, Final

from mappings.model.labels import ACT_CODE, CONFIDENTIALITY, OBSERVATION_VALUE
from mappings.profiles.publishing import published
from mappings.profiles.shape import value_set_url
from mappings.r4.deletion_task import STEP_WORDS
from mappings.r4.media import IMAGE, OTHER, PHOTOGRAPHY, VIDEO
from mappings.terminology import systems
from mappings.terminology.body_sites import body_sites
from mappings.terminology.consent import CHILD_VIEW_WORDS, GRANTOR_WORDS, LEGAL_BASIS_WORDS
from mappings.terminology.label_changes import REASON_WORDS
from mappings.terminology.labels import known_labels
from mappings.terminology.photographs import CONSENT_FORM_WORDS, CONSENT_SCOPE_WORDS, PHOTOGRAPHER_WORDS

Json = dict[str, Any]

SNOMED_COPYRIGHT: Final = (
    "This value set includes content from SNOMED CT, which is copyright of SNOMED International. "
    "Implementers need the appropriate licence; in the UK it is free of charge from NHS England."
)
COPY_TYPES: Final = ("application/pdf", "application/xhtml+xml", "text/html", "text/plain; charset=utf-8", "text/plain")
"""What a copy in a chart is made of."""

_ENUMERATED: Final[tuple[tuple[str, str, Mapping[Any, str]], ...]] = (
    ("photographer", "Who took a photograph", PHOTOGRAPHER_WORDS),
    ("consent-decision", "What is agreed to, each on its own", CONSENT_SCOPE_WORDS),
    ("consent-form", "How consent was given", CONSENT_FORM_WORDS),
    ("grantor", "By what right somebody decides", GRANTOR_WORDS),
    ("child-view", "What a child said, or showed, about an image", CHILD_VIEW_WORDS),
    ("label-reason", "Why the label of an image was changed", REASON_WORDS),
    ("deletion-step", "How far a permanent deletion has come", STEP_WORDS),
)
_OPEN: Final[tuple[tuple[str, str, Mapping[Any, str]], ...]] = (
    ("legal-basis", "On what basis of UK GDPR images are processed", LEGAL_BASIS_WORDS),
)
"""Of which an organisation may have more."""


@cache
def code_systems() -> tuple[Json, ...]:
    """Every code system of ours, in order of ids."""
    found = [_code_system(id, title, words) for id, title, words in _ENUMERATED]
    found += [_code_system(id, title, words, fragment=True) for id, title, words in _OPEN]
    text = (resources.files("mappings.terminology") / "published.toml").read_text("utf-8")
    for told in tomllib.loads(text)["system"]:
        words = {each["code"]: each["display"] for each in told["codes"]}
        found.append(_code_system(told["id"], told["title"], words, fragment=told.get("fragment", False)))
    return tuple(sorted(found, key=lambda one: str(one["id"])))


@cache
def value_sets() -> tuple[Json, ...]:
    """Every value set of ours, in order of ids: one for each code system, and those over codes of others."""
    found = [_whole(each) for each in code_systems()]
    found.append(
        _value_set(
            "image-or-video",
            "Image or video",
            [_of(systems.MEDIA_TYPE, (IMAGE, VIDEO))],
        )
    )
    found.append(_value_set("modality", "How a picture was made", [_of(systems.DICOM, (PHOTOGRAPHY, OTHER))]))
    found.append(
        _value_set(
            "chart-copy-type",
            "What a copy in a chart is made of",
            [{"system": "urn:ietf:bcp:13", "concept": [{"code": each} for each in COPY_TYPES]}],
        )
    )
    sites = sorted((each.site.code, each.term) for each in body_sites().values())
    found.append(
        {
            **_value_set("body-site", "Sites of the body that can be chosen", [_of(systems.SNOMED_CT, sites)]),
            "copyright": SNOMED_COPYRIGHT,
        }
    )
    found.append(_value_set("security-label", "Security labels that the app writes", list(_labels())))
    return tuple(sorted(found, key=lambda one: str(one["id"])))


def _labels() -> Iterator[Json]:
    written = [each for each in known_labels().values() if not each.retired]
    for system in (CONFIDENTIALITY, ACT_CODE, OBSERVATION_VALUE):
        yield _of(system, [(each.label.code, each.display) for each in written if each.label.system == system])


def _of(system: str, concepts: Iterable[tuple[str, str | None]]) -> Json:
    listed = [{"code": code} | ({"display": display} if display else {}) for code, display in concepts]
    return {"system": system, "concept": listed}


def _code_system(id: str, title: str, words: Mapping[Any, str], *, fragment: bool = False) -> Json:
    about = f"{title}. The app writes these codes{', and others may follow' if fragment else ''}."
    return {
        "resourceType": "CodeSystem",
        "id": id,
        "url": f"urn:fhir-plugin:{id}",
        **published(title, about),
        "caseSensitive": True,
        "valueSet": value_set_url(id),
        "content": "fragment" if fragment else "complete",
        "concept": [{"code": str(code), "display": display} for code, display in words.items()],
    }


def _whole(system: Json) -> Json:
    made = _value_set(system["id"], system["title"], [{"system": system["url"]}])
    return {**made, "immutable": True, "name": f"{system['name']}Codes"}


def _value_set(id: str, title: str, include: list[Json]) -> Json:
    return {
        "resourceType": "ValueSet",
        "id": id,
        "url": value_set_url(id),
        **published(title, f"{title}."),
        "compose": {"include": include},
    }
