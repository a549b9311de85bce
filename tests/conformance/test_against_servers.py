"""`fhir-plugin conformance` against servers that work, that cannot, and that do not do what they say."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from fhir_plugin.cli import main
from fhir_plugin.commands.server_conformance import conformance as server_conformance
from fhir_plugin.conformance import specimen
from fhir_plugin.conformance.recording import RecordingTransport
from fhir_plugin.conformance.results import Verdict
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.serve import running_sandbox
from tests.conformance.servers_table import seen
from tests.definitions.validator import issues

TOKEN = "canary-token-3f1c9a"


def conformance(*options: str, token: str | None = None) -> Result:
    return CliRunner().invoke(main, ["conformance", *options], env={"CONFORMANCE_TOKEN": token})


def verdicts_of(folder: Path) -> dict[str, str]:
    found = json.loads((folder / "capabilities.json").read_text("utf-8"))
    return {check["name"]: check["verdict"] for check in found["checks"]}


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Result, Path]]:
    """One run on each kind of server."""
    found = {}
    for name in ("default", "hapi", "no-purge", "purge-lies", "create-only", "small-bodies", "documents-only"):
        folder = tmp_path_factory.mktemp(name)
        with running_sandbox(SandboxConfig(personality=name, open=True)) as sandbox:
            options = ["--fhir-base", sandbox.fhir_base, "--open", "--report-dir", str(folder), "--json"]
            found[name] = (conformance(*options), folder)
    return found


def test_a_server_that_does_everything(tried: dict[str, tuple[Result, Path]]) -> None:
    result, folder = tried["default"]
    assert result.exit_code == 0, result.output
    assert set(verdicts_of(folder).values()) == {"passed"}
    assert json.loads(result.stdout)["left_behind"] == []
    assert "34/34" in result.stderr


def test_what_a_server_cannot_do_is_no_fault(tried: dict[str, tuple[Result, Path]]) -> None:
    expected = {
        "hapi": set(),
        "no-purge": {"forget", "forget-bytes"},
        "create-only": {"versions", "raise", "lower", "hide"},
        "small-bodies": {"binary-raw", "binary-large"},
    }
    for name, cannot in expected.items():
        result, folder = tried[name]
        verdicts = verdicts_of(folder)
        assert result.exit_code == 0, (name, result.output)
        assert cannot <= {check for check, verdict in verdicts.items() if verdict == "unavailable"}, name
        assert "failed" not in verdicts.values(), name


@pytest.mark.parametrize("name", ["default", "hapi", "no-purge", "purge-lies", "create-only", "small-bodies"])
def test_what_docs_say_of_it_is_still_so(name: str, tried: dict[str, tuple[Result, Path]]) -> None:
    found = {check["name"]: check["verdict"] for check in seen()[name]["checks"]}
    assert verdicts_of(tried[name][1]) == found, "nice .venv/bin/python -m tests.conformance.servers_table"


def test_a_server_that_says_that_it_purged_and_did_not(tried: dict[str, tuple[Result, Path]]) -> None:
    result, folder = tried["purge-lies"]
    assert result.exit_code == 1
    failed = {check for check, verdict in verdicts_of(folder).items() if verdict == "failed"}
    assert failed == {"forget", "forget-bytes"}


def test_without_a_patient_nothing_is_written(tried: dict[str, tuple[Result, Path]]) -> None:
    result, folder = tried["documents-only"]
    assert result.exit_code == 0
    assert verdicts_of(folder)["image"] == "not-run"
    assert "--patient" in result.stderr


@pytest.mark.parametrize("name", ["default", "purge-lies", "documents-only"])
def test_the_files(name: str, tried: dict[str, tuple[Result, Path]]) -> None:
    _result, folder = tried[name]
    report = json.loads((folder / "TestReport.json").read_text("utf-8"))
    assert issues(report) == []
    assert report["result"] == ("fail" if name == "purge-lies" else "pass")
    root = ET.parse(folder / "junit.xml").getroot()
    assert len(list(root.iter("testcase"))) == int(root.get("tests", "0")) == len(report["test"])
    assert len(list(root.iter("failure"))) == int(root.get("failures", "-1"))
    page = (folder / "report.html").read_text("utf-8")
    assert "<script" not in page
    assert "http-equiv" not in page
    assert page.count("<tr id=") == len(report["test"])
    assert {each.name for each in folder.iterdir()} == {
        "TestReport.json",
        "capabilities.json",
        "junit.xml",
        "report.html",
    }


def test_a_token_that_is_not_taken_ends_the_run_and_shows_nowhere(tmp_path: Path) -> None:
    with running_sandbox(SandboxConfig(personality="default", open=True)) as sandbox:
        options = ["--fhir-base", sandbox.fhir_base, "--token-env", "CONFORMANCE_TOKEN", "--report-dir", str(tmp_path)]
        result = conformance(*options, "--json", token=TOKEN)
        transport = RecordingTransport()
        transport.send("GET", f"{sandbox.fhir_base}/Patient", headers={"Authorization": f"Bearer {TOKEN}"})
        (exchange,) = transport.taken()
    assert result.exit_code == 69
    assert json.loads(result.stdout)["refused"]["code"] == "sign-in-needed"
    assert TOKEN not in result.output
    assert list(tmp_path.iterdir()) == []
    assert exchange.status == 401
    assert TOKEN not in repr(exchange)


def test_servers_side_by_side(tried: dict[str, tuple[Result, Path]]) -> None:
    folders = [str(tried[name][1]) for name in ("default", "no-purge")]
    result = CliRunner().invoke(main, ["conformance", "compare", *folders, "--json"])
    assert result.exit_code == 0
    rows = json.loads(result.stdout)["checks"]
    assert {row["name"] for row in rows if not row["alike"]} == {"forget", "forget-bytes"}
    text = CliRunner().invoke(main, ["conformance", "compare", *folders]).stdout
    assert "| Forgets the bytes | ✓ | – |" in text
    assert "| *way of filing* | transaction | transaction |" in text
    assert "| Files an image | ✓ | ✓ |" in text
    short = CliRunner().invoke(main, ["conformance", "compare", *folders, "--different"]).stdout
    assert "| Forgets the bytes | ✓ | – |" in short
    assert "Files an image" not in short


def test_what_a_server_does_otherwise_than_it_says_stands_below_in_words(
    tried: dict[str, tuple[Result, Path]],
) -> None:
    folders = [str(tried[name][1]) for name in ("default", "purge-lies")]
    text = CliRunner().invoke(main, ["conformance", "compare", *folders]).stdout
    assert "purge-lies0: *Forgets the bytes*: It said that it purged" in text
    assert "- default" not in text


def test_a_server_that_is_not_there() -> None:
    result = conformance("--fhir-base", "http://127.0.0.1:9/fhir", "--open", "--json")
    assert result.exit_code == 69
    assert "refused" in json.loads(result.stdout)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--fhir-base", "http://127.0.0.1:9/fhir"),
        ("--fhir-base", "http://127.0.0.1:9/fhir", "--open", "--token-env", "CONFORMANCE_TOKEN"),
        ("--fhir-base", "http://127.0.0.1:9/fhir", "--token-env", "CONFORMANCE_TOKEN"),
        ("--server", "nowhere"),
        ("--server", "hapi", "--fhir-base", "http://127.0.0.1:9/fhir"),
        ("--server", "hapi", "--patient", "somebody-elses"),
    ],
)
def test_what_is_asked_wrongly(options: tuple[str, ...]) -> None:
    assert conformance(*options).exit_code == 64


def test_there_is_no_way_to_send_anything_but_the_drawing() -> None:
    """To any server, public ones above all: no option names a file, but for authorities and the report's folder."""
    files = [each.name for each in server_conformance.params if isinstance(each.type, click.Path)]
    assert sorted(str(each) for each in files) == ["ca_bundle", "report_dir", "state"]


def test_the_public_sandboxes_are_named() -> None:
    result = conformance("--server", "list")
    assert result.exit_code == 0
    assert "https://hapi.fhir.org/baseR4" in result.stdout


def test_what_is_kept_is_named_and_found_again(tmp_path: Path) -> None:
    with running_sandbox(SandboxConfig(personality="default", open=True)) as sandbox:
        base = sandbox.fhir_base
        result = conformance("--fhir-base", base, "--open", "--keep", "--json")
        kept = json.loads(result.stdout)["left_behind"]
        assert any(each.startswith("Patient/") for each in kept)
        patient = next(each for each in kept if each.startswith("Patient/")).split("/")[1]
        again = conformance("--fhir-base", base, "--open", "--patient", patient, "--report-dir", str(tmp_path))
        assert again.exit_code == 0, again.output
        assert verdicts_of(tmp_path)["patient"] == Verdict.PASSED


def test_a_large_image_is_exactly_as_large_and_opens() -> None:
    from io import BytesIO

    from PIL import Image

    for size in (2_000_000, 2_000_001, 2_065_537 + 3):
        content = specimen.large_image(size)
        assert len(content) == size
        Image.open(BytesIO(content)).load()
