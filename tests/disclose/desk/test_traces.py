"""What looking at a request leaves behind: a line in the log, and nothing in memory once it has ended."""

from __future__ import annotations

import gc
import weakref

import pytest

from fhir_plugin.disclose.desk import gathered
from fhir_plugin.disclose.desk.desk import Desk
from fhir_plugin.disclose.desk.thinking import Thinking
from fhir_plugin.ports import Vault
from mappings.model.identifiers import VaultId
from tests.disclose.desk.bench import OFFICER, DeskBench


@pytest.fixture
def bench() -> DeskBench:
    return DeskBench()


def test_a_request_that_ended_elsewhere_is_forgotten_here_too(bench: DeskBench) -> None:
    request, other = bench.gathered(), bench.gathered()
    thinking = Thinking(bench.parts)
    decided, stays = weakref.ref(thinking.decision(request)), weakref.ref(thinking.decision(other))
    read = weakref.ref(thinking.gathered(request))
    bench.desk.refuse(OFFICER, request.id, "They took it back.", closed=True, revision=request.revision)
    thinking.forget_ended()
    gc.collect()
    assert (decided(), read()) == (None, None)
    assert stays() is not None, "somebody looks at the other"


def test_tidying_forgets_what_ended_in_another_process(bench: DeskBench, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[weakref.ref[gathered.Gathered]] = []
    load = gathered.load

    def watched(vault: Vault, vault_id: VaultId) -> gathered.Gathered:
        found = load(vault, vault_id)
        loaded.append(weakref.ref(found))
        return found

    request = bench.gathered()
    here = Desk(bench.parts)
    monkeypatch.setattr(gathered, "load", watched)
    here.view(OFFICER, request.id)
    bench.desk.refuse(OFFICER, request.id, "They took it back.", closed=True, revision=request.revision)
    here.tidy()
    gc.collect()
    assert [each() for each in loaded] == [None]


def test_whoever_reads_what_will_go_out_is_written_down(bench: DeskBench) -> None:
    request = bench.gathered()
    bench.desk.preview(OFFICER, request.id)
    (seen,) = bench.audit.entries(action="disclosure.preview-seen", subject=request.id)
    assert (seen.entry.actor, seen.entry.detail["about"]) == (OFFICER.user.reference, bench.view(request).digest)
