"""What UK Core's profiles call *must support*, beside what the app writes. No conformance is claimed:
docs/fhir-versions.md.

The names are those of NHSDigital/FHIR-R4-UKCORE-STAGING-MAIN at 3d2827e (June 2025); the profiles have no other rules
for these types, but for two bindings to value sets that are not public.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from tests.definitions.walk import walk
from tests.mappings.r5_written import written

Json = dict[str, Any]

MUST_SUPPORT: Final = {
    "DocumentReference": "identifier status type category subject date author description content",
    "Consent": "status scope category patient dateTime performer organization source",
    "Task": "status intent code focus for authoredOn requester owner reasonCode reasonReference restriction input",
    "Provenance": "target recorded agent signature",
    "AuditEvent": "agent",
    "QuestionnaireResponse": "identifier questionnaire status subject authored author item",
}
NOT_WRITTEN: Final = {"Consent": {"organization"}, "Task": {"reasonReference"}}
"""With the reason in the document."""


def names_in(resource: Json) -> set[str]:
    """Its elements; `source` for any choice of it."""
    return {re.sub(r"^source(?:Reference|Attachment)$", "source", name) for name in resource}


@pytest.mark.parametrize("resource_type", sorted(MUST_SUPPORT))
def test_what_must_be_supported_is_written(resource_type: str) -> None:
    ours = [one for one in written().values() if one["resourceType"] == resource_type]
    found = set().union(*map(names_in, ours))
    assert set(MUST_SUPPORT[resource_type].split()) - found == NOT_WRITTEN.get(resource_type, set())
    assert all(not list(walk(one)) for one in ours)


def test_an_image_has_all_of_it_in_one_resource() -> None:
    image = written()["document-reference"]
    assert set(MUST_SUPPORT["DocumentReference"].split()) <= names_in(image)


def test_nothing_says_that_it_conforms() -> None:
    assert not any("uk" in str(one.get("meta", {}).get("profile", "")).lower() for one in written().values())


def test_the_document_names_the_same_gaps() -> None:
    text = (Path(__file__).parents[2] / "docs" / "fhir-versions.md").read_text("utf-8")
    rows = re.findall(r"^\| UKCore-(\w+) \| [^|]* \| ([^|]*) \|", text, re.MULTILINE)
    assert {name for name, _ in rows} == set(MUST_SUPPORT)
    said = {name: set(re.findall(r"`(\w+)`", gaps)) for name, gaps in rows}
    assert {name: gaps for name, gaps in said.items() if gaps} == NOT_WRITTEN
