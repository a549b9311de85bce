"""What nobody at the desk may let out while the patient has not said yes to exactly this, case by case."""

from __future__ import annotations

import pytest

from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.disclose.decide.floors import not_without_their_yes
from fhir_plugin.disclose.decide.rules import CONDITIONS, Circumstances
from mappings.model.disclosure import AgeBand, Authority, Competence, ConsentToRelease, Requester

NAMED: dict[str, str] = {"consent": ConsentToRelease.NAMED}
CHILD: dict[str, str] = {"age": AgeBand.UNDER_16, "competence": Competence.COMPETENT}
PARENT, RESEARCH, SOLICITOR = Requester.PARENT_OR_PROXY, Requester.RESEARCH, Requester.PATIENTS_SOLICITOR


def now(**changed: str) -> Circumstances:
    """Nothing has been said: every condition at a value that allows nothing."""
    nothing: dict[str, str] = {"consent": ConsentToRelease.GENERAL, "authority": Authority.NOT_SEEN}
    nothing |= {"age": AgeBand.ADULT, "competence": Competence.UNKNOWN, "agrees": "not-asked", "concern": "no"}
    return {**{name: values[0] for name, values in CONDITIONS.items()}, **nothing, **changed}


@pytest.mark.parametrize("requester", [Requester.INSURER, Requester.OTHER_SIDES_SOLICITOR, RESEARCH])
@pytest.mark.parametrize("fact", [Fact.RESTRICTED, Fact.SENSITIVE, Fact.VERY_RESTRICTED, Fact.VIOLENCE])
def test_what_is_private_goes_to_others_only_by_name(requester: Requester, fact: Fact) -> None:
    assert not_without_their_yes(requester, [Fact.ANY, fact], now()) is fact
    assert not_without_their_yes(requester, [Fact.ANY, fact], now(**NAMED)) is None


@pytest.mark.parametrize(
    ("requester", "fact", "said", "may"),
    [
        (Requester.INSURER, Fact.IMAGE, {}, True),
        (Requester.INSURER, Fact.CONFIDED, {}, True),
        (RESEARCH, Fact.IMAGE, {}, False),
        (RESEARCH, Fact.IMAGE, NAMED, True),
        (RESEARCH, Fact.ANY, {}, True),
        (SOLICITOR, Fact.ANY, {}, False),
        (SOLICITOR, Fact.ANY, {"authority": Authority.SEEN}, True),
        (SOLICITOR, Fact.SENSITIVE, {}, True),
        (Requester.INSURER, Fact.ANY, {}, True),
        (PARENT, Fact.CONFIDED, {}, False),
        (PARENT, Fact.CONFIDED, NAMED, False),
        (PARENT, Fact.SENSITIVE, {}, True),
        (PARENT, Fact.SENSITIVE, CHILD, False),
        (PARENT, Fact.CONFIDED, CHILD, False),
        (PARENT, Fact.IMAGE, CHILD, True),
        (PARENT, Fact.SENSITIVE, CHILD | NAMED, False),
        (PARENT, Fact.SENSITIVE, CHILD | {"agrees": "yes"}, False),
        (PARENT, Fact.SENSITIVE, CHILD | NAMED | {"agrees": "no"}, False),
        (PARENT, Fact.SENSITIVE, CHILD | NAMED | {"agrees": "yes"}, True),
        (PARENT, Fact.CONFIDED, CHILD | NAMED | {"agrees": "yes"}, True),
        (PARENT, Fact.SENSITIVE, CHILD | {"competence": Competence.UNKNOWN}, True),
        (PARENT, Fact.SENSITIVE, CHILD | {"age": AgeBand.ADULT}, True),
        (Requester.POLICE, Fact.SENSITIVE, CHILD, True),
        (Requester.PATIENT, Fact.CONFIDED, CHILD, True),
    ],
)
def test_each_floor_holds_where_it_holds_and_nowhere_else(
    requester: Requester, fact: Fact, said: dict[str, str], may: bool
) -> None:
    assert not_without_their_yes(requester, [fact], now(**said)) is (None if may else fact)
