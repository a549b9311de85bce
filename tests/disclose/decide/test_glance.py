"""What is released without having been read: only what no label, picture or place can stand in."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.disclose.decide import glance_for, judge_for, on_their_word
from mappings.model.disclosure import Authority, Requester
from tests.disclose.decide.items import TODAY

INSURER = on_their_word(Requester.INSURER, TODAY)
UNREAD = {"resourceType", "id", "status"}


def test_what_shows_nothing_is_released_as_the_judge_releases_it() -> None:
    wanted = judge_for(INSURER)({"resourceType": "Observation", "id": "1", "status": "final"})
    assert glance_for(INSURER)("Observation", frozenset(UNREAD)) == (wanted, ())


@pytest.mark.parametrize(
    "type_", ["Media", "Binary", "DocumentReference", "Bundle", "Composition", "AuditEvent", "Selfie"]
)
def test_kinds_that_show_or_hold_something_are_read(type_: str) -> None:
    assert glance_for(INSURER)(type_, frozenset(UNREAD)) is None


@pytest.mark.parametrize("key", ["security", "securityLabel", "_meta", "contained", "contentType", "confidentiality"])
def test_keys_that_may_label_are_read(key: str) -> None:
    assert glance_for(INSURER)("Observation", frozenset({*UNREAD, key})) is None


def test_tags_and_extensions_are_read_where_a_word_of_a_label_stands_in_them() -> None:
    for key, words in (("url", {b"sec-label", b"onfidentiality"}), ("tag", {b"onfidentiality", b"v3-ActCode"})):
        seen = glance_for(INSURER)("Observation", frozenset({*UNREAD, key}))
        assert seen is not None and words <= set(seen[1])


def test_who_gets_nothing_without_a_yes_gets_nothing_at_a_glance() -> None:
    """A solicitor whose authority nobody has seen."""
    unseen = replace(on_their_word(Requester.PATIENTS_SOLICITOR, TODAY), authority=Authority.NOT_SEEN)
    assert glance_for(unseen)("Observation", frozenset(UNREAD)) is None
