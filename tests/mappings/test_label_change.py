"""What a change makes of labels, and the signed Provenance that says so."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mappings.model.identifiers import Reference
from mappings.model.label_change import (
    LEVELS,
    LabelLevel,
    LabelReason,
    at_least_as_strict,
    covers,
    level_of,
    lowered,
    raised,
    says_the_same,
    together,
)
from mappings.model.labels import (
    ACT_CODE,
    CONFIDENTIALITY,
    NORMAL,
    REPORTED_BY_PATIENT,
    RESTRICTED,
    SEXUALITY,
    VERY_RESTRICTED,
    YOUNG,
    Intimacy,
    Label,
    Source,
    image_labels,
    is_restricted,
)
from mappings.r4.errors import NotMappable
from mappings.r4.label_provenance import LabelChange, from_label_provenance, to_label_provenance
from mappings.r4.provenance import from_provenance, to_provenance
from mappings.r4.relabelled import binaries_of, labels_of_image, relabelled
from mappings.r4.statement import label_statement, labels_digest, statement
from mappings.terminology.labels import UNREADABLE, known_labels
from tests.definitions.validator import issues
from tests.mappings.samples import CLINICIAN, NOW, PATIENT, labelled_image

labels = st.lists(
    st.sampled_from(
        [
            *known_labels(),
            UNREADABLE,
            Label(ACT_CODE, "not-known"),
            Label("https://elsewhere.example/labels", "X"),
            Label(CONFIDENTIALITY, "other"),
        ]
    ),
    max_size=6,
    unique=True,
)
ONE_EACH = {Label(CONFIDENTIALITY, code) for code in "ULMNRV"}
levels = st.sampled_from(LEVELS)


@given(labels, levels, st.booleans())
def test_raising_never_lets_more_out(before: list[Label], level: LabelLevel, child: bool) -> None:
    assume(LEVELS.index(level) >= LEVELS.index(level_of(before)))
    after = raised(before, level, child=child)
    assert at_least_as_strict(after, before)
    assert is_restricted(list(after)) or not is_restricted(before)
    assert {each for each in before if each.system != CONFIDENTIALITY} <= set(after)
    assert len(ONE_EACH.intersection(after)) == 1
    assert raised(after, level, child=child) == after or set(raised(after, level, child=child)) == set(after)
    if level is not LabelLevel.ORDINARY:
        assert is_restricted(list(after)) and LEVELS.index(level_of(after)) >= LEVELS.index(level)


@given(labels, labels, levels, st.booleans())
def test_two_raises_in_any_order_are_both(one: list[Label], other: list[Label], level: LabelLevel, child: bool) -> None:
    both = together(raised(one, level, child=child), raised(other, level, child=child))
    assert covers(both, raised(one, level, child=child)) and covers(both, raised(other, level, child=child))


@given(labels, levels, st.booleans())
def test_lowering_takes_away_only_what_is_written_here(before: list[Label], level: LabelLevel, child: bool) -> None:
    after = lowered(before, level, child=child)
    gone = set(before) - set(after)
    assert all(
        each.system == CONFIDENTIALITY or each.code in ["SEX", "PDS", "PHY", "PRS", "NORDSCLCD", "HUAPRV"]
        for each in gone
    )
    assert (YOUNG in after) >= (YOUNG in before)
    if YOUNG in after:
        assert is_restricted(list(after))
    assert len(ONE_EACH.intersection(after)) == 1


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("child", [True, False])
def test_raising_what_was_filed_as_ordinary_gives_what_filing_gives(source: Source, child: bool) -> None:
    """On a clinician's word: the same labels as if it had been said when it was filed (G-R172, G-R186)."""
    ordinary = image_labels(intimacy=Intimacy.NO, private_site=False, source=source, child=child)
    intimate = image_labels(intimacy=Intimacy.INTIMATE, private_site=False, source=source, child=child)
    assert set(raised(ordinary, LabelLevel.INTIMATE, child=child)) - set(ordinary) <= set(intimate)
    assert set(intimate) <= set(raised(ordinary, LabelLevel.INTIMATE, child=child))
    back = lowered(intimate, LabelLevel.ORDINARY, child=child)
    assert set(back) == set(ordinary)


@pytest.mark.parametrize(
    ("after", "before", "strict"),
    [
        ((RESTRICTED,), (NORMAL,), True),
        ((NORMAL,), (RESTRICTED,), False),
        ((NORMAL,), (), False),
        ((RESTRICTED,), (), True),
        ((), (NORMAL,), False),
        ((VERY_RESTRICTED,), (RESTRICTED, SEXUALITY), False),
        ((RESTRICTED, SEXUALITY), (RESTRICTED, SEXUALITY, REPORTED_BY_PATIENT), True),
        ((RESTRICTED,), (Label(CONFIDENTIALITY, "S"),), False),
        ((RESTRICTED, Label(CONFIDENTIALITY, "S")), (Label(CONFIDENTIALITY, "S"),), True),
        ((NORMAL,), (UNREADABLE,), False),
        ((RESTRICTED,), (RESTRICTED, Label("https://elsewhere.example", "Q")), False),
    ],
)
def test_stricter_or_not(after: tuple[Label, ...], before: tuple[Label, ...], strict: bool) -> None:
    assert at_least_as_strict(after, before) is strict


