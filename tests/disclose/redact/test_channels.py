"""The leak channels that are not a path: words, narratives, contained resources, copies, numbering, signatures."""

from __future__ import annotations

import base64
import gzip
import io
import zipfile
import zlib
from typing import Any

import pytest

from mappings.model.disclosure import Mode
from tests.disclose.redact.records import (
    FILE,
    HASH,
    ID,
    IDENTIFIER,
    PIXELS,
    RESTRICTED,
    TITLE,
    UUID,
    collection,
    leaks,
    media,
    only,
    redacted,
    resources,
)

BOTH = pytest.mark.parametrize("mode", Mode)
PLAIN: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "code": {"text": "weight"},
    "subject": {"reference": "Patient/p1"},
}


def narrative(text: str, status: str = "generated") -> dict[str, str]:
    return {"status": status, "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{text}</div>'}


# ---------------------------------------------------------------------------------------------------------- words


@BOTH
@pytest.mark.parametrize(
    "words",
    [
        f"see Media/{ID}.",
        TITLE.upper(),
        f"file {FILE}",
        f"<img src='Media%2F{ID}'>",
        "Vulva, picture of today",
        "photo of 4 March 2026",
        "taken 04/03/2026 (photograph)",
        "1.2.826.0.1.4711.8 on PACS",
        f"hash {HASH}",
    ],
)
def test_a_narrative_that_tells_is_dropped_and_one_by_a_person_waits(words: str, mode: Mode) -> None:
    out, _record = redacted(collection({**PLAIN, "text": narrative(words)}), mode)
    left = only(out, "Observation")
    assert "text" not in left and left["code"] == PLAIN["code"]
    out, record = redacted(collection({**PLAIN, "text": narrative(words, "additional")}), mode)
    assert all(each["resourceType"] != "Observation" for each in resources(out))
    assert record.counts["review"] == 1
    out, record = redacted(collection({**PLAIN, "note": [{"text": words}]}), mode)
    assert all(each["resourceType"] != "Observation" for each in resources(out))
    assert {each["rule"] for each in (one.as_json() for one in record.findings) if each["verdict"] == "review"} <= {
        "free-text-names-withheld",
        "free-text-may-speak-of-withheld",
    }


@BOTH
@pytest.mark.parametrize("words", ["all well", "Vulva: no lesion", "seen on 4 March 2026", "photosensitive rash", "a"])
def test_words_that_speak_of_no_picture_stay(words: str, mode: Mode) -> None:
    resource = {**PLAIN, "text": narrative(words), "note": [{"text": words}]}
    out, record = redacted(collection(resource), mode)
    assert only(out, "Observation") == resource
    assert record.counts["review"] == 0


def test_another_patients_words_are_not_about_this_patients_image() -> None:
    other = {**PLAIN, "subject": {"reference": "Patient/p2"}, "note": [{"text": "photo of 4 March 2026"}]}
    out, _record = redacted(collection(other), Mode.SILENT)
    assert only(out, "Observation") == other


def test_what_a_person_has_read_goes_out() -> None:
    resource = {**PLAIN, "note": [{"text": "photo of 4 March 2026"}]}
    out, _record = redacted(collection(resource), Mode.SILENT, cleared=["Observation/o1"])
    assert only(out, "Observation") == resource


@BOTH
def test_a_reference_by_display_alone_waits_for_a_person(mode: Mode) -> None:
    out, record = redacted(collection({**PLAIN, "derivedFrom": [{"display": TITLE}]}), mode)
    assert leaks(out) == [] and record.counts["review"] == 1


# ------------------------------------------------------------------------------------------- extensions, primitives


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


# ------------------------------------------------------------------------------------------------------- contained


@BOTH
def test_contained_resources_fall_with_what_pointed_at_them(mode: Mode) -> None:
    resource = {
        **PLAIN,
        "contained": [
            {"resourceType": "Device", "id": "camera", "deviceName": [{"name": "private camera"}]},
            {"resourceType": "Practitioner", "id": "doctor"},
            {"resourceType": "Organization", "id": "clinic", "name": "clinic"},
            {"resourceType": "PractitionerRole", "id": "role", "organization": {"reference": "#clinic"}},
        ],
        "component": [
            {
                "code": {"text": "x"},
                "valueReference": {"reference": f"Media/{ID}"},
                "extension": [{"url": "https://x.example/with", "valueReference": {"reference": "#camera"}}],
            },
        ],
        "performer": [{"reference": "#doctor"}, {"reference": "#role"}],
    }
    out, _record = redacted(collection(resource), mode)
    left = only(out, "Observation")
    assert [each["id"] for each in left["contained"]] == ["doctor", "clinic", "role"]
    assert "camera" not in str(out) and "component" not in left


@BOTH
def test_a_contained_image_is_judged_and_its_fragment_goes(mode: Mode) -> None:
    inside = {**media(), "id": "img"}
    report = {
        "resourceType": "DiagnosticReport",
        "id": "r",
        "status": "final",
        "code": {"text": "report"},
        "contained": [inside, {"resourceType": "Device", "id": "img2"}],
        "result": [{"reference": "Observation/o9"}],
        "media": [{"comment": "private words", "link": {"reference": "#img"}}],
        "performer": [{"reference": "#img2"}],
        "text": narrative("<img src='#img'/>"),
    }
    out, _record = redacted(report, mode)
    assert out is not None and leaks(out) == [] and "private words" not in str(out)
    assert "media" not in out and "text" not in out and out["performer"] == [{"reference": "#img2"}]
    image = [each for each in out["contained"] if each["resourceType"] == "Media"]
    assert image == []


def test_what_needs_review_inside_keeps_the_whole_back() -> None:
    inside = {"resourceType": "Media", "id": "img", "meta": {"security": [{"code": "review"}]}}
    out, record = redacted({**PLAIN, "contained": [inside], "derivedFrom": [{"reference": "#img"}]}, Mode.MARKED)
    assert out is None and record.counts["review"] == 2


# ---------------------------------------------------------------------------------------------------------- copies


def packed() -> dict[str, bytes]:
    text = base64.b64encode(PIXELS)
    wrapped = b"\r\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("word/media/image1.jpeg", PIXELS)
    stream = zlib.compress(PIXELS)
    return {
        "application/pdf": b"%PDF-1.4\n1 0 obj\n<</Filter/DCTDecode>>\nstream\n" + PIXELS + b"\nendstream\n%%EOF",
        "application/pdf;deflated": b"%PDF-1.4\n1 0 obj\n<<>>\nstream\n" + stream + b"\nendstream\n%%EOF",
        "application/hl7-v3+xml": b"<ClinicalDocument><value>" + wrapped + b"</value></ClinicalDocument>",
        "text/html": b"<img src='data:image/jpeg;base64," + text + b"'/>",
        "application/vnd.openxmlformats": archive.getvalue(),
        "application/gzip": gzip.compress(b"x" + PIXELS),
        "application/octet-stream": b"lead" + PIXELS + b"tail",
        "application/json": b'{"data":"' + base64.b64encode(b"ab" + PIXELS) + b'"}',
    }


@BOTH
@pytest.mark.parametrize("kind", packed())
def test_copies_inside_other_files_are_found(kind: str, mode: Mode) -> None:
    data = base64.b64encode(packed()[kind]).decode()
    letter = {
        "resourceType": "DocumentReference",
        "id": "letter",
        "status": "current",
        "content": [{"attachment": {"contentType": kind.partition(";")[0], "data": data}}],
    }
    out, record = redacted(collection(letter), mode)
    assert all(each["resourceType"] != "DocumentReference" for each in resources(out))
    assert {each.id: each.word for each in record.findings}["letter"] == "withhold"
    innocent = {**letter, "content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0xLjQK"}}]}
    out, _record = redacted(collection(innocent), mode)
    assert only(out, "DocumentReference") == innocent


