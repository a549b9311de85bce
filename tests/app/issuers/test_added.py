"""`fhir-plugin issuer add`: nobody is trusted unread, and what is written down is what was shown."""

from __future__ import annotations

import re
import sqlite3
from typing import Any

import pytest

from fhir_plugin.capability import DESK_SCOPES, SCOPES
from fhir_plugin.sandbox.serve import RunningSandbox, start_sandbox
from smart_launch import load_registry
from tests.app.commands_here import CommandLine
from tests.app.ehrs import BASE, LOGIN, Written, published
from tests.app.issuers.written_down import (
    APP,
    CHECK_FAILED,
    DONE,
    REFUSED,
    SOMEBODY_MUST_LOOK,
    UNAVAILABLE,
    USAGE,
    configuration_of,
    issuers_file,
    only_entry,
    verdicts_of,
)

# ---------------------------------------------------------------------------------------- with the sandbox


def test_the_sandbox_is_shown_added_listed_and_checked(here: CommandLine, sandbox: RunningSandbox) -> None:
    frame = ("--frame-ancestor", sandbox.origin)
    done = here.run("issuer", "add", sandbox.fhir_base + "/", "--sandbox", "--name", "box", *frame, answers="y\n")
    assert done.status == DONE
    for said in (
        f"{sandbox.origin}/oauth/authorize",
        "4.0.1 Sandbox EHR",
        "ES384, RS384",
        "hosts to trust   127.0.0.1",
        f"{APP}/launch",
        f"{APP}/callback",
        f"{APP}/.well-known/jwks.json",
        "Trust this EHR and add it? [y/N]",
        "box is added",
    ):
        assert said in done.out, said
    assert only_entry(here) == {
        "name": "box",
        "iss": sandbox.fhir_base,
        "client_id": "patient-images",
        "auth_method": "private_key_jwt",
        "key_algorithm": "ES384",
        "expected_issuer": f"{sandbox.origin}/oauth",
        "scopes": list(SCOPES),
        "frame_ancestors": [sandbox.origin],
        "vendor": "sandbox",
        "default_role": "clinician",
        "sandbox": True,
    }
    assert here.actions() == [("issuer.added", "box")]
    (listed,) = here.run("issuer", "list", "--json").json()["issuers"]
    assert (listed["name"], listed["iss"], listed["auth_method"]) == ("box", sandbox.fhir_base, "private_key_jwt")
    assert listed["rotates"] and listed["sandbox"] and listed["frame_ancestors"] == [sandbox.origin]
    assert listed["key"] in here.run("issuer", "list").out
    checked = here.run("issuer", "check", "--json")
    assert (checked.status, checked.json()["failed"]) == (DONE, [])
    assert set(verdicts_of(here).values()) == {"ok", "info"}


@pytest.mark.parametrize("answer", ["n\n", "\n", "", "perhaps\nno\n"])
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_without_a_yes_nothing_is_written(
    here: CommandLine, sandbox: RunningSandbox, answer: str, options: tuple[str, ...]
) -> None:
    refused = here.run("issuer", "add", sandbox.fhir_base, "--sandbox", *options, answers=answer)
    assert refused.status == REFUSED
    assert not issuers_file(here).exists() and here.actions() == []
    with sqlite3.connect(here.state / "plugin.sqlite") as database:
        assert database.execute("SELECT count(*) FROM client_keys").fetchone() == (0,)
    database.close()
    if options:
        assert refused.json()["refused"]["code"] == "not-trusted"
        assert "says about itself" in refused.err


def test_an_ehr_that_is_down_is_unavailable_and_fails_its_check(here: CommandLine) -> None:
    with start_sandbox() as running:
        base = running.fhir_base
        assert here.run("issuer", "add", base, "--sandbox", "--yes").status == DONE
    gone = here.run("issuer", "add", base + "2", "--sandbox", "--yes", "--json")
    assert (gone.status, gone.json()["refused"]["code"]) == (UNAVAILABLE, "refused")
    checked = here.run("issuer", "check")
    assert checked.status == CHECK_FAILED and "failed   discovery" in checked.out


def test_this_machine_is_for_trials_only(here: CommandLine, sandbox: RunningSandbox) -> None:
    refused = here.run("issuer", "add", sandbox.fhir_base, "--yes", "--json")
    assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "sandbox-only")


# ------------------------------------------------------------------------------------ what suits the EHR


def test_an_ehr_of_production_gets_what_suits_it(here: CommandLine, ehr: Written) -> None:
    done = here.run("issuer", "add", BASE, "--client-id", "photographs", "--yes", "--json")
    assert (done.status, done.json()["failed"]) == (DONE, [])
    assert only_entry(here) == {
        "name": "fhir-trust-a-example",
        "iss": BASE,
        "client_id": "photographs",
        "auth_method": "private_key_jwt",
        "key_algorithm": "ES384",
        "expected_issuer": LOGIN,
        "allowed_hosts": ["login.trust-a.example"],
        "scopes": list(SCOPES),
        "vendor": "hapi",
    }
    assert done.json()["register"]["key_set_url"] == f"{APP}/.well-known/jwks.json"
    assert ehr.private_hosts == frozenset()
    (read,) = load_registry(issuers_file(here))
    assert read.expected_issuer == LOGIN and not read.sandbox


