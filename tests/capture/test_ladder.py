"""The write-back ladder: every rung is reached, every reason given, and nothing chosen that cannot be done."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_plugin.adapters.vendor_files import vendor_named, vendor_names
from fhir_plugin.capability import Capability, VendorFacts
from fhir_plugin.capture.ladder import (
    INLINE_BYTES,
    PDF,
    SMALLEST_ROOM,
    TEXT,
    XHTML,
    Ladder,
    Why,
    copy_room,
    ladder,
    page_bytes,
)
from fhir_plugin.capture.ladder_words import AFTER, BECAUSE, BEFORE, SHORT, SMALLER, forecast, said_after
from mappings.model.chart_document import DocumentNeed
from mappings.model.writeback import Rung
from tests.web.ehrs import ALL, EPIC, EVERYTHING, NOTHING, ORACLE, READ, TEXT_ONLY, capability, documents_only

PHOTO, SMALL = 5_000_000, 300_000
JPEG, MP4 = frozenset({"image/jpeg"}), frozenset({"video/mp4"})
WHOLE = (Rung.TRANSACTION, Rung.SEQUENCE, Rung.DOCUMENT_BINARY, Rung.DOCUMENT_INLINE)


def at(able: Capability, size: int = PHOTO, kinds: frozenset[str] = JPEG, **said: Any) -> Ladder:
    return ladder(able, largest=size, content_types=kinds, **said)


def facts(**changes: Any) -> VendorFacts:
    return VendorFacts(name="x", title="X", **{"raw_binary": True, **changes})


def denying(*pairs: tuple[str, str]) -> Capability:
    return capability(granted=lambda kind, what: (kind, what) not in pairs)


NO_WRITES = tuple((kind, what) for kind in ("Media", "DocumentReference") for what in ("create", "update"))
BINARY_WRITES = (("Binary", "create"), ("Binary", "update"))
SERVER_IDS = frozenset({"Media", "DocumentReference", "Consent"})

# What the EHR is like, what is filed, the rung, and the reasons by which better ones were passed over.
CASES: list[tuple[str, Capability, dict[str, Any], Rung, set[Why]]] = [
    ("does everything", EVERYTHING, {}, Rung.TRANSACTION, set()),
    ("no transaction", capability(system_interactions=frozenset()), {}, Rung.SEQUENCE, {Why.NO_TRANSACTION}),
    ("half transaction", capability(vendor=facts(atomic_transaction=False)), {}, Rung.SEQUENCE, {Why.NO_TRANSACTION}),
    ("own ids", capability(update_create=SERVER_IDS), {}, Rung.SEQUENCE, {Why.IDS}),
    ("no Media", capability(without=["Media"]), {}, Rung.DOCUMENT_BINARY, {Why.NO_MEDIA}),
    ("no Binary", capability(without=["Binary"]), {"size": SMALL}, Rung.DOCUMENT_INLINE, {Why.NO_BINARY}),
    ("Binary not granted", denying(*BINARY_WRITES), {"size": SMALL}, Rung.DOCUMENT_INLINE, {Why.NOT_GRANTED}),
    ("Binary unread", denying(("Binary", "read")), {"size": SMALL}, Rung.DOCUMENT_INLINE, {Why.NOT_READABLE}),
    ("no Binary, too large inline", capability(without=["Binary"]), {}, Rung.PDF, {Why.NO_BINARY, Why.TOO_LARGE}),
    ("refused before", capability(refused_size=PHOTO), {}, Rung.PDF, {Why.TOO_LARGE}),
    ("type refused", capability(refused_types=frozenset({"image/jpeg"})), {}, Rung.PDF, {Why.NO_IMAGES}),
    ("other type refused", capability(refused_types=frozenset({"image/png"})), {}, Rung.TRANSACTION, set()),
    (
        "type and pages refused",
        capability(refused_types=frozenset({"image/jpeg", "application/pdf"})),
        {},
        Rung.XHTML,
        {Why.NO_IMAGES, Why.TYPE_REFUSED},
    ),
    ("refused, other size", capability(refused_size=PHOTO), {"size": SMALL}, Rung.TRANSACTION, set()),
    (
        "only as base64",
        capability(vendor=facts(raw_binary=None, max_body_bytes=6_000_000)),
        {},
        Rung.PDF,
        {Why.TOO_LARGE},
    ),
    ("small bodies", capability(vendor=facts(max_body_bytes=1_000_000)), {}, Rung.PDF, {Why.TOO_LARGE}),
    (
        "a document too large",
        capability(without=["Media"], vendor=facts(largest_document=SMALL)),
        {},
        Rung.PDF,
        {Why.TOO_LARGE},
    ),
    (
        "smaller is not wanted",
        capability(refused_size=PHOTO),
        {"reduce": False},
        Rung.TEXT_NOTE,
        {Why.TOO_LARGE, Why.NOT_REDUCED},
    ),
    (
        "no room at all",
        capability(vendor=facts(max_body_bytes=100_000)),
        {},
        Rung.TEXT_NOTE,
        {Why.TOO_LARGE},
    ),
    ("Oracle", ORACLE, {}, Rung.PDF, {Why.NO_IMAGES}),
    ("Oracle, no encounter", ORACLE, {"encounter": False}, Rung.SIGNED_EXPORT, {Why.NO_IMAGES, Why.NO_ENCOUNTER}),
    ("Oracle, intimate", ORACLE, {"words_only": True}, Rung.TEXT_NOTE, {Why.NO_IMAGES, Why.SENSITIVE}),
    ("Oracle, video", ORACLE, {"kinds": MP4}, Rung.TEXT_NOTE, {Why.NO_IMAGES, Why.VIDEO}),
    (
        "web pages alone",
        documents_only("text-only", vendor=facts(document_types=frozenset({XHTML[1], TEXT}))),
        {},
        Rung.XHTML,
        {Why.NO_IMAGES, Why.TYPE_REFUSED},
    ),
    ("Epic", EPIC, {}, Rung.TEXT_NOTE, {Why.NO_IMAGES, Why.TYPE_REFUSED}),
    ("Epic, no encounter", EPIC, {"encounter": False}, Rung.SIGNED_EXPORT, {Why.NO_IMAGES, Why.NO_ENCOUNTER}),
    ("text only", TEXT_ONLY, {}, Rung.TEXT_NOTE, {Why.NO_IMAGES, Why.TYPE_REFUSED}),
    ("nothing", NOTHING, {}, Rung.SIGNED_EXPORT, {Why.NO_IMAGES, Why.NO_DOCUMENTS}),
    ("not granted", denying(*NO_WRITES), {}, Rung.SIGNED_EXPORT, {Why.NOT_GRANTED}),
    (
        "cannot be read back",
        denying(("Media", "read"), ("DocumentReference", "read")),
        {},
        Rung.SIGNED_EXPORT,
        {Why.NOT_READABLE},
    ),
    (
        "documents within an encounter",
        capability(without=["Media"], vendor=facts(document_needs=frozenset({DocumentNeed.ENCOUNTER}))),
        {"encounter": False},
        Rung.SIGNED_EXPORT,
        {Why.NO_ENCOUNTER},
    ),
]


@pytest.mark.parametrize(("_name", "able", "asked", "rung", "why"), CASES, ids=[each[0] for each in CASES])
def test_each_kind_of_ehr_gets_its_rung_and_its_reasons(
    _name: str, able: Capability, asked: dict[str, Any], rung: Rung, why: set[Why]
) -> None:
    chosen = at(able, **asked)
    assert chosen.rung is rung
    assert {each.why for each in chosen.passed} - {Why.NO_MEDIA} == why - {Why.NO_MEDIA}
    assert [each.rung for each in chosen.passed] == _better(chosen)
    assert (Why.NO_MEDIA in why) <= (Why.NO_MEDIA in {each.why for each in chosen.passed})


def _better(chosen: Ladder) -> list[Rung]:
    return list(Rung)[: list(Rung).index(chosen.rung)]


def test_every_rung_and_every_reason_is_among_the_cases() -> None:
    assert {rung for *_, rung, _ in CASES} == set(Rung)
    assert set().union(*(why for *_, why in CASES)) == set(Why)


def test_every_rung_and_every_reason_has_words() -> None:
    assert set(BEFORE) == set(AFTER) == set(SHORT) == set(Rung) and set(BECAUSE) == set(Why)
    for _, able, asked, rung, _ in CASES:
        said = forecast(at(able, **asked))
        assert said.sentence.startswith(BEFORE[rung]) and bool(said.why_not) is not rung.whole
        assert said_after(rung) == AFTER[rung] and said_after(rung, reduced=True).endswith(SMALLER)
    for sentence in (*BEFORE.values(), *AFTER.values()):
        assert not {"Binary", "Media", "DocumentReference", "JSON", "POST", "FHIR"} & set(sentence.split())


@pytest.mark.parametrize("name", vendor_names())
def test_a_family_that_creates_documents_alone_gets_what_its_file_says(name: str) -> None:
    chosen = at(documents_only(name))
    types = vendor_named(name).document_types
    if types is None:
        assert chosen.rung is Rung.DOCUMENT_INLINE or chosen.rung is Rung.PDF
    elif PDF in types:
        assert chosen.rung is Rung.PDF
    else:
        assert chosen.rung is (Rung.TEXT_NOTE if TEXT in types else Rung.SIGNED_EXPORT)


SETS = st.frozensets(st.sampled_from(["create", "update", "read"]))
SIZES = st.one_of(st.none(), st.integers(0, 20_000_000))
DOCUMENTS = st.one_of(st.none(), st.frozensets(st.sampled_from(["image/jpeg", PDF, *XHTML, TEXT])))


@st.composite
def ehrs(draw: st.DrawFn) -> Capability:
    types = ("Media", "Binary", "DocumentReference", "Consent", "Provenance")
    return capability(
        interactions={each: draw(SETS) for each in types},
        update_create=draw(st.frozensets(st.sampled_from(types))),
        system_interactions=draw(st.frozensets(st.just("transaction"))),
        refused_size=draw(SIZES),
        vendor=facts(
            raw_binary=draw(st.sampled_from([None, True, False])),
            atomic_transaction=draw(st.sampled_from([None, True, False])),
            max_body_bytes=draw(SIZES),
            document_types=draw(DOCUMENTS),
            largest_document=draw(SIZES),
            document_needs=draw(st.frozensets(st.just("encounter"))),
        ),
    )


@given(
    able=ehrs(),
    size=st.integers(0, 20_000_000),
    kinds=st.sampled_from([JPEG, MP4, JPEG | MP4]),
    words_only=st.booleans(),
    reduce=st.booleans(),
    encounter=st.booleans(),
)
def test_what_is_chosen_can_be_carried_out(
    able: Capability, size: int, kinds: frozenset[str], words_only: bool, reduce: bool, encounter: bool
) -> None:
    chosen = at(able, size, kinds, words_only=words_only, reduce=reduce, encounter=encounter)
    assert [each.rung for each in chosen.passed] == _better(chosen), "one reason for each better rung, the best first"
    limit = able.body_limit
    if chosen.rung.whole:
        assert able.holds(chosen.image_type) and able.may(chosen.image_type, "read")
        assert chosen.image_type not in chosen.beside and not chosen.chart_type
        sent = size if able.vendor.raw_binary and chosen.rung is not Rung.DOCUMENT_INLINE else size * 4 // 3
        assert limit is None or sent <= limit, "base64 takes more room than the bytes"
        if chosen.rung is Rung.DOCUMENT_INLINE:
            assert size <= INLINE_BYTES
        else:
            assert able.holds("Binary") and able.may("Binary", "read")
        if chosen.image_type == "DocumentReference":
            assert all(able.takes_document(each) for each in kinds)
            assert encounter or "encounter" not in able.vendor.document_needs
        return
    assert {"Media", "Binary", "Provenance"} <= chosen.beside
    if chosen.rung is Rung.SIGNED_EXPORT:
        assert not chosen.chart_type
        return
    assert able.takes_document(chosen.chart_type) and able.may("DocumentReference", "read")
    assert encounter or "encounter" not in able.vendor.document_needs
    if chosen.rung.shows_picture:
        assert not words_only and kinds == JPEG
        assert chosen.room is None or chosen.room >= SMALLEST_ROOM or page_bytes(chosen.rung, size) <= chosen.room
        assert reduce or not chosen.reduced


@given(able=ehrs(), size=st.integers(1, 20_000_000), refused=st.integers(64 * 1024, 20_000_000))
def test_what_was_refused_never_makes_it_better(able: Capability, size: int, refused: int) -> None:
    before = at(replace(able, refused_size=None), size)
    after = at(replace(able, refused_size=refused), size)
    order = list(Rung)
    assert order.index(after.rung) >= order.index(before.rung)


def test_after_a_refusal_a_copy_leaves_room_and_more_each_time() -> None:
    assert copy_room(EVERYTHING) is None
    rooms = [copy_room(capability(refused_size=size)) for size in (20_000_000, 950_000, 500_000, 250_000)]
    assert rooms[0] == INLINE_BYTES
    assert all(room is not None and room > later for room, later in pairwise(rooms) if later)


def test_where_no_image_is_stored_the_note_goes_where_notes_go() -> None:
    assert "DocumentReference" not in at(EVERYTHING, 0, frozenset()).beside
    assert "DocumentReference" not in at(TEXT_ONLY).beside
    assert "DocumentReference" in at(EPIC, encounter=False).beside
    assert "DocumentReference" in at(NOTHING).beside
    pages = documents_only("text-only", vendor=facts(document_types=frozenset({PDF})))
    assert "DocumentReference" in at(pages).beside
    assert ALL > READ
