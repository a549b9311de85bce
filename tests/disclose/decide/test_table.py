"""Every requester against every combination of labels. Written by hand from the guidance, before and beside the rules.

`.` released, `?` a person looks first, `X` redacted, `#` withheld without a word. Where the expectation comes from:

- the patient's own image goes to the patient, and to their solicitor with written authority (UK GDPR 15; G-R255);
  withholding for serious harm needs a health professional's opinion (Data Protection Act 2018, Schedule 3);
- third parties by default get nothing that is sensitive (G-R258), a named consent opens what is sensitive, not what
  is very restricted or about violence: there a person looks;
- an order opens what its terms reach; whoever reads them is a person;
- those who treat the patient get it with its labels (G-R259); a label that asks for a person's approval gets one,
  unless the item does not go out anyway;
- no secondary use and no second opinion of a picture without a yes to exactly this (G-R221, G-R229).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from mappings.model.disclosure import (
    Authority,
    Competence,
    ConsentToRelease,
    ItemFacts,
    Requester,
    Review,
    Reviewer,
)
from tests.disclose.decide.items import (
    CHILD,
    GROWN_UP,
    SEVENTEEN,
    asking,
    photograph,
    sign,
    text_entry,
    verdict_on,
    words,
)

NONE = ConsentToRelease.NOT_ASKED
NO = ConsentToRelease.REFUSED
NAMED = ConsentToRelease.NAMED
COVERS = Authority.COVERS
UNSEEN = Authority.NOT_SEEN

LABELS: tuple[tuple[str, ...], ...] = (
    (),
    ("N",),
    ("N", "CLINAST"),
    ("R",),
    ("R", "SEX"),
    ("N", "STD"),
    ("R", "SEX", "PHY", "NORDSCLCD"),
    ("V",),
    ("V", "SEX", "ADOL", "HUAPRV"),
    ("R", "SDV"),
    ("R", "TBOO"),
    ("N", "NOPAT"),
    ("N", "HUAPRV"),
    ("N", "NODSCLCD"),
    ("N", "NORDSCLCD"),
    ("N", "REDACT"),
    ("N", "LRCOMPT"),
    ("S",),
    ("r",),
    ("N", "XYZZY"),
)
#                           none     N + STD   V     SDV      NOPAT    NODSCLCD  REDACT  S (retired)   unknown
#                            | N     | |  full |HUAPRV| TBOO  | HUAPRV | NORDSCLCD| LRCOMPT| r (lower case)
DEFAULT = {
    Requester.PATIENT: "........?.???..?..??",
    Requester.PATIENTS_SOLICITOR: "........?.???..?..??",
    Requester.OTHER_SIDES_SOLICITOR: "...XXXXXXXXXXXXXXX??",
    Requester.COURT_ORDER: "...?????????????????",
    Requester.CORONER: "...?????????????????",
    Requester.POLICE: "...XXXXXXXXXXXXXXX??",
    Requester.INSURER: "...XXXXXXXXXXXXXXX??",
    Requester.DECEASED: "...?????????????????",
    Requester.PARENT_OR_PROXY: "...XXXXXX#X?XXXXXX??",
    Requester.ATTORNEY_OR_DEPUTY: "...?????????????????",
    Requester.OTHER_PROVIDER: "........?...?..??.??",
    Requester.SAFEGUARDING: "...?????????????????",
    Requester.REGULATOR: "...?????????????????",
    Requester.SECOND_OPINION: "XXXXXXXXXXXXXXXXXXXX",
    Requester.RESEARCH: "XXXXXXXXXXXXXXXXXXXX",
}
"""As on the command line: the right was seen, the patient agrees in general, nothing more is said."""


CONSENT_BY_NAME = DEFAULT | {
    Requester.OTHER_SIDES_SOLICITOR: ".......??????..X?.??",
    Requester.POLICE: ".......??.???..X?.??",
    Requester.INSURER: ".......??????..X?.??",
    Requester.DECEASED: ".......??????..??.??",
    Requester.PARENT_OR_PROXY: ".......??#???..X?.??",
    Requester.ATTORNEY_OR_DEPUTY: ".......??????..??.??",
    Requester.SAFEGUARDING: ".......??.???..??.??",
    Requester.REGULATOR: ".......??????..??.??",
    Requester.SECOND_OPINION: ".......??????..X?.??",
    Requester.RESEARCH: ".......??XXX?..XX.??",
}
"""What a yes to exactly this changes."""


AUTHORITY_COVERS = DEFAULT | {
    Requester.COURT_ORDER: "........?.???..?..??",
    Requester.CORONER: "........?.???..?..??",
    Requester.POLICE: "........?.???..?..??",
    Requester.DECEASED: ".......??????..??.??",
    Requester.ATTORNEY_OR_DEPUTY: ".......??????..??.??",
    Requester.SAFEGUARDING: "........?.???..?..??",
    Requester.REGULATOR: "........?.???..?..??",
}
"""Where the order or authority reaches what is sensitive."""


NOTHING_SEEN = DEFAULT | {
    Requester.PATIENTS_SOLICITOR: "????????????????????",
    Requester.OTHER_SIDES_SOLICITOR: "???XXXXXXXXXXXXXXX??",
    Requester.COURT_ORDER: "????????????????????",
    Requester.CORONER: "????????????????????",
    Requester.POLICE: "???XXXXXXXXXXXXXXX??",
    Requester.INSURER: "???XXXXXXXXXXXXXXX??",
    Requester.DECEASED: "????????????????????",
    Requester.PARENT_OR_PROXY: "???XXXXXX#X?XXXXXX??",
    Requester.ATTORNEY_OR_DEPUTY: "????????????????????",
    Requester.OTHER_PROVIDER: "........?...??.??.??",
    Requester.SAFEGUARDING: "????????????????????",
    Requester.REGULATOR: "????????????????????",
}
"""Before anything was asked or seen."""


PATIENT_SAID_NO = DEFAULT | {
    Requester.PATIENTS_SOLICITOR: "????????????????????",
    Requester.OTHER_SIDES_SOLICITOR: "XXXXXXXXXXXXXXXXXXXX",
    Requester.INSURER: "XXXXXXXXXXXXXXXXXXXX",
    Requester.DECEASED: "XXXXXXXXXXXXXXXXXXXX",
    Requester.PARENT_OR_PROXY: "XXXXXXXXX#XXXXXXXXXX",
    Requester.ATTORNEY_OR_DEPUTY: "???XXXXXXXX??XX?XX??",
    Requester.OTHER_PROVIDER: "????????????????????",
}
"""A no ends what rests on a yes; an order or a duty goes on, with a person looking at what is sensitive."""


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param({}, DEFAULT, id="the row alone"),
        pytest.param({"consent": NAMED}, CONSENT_BY_NAME, id="consent by name"),
        pytest.param({"authority": COVERS}, AUTHORITY_COVERS, id="authority covers"),
        pytest.param({"consent": NONE, "authority": UNSEEN}, NOTHING_SEEN, id="nothing seen"),
        pytest.param({"consent": NO}, PATIENT_SAID_NO, id="the patient said no"),
    ],
)
@pytest.mark.parametrize("requester", Requester)
def test_who_gets_what(requester: Requester, said: dict[str, Any], expected: dict[Requester, str]) -> None:
    assert words(asking(requester, **said), LABELS) == expected[requester]


@pytest.mark.parametrize(
    ("born", "competence", "agrees", "authority", "expected"),
    [
        (CHILD, Competence.COMPETENT, None, COVERS, "???###############??"),
        (CHILD, Competence.COMPETENT, False, COVERS, "####################"),
        (CHILD, Competence.COMPETENT, True, Authority.SEEN, "...###############??"),
        (CHILD, Competence.NOT_COMPETENT, None, COVERS, ".......??????..??.??"),
        (CHILD, Competence.NOT_COMPETENT, None, Authority.SEEN, "...?????????????????"),
        (CHILD, Competence.NOT_COMPETENT, None, UNSEEN, "????????????????????"),
        (CHILD, Competence.UNKNOWN, None, COVERS, "...?????????????????"),
        (SEVENTEEN, Competence.UNKNOWN, True, Authority.SEEN, "...###############??"),
        (SEVENTEEN, Competence.UNKNOWN, None, COVERS, "???###############??"),
        (SEVENTEEN, Competence.NOT_COMPETENT, False, COVERS, "XXX###############XX"),
        (GROWN_UP, Competence.NOT_COMPETENT, True, COVERS, "???XXXXXX#X?XXXXXX??"),
    ],
)
def test_a_parent(
    born: dt.date, competence: Competence, agrees: bool | None, authority: Authority, expected: str
) -> None:
    """A competent child's confidence is kept, and so is a 16-year-old's (G-R263); in a small child's place the parent
    gets what is the child's own, once somebody read that their responsibility reaches it, but not what is about
    violence: a person looks (G-R312). Whoever is grown up decides alone."""
    asked = asking(
        Requester.PARENT_OR_PROXY,
        consent=NONE,
        authority=authority,
        born=born,
        competence=competence,
        agrees=agrees,
    )
    assert words(asked, LABELS) == expected


def test_a_parent_while_a_safeguarding_concern_is_open() -> None:
    """Nothing goes to the family before a person looked (G-R312)."""
    asked = asking(
        Requester.PARENT_OR_PROXY, born=CHILD, competence=Competence.NOT_COMPETENT, authority=COVERS, concern=True
    )
    assert words(asked, LABELS) == "?" * len(LABELS)


def test_nobody_is_an_attorney_for_somebody_under_18() -> None:
    asked = asking(Requester.ATTORNEY_OR_DEPUTY, born=SEVENTEEN, authority=COVERS, consent=NAMED)
    assert words(asked, LABELS) == "?" * len(LABELS)


def test_a_child_who_asks_for_their_own_record() -> None:
    """A person says whether they understand; who does gets their own (UK GDPR 15)."""
    assert words(asking(Requester.PATIENT, born=CHILD), LABELS) == "?" * len(LABELS)
    understood = asking(Requester.PATIENT, born=CHILD, competence=Competence.COMPETENT)
    assert words(understood, LABELS) == DEFAULT[Requester.PATIENT]
    assert words(asking(Requester.PATIENT, born=SEVENTEEN), LABELS) == DEFAULT[Requester.PATIENT]


def test_research_on_somebody_under_18_waits_for_a_person() -> None:
    """Whose consent is this (G-R245, G-R246)."""
    asked = asking(Requester.RESEARCH, born=SEVENTEEN, consent=NAMED)
    assert words(asked, LABELS) == "?????????XXX???XX?" + "??"


#        general, seen   nothing   refused   named
TEXT = {
    Requester.PATIENT: "....",
    Requester.PATIENTS_SOLICITOR: ".??.",
    Requester.OTHER_SIDES_SOLICITOR: ".?X.",
    Requester.COURT_ORDER: ".?..",
    Requester.CORONER: ".?..",
    Requester.POLICE: ".?..",
    Requester.INSURER: ".?X.",
    Requester.DECEASED: ".?X.",
    Requester.PARENT_OR_PROXY: ".?X.",
    Requester.ATTORNEY_OR_DEPUTY: ".??.",
    Requester.OTHER_PROVIDER: "..?.",
    Requester.SAFEGUARDING: ".?..",
    Requester.REGULATOR: ".?..",
    Requester.SECOND_OPINION: ".?X.",
    Requester.RESEARCH: ".?X.",
}
"""An entry without a picture and without a label."""


@pytest.mark.parametrize("requester", Requester)
def test_an_entry_that_nobody_marked(requester: Requester) -> None:
    cases = (
        asking(requester),
        asking(requester, consent=NONE, authority=UNSEEN),
        asking(requester, consent=NO),
        asking(requester, consent=NAMED),
    )
    assert "".join(sign(verdict_on(asked, text_entry())) for asked in cases) == TEXT[requester]


def test_the_police_against_a_no_and_without_an_order() -> None:
    asked = asking(Requester.POLICE, consent=NO, authority=UNSEEN)
    assert sign(verdict_on(asked, text_entry())) == "X"


def test_of_several_who_should_look_the_narrowest_circle_looks() -> None:
    """A privacy officer before a health professional, either before the officer at the desk."""
    patient = asking(Requester.PATIENT)
    for item, labels, who in (
        (ItemFacts(hidden=True), ("R", "TBOO"), Reviewer.PRIVACY_OFFICER),
        (ItemFacts(), ("V", "TBOO", "HUAPRV"), Reviewer.HEALTH_PROFESSIONAL),
        (ItemFacts(), ("V", "HUAPRV", "XYZZY"), Reviewer.OFFICER),
    ):
        found = verdict_on(patient, photograph(*labels), item)
        assert isinstance(found, Review)
        assert found.by is who
    attorney = asking(Requester.ATTORNEY_OR_DEPUTY)
    for item, labels, who in (
        (ItemFacts(confided=True), ("R", "TBOO"), Reviewer.HEALTH_PROFESSIONAL),
        (ItemFacts(confided=True), ("R", "PHY"), Reviewer.OFFICER),
    ):
        found = verdict_on(attorney, photograph(*labels), item)
        assert isinstance(found, Review)
        assert found.by is who


def test_the_reason_is_that_of_the_most_particular_fact() -> None:
    assert verdict_on(asking(Requester.INSURER), photograph()).reason.rule == "agreed-release"
    assert verdict_on(asking(Requester.PATIENT), photograph("R", "SEX")).reason.rule == "own-sensitive"
    assert verdict_on(asking(Requester.PATIENT), photograph("V", "HUAPRV")).reason.rule == "approval-own"
