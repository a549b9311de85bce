"""What was hidden from the record is the privacy officer's at the desk: from the first moment, whatever was read by
then; and one of another patient is no part of this record."""

from __future__ import annotations

import hashlib
import json

import pytest

from fhir_plugin.disclose.decide.facts import Fact
from fhir_plugin.ports import Compartment, kept_under
from mappings.model.disclosure_request import ItemKey
from mappings.model.hiding import HiddenImage, HidingReason, HidingState
from mappings.model.identifiers import Reference, VaultId
from mappings.model.labels import RESTRICTED, SEXUALITY
from mappings.r4.elements import labels_of, security
from tests.disclose.desk.bench import AMY, HERE, OFFICER, PRIVACY, DeskBench
from tests.disclose.desk.test_items import ARM

AS_IT_WAS = b"\xff\xd8\xff the picture as it was"


def hide(bench: DeskBench, reason: HidingReason = HidingReason.PATIENT_ASKED, *, keeps: bool = True) -> VaultId | None:
    kept = resource = None
    if keeps:
        kept = bench.vault.put(AS_IT_WAS, compartment=Compartment.HIDDEN, owner=kept_under(HERE, ARM))
        was = {"resource": {"resourceType": "Media", "meta": {"security": security((RESTRICTED, SEXUALITY))}}}
        sealed = json.dumps(was).encode()
        resource = bench.vault.put(sealed, compartment=Compartment.HIDDEN, owner=kept_under(HERE, ARM))
    now, by = bench.clock.now(), Reference("Practitioner/gp")
    bench.hidden.keep(
        HiddenImage(HERE, Reference(ARM), AMY, now, HidingState.HIDDEN, reason, by, content=kept, resource=resource)
    )
    return kept


def test_hidden_after_it_was_read_it_is_out_of_the_officers_sight_at_once() -> None:
    bench = DeskBench()
    request = bench.gathered()
    assert ARM in [each.key for each in bench.view(request).items]
    hide(bench, keeps=False)
    seen = bench.view(request)
    assert ARM not in [each.key for each in seen.items] and seen.hidden == 1
    assert ARM in [each.key for each in bench.view(request, PRIVACY).items if each.hidden]
    bench.hidden.forget(HERE, Reference(ARM))
    assert ARM in [each.key for each in bench.view(request).items]


def test_what_was_kept_of_it_is_the_hidden_item_that_a_request_reaches() -> None:
    bench = DeskBench()
    kept = hide(bench)
    assert kept is not None
    request = bench.gathered()
    copy = ItemKey(f"Media/hidden-copy-{hashlib.sha256(kept.encode()).hexdigest()[:16]}")
    assert copy not in [each.key for each in bench.view(request, OFFICER).items]
    assert copy in [each.key for each in bench.view(request, PRIVACY).items if each.hidden]
    assert "the picture as it was" not in str(bench.view(request, PRIVACY))
    said = labels_of(dict(bench.desk._thinking.gathered(request).by_key[copy]))
    assert {each.code for each in said} >= {"R", "SEX"}  # as it was, and not as what stands in its place


@pytest.mark.parametrize("later", [False, True], ids=["from the first", "found later"])
def test_one_of_another_patient_is_in_error_and_its_bytes_are_not_read(later: bool) -> None:
    bench = DeskBench()
    if later:
        hide(bench, keeps=False)
        request = bench.gathered()
        assert Fact.IN_ERROR not in bench.desk._thinking.decision(request).facts[ItemKey(ARM)]
        hide(bench, HidingReason.WRONG_PATIENT, keeps=False)
    else:
        hide(bench, HidingReason.WRONG_PATIENT)
        request = bench.gathered()
    decision = bench.desk._thinking.decision(request)
    assert {Fact.IN_ERROR, Fact.HIDDEN} <= decision.facts[ItemKey(ARM)]
    assert not [key for key in decision.facts if "hidden-copy" in key]
