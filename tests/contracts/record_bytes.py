"""What `ClinicalRecord` promises of bytes: as they were, under our id, and read nowhere else."""

from __future__ import annotations

import os
from typing import Final

import pytest

from fhir_plugin.errors import NotFound, RecordRefused, TooLarge
from fhir_plugin.ports import Stored
from tests.contracts.record_places import Place, our_id

LARGE: Final = 5 * 2**20


def keeps_a_large_binary(place: Place) -> None:
    content = os.urandom(LARGE)
    if place.deviates("one-megabyte-bodies"):
        with pytest.raises(TooLarge):
            place.record.create_binary(content, "image/jpeg", id=None, security_context=None)
        content = content[: 600 * 1024]
    stored = place.record.create_binary(content, "image/jpeg", id=None, security_context=None)
    found = place.record.read_binary(stored.reference)
    assert found.content == content
    assert found.content_type == "image/jpeg"
    assert place.record.read_binary(f"{place.record.base}/{stored.reference}").content == content


def keeps_a_binary_under_our_id(place: Place) -> None:
    id, subject = our_id(), place.make()[0]
    content = bytes(range(256)) * 9

    def put() -> Stored:
        return place.record.create_binary(content, "image/png", id=id, security_context=subject.reference)

    if place.deviates("server-chooses-ids"):
        with pytest.raises(RecordRefused):
            put()
        return
    assert put().reference == put().reference == f"Binary/{id}"
    found = place.record.read_binary(f"Binary/{id}")
    assert (found.content, found.content_type) == (content, "image/png")
    return


def does_not_know_a_binary_that_never_was(place: Place) -> None:
    with pytest.raises(NotFound):
        place.record.read_binary(f"Binary/{our_id()}")
    return


def reads_no_binary_elsewhere(place: Place) -> None:
    with pytest.raises(RecordRefused) as refused:
        place.record.read_binary("https://elsewhere.example/fhir/Binary/1")
    assert refused.value.code == "outside-base"
