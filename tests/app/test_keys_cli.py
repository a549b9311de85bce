"""`fhir-plugin keys`: what an operator may do to keys, and what each change leaves behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from fhir_plugin.adapters.keys import new_master_key
from smart_launch import ClientKey
from tests.app.commands_here import CommandLine

DONE, REFUSED, USAGE = 0, 2, 64


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state"), "HOME": str(tmp_path / "home")})


def _kids(here: CommandLine, *options: str) -> dict[str, str]:
    """State and algorithm -> kid, e.g. `client current ES384`."""
    listed = here.run("keys", "list", "--json", *options).json()["keys"]
    return {f"{key['use']} {key['state']} {key['algorithm']}": key["kid"] for key in listed}


def test_list_shows_every_key_and_nothing_private(here: CommandLine) -> None:
    kids = _kids(here)
    assert set(kids) == {
        f"{use} {state} {algorithm}"
        for use, algorithm in (("client", "ES384"), ("client", "RS384"), ("statements", "ES384"))
        for state in ("current", "next")
    }
    shown = here.run("keys", "list")
    assert shown.status == DONE
    assert all(kid in shown.out for kid in kids.values())
    assert shown.out.splitlines()[0].split() == ["use", "algorithm", "state", "since", "kid"]
    assert not {"private", '"d"', "BEGIN"} & set(here.run("keys", "list", "--json").out.split())
    assert set(_kids(here, "--algorithm", "RS384")) == {"client current RS384", "client next RS384"}
    assert set(_kids(here, "--statements")) == {"statements current ES384", "statements next ES384"}


def test_a_key_in_the_secrets_folder_is_listed_and_left_alone(here: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "2025-11.pem").write_bytes(ClientKey.generate("2025-11", "ES384").as_pem())
    own = CommandLine({**here.settings, "FHIR_PLUGIN_SECRETS": str(tmp_path / "secrets")})
    assert _kids(own)["client file ES384"] == "2025-11"
    assert "client file ES384" in _kids(own, "--algorithm", "ES384")
    refused = own.run("keys", "revoke", "2025-11", "--json")
    assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "key-in-a-file")


def test_a_key_that_was_not_published_for_a_day_does_not_rotate(here: CommandLine) -> None:
    before = _kids(here)
    refused = here.run("keys", "rotate", "--json")
    assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "key-too-new")
    assert _kids(here) == before
    assert here.actions() == []


def test_one_that_may_not_rotate_holds_the_others_back(here: CommandLine) -> None:
    here.run("keys", "rotate", "--at-once", "--algorithm", "ES384")
    before = _kids(here)
    assert here.run("keys", "rotate", "--statements", "--algorithm", "RS384").status == REFUSED
    assert _kids(here) == before


@pytest.mark.parametrize(
    ("options", "turned"),
    [
        ((), ["client ES384", "client RS384"]),
        (("--algorithm", "RS384"), ["client RS384"]),
        (("--statements",), ["statements ES384"]),
        (("--statements", "--algorithm", "ES384"), ["client ES384", "statements ES384"]),
    ],
)
def test_rotating_turns_what_was_asked_for_and_says_so_in_the_audit(
    here: CommandLine, options: tuple[str, ...], turned: list[str]
) -> None:
    before = _kids(here)
    done = here.run("keys", "rotate", "--at-once", "--json", *options)
    assert done.status == DONE
    rotated = {f"{each['use']} {each['algorithm']}": each["kid"] for each in done.json()["rotated"]}
    assert sorted(rotated) == turned
    after = _kids(here)
    for line in ("client ES384", "client RS384", "statements ES384"):
        use, algorithm = line.split()
        was_next, now = before[f"{use} next {algorithm}"], after[f"{use} current {algorithm}"]
        assert (now == was_next == rotated[line]) if line in rotated else now == before[f"{use} current {algorithm}"]
    assert sorted(here.actions()) == sorted(("keys.rotated", kid) for kid in rotated.values())


def test_revoking_a_client_key_replaces_it_and_leaves_an_audit_entry(here: CommandLine) -> None:
    kid = _kids(here)["client current RS384"]
    done = here.run("keys", "revoke", kid, "--json")
    assert (done.status, done.json()["revoked"]) == (DONE, {"use": "client", "algorithm": "RS384", "kid": kid})
    after = _kids(here)
    assert after["client revoked RS384"] == kid != after["client current RS384"]
    assert here.actions() == [("keys.revoked", kid)]


@pytest.mark.parametrize(
    "way", [("-Q{}", "--json"), ("--json", "--{}"), ("--json", "-h{}", "--statements"), ("--json", "--", "-Q{}")]
)
def test_a_kid_that_begins_with_a_hyphen_is_no_option(here: CommandLine, way: tuple[str, ...]) -> None:
    rest = "bnIGqZHyOcPG1FBOLssGAGAZSwBALjwLdTCHaG4vw"
    refused = here.run("keys", "revoke", *(each.format(rest) for each in way))
    assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "key-unknown"), refused


def test_a_key_that_signs_statements_is_revoked_only_when_that_is_said(here: CommandLine) -> None:
    kid = _kids(here)["statements current ES384"]
    refused = here.run("keys", "revoke", kid)
    assert refused.status == REFUSED and "--statements" in refused.err
    assert here.run("keys", "revoke", kid, "--statements").status == DONE
    assert _kids(here)["statements revoked ES384"] == kid
    assert here.actions() == [("keys.revoked", kid)]


@pytest.mark.parametrize("options", [(), ("--statements",)])
def test_an_unknown_key_is_refused(here: CommandLine, options: tuple[str, ...]) -> None:
    refused = here.run("keys", "revoke", "nobody", "--json", *options)
    assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "key-unknown")
    assert here.actions() == []


def test_a_wrong_option_is_a_usage_error(here: CommandLine) -> None:
    assert here.run("keys", "rotate", "--algorithm", "HS256").status == USAGE
    assert here.run("keys", "rotate-master", "--new-key", "--forget-old").status == USAGE
    assert not here.state.exists()


def test_the_master_key_rotates_in_two_steps_and_keeps_every_key(here: CommandLine) -> None:
    before, file = _kids(here), here.state / "master.key"
    first = file.read_text()
    added = here.run("keys", "rotate-master", "--new-key", "--json")
    assert (added.status, added.json()["sealed_again"]) == (DONE, {})
    assert file.read_text().split()[1:] == first.split()
    done = here.run("keys", "rotate-master", "--forget-old", "--json")
    sealed = done.json()["sealed_again"]
    assert (done.status, sealed["client-keys"], sealed["signing-keys"]) == (DONE, 4, 2)
    assert set(sealed) >= {"vault", "sessions", "pending-launches", "tokens", "drafts", "appointments", "companion"}
    assert len(file.read_text().split()) == 1 and file.read_text() != first
    assert _kids(here) == before
    again = here.run("keys", "rotate-master")
    assert again.status == DONE and again.out.splitlines()[-1].split()[0] == "0"
    assert [action for action, _ in here.actions()] == [
        "master-key.added",
        "master-key.rotated",
        "master-key.rotated",
    ]


def test_a_master_key_of_the_settings_is_changed_there(here: CommandLine) -> None:
    old, new = new_master_key(), new_master_key()
    for option in ("--new-key", "--forget-old"):
        refused = here.run("keys", "rotate-master", option, FHIR_PLUGIN_MASTER_KEY=old)
        assert refused.status == REFUSED and "FHIR_PLUGIN_MASTER_KEY" in refused.err
        assert old not in refused.out + refused.err
    here.run("keys", "list", FHIR_PLUGIN_MASTER_KEY=old)
    done = here.run("keys", "rotate-master", "--json", FHIR_PLUGIN_MASTER_KEY=f"{new} {old}")
    assert sum(done.json()["sealed_again"].values()) >= 6
    assert here.run("keys", "list", FHIR_PLUGIN_MASTER_KEY=new).status == DONE
    assert here.run("keys", "list", FHIR_PLUGIN_MASTER_KEY=old).status == 1
