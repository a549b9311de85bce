"""SMART's scope grammar: what is a scope, what it covers, what is granted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.sandbox.oauth.scopes import INTERACTIONS, grant, parse, parse_clinical


@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("patient/Observation.rs", "rs"),
        ("user/*.cruds", "cruds"),
        ("system/Media.c", "c"),
        ("patient/*.read", "rs"),
        ("patient/*.write", "cud"),
        ("user/*.*", "cruds"),
        ("patient/Observation.rs?category=vital-signs", "rs"),
    ],
)
def test_a_scope_of_either_version(text: str, letters: str) -> None:
    scope = parse_clinical(text)
    assert scope is not None
    assert scope.letters == frozenset(letters)


@pytest.mark.parametrize(
    "text",
    [
        "patient/Observation.dus",
        "patient/Observation.sr",
        "patient/Observation.rr",
        "patient/Observation.",
        "patient/Observation",
        "patient/observation.rs",
        "Patient/Observation.rs",
        "practitioner/Observation.rs",
        "patient/Observation.read?category=vital-signs",
        "patient/Observation.rs?",
        "patient/Observation.rs?category",
        "patient/Observation.rs?category=",
        "patient/*.rs patient/*.c",
        "patient/Observation.rs\n",
        "",
    ],
)
def test_what_is_no_scope(text: str) -> None:
    assert parse_clinical(text) is None


def test_a_granular_scope_keeps_its_parameters() -> None:
    scope = parse_clinical("patient/Observation.rs?category=http://x.invalid/cs%7Cvital-signs&code=a")
    assert scope is not None
    assert scope.query == (("category", "http://x.invalid/cs|vital-signs"), ("code", "a"))


@pytest.mark.parametrize("interaction", sorted(INTERACTIONS))
def test_every_interaction_needs_its_letter(interaction: str) -> None:
    everything = parse_clinical("patient/*.cruds")
    assert everything is not None
    assert everything.covers("Media", interaction)
    needed = INTERACTIONS[interaction]
    for letter in "cruds":
        only = parse_clinical(f"patient/Media.{letter}")
        assert only is not None
        assert only.covers("Media", interaction) is (needed in (letter, ""))
        assert not only.covers("Consent", interaction)


def test_an_unknown_interaction_needs_every_letter() -> None:
    most, every = parse_clinical("user/Media.crud"), parse_clinical("user/Media.cruds")
    assert most is not None
    assert every is not None
    assert not most.covers("Media", "$strange")
    assert every.covers("Media", "$strange")


def test_a_grant_is_never_wider_than_what_was_asked() -> None:
    granted = grant("openid launch/patient patient/Media.rs patient/Media.rs bogus system/*.rs")
    assert granted.text == "openid launch/patient patient/Media.rs"
    assert granted.plain == {"openid", "launch/patient"}
    assert grant(None).text == ""


_PIECES = st.text(alphabet="patienuserym/*.cd?=&|:ObsvLM-_0 ", max_size=40)


@given(_PIECES)
def test_granting_is_stable_and_only_takes_away(asked: str) -> None:
    granted = grant(asked)
    assert set(granted.text.split()) <= set(asked.split())
    assert grant(granted.text).text == granted.text
    assert parse(granted.text).clinical == granted.clinical
    assert all(scope.level in ("patient", "user") for scope in granted.clinical)
