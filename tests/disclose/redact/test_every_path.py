"""A canary in every element path of R4, R4B and R5 that can point at something or hold an attachment: none survives.

The paths are made from the official definitions of R4 and from models of the other two
(`tests/definitions/pointers.py`), datatypes included.
"""

from __future__ import annotations

import base64
import itertools
from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

from mappings.model.disclosure import Judge, Mode, Release
from tests.definitions.pointers import VERSIONS, PointerPath, pointer_paths
from tests.disclose.redact.records import (
    FILE,
    FORMS,
    HASH,
    ID,
    PIXELS,
    TITLE,
    URL,
    UUID,
    by_label,
    collection,
    leaks,
    planted,
    reason,
    redacted,
)

ATTACHMENTS: dict[str, Any] = {
    "same-bytes": {"contentType": "image/jpeg", "data": base64.b64encode(PIXELS).decode()},
    "same-url": {"contentType": "image/jpeg", "url": FILE},
    "same-hash": {"contentType": "image/jpeg", "url": "https://elsewhere.example/x", "hash": HASH},
    "points": {"contentType": "image/jpeg", "url": f"Media/{ID}", "title": TITLE},
    "inside-html": {
        "contentType": "text/html",
        "data": base64.b64encode(b"<img src='data:image/jpeg;base64," + base64.b64encode(PIXELS) + b"'>").decode(),
    },
}
TEXTS = {
    "literal": f"Media/{ID}",
    "absolute": URL,
    "versioned": f"{URL}/_history/2",
    "urn": f"urn:uuid:{UUID}",
    "oid": "urn:oid:1.2.826.0.1.4711.8",
    "canonical": f"{URL}|2#part",
    "file": FILE,
}


def paths(version: str, kind: str) -> list[PointerPath]:
    return [path for path in pointer_paths(version) if path.kind == kind]


def test_the_paths_are_those_of_the_definitions() -> None:
    """8, 37 and 80 in resources, one in a datatype; R4's backport of SubscriptionStatus adds two more that R4B has."""
    references = paths("R4", "Reference")
    assert sum("Media" in each.targets for each in references) == 8
    assert sum("DocumentReference" in each.targets for each in references) == 37
    assert sum("Resource" in each.targets for each in references) == 80
    assert [each.name for each in paths("R4", "canonical") if "Resource" in each.targets] == [
        "ActivityDefinition.relatedArtifact.resource"
    ]
    backport = [each for each in paths("R4B", "Reference") if each.type == "SubscriptionStatus"]
    assert sum("Resource" in each.targets for each in backport) == 2
    attachments = paths("R4", "Attachment")
    datatypes = (
        "StructureDefinition.snapshot.element.",
        "ActivityDefinition.relatedArtifact.",
        "DeviceDefinition.phys",
    )
    assert sum(not each.name.startswith(datatypes) for each in attachments) == 32
    assert len(references) > 700
    for version in ("R4B", "R5"):
        assert len(paths(version, "Reference")) > 700 and len(paths(version, "Attachment")) > 40
    assert len(paths("R5", "CodeableReference")) > 100


TOGETHER = 30
"""Resources in one Bundle: reading the image takes longer than cutting what points at it."""


def survived(
    planted_: Iterable[tuple[PointerPath, object]], mode: Mode, *, signs: tuple[str, ...] = (), judge: Judge = by_label
) -> tuple[list[str], Counter[str]]:
    """The paths of which a canary or one of these signs is in what goes out, and how many had which verdict."""
    found: list[str] = []
    verdicts: Counter[str] = Counter()
    waiting = iter(planted_)
    while some := list(itertools.islice(waiting, TOGETHER)):
        resources = [{**planted(path, value), "id": f"points-{at}"} for at, (path, value) in enumerate(some)]
        out, record = redacted(collection(*resources), mode, judge)
        names = {f"points-{at}": path.name for at, (path, _value) in enumerate(some)}
        words = {each.id: each.word for each in record.findings if each.id in names}
        assert words.keys() == names.keys()
        verdicts.update(words.values())
        assert out is not None
        for each in out.pop("entry", ()):
            if leaks(each) or any(sign in str(each) for sign in signs):
                found.append(names.get(each["resource"]["id"], "another"))
        assert leaks(out) == []
    return found, verdicts


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("form", FORMS)
def test_no_reference_survives(form: str, mode: Mode) -> None:
    pointing = [(path, FORMS[form]) for path in paths("R4", "Reference")]
    assert survived(pointing, mode, signs=("Media?", "Media%2F"))[0] == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("form", ATTACHMENTS)
def test_no_attachment_survives(form: str, mode: Mode) -> None:
    signs = ("base64", *(value for name, value in ATTACHMENTS[form].items() if name == "data"))
    holding = [(path, ATTACHMENTS[form]) for path in paths("R4", "Attachment")]
    found, verdicts = survived(holding, mode, signs=signs)
    assert found == [] and verdicts["review"] == 0


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("kind", ["canonical", "uri", "url"])
@pytest.mark.parametrize("form", TEXTS)
def test_no_url_survives(form: str, kind: str, mode: Mode) -> None:
    assert survived([(path, TEXTS[form]) for path in paths("R4", kind)], mode)[0] == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("version", ["R4B", "R5"])
def test_nothing_survives_in_other_versions(version: str, mode: Mode) -> None:
    """Every path once, with the forms in turn."""
    pointing: list[tuple[PointerPath, object]] = []
    for number, path in enumerate(pointer_paths(version)):
        forms: list[Any] = list({"Attachment": ATTACHMENTS, "Reference": FORMS}.get(path.kind, TEXTS).values())
        if path.kind == "CodeableReference":
            forms = [{"reference": each} for each in FORMS.values()]
        pointing.append((path, forms[number % len(forms)]))
    assert survived(pointing, mode, signs=("Media?", "Media%2F", "base64"))[0] == []


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("version", VERSIONS)
def test_where_nothing_is_withheld_every_path_tells(version: str, mode: Mode) -> None:
    """So that the tests above can fail: each path is really there, and is looked at. The audit log is never sent."""
    forms = {"Reference": FORMS["literal"], "Attachment": ATTACHMENTS["points"], "CodeableReference": None}
    pointing = [(path, forms.get(path.kind, URL)) for path in pointer_paths(version) if path.type != "AuditEvent"]
    pointing = [(path, value or {"reference": FORMS["literal"]}) for path, value in pointing]
    found, _verdicts = survived(pointing, mode, judge=lambda _resource: Release(reason("open")))
    assert set(found) - {"another"} == {path.name for path, _value in pointing}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", Mode)
def test_what_points_elsewhere_stays_as_it_was(mode: Mode, version: str) -> None:
    left_out = ("AuditEvent", "Bundle", "Parameters")
    pointing = [path for path in paths(version, "Reference") if path.type not in left_out]
    for start in range(0, len(pointing), TOGETHER):
        some = pointing[start : start + TOGETHER]
        resources = [planted(path, {"reference": f"Media/{ID}0", "display": "another"}) for path in some]
        resources = [{**each, "id": f"points-{at}"} for at, each in enumerate(resources)]
        out, _record = redacted(collection(*resources), mode)
        assert out is not None
        assert [each["resource"] for each in out["entry"][-len(some) :]] == resources
