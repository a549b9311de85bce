"""What came and can be opened no more, its sealed bytes being damaged: told once, tried no more, and got rid of."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from fhir_plugin.capture.cleaning import SILENT, UNREADABLE
from fhir_plugin.capture.draft_json import draft_from_json, draft_to_json
from fhir_plugin.capture.waiting import CLEANING, mend
from fhir_plugin.errors import Incomplete, NotFound, Tampered
from mappings.model.identifiers import VaultId
from mappings.model.work import WorkItem, WorkKind
from tests.capture.bench import SESSION, Bench
from tests.capture.test_receiving import cut_off
from tests.capture.test_video_made_later import TURNED, Long, clean_film

LATER = max(SILENT, CLEANING).total_seconds() + 1
HOW: dict[str, type[Tampered] | type[NotFound]] = {"damaged": Tampered, "gone": NotFound}


def spoil(bench: Bench, item: VaultId | None, how: str) -> list[VaultId]:
    """From now on these sealed bytes cannot be opened; what is returned tells how often somebody tried."""
    tried: list[VaultId] = []
    whole: Callable[[VaultId], bytes] = bench.vault.get

    def get(vault_id: VaultId) -> bytes:
        if vault_id != item:
            return whole(vault_id)
        tried.append(vault_id)
        raise HOW[how]("It does not verify.")

    bench.vault.get = get  # type: ignore[method-assign]  # these bytes alone
    return tried


def told(bench: Bench) -> list[WorkItem]:
    items = bench.parts.worklist.of_patient(SESSION.fhir_base, SESSION.patient_id)
    return [each for each in items if each.kind is WorkKind.FOLLOW_UP and UNREADABLE in each.words]


@pytest.mark.parametrize("how", HOW)
def test_a_video_whose_bytes_are_damaged_is_told_once_and_tried_no_more(how: str) -> None:
    long = Long()
    tried = spoil(long.bench, long.image.received, how)
    assert long.done().unreadable and long.image.making is None and not long.image.is_clean
    for _ in range(3):
        long.bench.clock.advance(seconds=LATER)
        mend(long.bench.parts)
    assert len(tried) == 1
    (item,) = told(long.bench)
    assert (item.owner, item.patient) == (SESSION.user.reference, SESSION.patient_id)
    assert item.words.startswith("A video") and "again" in item.words
    assert long.image.received is not None, "nothing is destroyed: a backup may hold the bytes that fit"


@pytest.mark.parametrize("how", HOW)
def test_so_is_a_picture_whose_cleaning_was_cut_off(how: str) -> None:
    bench = Bench()
    tried = spoil(bench, bench.draft(cut_off(bench)).images[0].received, how)
    for _ in range(3):
        bench.clock.advance(seconds=LATER)
        mend(bench.parts)
    assert len(tried) == 1 and [item.words.startswith("A picture") for item in told(bench)] == [True]


def test_it_holds_filing_up_until_it_is_discarded() -> None:
    long = Long()
    spoil(long.bench, long.image.received, "damaged")
    long.done()
    view = long.bench.captures.assess(SESSION, long.capture)
    assert "Discard it" in view.cleaning
    with pytest.raises(Incomplete, match="cannot be opened any more"):
        long.bench.file(long.capture)
    long.bench.captures.discard(SESSION, long.capture, long.image_id, reason="unusable")
    assert long.image.discarded_at is not None
    assert long.bench.captures.assess(SESSION, long.capture).cleaning == ""


def test_what_was_clean_before_stands_without_the_change() -> None:
    long = clean_film()
    before = long.image
    spoil(long.bench, before.received, "damaged")
    long.bench.captures.edit(SESSION, long.capture, long.image_id, TURNED)
    after = long.done()
    assert (after.clean, after.geometry, after.is_made) == (before.clean, before.geometry, True)
    assert [(each.image_id, each.message) for each in long.draft.not_used] == [(long.image_id, UNREADABLE)]
    assert told(long.bench) == [], "whoever asked for the change is told at the capture: nothing is lost"


def test_thrown_away_while_somebody_tried_is_nothing_to_tell() -> None:
    long = Long()
    long.bench.captures.discard(SESSION, long.capture, long.image_id, reason="unusable")
    spoil(long.bench, long.image.received, "gone")
    long.bench.clock.advance(seconds=LATER)
    long.done()
    assert told(long.bench) == [] and not long.image.unreadable


def test_it_is_remembered_with_the_draft() -> None:
    long = Long()
    spoil(long.bench, long.image.received, "damaged")
    long.done()
    assert draft_from_json(draft_to_json(long.draft)) == long.draft