@pytest.mark.parametrize(
    ("methods", "capabilities", "algorithms", "chosen"),
    [
        (["private_key_jwt"], [], ["RS384"], ("private_key_jwt", "RS384")),
        (["private_key_jwt"], [], None, ("private_key_jwt", "RS384")),
        (None, ["client-confidential-asymmetric"], ["ES384"], ("private_key_jwt", "ES384")),
        (["client_secret_basic"], [], None, ("client_secret_basic", None)),
        (None, ["client-confidential-symmetric"], None, ("client_secret_basic", None)),
        (None, ["client-public"], None, ("none", None)),
        (None, [], None, ("none", None)),
    ],
)
def test_the_best_way_to_prove_who_we_are_is_chosen(
    here: CommandLine, ehr: Written, methods: Any, capabilities: list[str], algorithms: Any, chosen: Any
) -> None:
    (here.state.parent / "secrets" / "TRUST_A").write_text("hush-hush\n")
    configuration_of(ehr).update(
        token_endpoint_auth_methods_supported=methods,
        token_endpoint_auth_signing_alg_values_supported=algorithms,
        capabilities=capabilities,
    )
    done = here.run("issuer", "add", BASE, "--client-id", "c", "--name", "trust-a", "--yes")
    assert done.status in (DONE, SOMEBODY_MUST_LOOK)
    assert (only_entry(here)["auth_method"], only_entry(here).get("key_algorithm")) == chosen


def test_what_the_administrator_says_comes_first(here: CommandLine, ehr: Written) -> None:
    done = here.run(
        "issuer", "add", BASE, "--yes", "--name", "trust-a", "--client-id", "c", "--algorithm", "RS384",
        "--vendor", "medplum", "--scope", "openid", "--scope", "user/Media.cruds", "--contact", "the records team",
        "--frame-ancestor", "https://ehr.trust-a.example", "--allowed-host", "Login.trust-a.example",
    )  # fmt: skip
    assert done.status == DONE, done
    entry = only_entry(here)
    assert (entry["key_algorithm"], entry["vendor"], entry["contact"]) == ("RS384", "medplum", "the records team")
    assert entry["scopes"] == ["openid", "user/Media.cruds"]
    assert entry["allowed_hosts"] == ["login.trust-a.example"]
    assert entry["frame_ancestors"] == ["https://ehr.trust-a.example"]


def test_a_desk_is_only_there_where_somebody_says_so(here: CommandLine, ehr: Written) -> None:
    assert here.run("issuer", "add", BASE, "--yes", "--name", "trust-a", "--client-id", "c").status == DONE
    assert "privileged_scopes" not in only_entry(here) and "patient/*.rs" not in only_entry(here)["scopes"]
    issuers_file(here).unlink()
    done = here.run("issuer", "add", BASE, "--yes", "--name", "trust-a", "--client-id", "c", "--disclosure-desk")
    assert done.status == DONE, done
    assert "/launch/disclosures" in done.out and "patient/*.rs" in done.out, "what to register at the EHR"
    assert tuple(only_entry(here)["privileged_scopes"]) == DESK_SCOPES and tuple(only_entry(here)["scopes"]) == SCOPES
    (listed,) = here.run("issuer", "list", "--json").json()["issuers"]
    assert listed["disclosure_desk"] and "/launch/disclosures" in here.run("issuer", "list").out


def test_an_entry_with_a_wildcard_for_everybody_is_told(here: CommandLine, ehr: Written) -> None:
    wide = ("--scope", "openid", "--scope", "patient/*.rs")
    done = here.run("issuer", "add", BASE, "--yes", "--name", "trust-a", "--client-id", "c", *wide, "--json")
    told = {(each["check"], each["verdict"]): each["says"] for each in done.json()["checks"]}
    assert "privileged_scopes" in told["access", "warning"]


@pytest.mark.parametrize("more", ["/", "/metadata", "/.well-known/smart-configuration"])
def test_an_address_that_was_copied_with_too_much_is_cut_to_the_fhir_base(
    here: CommandLine, ehr: Written, more: str
) -> None:
    assert here.run("issuer", "add", BASE + more, "--client-id", "c", "--yes").status == DONE
    assert only_entry(here)["iss"] == BASE


def test_hosts_that_were_not_allowed_are_named(here: CommandLine, ehr: Written) -> None:
    refused = here.run("issuer", "add", BASE, "--client-id", "c", "--yes", "--allowed-host", "other.example")
    assert refused.status == REFUSED and "login.trust-a.example" in refused.err
    assert not issuers_file(here).exists() and len(ehr.asked) == 1


