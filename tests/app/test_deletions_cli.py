"""`fhir-plugin deletions` and `verify-certificate`: exits, JSON, who has to sign in, and nobody is named."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fhir_plugin.app import install
from fhir_plugin.commands import deletions
from fhir_plugin.delete.certificate import certify
from fhir_plugin.settings import Settings
from mappings.model.deletion import CaseId, DeletionState
from mappings.model.people import ClinicalSession
from tests.app.commands_here import CommandLine
from tests.delete.certified import CANARY, proven
from tests.delete.destroying_bench import AMY, BASE, BINARY, IMAGE, ITEM, DestroyingBench
from tests.fakes.record import FakeRecord
from tests.fakes.record_purge import FakeRecordPurge


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state")})


@pytest.fixture
def kept(here: CommandLine) -> str:
    """One proven case with its certificate in a real installation; the certificate's number."""
    installation = install(Settings(state=here.state))
    try:
        case, item = proven()
        parts = installation.deletion.parts
        made = certify(parts, case, item)
        case = replace(case, items=(replace(item, certificate=made.number),))
        with parts.work.transaction():
            parts.cases.add(case)
            parts.cases.certify(made)
        return made.number
    finally:
        installation.close()


class Over:
    """The command over fakes, with these launches live."""

    def __init__(self, bench: DestroyingBench, live: Sequence[ClinicalSession]) -> None:
        parts = bench.parts
        self.deletion = SimpleNamespace(parts=parts)
        self.clock, self.signer, self.policy, self.audit = parts.clock, parts.signer, parts.policy, parts.audit
        self.live = live

    def live_at(self, base: str, patient: str) -> Sequence[ClinicalSession]:
        assert (base, patient) == (BASE, AMY)
        return self.live

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def bench() -> DestroyingBench:
    bench = DestroyingBench()
    bench.approve()
    return bench


def over(monkeypatch: pytest.MonkeyPatch, bench: DestroyingBench, *live: ClinicalSession) -> CommandLine:
    monkeypatch.setattr(deletions, "open_installation", lambda _state: Over(bench, live))
    return CommandLine({})


def test_nothing_is_listed_where_nothing_is(here: CommandLine) -> None:
    ran = here.run("deletions", "list", "--json")
    assert (ran.status, ran.json()) == (0, {"deletions": []})
    assert here.run("deletions", "list").out == "0 items.\n"


def test_what_has_ended_is_listed_on_demand_and_names_nobody(here: CommandLine, kept: str) -> None:
    assert here.run("deletions", "list", "--json").json() == {"deletions": []}
    listed = here.run("deletions", "list", "--all", "--json")
    (row,) = listed.json()["deletions"]
    assert (listed.status, row["state"], row["certificate"], row["waits"]) == (0, "completed", kept, "")
    shown = here.run("deletions", "show", row["item"], "--json")
    assert shown.json()["proven"] is True and len(shown.json()["looked"]) > 10
    text = here.run("deletions", "show", row["item"]).out
    assert f"Proven. Certificate {kept}." in text and "Backups of this app" in text
    for said in (listed.out, listed.err, shown.out, shown.err, text):
        assert "canary" not in said and CANARY not in said and "9990000018" not in said


def test_an_item_that_is_not_there_is_refused(here: CommandLine) -> None:
    for command in ("show", "execute", "prove"):
        ran = here.run("deletions", command, "no-such-item", "--json")
        assert (ran.status, ran.json()["refused"]["code"]) == (2, "item-unknown")
    ran = here.run("deletions", "certificate", "AAAA-BBBB-CCCC", "--json")
    assert (ran.status, ran.json()["refused"]["code"]) == (2, "certificate-unknown")
    assert here.run("deletions", "show").status == 64


def test_a_certificate_goes_out_whole_and_verifies_anywhere(here: CommandLine, kept: str, tmp_path: Path) -> None:
    file, sheet = tmp_path / "certificate.json", tmp_path / "certificate.pdf"
    given = here.run("deletions", "certificate", kept.lower(), "-o", str(file), "--pdf", str(sheet), "--json")
    assert (given.status, given.json()["number"]) == (0, kept)
    assert sheet.read_bytes().startswith(b"%PDF-1.7")
    elsewhere = CommandLine({})
    checked = elsewhere.run("verify-certificate", str(file), "--json")
    assert checked.status == 0
    told = checked.json()
    assert (told["right"], told["number"], told["key"]["trusted"], told["faults"]) == (True, kept, None, [])
    assert "own-backups" in told["not_attested"]
    assert "ring whoever gave it to you" in elsewhere.run("verify-certificate", str(file)).out

    by_key = elsewhere.run("verify-certificate", str(file), "--key", told["key"]["check"].upper(), "--json")
    assert (by_key.status, by_key.json()["key"]["trusted"]) == (0, True)
    wrong = elsewhere.run("verify-certificate", str(file), "--key", "0000 1111", "--json")
    assert (wrong.status, wrong.json()["right"]) == (1, False)

    jwks = tmp_path / "keys.json"
    jwks.write_text(json.dumps({"keys": json.loads(file.read_text())["keys"]}))
    assert elsewhere.run("verify-certificate", str(file), "--jwks", str(jwks)).status == 0
    jwks.write_text(json.dumps({"keys": []}))
    assert elsewhere.run("verify-certificate", str(file), "--jwks", str(jwks)).status == 1
    jwks.write_text("no keys")
    assert elsewhere.run("verify-certificate", str(file), "--jwks", str(jwks)).status == 2

    printed = here.run("deletions", "certificate", kept)
    assert json.loads(printed.out) == json.loads(file.read_text())
    assert [each for each in here.actions() if each[0] == "deletion.certificate-given"]
    forged = file.read_text().replace("no-consent", "withdrawn")
    file.write_text(forged)
    bad = elsewhere.run("verify-certificate", str(file))
    assert bad.status == 1 and bad.out.startswith("NOT AS IT WAS SIGNED:")
    file.write_text("{}")
    assert elsewhere.run("verify-certificate", str(file), "--json").json()["refused"]["code"] == "not-a-certificate"


