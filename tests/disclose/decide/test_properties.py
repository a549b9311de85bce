"""One more label never lets more out, and the order of labels does not matter, whoever asks and whatever holds."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_plugin.disclose.decide import Together, judge_for, shipped_rules
from mappings.model.disclosure import (
    OPENNESS,
    Asked,
    Authority,
    Competence,
    ConsentToRelease,
    ItemFacts,
    Opinion,
    Requester,
    Withhold,
    openness,
)
from tests.disclose.decide.items import CHILD, GROWN_UP, SEVENTEEN, TODAY

KNOWN = sorted(shipped_rules().classes)
CODINGS = st.one_of(
    st.sampled_from(KNOWN).map(lambda label: {"system": label.system, "code": label.code}),
    st.sampled_from(
        [{"system": "urn:x", "code": "R"}, {"system": KNOWN[0].system, "code": "r"}, {"code": "R"}, {}, None, "R"]
    ),
)
ASKED = st.builds(
    Asked,
    st.sampled_from(Requester),
    st.just(TODAY),
    st.sampled_from(ConsentToRelease),
    st.sampled_from(Authority),
    st.sampled_from([None, CHILD, SEVENTEEN, GROWN_UP]),
    st.sampled_from(Competence),
    st.sampled_from([None, True, False]),
    st.booleans(),
)
ITEMS = st.builds(ItemFacts, st.booleans(), st.booleans(), st.sampled_from(Opinion))
RESOURCES: st.SearchStrategy[dict[str, Any]] = st.sampled_from(
    [
        {"resourceType": "Observation", "id": "1"},
        {"resourceType": "Media", "id": "1", "content": {"contentType": "image/png"}},
        {"resourceType": "Media", "id": "1", "bodySite": {"text": "vulva"}},
        {"resourceType": "Binary", "id": "1", "contentType": "image/png"},
        {"resourceType": "Binary", "id": "2", "contentType": "image/png", "securityContext": {"reference": "Media/1"}},
        {"resourceType": "AuditEvent", "id": "1"},
        {"resourceType": "Unheard", "id": "1"},
    ]
)


def with_labels(resource: dict[str, Any], codings: list[Any]) -> dict[str, Any]:
    return {**resource, "meta": {"security": codings}}


@settings(max_examples=400)
@given(ASKED, ITEMS, RESOURCES, st.lists(CODINGS, max_size=4), CODINGS)
def test_one_more_label_never_lets_more_out(
    asked: Asked, item: ItemFacts, resource: dict[str, Any], labels: list[Any], another: Any
) -> None:
    judge = judge_for(asked, known=lambda _key: item)
    fewer = judge(with_labels(resource, labels))
    more = judge(with_labels(resource, [*labels, another]))
    assert openness(more) <= openness(fewer)


@settings(max_examples=200)
@given(ASKED, ITEMS, RESOURCES, st.lists(CODINGS, min_size=2, max_size=5), st.randoms())
def test_the_order_of_labels_does_not_matter(
    asked: Asked, item: ItemFacts, resource: dict[str, Any], labels: list[Any], random: Any
) -> None:
    judge = judge_for(asked, known=lambda _key: item)
    shuffled = list(labels)
    random.shuffle(shuffled)
    assert judge(with_labels(resource, labels)) == judge(with_labels(resource, [*shuffled, *labels]))


@settings(max_examples=200)
@given(ASKED, ITEMS, RESOURCES, st.lists(CODINGS, max_size=4))
def test_nothing_is_withheld_without_a_word_where_the_requester_has_to_be_told(
    asked: Asked, item: ItemFacts, resource: dict[str, Any], labels: list[Any]
) -> None:
    verdict = judge_for(asked, known=lambda _key: item)(with_labels(resource, labels))
    assert type(verdict) in OPENNESS
    if isinstance(verdict, Withhold):
        assert shipped_rules().rows[asked.requester].silent


@settings(max_examples=200)
@given(ASKED, st.lists(CODINGS, max_size=3), st.lists(CODINGS, max_size=3))
def test_one_more_describer_never_lets_more_of_a_binary_out(asked: Asked, labels: list[Any], others: list[Any]) -> None:
    binary = {"resourceType": "Binary", "id": "1", "contentType": "image/png"}
    one = with_labels({"resourceType": "Media", "id": "1", "content": {"url": "Binary/1"}}, labels)
    two = with_labels({"resourceType": "Media", "id": "2", "content": {"url": "Binary/1"}}, others)
    fewer = judge_for(asked, around=Together([one]))(binary)
    more = judge_for(asked, around=Together([one, two]))(binary)
    assert openness(more) <= openness(fewer)