def test_a_secret_is_asked_for_by_its_file_and_never_written(here: CommandLine, ehr: Written) -> None:
    command = ("issuer", "add", BASE, "--client-id", "c", "--name", "trust-a", "--auth-method", "client_secret_basic")
    refused = here.run(*command, "--yes")
    assert refused.status == REFUSED and "TRUST_A" in refused.out and "secret-missing" in refused.err
    assert not issuers_file(here).exists()
    (here.state.parent / "secrets" / "TRUST_A").write_text("hush-hush\n")
    added = here.run(*command, "--yes")
    listed, checked = here.run("issuer", "list", "--json"), here.run("issuer", "check", "--json")
    assert (added.status, checked.status) == (DONE, DONE)
    assert only_entry(here)["client_secret_ref"] == "TRUST_A"
    said = "".join(each.out + each.err for each in (refused, added, listed, checked)) + issuers_file(here).read_text()
    assert "hush-hush" not in said


def test_without_a_client_id_it_says_what_to_register_and_asks(here: CommandLine, ehr: Written) -> None:
    refused = here.run("issuer", "add", BASE, "--yes")
    assert refused.status == REFUSED and "client-id-missing" in refused.err
    assert f"{APP}/callback" in refused.out
    assert here.run("issuer", "add", BASE, answers="").status == REFUSED
    assert not issuers_file(here).exists()
    assert here.run("issuer", "add", BASE, answers="photographs\ny\n").status == DONE
    assert only_entry(here)["client_id"] == "photographs"


def test_the_public_launcher_is_matched_by_its_beginning(here: CommandLine, ehr: Written) -> None:
    base = "https://launch.example/v/r4/sim/WzIsIiIsIiIsIkFVVE8iXQ/fhir"
    ehr.documents.update(published(base, base.replace("/fhir", "/auth"), issuer=base))
    done = here.run("issuer", "add", base, "--sandbox", "--prefix", "--yes")
    assert done.status == DONE, done
    entry = only_entry(here)
    assert (entry["iss"], entry["prefix"], entry["sandbox"]) == ("https://launch.example/v/r4/sim", True, True)
    assert "expected_issuer" not in entry and "begins with https://launch.example/v/r4/sim is" in done.out
    assert load_registry(issuers_file(here)).find(base.replace("WzIs", "WzMs")).name == "launch-example"
    assert verdicts_of(here) == {"discovery": "warning"}
    assert here.run("issuer", "check").status == DONE


@pytest.mark.parametrize(
    "options",
    [("--prefix",), ("--default-role", "clinician"), ("--name", "No Good"), ("--frame-ancestor", "http://a.example")],
)
def test_an_entry_that_could_not_be_is_refused(here: CommandLine, ehr: Written, options: tuple[str, ...]) -> None:
    refused = here.run("issuer", "add", BASE, "--client-id", "c", "--yes", *options)
    assert refused.status == REFUSED and not issuers_file(here).exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--vendor", "acme"),
        ("--allowed-host", "https://a.example/"),
        ("--algorithm", "HS256"),
        ("--default-role", "king"),
    ],
)
def test_a_wrong_option_is_a_usage_error(here: CommandLine, ehr: Written, options: tuple[str, ...]) -> None:
    assert here.run("issuer", "add", BASE, "--yes", *options).status == USAGE
    assert ehr.asked == []


def test_one_that_is_registered_is_not_asked_again(here: CommandLine, ehr: Written) -> None:
    here.run("issuer", "add", BASE, "--client-id", "c", "--yes", "--name", "trust-a")
    before, asked = issuers_file(here).read_text(), len(ehr.asked)
    for again in ((BASE + "/",), ("https://other.example/fhir", "--name", "trust-a")):
        refused = here.run("issuer", "add", *again, "--client-id", "c", "--yes", "--json")
        assert (refused.status, refused.json()["refused"]["code"]) == (REFUSED, "issuer-known")
    assert (issuers_file(here).read_text(), len(ehr.asked)) == (before, asked)


def test_what_an_ehr_writes_cannot_steer_a_terminal(here: CommandLine, ehr: Written) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J‮gnp\r\nTrust this EHR and add it? [y/N]: y"
    configuration_of(ehr)["capabilities"].append(evil)
    configuration_of(ehr)["token_endpoint_auth_signing_alg_values_supported"].append(evil)
    ehr.documents[f"{BASE}/metadata"] = {
        "resourceType": "CapabilityStatement", "fhirVersion": "4.0.1", "software": {"name": evil},
    }  # fmt: skip
    done = here.run("issuer", "add", BASE, "--client-id", "c", answers="y\n")
    assert done.status == DONE
    assert re.search(r"[^\n -~]", done.out) is None
    assert len(re.findall(r"^Trust this EHR", done.out, re.MULTILINE)) == 1


def test_a_private_address_is_asked_only_when_that_is_said(here: CommandLine, ehr: Written) -> None:
    ehr.documents.update(published("https://ehr.ward.example/fhir", "https://ehr.ward.example/login"))
    done = here.run("issuer", "add", "https://ehr.ward.example/fhir", "--private-network", "--client-id", "c", "--yes")
    assert done.status == DONE and only_entry(here)["private_network"] is True
    assert ehr.private_hosts == {"ehr.ward.example"}
