"""When a second person has to sign, too; and which places are private, whoever lists them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_plugin.disclose.decide import shipped_rules
from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.disclose.decide.rules import CONDITIONS, Moved
from fhir_plugin.disclose.decide.verdict import all_private_sites
from mappings.model.disclosure import Requester

USUAL = {name: values[0] for name, values in CONDITIONS.items()} | {"age": "adult"}


def why(
    requester: Requester, facts: set[Fact], moved: Moved = Moved.AS_PROPOSED, *, out: bool = True, age: str = "adult"
) -> set[str]:
    """The rules by which a second person has to sign."""
    circumstances = USUAL | {"age": age}
    return {
        each.reason.rule
        for each in shipped_rules().seconds
        if each.fits(requester, frozenset(facts), moved, circumstances, out=out)
    }


@pytest.mark.parametrize(
    ("fact", "rule"),
    [("restricted", "second-sensitive-image"), ("looks-private", "second-looks-private")],
)
def test_a_sensitive_picture_that_goes_to_somebody_else_needs_two(fact: str, rule: str) -> None:
    facts = {Fact("image"), Fact(fact)}
    assert rule in why(Requester.INSURER, facts)
    assert why(Requester.INSURER, facts, out=False) == set(), "it stays here"
    assert why(Requester.INSURER, {Fact(fact)}) == set(), "it is no picture"
    assert why(Requester.PATIENT, facts) == set(), "it is theirs"


def test_a_young_persons_picture_needs_two_and_an_adults_does_not() -> None:
    assert why(Requester.INSURER, {Fact("image")}, age="16-17") == {"second-young-image"}
    assert why(Requester.INSURER, {Fact("image")}) == set()


def test_letting_out_what_policy_keeps_and_keeping_from_the_patient_needs_two() -> None:
    assert why(Requester.POLICE, set(), Moved.LET_OUT) == {"second-let-out"}
    assert why(Requester.POLICE, set(), Moved.LET_OUT, out=False) == set()
    assert why(Requester.POLICE, set(), Moved.KEPT_BACK, out=False) == set()
    assert why(Requester.PATIENT, set(), Moved.KEPT_BACK, out=False) == {"second-kept-from-patient"}


def test_a_place_is_private_whoever_lists_it() -> None:
    rules = shipped_rules()
    buttock, ours, theirs = "46862004", "71934003", "99900001"
    assert ours not in rules.private_codes, "it stands in the list of body sites alone"
    found = all_private_sites(rules, [theirs])
    assert {buttock, ours, theirs} <= found
    assert "85151006" not in found, "a hand"
    assert all_private_sites(replace(rules, private_codes=frozenset({"1"}))) >= {"1", ours}