def test_somebodys_word_is_written_down_with_its_day(here: CommandLine, kept: str) -> None:
    item = here.run("deletions", "list", "--all", "--json").json()["deletions"][0]["item"]
    arguments = ("deletions", "attest", item, "--on", "2026-01-31", "--words", "canary of somebody")
    said = here.run(*arguments, "--place", "own-backups", "--json")
    assert said.status == 0 and "Backups of this app" not in said.json()["not_attested"]
    assert "Backups of this app" not in here.run("deletions", "show", item, "--json").json()["not_attested"]
    assert here.run(*arguments, "--place", "elsewhere").status == 2
    assert here.run("deletions", "attest", item, "--place", "logs", "--on", "soon", "--words", "x").status == 64
    assert ("deletion.attested", item) in here.actions()
    assert "canary" not in said.out + said.err


def test_without_a_launch_nothing_is_done_and_it_says_who_signs_in(
    monkeypatch: pytest.MonkeyPatch, bench: DestroyingBench
) -> None:
    line = over(monkeypatch, bench)
    ran = line.run("deletions", "execute", ITEM)
    assert ran.status == 3
    assert ran.out.startswith("Nothing was done.")
    for words in (f"Patient/{AMY}", BASE, "a clinician", "Caldicott Guardian"):
        assert words in ran.out
    told = line.run("deletions", "execute", ITEM, "--json")
    assert (told.status, told.json()["carried_out"], told.json()["state"]) == (3, False, "accepted")
    assert bench.item().state is DeletionState.ACCEPTED and bench.intents() == []
    listed = line.run("deletions", "list", "--json")
    assert listed.status == 3 and listed.json()["deletions"][0]["waits"]


def test_under_a_live_launch_it_is_carried_out_and_proven_once(
    monkeypatch: pytest.MonkeyPatch, bench: DestroyingBench
) -> None:
    line = over(monkeypatch, bench, bench.session)
    ran = line.run("deletions", "execute", ITEM, "--json")
    told: Any = ran.json()
    assert (ran.status, told["state"], told["proven"]) == (0, "completed", True)
    assert told["certificate"] and told["destroyed"]
    assert bench.image_bytes_in_record() == []
    again = line.run("deletions", "execute", ITEM, "--json")
    assert (again.status, again.json()["certificate"]) == (0, told["certificate"])
    assert len(bench.intents()) == 1
    assert "Proven. Certificate" in line.run("deletions", "prove", ITEM).out
    assert "private place" not in ran.out + ran.err


def test_what_remains_ends_with_what_is_to_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    record = FakeRecord()
    bench = DestroyingBench(record=record, purge=FakeRecordPurge(record, means="none"))
    bench.approve()
    line = over(monkeypatch, bench, bench.session)
    assert line.run("deletions", "prove", ITEM, "--json").json()["refused"]["code"] == "not-begun"
    ran = line.run("deletions", "execute", ITEM)
    assert ran.status == 3
    assert "NOT PROVEN." in ran.out and f"{IMAGE}/_history/1" in ran.out and "to do: " in ran.out
    proved = line.run("deletions", "prove", ITEM, "--json")
    assert (proved.status, proved.json()["proven"]) == (1, False)
    for each in (IMAGE, BINARY):
        record.forget_versions(each)
    proved = line.run("deletions", "prove", ITEM, "--json")
    assert (proved.status, proved.json()["proven"], proved.json()["state"]) == (0, True, "completed")


def test_what_somebody_holds_is_not_carried_out(monkeypatch: pytest.MonkeyPatch, bench: DestroyingBench) -> None:
    line = over(monkeypatch, bench, bench.session)
    bench.hold()
    held = line.run("deletions", "execute", ITEM, "--json")
    assert (held.status, held.json()["state"]) == (3, "on-hold")
    refused = line.run("deletions", "execute", ITEM, "--json")
    assert (refused.status, refused.json()["refused"]["code"]) == (2, "on-hold")
    assert bench.image_bytes_in_record() == [f"{BINARY}/1"]


def test_what_nobody_has_decided_about_is_not_carried_out(
    monkeypatch: pytest.MonkeyPatch, bench: DestroyingBench
) -> None:
    case = bench.cases.get(CaseId("case-1"))
    undecided = replace(case.items[0], state=DeletionState.REQUESTED, approval=None)
    bench.cases.save(replace(case, items=(undecided,), revision=case.revision + 1))
    refused = over(monkeypatch, bench, bench.session).run("deletions", "execute", ITEM, "--json")
    assert (refused.status, refused.json()["refused"]["code"]) == (2, "not-approved")
    assert bench.image_bytes_in_record() == [f"{BINARY}/1"] and bench.intents() == []
