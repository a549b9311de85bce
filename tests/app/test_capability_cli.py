"""`fhir-plugin capability` against servers of every kind: what they take, and why not more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_plugin.adapters.server_limits import DatabaseServerLimits
from fhir_plugin.app import install
from fhir_plugin.capture.this_ehr import INTERACTIONS, TYPES
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import RunningSandbox as Sandbox
from fhir_plugin.sandbox.serve import running_sandbox
from fhir_plugin.settings import Settings
from mappings.model.identifiers import FhirBase
from tests.app.commands_here import CommandLine

DONE, CHECK_FAILED, REFUSED, USAGE, UNAVAILABLE = 0, 1, 2, 64, 69

ISSUER = """
[[issuer]]
name = "here"
iss = "{base}"
client_id = "photographs"
vendor = "{vendor}"
sandbox = true
private_network = true
scopes = ["patient/DocumentReference.crs", "patient/Media.rs", "patient/Binary.rs"]
"""


@pytest.fixture
def here(tmp_path: Path) -> CommandLine:
    return CommandLine({"FHIR_PLUGIN_STATE": str(tmp_path / "state"), "HOME": str(tmp_path / "home")})


@pytest.fixture
def default() -> Iterator[Sandbox]:
    with running_sandbox(SandboxConfig(open=True)) as sandbox:
        yield sandbox


@pytest.mark.parametrize(
    ("name", "options", "photograph", "sensitive", "video"),
    [
        ("default", (), "transaction", "transaction", "transaction"),
        ("smart-launcher", (), "pdf", "text-note", "text-note"),
        ("epic", (), "text-note", "text-note", "text-note"),
        ("epic", ("--no-encounter",), "signed-export", "signed-export", "signed-export"),
        ("oracle", (), "pdf", "text-note", "text-note"),
        ("athena", (), "signed-export", "signed-export", "signed-export"),
        ("text-only", (), "text-note", "text-note", "text-note"),
        ("documents-only", (), "document-binary", "document-binary", "document-binary"),
    ],
)
def test_each_kind_of_server_is_told_as_it_is(
    here: CommandLine, name: str, options: tuple[str, ...], photograph: str, sensitive: str, video: str
) -> None:
    with running_sandbox(SandboxConfig(personality=name, open=True)) as sandbox:
        told = here.run("capability", "--fhir-base", sandbox.fhir_base, *options, "--json")
        words = here.run("capability", "--fhir-base", sandbox.fhir_base, *options)
    assert told.status == words.status == DONE
    found = told.json()
    rungs = [case["forecast"]["rung"] for case in found["cases"]]
    assert rungs == [photograph, sensitive, video]
    assert [row["resource_type"] for row in found["rows"]] == list(TYPES)
    assert all(set(row["interactions"]) == set(INTERACTIONS) for row in found["rows"])
    assert all(case["forecast"]["sentence"] in words.out for case in found["cases"])
    if name in ("epic", "oracle", "athena", "text-only", "smart-launcher"):
        assert found["known"] and all(each["source"] and each["reason"] for each in found["known"])


def test_the_family_may_be_named(here: CommandLine, default: Sandbox) -> None:
    named = here.run("capability", "--fhir-base", default.fhir_base, "--vendor", "epic", "--json").json()
    assert named["family"] == "Epic" and named["document_types"] == ["text/plain"]
    assert here.run("capability", "--fhir-base", default.fhir_base, "--vendor", "nobody").status == USAGE


def test_a_registered_ehr_is_asked_for_what_its_entry_asks(here: CommandLine, default: Sandbox) -> None:
    here.state.mkdir(mode=0o700)
    (here.state / "issuers.toml").write_text(ISSUER.format(base=default.fhir_base, vendor="oracle"), "utf-8")
    found = here.run("capability", "--issuer", "here", "--json").json()
    assert found["cases"][0]["forecast"]["rung"] == "pdf"
    assert any("was not granted: Media" in each for each in found["contradictions"])

    installation = install(Settings(state=here.state))
    try:
        limits = DatabaseServerLimits(installation.database, installation.clock)
        limits.refused(FhirBase(default.fhir_base), 900_000)
        limits.refused_type(FhirBase(default.fhir_base), "image/webp")
    finally:
        installation.close()
    assert here.run("capability", "--issuer", "here", "--json").json()["learnt_limit"] == 900_000
    said = here.run("capability", "--issuer", "here").out
    assert "refused a request of 900000 bytes" in said and "of these kinds: image/webp" in said
    forgotten = here.run("capability", "--issuer", "here", "--forget-limit", "--json").json()
    assert (forgotten["learnt_limit"], forgotten["learnt_types"]) == (None, [])
    assert here.run("capability", "--issuer", "elsewhere").status == REFUSED


@pytest.mark.parametrize(
    "options",
    [(), ("--fhir-base", "http://127.0.0.1:1/fhir", "--issuer", "x"), ("--fhir-base", "x", "--forget-limit")],
)
def test_which_server_has_to_be_said(here: CommandLine, options: tuple[str, ...]) -> None:
    assert here.run("capability", *options).status == USAGE


def test_a_server_that_is_not_there_is_told_in_one_line(here: CommandLine) -> None:
    away = here.run("capability", "--fhir-base", "http://127.0.0.1:1/fhir")
    assert away.status == UNAVAILABLE and len(away.err.strip().splitlines()) == 1


def test_a_page_that_is_no_fhir_server_is_told_so(here: CommandLine, default: Sandbox) -> None:
    told = here.run("capability", "--fhir-base", f"{default.origin}/nothing-here")
    assert told.status in (CHECK_FAILED, UNAVAILABLE) and "Traceback" not in told.err