@pytest.mark.parametrize(
    ("on_server", "signed", "same"),
    [
        ((RESTRICTED, SEXUALITY), (SEXUALITY, RESTRICTED), True),
        ((RESTRICTED, SEXUALITY, NORMAL), (RESTRICTED, SEXUALITY), True),
        ((VERY_RESTRICTED, SEXUALITY), (RESTRICTED, SEXUALITY), False),
        ((RESTRICTED,), (RESTRICTED, SEXUALITY), False),
        ((RESTRICTED, SEXUALITY, YOUNG), (RESTRICTED, SEXUALITY), False),
        ((), (NORMAL,), False),
    ],
)
def test_what_a_server_says_and_what_was_signed(
    on_server: tuple[Label, ...], signed: tuple[Label, ...], same: bool
) -> None:
    assert says_the_same(on_server, signed) is same


# ------------------------------------------------------------------------------------------------ as R4


def change(**changes: Any) -> LabelChange:
    values: dict[str, Any] = {
        "target": Reference("Media/m1"),
        "patient": PATIENT,
        "image": "img-91c2",
        "before": (RESTRICTED, SEXUALITY, REPORTED_BY_PATIENT),
        "after": (NORMAL, REPORTED_BY_PATIENT),
        "reason": LabelReason.LABELLED_WRONGLY,
        "words": "It shows the hip",
        "at": NOW,
        "by": CLINICIAN,
        "by_name": "Dr Example",
        "second": Reference("Practitioner/np-1"),
        "second_name": "Nurse Example",
        "policy_version": "strict/2026.11",
    }
    return LabelChange(**(values | changes))


def said(one: LabelChange) -> dict[str, Any]:
    return label_statement(
        target=one.target,
        image=one.image,
        patient=one.patient,
        before=one.before,
        after=one.after,
        reason=one.reason,
        at=one.at,
        by=one.by,
        second=one.second,
        policy_version=one.policy_version,
    )


def provenance(one: LabelChange) -> dict[str, Any]:
    return to_label_provenance(one, statement=said(one), jws="a..b", software_version="1.0", act="intent-1", id="p1")


@pytest.mark.parametrize("changes", [{}, {"image": None, "second": None, "words": "", "by_name": ""}])
def test_a_change_of_label_comes_back_as_it_was_signed(changes: dict[str, Any]) -> None:
    one = change(**changes)
    written = provenance(one)
    assert issues(written) == []
    told = from_label_provenance(written)
    assert told.statement == said(one) and told.jws == "a..b" and told.labels is not None
    assert set(told.labels) == set(one.after) and told.targets == (one.target,)
    assert (told.by, told.by_name, told.reason, told.words) == (one.by, one.by_name, one.reason, one.words)
    assert told.second_name == (one.second_name if one.second else "")
    assert written["activity"]["coding"][0]["code"] == "LABEL"


def test_the_statement_says_what_it_says_from_now_on_and_only_a_digest_of_before() -> None:
    one = change()
    signed = said(one)
    assert signed["labels"] == sorted(map(str, one.after))
    assert "SEX" not in str(signed)
    assert signed["labels_before_sha256"] == labels_digest(reversed(one.before))
    assert (
        signed["labels_before_sha256"] == hashlib.sha256("\n".join(sorted(map(str, one.before))).encode()).hexdigest()
    )
    assert signed["reason"] == "labelled-wrongly" and signed["second"] == "Practitioner/np-1"


def test_the_provenance_is_as_private_as_the_label_of_before() -> None:
    codes = {each["code"] for each in provenance(change())["meta"]["security"]}
    assert codes == {"R", "SEX", "PATRPT"}


def test_a_statement_of_another_form_is_no_statement() -> None:
    one = change()
    written = provenance(one)
    parts = written["signature"][0]["extension"][0]["extension"]
    for broken in (
        [*parts, parts[0]],
        [each for each in parts if each["url"] != "reason"],
        [{**each, "valueString": "1"} if each["url"] == "version" else each for each in parts],
        [*parts, {"url": "capture", "valueString": "c"}],
    ):
        written["signature"][0]["extension"][0]["extension"] = broken
        assert from_label_provenance(written).statement is None
    filing = labelled_image()
    both = to_provenance(
        filing, targets=[one.target], software_version="1", statement=statement(filing, consent=None), jws="x"
    )
    assert from_provenance(both).statement is not None
    both["signature"][0]["extension"].append(provenance(one)["signature"][0]["extension"][0])
    assert from_provenance(both).statement is None


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(NotMappable):
        provenance(change(at=dt.datetime(2026, 1, 1)))  # noqa: DTZ001


def test_an_image_with_other_labels_is_otherwise_as_it_was() -> None:
    as_theirs = {"system": CONFIDENTIALITY, "code": "R", "display": "theirs"}
    theirs: dict[str, Any] = {
        "resourceType": "DocumentReference",
        "id": "d",
        "meta": {"versionId": "3", "tag": [{"code": "t"}], "security": [as_theirs]},
        "securityLabel": [{"coding": [{"system": ACT_CODE, "code": "HIV"}]}],
        "content": [
            {"attachment": {"contentType": "image/png", "url": "https://ehr.example/fhir/Binary/b1"}},
            {"attachment": {"contentType": "image/png", "url": "https://elsewhere.example/fhir/Binary/b2"}},
            {"attachment": {"contentType": "image/png", "url": "Binary/b3/_history/2"}},
        ],
    }
    assert labels_of_image(theirs) == (RESTRICTED, Label(ACT_CODE, "HIV"))
    changed = relabelled(theirs, [RESTRICTED, SEXUALITY])
    assert labels_of_image(changed) == (RESTRICTED, SEXUALITY)
    assert changed["meta"]["security"][0]["display"] == "theirs"
    assert {**changed, "meta": 0, "securityLabel": 0} == {**theirs, "meta": 0, "securityLabel": 0}
    assert changed["meta"]["tag"] == [{"code": "t"}]
    assert binaries_of(theirs, base="https://ehr.example/fhir") == ["Binary/b1", "Binary/b3"]
