"""What is only about something withheld; signatures, sections and numbering that would tell."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    BOTH,
    ID,
    PLAIN,
    TITLE,
    collection,
    entry,
    leaks,
    media,
    narrative,
    only,
    redacted,
    resources,
)

ABOUT: dict[str, dict[str, Any]] = {
    "Provenance": {
        "target": [{"reference": f"Media/{ID}/_history/1"}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{}],
    },
    "Task": {
        "status": "requested",
        "intent": "order",
        "focus": {"reference": f"Media/{ID}"},
        "description": "delete it",
    },
    "AuditEvent": {"recorded": "2026-01-01T00:00:00Z", "entity": [{"name": "nothing to do with it"}]},
    "Consent": {
        "provision": {"provision": [{"data": [{"meaning": "instance", "reference": {"reference": f"Media/{ID}"}}]}]}
    },
    "List": {
        "status": "current",
        "mode": "working",
        "title": "Private",
        "entry": [{"item": {"reference": f"Media/{ID}"}}],
    },
    "DocumentManifest": {"status": "current", "content": [{"reference": f"Media/{ID}"}]},
    "Linkage": {
        "item": [{"type": "source", "resource": {"reference": f"Media/{ID}"}}, {"resource": {"reference": "Media/2"}}]
    },
    "Basic": {"code": {"text": "about"}, "subject": {"reference": f"Media/{ID}"}},
    "Communication": {"status": "completed", "payload": [{"contentReference": {"reference": f"Media/{ID}"}}]},
    "Observation": {"status": "final", "code": {"text": "size"}, "focus": [{"reference": f"Media/{ID}"}]},
    "QuestionnaireResponse": {
        "status": "completed",
        "item": [{"linkId": "1", "text": "your photo", "answer": [{"valueReference": {"reference": f"Media/{ID}"}}]}],
    },
    "DiagnosticReport": {
        "status": "final",
        "code": {"text": "photo"},
        "media": [{"link": {"reference": f"Media/{ID}"}}],
    },
}


@BOTH
@pytest.mark.parametrize("kind", ABOUT)
def test_what_is_only_about_it_is_withheld_and_what_is_about_that_too(kind: str, mode: Mode) -> None:
    about = {"resourceType": kind, "id": "about-1", **ABOUT[kind]}
    further = {**PLAIN, "id": "o5", "hasMember": [{"reference": f"{kind}/about-1"}]}
    second = {
        "resourceType": "Provenance",
        "id": "about-2",
        "target": [{"reference": f"{kind}/about-1"}],
        "recorded": "2026-01-01T00:00:00Z",
    }
    out, record = redacted(collection(second, further, about), mode)
    assert "about-" not in str(out) and leaks(out) == []
    assert "hasMember" not in only(out, "Observation")
    assert {each.word for each in record.findings if each.id.startswith("about-")} == {"withhold"}


OWN_WORDS: dict[str, dict[str, Any]] = {
    "DiagnosticReport": {"conclusion": "no sign of infection"},
    "List": {"note": [{"text": "reviewed with the family"}]},
    "Communication": {"note": [{"text": "read out at the clinic"}]},
}


@BOTH
@pytest.mark.parametrize("kind", OWN_WORDS)
def test_a_finding_that_leans_on_it_alone_is_not_lost_but_waits_for_a_person(kind: str, mode: Mode) -> None:
    about = {"resourceType": kind, "id": "about-1", **ABOUT[kind], **OWN_WORDS[kind]}
    out, record = redacted(collection(about), mode)
    assert "about-1" not in str(out)
    assert [(each.word, each.verdict.reason.rule) for each in record.findings if each.id == "about-1"] == [
        ("review", "finding-about-withheld")
    ]
    read, _record = redacted(collection(about), mode, cleared=[f"{kind}/about-1"])
    left = only(read, kind)
    assert leaks(read) == [] and OWN_WORDS[kind].items() <= left.items()


@BOTH
def test_coded_findings_wait_as_well_and_an_empty_one_does_not(mode: Mode) -> None:
    report = {"resourceType": "DiagnosticReport", "id": "about-1", **ABOUT["DiagnosticReport"]}
    coded = {**report, "conclusionCode": [{"coding": [{"system": "http://snomed.info/sct", "code": "271807003"}]}]}
    assert redacted(collection(coded), mode)[1].counts["review"] == 1
    assert redacted(collection({**report, "conclusion": "", "conclusionCode": []}), mode)[1].counts["review"] == 0


@BOTH
def test_what_is_also_about_something_else_stays(mode: Mode) -> None:
    provenance = {
        "resourceType": "Provenance",
        "id": "v",
        "target": [{"reference": f"Media/{ID}"}, {"reference": "Patient/p1"}],
        "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"who": {"display": "x"}}],
        "signature": [
            {"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "who": {"display": "x"}, "data": "eA=="}
        ],
    }
    out, _record = redacted(collection(provenance), mode)
    left = only(out, "Provenance")
    assert left["target"] == [{"reference": "Patient/p1"}] and "signature" not in left


@BOTH
def test_a_signature_over_what_was_changed_goes_and_others_stay(mode: Mode) -> None:
    signature = [{"type": [{"code": "x"}], "when": "2026-01-01T00:00:00Z", "who": {"display": "x"}, "data": "eA=="}]
    base = {"resourceType": "Provenance", "recorded": "2026-01-01T00:00:00Z", "signature": signature}
    changed = {**base, "id": "v1", "target": [{"reference": "https://ehr.example/Observation/o1/_history/2"}]}
    same = {**base, "id": "v2", "target": [{"reference": "Patient/p1"}]}
    observation = {**PLAIN, "derivedFrom": [{"reference": f"Media/{ID}"}]}
    out, _record = redacted(collection(changed, same, observation), mode)
    left = {each["id"]: each for each in resources(out)}
    assert "signature" not in left["v1"] and left["v2"] == same


@BOTH
def test_an_empty_section_does_not_stay_behind(mode: Mode) -> None:
    composition = {
        "resourceType": "Composition",
        "id": "c",
        "title": "Letter",
        "section": [
            {"title": "Private images", "text": narrative("one"), "entry": [{"reference": f"Media/{ID}"}]},
            {
                "title": "Mixed",
                "text": narrative("two"),
                "entry": [{"reference": f"Media/{ID}"}, {"reference": "Patient/p1"}],
            },
            {"title": "Other", "text": narrative("three"), "entry": [{"reference": "Patient/p1"}]},
        ],
    }
    out, _record = redacted(collection(composition), mode)
    sections = only(out, "Composition")["section"]
    assert [each["title"] for each in sections] == ["Mixed", "Other"]
    assert "text" not in sections[0] and "text" in sections[1]


@BOTH
def test_a_section_that_held_nothing_else_goes_with_its_title_and_the_letter_with_it(mode: Mode) -> None:
    section = {"title": "Private images", "entry": [{"reference": f"Media/{ID}"}]}
    around = {"title": "Around", "section": [section]}
    letter = {"resourceType": "Composition", "id": "c", "title": "Letter", "section": [section, around]}
    out, record = redacted(collection(letter), mode)
    assert "Private images" not in str(out) and record.findings[1].as_json()["rule"] == "about-withheld-only"


@BOTH
@pytest.mark.parametrize("kind", ["List", "Composition"])
def test_a_heading_that_is_the_images_title_waits_for_a_person(kind: str, mode: Mode) -> None:
    out, record = redacted(collection({"resourceType": kind, "id": "h1", "title": TITLE}), mode)
    assert leaks(out) == [] and record.counts["review"] == 1
    plain = media(content={"contentType": "image/jpeg", "title": "Discharge summary"})
    bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "collection", "entry": [entry(plain)]}
    bundle["entry"].append(entry({"resourceType": kind, "id": "h1", "title": "Discharge summary"}))
    out, record = redacted(bundle, mode)
    assert record.counts["review"] == 0 and only(out, kind)["title"] == "Discharge summary"


def test_where_nothing_may_tell_numbered_titles_of_siblings_do_not_tell_of_a_gap() -> None:
    first = media(id="canary-a1", content={"contentType": "image/jpeg", "title": "Clinic photo 2 of 3"})
    second = {**media(), "id": "open", "meta": {}, "identifier": [], "bodySite": {"text": "hand"}}
    second["content"] = {"contentType": "image/jpeg", "title": "Clinic photo 3 of 3"}
    third = {**second, "id": "open-2", "content": {"contentType": "image/jpeg", "title": "Wart 3"}}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": one} for one in (first, second, third)],
    }
    out, _record = redacted(bundle, Mode.SILENT)
    left = {each["id"]: each for each in resources(out)}
    assert "title" not in left["open"]["content"] and left["open-2"]["content"]["title"] == "Wart 3"