@BOTH
def test_copies_under_other_names_go_with_all_that_points_at_them(mode: Mode) -> None:
    data = base64.b64encode(PIXELS).decode()
    copies: list[dict[str, Any]] = [
        {"resourceType": "Media", "id": "copy-1", "status": "completed", "content": {"contentType": "x", "data": data}},
        {"resourceType": "Binary", "id": "copy-2", "contentType": "image/jpeg", "data": data},
        {"resourceType": "Binary", "id": "copy-3", "contentType": "x", "securityContext": {"reference": f"Media/{ID}"}},
        {**PLAIN, "id": "o2", "derivedFrom": [{"reference": "Media/copy-1"}, {"reference": "Media/other"}]},
        {"resourceType": "Patient", "id": "p1", "photo": [{"contentType": "image/jpeg", "data": data}, {"title": "x"}]},
    ]
    out, record = redacted(collection(*copies), mode)
    assert "copy-" not in str(out) and data not in str(out)
    left = {each["id"]: each for each in resources(out)}
    assert left["o2"]["derivedFrom"] == [{"reference": "Media/other"}] and left["p1"]["photo"] == [{"title": "x"}]
    assert {each.word for each in record.findings if each.id.startswith("copy-")} == {"withhold"}


@pytest.mark.parametrize("how", ["wrapped", "url-safe", "unpadded", "odd-last-bits"])
def test_copies_are_found_however_their_base64_is_written(how: str) -> None:
    pixels = PIXELS + b"\xff\xfe!"  # 4 bits of the last letter say nothing
    text = base64.b64encode(pixels).decode()
    assert text.endswith("==")
    written = {
        "wrapped": "\n".join(text[at : at + 60] for at in range(0, len(text), 60)),
        "url-safe": text.replace("+", "-").replace("/", "_"),
        "unpadded": text.rstrip("="),
        "odd-last-bits": text[:-3] + chr(ord(text[-3]) + 1) + "==",
    }[how]
    first = media(content={"contentType": "image/jpeg", "data": text})
    copy: dict[str, Any] = {"resourceType": "Media", "id": "copy", "status": "completed"}
    copy["content"] = {"contentType": "image/jpeg", "data": written}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": first}, {"resource": copy}]}
    out, _record = redacted(bundle, Mode.SILENT)
    assert out == {"resourceType": "Bundle", "type": "collection"}


