"""Extensions, the twins of primitives, modifier extensions."""

from __future__ import annotations

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    ID,
    PLAIN,
    UUID,
    collection,
    leaks,
    only,
    redacted,
)


@BOTH
def test_extensions_and_the_twins_of_primitives_lose_their_pointers(mode: Mode) -> None:
    pointing = {"url": "https://x.example/about", "valueReference": {"reference": f"urn:uuid:{UUID}"}}
    nested = {"url": "https://x.example/outer", "extension": [{"url": "in", "valueUri": f"Media/{ID}"}]}
    kept = {"url": "https://x.example/kept", "valueString": "kept"}
    patient = {
        "resourceType": "Patient",
        "id": "p1",
        "extension": [pointing, kept, nested],
        "_birthDate": {"extension": [pointing]},
        "name": [{"given": ["Ann", "Bea"], "_given": [None, {"extension": [nested, kept]}]}],
        "_language": {"id": "x", "extension": [pointing]},
    }
    out, _record = redacted(collection(patient), mode)
    left = only(out, "Patient")
    assert leaks(out) == []
    assert left["extension"] == [kept] and "_birthDate" not in left
    assert left["name"] == [{"given": ["Ann", "Bea"], "_given": [None, {"extension": [kept]}]}]


@BOTH
def test_places_of_primitive_lists_stay_in_step(mode: Mode) -> None:
    kept = {"extension": [{"url": "https://x.example/kept", "valueString": "kept"}]}
    resource = {
        "resourceType": "PlanDefinition",
        "id": "p",
        "status": "draft",
        "library": ["https://a.example/1", f"Media/{ID}", "https://a.example/2"],
        "_library": [None, None, kept],
    }
    out, _record = redacted(collection(resource), mode)
    left = only(out, "PlanDefinition")
    assert left["library"] == ["https://a.example/1", "https://a.example/2"] and left["_library"] == [None, kept]


@BOTH
def test_a_modifier_extension_waits_for_a_person(mode: Mode) -> None:
    pointing = {"url": "https://x.example/not", "valueReference": {"reference": f"Media/{ID}"}}
    out, record = redacted(collection({**PLAIN, "modifierExtension": [pointing]}), mode)
    assert record.counts["review"] == 1 and leaks(out) == []
