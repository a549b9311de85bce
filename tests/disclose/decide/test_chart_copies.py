"""A copy of an image in a chart that takes no images is judged by its image, whatever labels the chart has kept."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from fhir_plugin.disclose.decide import Together, judge_for, on_their_word, shipped_rules
from fhir_plugin.disclose.proven import redact_and_prove
from fhir_plugin.disclose.redact import Part
from mappings.model.disclosure import Mode, Redact, Release, Requester, Review, Verdict, Withhold
from mappings.terminology.systems import CHART_COPY, IMAGE

ASKED = on_their_word(Requester.INSURER, dt.date(2026, 11, 1))
LABEL = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


def image(*labels: Any, id: str = "i-1") -> dict[str, Any]:
    return {
        "resourceType": "Media",
        "id": "m1",
        "meta": {"security": list(labels)},
        "identifier": [{"system": IMAGE, "value": id}],
        "status": "completed",
        "content": {"contentType": "image/jpeg", "data": "/9j/4AAQSkZJRgABAQ=="},
    }


def copy_of(id: str | None = "i-1") -> dict[str, Any]:
    related = [] if id is None else [{"identifier": {"system": IMAGE, "value": id}}]
    return {
        "resourceType": "DocumentReference",
        "id": "d1",
        "identifier": [{"system": CHART_COPY, "value": "copy-1"}],
        "status": "current",
        "content": [{"attachment": {"contentType": "application/pdf", "data": "JVBERi0xLjcgYSBwYWdl"}}],
        "context": {"related": related},
    }


def verdict(*resources: dict[str, Any]) -> Verdict:
    return judge_for(ASKED, rules=shipped_rules(), around=Together(resources))(resources[-1])


def test_the_copy_of_a_sensitive_image_is_kept_back_though_it_has_no_label() -> None:
    found = verdict(image(LABEL), copy_of())
    assert isinstance(found, Redact | Withhold | Review) and type(found) is type(verdict(image(LABEL)))


def test_the_copy_of_an_ordinary_image_is_judged_by_itself() -> None:
    ordinary = {**LABEL, "code": "N"}
    plain = {**copy_of(), "identifier": []}
    assert type(verdict(image(ordinary), copy_of())) is type(verdict(image(ordinary), plain))


@pytest.mark.parametrize("id", ["another", None])
def test_one_whose_image_is_not_here_waits_for_a_person(id: str | None) -> None:
    assert not isinstance(verdict(image(LABEL), copy_of(id)), Release)


def test_a_copy_is_no_image_for_another_copy() -> None:
    pretends = {**copy_of(), "id": "d0", "identifier": [*copy_of()["identifier"], {"system": IMAGE, "value": "i-1"}]}
    assert not isinstance(verdict(pretends, copy_of()), Release)


def test_in_a_record_that_is_redacted_at_once_it_stays_back_with_its_image() -> None:
    entries = [{"resource": each} for each in (image(LABEL), copy_of())]
    record = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    proven = redact_and_prove([Part("record", json.dumps(record).encode())], ASKED, Mode.MARKED, rules=shipped_rules())
    out = b"".join(each.data for each in proven.record.parts)
    assert b"JVBERi0xLjcg" not in out and b"/9j/4AAQ" not in out