@BOTH
def test_the_bytes_that_a_withheld_image_points_at_are_withheld(mode: Mode) -> None:
    image = {**media(), "content": {"contentType": "image/jpeg", "url": "https://ehr.example/fhir/Binary/b77"}}
    binary = {"resourceType": "Binary", "id": "b77", "contentType": "image/jpeg", "data": "c29tZXRoaW5nIGVsc2U="}
    other = {**image, "id": "open", "meta": {}}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": each} for each in (other, binary, image)],
    }
    out, _record = redacted(bundle, mode)
    assert "b77" not in str(out) and "c29t" not in str(out) and "open" not in str(out)


# ------------------------------------------------------------------------------------------------- only about it


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
        "conclusion": "private words",
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


# ------------------------------------------------------------------------------------------------ fail closed, marks


@BOTH
def test_unknown_types_wait_for_a_person(mode: Mode) -> None:
    out, record = redacted(collection({"resourceType": "CustomThing", "id": "c"}), mode)
    assert "CustomThing" not in str(out)
    assert record.counts["review"] == 1


def test_silent_leaves_no_trace_and_marked_says_so() -> None:
    resource = {**PLAIN, "derivedFrom": [{"reference": f"Media/{ID}"}]}
    silent, _record = redacted(collection(resource), Mode.SILENT)
    assert silent == {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": PLAIN}]}
    marked, _record = redacted(collection(resource), Mode.MARKED)
    assert only(marked, "Observation")["meta"]["security"][0]["code"] == "REDACTED"
    assert "SEX" not in str(marked) and "intimate" not in str(marked)


def test_what_cannot_be_without_it_is_masked_or_stays_out() -> None:
    patient = {"resourceType": "Patient", "id": "vip-7788", "meta": RESTRICTED}
    condition = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/vip-7788", "display": "Ann"}}
    marked, _record = redacted(collection(patient, condition), Mode.MARKED)
    assert only(marked, "Condition")["subject"] == {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]
    }
    silent, _record = redacted(collection(patient, condition), Mode.SILENT)
    assert silent == {"resourceType": "Bundle", "type": "collection"}


def test_what_its_parts_cannot_be_without_is_masked_inside_them() -> None:
    coverage = {"resourceType": "Coverage", "id": "vip-7788", "meta": RESTRICTED}
    paid = {"sequence": 1, "focal": True, "coverage": {"reference": "Coverage/vip-7788"}}
    claim = {"resourceType": "Claim", "id": "c", "insurance": [paid, {**paid, "coverage": {"reference": "Coverage/2"}}]}
    single = {**claim, "id": "d", "insurance": [paid]}
    marked, _record = redacted(collection(coverage, claim, single), Mode.MARKED)
    left = {each["id"]: each for each in resources(marked)}
    assert left["c"]["insurance"] == [{**paid, "coverage": {"reference": "Coverage/2"}}]
    assert [list(each) for each in left["d"]["insurance"]] == [["sequence", "focal", "coverage"]]
    assert leaks(marked) == [] and "7788" not in str(marked)


@BOTH
def test_shared_names_do_not_widen_the_cut(mode: Mode) -> None:
    """Ids that begin like a withheld one, the same id on another type, another system's identifier."""
    resource = {
        **PLAIN,
        "identifier": [{"system": "https://other.example", "value": "4711"}],
        "derivedFrom": [{"reference": f"Media/{ID}5"}, {"reference": f"Media/{ID}.1"}, {"reference": f"Device/{ID}"}],
        "performer": [{"identifier": {"system": "https://other.example", "value": IDENTIFIER["value"] + "9"}}],
    }
    out, _record = redacted(collection(resource), mode)
    assert only(out, "Observation") == resource
