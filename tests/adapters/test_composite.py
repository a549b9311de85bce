"""Two places as one record: where things go, what happens when one of them says no."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.composite import MOVABLE, CompositeRecord
from fhir_plugin.errors import (
    AnswerLost,
    Gone,
    NotFound,
    RecordRefused,
    RecordUnavailable,
    TooLarge,
    VersionConflict,
)
from fhir_plugin.ports import TransactionEntry
from tests.conftest import OwnStores
from tests.fakes.record import TYPES, FakeRecord, Lie

NARROW = TYPES - {"AuditEvent", "Consent", "Provenance", "Task"}
NOT_SUPPORTED = RecordRefused("no", status=405, code="type-not-supported")
FORBIDDEN = RecordRefused("no", status=403, code="forbidden")


class Two:
    """An EHR, a companion, and the two as one."""

    def __init__(self, own: OwnStores, **ehr: Any) -> None:
        self.ehr = FakeRecord(own.clock, **ehr)
        self.companion = CompanionRecord(own.database, own.masters, self.ehr.base, own.clock)
        self.both = CompositeRecord(self.ehr, self.companion)

    def where(self, resource_type: str, id: str) -> set[str]:
        found = {"ehr"} if any(r["id"] == id for r in self.ehr.stored(resource_type)) else set()
        try:
            self.companion.read(resource_type, id)
        except (NotFound, Gone):
            return found
        return found | {"companion"}


def consent(id: str = "c1", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Consent", "id": id, "status": "active", "patient": {"reference": "Patient/p"}, **more}


def media(id: str = "m1", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Media", "id": id, "status": "completed", "subject": {"reference": "Patient/p"}, **more}


def provenance(target: str, id: str = "v1") -> dict[str, Any]:
    return {"resourceType": "Provenance", "id": id, "target": [{"reference": target}]}


def test_each_type_has_its_home(own: OwnStores) -> None:
    two = Two(own, types=NARROW)
    assert two.both.home("Media") == two.both.home("Binary") == "ehr"
    assert two.both.home("Consent") == "companion"
    two.both.put(media())
    two.both.put(consent())
    assert two.where("Media", "m1") == {"ehr"}
    assert two.where("Consent", "c1") == {"companion"}
    assert two.both.read("Consent", "c1")["status"] == "active"
    assert two.both.capability() == two.ehr.capability()


@pytest.mark.parametrize(
    "refused",
    [NOT_SUPPORTED, FORBIDDEN, NotFound("no", status=404), RecordRefused("no", status=422, code="type-not-supported")],
)
def test_what_the_ehr_refuses_after_all_is_kept_here(own: OwnStores, refused: RecordRefused) -> None:
    two = Two(own, refuses={"Consent": refused})
    assert two.both.home("Consent") == "ehr"
    two.both.put(consent())
    created = two.both.create({k: v for k, v in consent().items() if k != "id"})
    assert two.where("Consent", "c1") == two.where("Consent", created.id) == {"companion"}
    assert two.both.read("Consent", "c1")["id"] == "c1"
    assert len(two.both.search("Consent", {"patient": "p"})) == 2


def test_a_type_that_the_ehr_does_not_know_is_not_tried_again(own: OwnStores) -> None:
    two = Two(own, refuses={"Consent": NOT_SUPPORTED})
    two.both.put(consent())
    assert two.both.home("Consent") == "companion"
    two = Two(own, refuses={"Consent": FORBIDDEN})
    two.both.put(consent("c2"))
    assert two.both.home("Consent") == "ehr"


@pytest.mark.parametrize(
    "error",
    [
        RecordRefused("invalid", status=422),
        TooLarge("large", status=413),
        VersionConflict("changed", status=412),
        Gone("gone", status=410),
        RecordRefused("elsewhere", status=307, code="redirected"),
    ],
)
def test_other_refusals_are_the_callers(own: OwnStores, error: RecordRefused) -> None:
    two = Two(own, refuses={"Consent": error})
    with pytest.raises(type(error)):
        two.both.put(consent())
    assert two.where("Consent", "c1") == set()


@pytest.mark.parametrize("error", [RecordUnavailable("down"), AnswerLost("lost")])
def test_what_may_yet_be_in_the_ehr_is_not_kept_here_too(own: OwnStores, error: Exception) -> None:
    two = Two(own)

    def fail(call: str, _what: str) -> None:
        if call == "put":
            raise error

    two.ehr.on_call = fail
    with pytest.raises(type(error)):
        two.both.put(consent())
    assert two.where("Consent", "c1") == set()


def test_an_image_never_moves(own: OwnStores) -> None:
    assert {
        "AuditEvent",
        "CommunicationRequest",
        "Consent",
        "Provenance",
        "QuestionnaireResponse",
        "Task",
    } == MOVABLE
    two = Two(own, refuses={"Media": FORBIDDEN})
    with pytest.raises(RecordRefused):
        two.both.put(media())
    assert two.where("Media", "m1") == set()


def test_what_the_ehr_has_is_not_shadowed_by_a_copy_here(own: OwnStores) -> None:
    two = Two(own)
    two.both.put(consent())
    two.ehr._refuses["Consent"] = FORBIDDEN
    with pytest.raises(RecordRefused):
        two.both.put(consent(status="inactive"))
    assert two.where("Consent", "c1") == {"ehr"}
    assert two.both.read("Consent", "c1")["status"] == "active"


def test_what_lives_here_is_changed_here(own: OwnStores) -> None:
    two = Two(own)
    two.companion.put(consent())
    two.both.put(consent(status="inactive"), version="1")
    assert two.where("Consent", "c1") == {"companion"}
    assert [v["status"] for v in two.both.history("Consent", "c1")] == ["inactive", "active"]
    with pytest.raises(VersionConflict):
        two.both.put(consent(), version="1")


def test_a_search_shows_both_places_and_nothing_twice(own: OwnStores) -> None:
    two = Two(own)
    two.ehr.put(consent("theirs"))
    two.companion.put(consent("ours"))
    two.ehr.put(consent("both", status="active"))
    two.companion.put(consent("both", status="inactive"))
    found = two.both.search("Consent", {"patient": "p"})
    assert sorted((r["id"], r["status"]) for r in found) == [
        ("both", "active"),
        ("ours", "active"),
        ("theirs", "active"),
    ]


def test_a_record_that_cannot_be_searched_does_not_give_a_short_answer(own: OwnStores) -> None:
    class Unsearchable(FakeRecord):
        def capability(self) -> Any:
            whole = super().capability()
            narrowed = {t: i - {"search-type"} for t, i in whole.interactions.items()}
            return type(whole)(fhir_version="4.0.1", interactions=narrowed, update_create=whole.update_create)

    two = Two(own)
    both = CompositeRecord(Unsearchable(own.clock), two.companion)
    with pytest.raises(RecordRefused) as raised:
        both.search("Media", {"patient": "p"})
    assert raised.value.code == "search-not-supported"


def test_an_ehr_that_is_down_is_not_an_empty_one(own: OwnStores) -> None:
    two = Two(own)
    two.companion.put(consent())
    two.ehr.go_down()
    with pytest.raises(RecordUnavailable):
        two.both.search("Consent", {"patient": "p"})
    with pytest.raises(RecordUnavailable):
        two.both.read("Consent", "c1")


def test_a_deletion_reaches_both_places(own: OwnStores) -> None:
    two = Two(own)
    two.ehr.put(consent())
    two.companion.put(consent())
    two.both.delete("Consent", "c1")
    assert two.where("Consent", "c1") == set()
    two.both.delete("Consent", "c1")
    two.both.delete("Consent", "never")
    narrow = Two(own, types=NARROW)
    narrow.both.put(consent("c9"))
    narrow.both.delete("Consent", "c9")
    assert narrow.where("Consent", "c9") == set()
    assert len(narrow.both.history("Consent", "c9")) == 2


# ---------------------------------------------------------------------------------- transactions


def test_a_transaction_is_split_and_its_outcomes_keep_their_order(own: OwnStores) -> None:
    two = Two(own, types=NARROW)
    outcomes = two.both.transact(
        [
            TransactionEntry("POST", "Provenance", provenance("urn:uuid:m", ""), "urn:uuid:v"),
            TransactionEntry("POST", "Media", media(id=""), "urn:uuid:m"),
            TransactionEntry("PUT", "Consent/c1", consent(sourceReference={"reference": "urn:uuid:m"})),
        ]
    )
    assert [o.ok for o in outcomes] == [True, True, True]
    traced, made, consented = (o.stored for o in outcomes)
    assert traced is not None
    assert made is not None
    assert consented is not None
    assert [s.resource_type for s in (traced, made, consented)] == ["Provenance", "Media", "Consent"]
    assert two.where("Media", made.id) == {"ehr"}
    assert two.companion.read("Provenance", traced.id)["target"] == [{"reference": made.reference}]
    assert two.companion.read("Consent", "c1")["sourceReference"] == {"reference": made.reference}


def test_the_ehrs_part_may_name_what_is_kept_here(own: OwnStores) -> None:
    two = Two(own, types=NARROW)
    outcomes = two.both.transact(
        [
            TransactionEntry("POST", "Consent", consent(id=""), "urn:uuid:c"),
            TransactionEntry("PUT", "Media/m1", media(basedOn=[{"reference": "urn:uuid:c"}])),
        ]
    )
    assert outcomes[0].stored is not None
    assert two.ehr.read("Media", "m1")["basedOn"] == [{"reference": outcomes[0].stored.reference}]
    assert two.where("Consent", outcomes[0].stored.id) == {"companion"}


def test_when_the_ehr_refuses_nothing_is_kept_here(own: OwnStores) -> None:
    two = Two(own, types=NARROW)
    entries = [
        TransactionEntry("PUT", "Consent/c1", consent()),
        TransactionEntry("PUT", "Media/m1", media(), if_match="9"),
    ]
    with pytest.raises(RecordRefused):
        two.both.transact(entries)
    assert two.where("Consent", "c1") == set()


def test_when_the_ehrs_answer_is_lost_nothing_is_kept_here_yet(own: OwnStores) -> None:
    two = Two(own, types=NARROW)
    two.ehr.lose_answer(1)
    with pytest.raises(AnswerLost):
        two.both.transact(
            [TransactionEntry("PUT", "Consent/c1", consent()), TransactionEntry("PUT", "Media/m1", media())]
        )
    assert two.where("Media", "m1") == {"ehr"}
    assert two.where("Consent", "c1") == set()


def test_when_half_of_the_ehrs_part_failed_ours_is_not_tried(own: OwnStores) -> None:
    two = Two(own, types=NARROW, lies=frozenset({Lie.TRANSACTION_AS_BATCH}))
    outcomes = two.both.transact(
        [
            TransactionEntry("PUT", "Media/m1", media()),
            TransactionEntry("PUT", "Consent/c1", consent()),
            TransactionEntry("PUT", "Media/m2", media("m2"), if_match="9"),
        ]
    )
    assert [(o.status, o.ok) for o in outcomes] == [(201, True), (0, False), (412, False)]
    assert two.where("Consent", "c1") == set()


def test_when_ours_fails_after_the_ehrs_succeeded_that_is_told_and_not_raised(own: OwnStores) -> None:
    two = Two(own, types=NARROW)
    entries = [
        TransactionEntry("PUT", "Media/m1", media()),
        TransactionEntry("PUT", "Consent/c1", consent(), if_match="9"),
    ]
    assert [(o.status, o.ok) for o in two.both.transact(entries)] == [(201, True), (412, False)]
    with pytest.raises(VersionConflict):
        two.both.transact(entries[1:])
