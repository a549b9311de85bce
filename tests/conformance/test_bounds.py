"""A run against a server that misbehaves: it ends, says what it saw, keeps no secret, and tidies up."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_plugin.cli import main
from fhir_plugin.conformance import files
from fhir_plugin.conformance.recording import MOST_EXCHANGES, RecordingTransport
from fhir_plugin.conformance.results import Exchange, Report, Verdict
from fhir_plugin.conformance.run import LEFT_ALONE, TIME_IS_OVER, run
from fhir_plugin.conformance.signing_in import OPEN, by_token
from fhir_plugin.errors import PluginError, RecordUnavailable
from fhir_plugin.sandbox.app import SandboxConfig
from fhir_plugin.sandbox.faults import Fault, Kind, Match
from fhir_plugin.sandbox.serve import RunningSandbox, running_sandbox
from mappings.model.identifiers import FhirBase
from smart_launch.errors import NotSent

TOKEN = "canary-token-77b0"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(SandboxConfig(open=True)) as running:
        yield running


def tried(sandbox: RunningSandbox, *faults: Fault, seconds: float = 60) -> Report:
    """One run, with a photograph that is small enough for many runs."""
    sandbox.faults.add(*faults)
    transport = RecordingTransport()
    try:
        return run(transport, FhirBase(sandbox.fhir_base), OPEN, seconds=seconds, large=2_000_000)
    finally:
        sandbox.faults.clear()
        transport.close()


def fault(kind: Kind, path: str, *, method: str = "GET", times: int = 1000, **more: object) -> Fault:
    return Fault.model_validate({"kind": kind, "match": Match(method=method, path=path), "times": times, **more})


def verdict(report: Report, name: str) -> Verdict:
    return next(result.verdict for result in report.results if result.name == name)


def each(sampled: Kind, *others: Kind) -> list[object]:
    """One in a normal run, the others on demand: each is a whole run."""
    return [sampled, *(pytest.param(kind, marks=pytest.mark.exhaustive) for kind in others)]


@pytest.mark.parametrize(
    "kind", each("html", "outcome-with-200", "wrong-type", "xml", "redirect", "gzip-bomb", "empty")
)
def test_an_image_that_reads_as_something_else(kind: Kind, sandbox: RunningSandbox) -> None:
    report = tried(sandbox, fault(kind, "/Media/[^/]+$"))
    assert verdict(report, "read-back") is Verdict.FAILED
    assert not report.conforms
    page = files.as_html(report)
    assert len(page) < 1_000_000


@pytest.mark.parametrize("kind", each("paging-loop", "next-elsewhere"))
def test_a_list_that_leads_nowhere(kind: Kind, sandbox: RunningSandbox) -> None:
    report = tried(sandbox, fault(kind, "/fhir/Media$"))
    assert verdict(report, "by-patient") is Verdict.FAILED
    assert report.left_behind == ()


def test_a_server_that_does_not_describe_itself(sandbox: RunningSandbox) -> None:
    for kind in ("html", "xml", "gzip-bomb", "empty", "outcome-with-200"):
        with pytest.raises(PluginError) as error:
            tried(sandbox, fault(kind, "/metadata"))
        assert isinstance(error.value, RecordUnavailable), kind


def test_a_server_that_asks_to_be_left_alone(sandbox: RunningSandbox) -> None:
    """It is no fault of the server's: what could not be tried is said, and the command ends as if out of reach."""
    report = tried(sandbox, fault("too-many-requests", "/fhir/Binary", method="POST", retry_after=60))
    assert {verdict(report, name) for name in ("binary-raw", "binary-json", "binary-large")} == {Verdict.NOT_RUN}
    assert verdict(report, "image") is Verdict.PASSED  # it asked so for Binary alone
    assert report.cut_short == LEFT_ALONE
    assert report.conforms
    assert "Not everything was tried" in files.as_html(report)


def test_the_time_is_over(sandbox: RunningSandbox) -> None:
    began = time.monotonic()
    report = tried(sandbox, fault("slow", "/fhir/", method="POST", seconds=1.2), seconds=2)
    assert time.monotonic() - began < 20
    assert report.cut_short == TIME_IS_OVER
    assert verdict(report, "forget") is Verdict.NOT_RUN
    assert not any(result.verdict is Verdict.FAILED for result in report.results)
    assert report.left_behind == ()


def test_the_command_says_that_it_was_cut_short(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.faults.add(fault("slow", "/fhir/Patient", method="POST", seconds=1.5))
    options = ["--fhir-base", sandbox.fhir_base, "--open", "--seconds", "1", "--report-dir", str(tmp_path), "--json"]
    result = CliRunner().invoke(main, ["conformance", *options])
    sandbox.faults.clear()
    assert result.exit_code == 69, result.output
    assert json.loads((tmp_path / "capabilities.json").read_text("utf-8"))["cut_short"] == TIME_IS_OVER


def test_a_token_that_a_server_echoes_is_in_no_report() -> None:
    transport = RecordingTransport()
    exchange = Exchange("GET", "http://127.0.0.1/fhir", {}, "", 200, {}, "", 1)
    for _ in range(MOST_EXCHANGES + 5):
        transport._keep(exchange)
    assert transport.passed_over == 5
    assert len(transport.taken()) == MOST_EXCHANGES
    assert transport.passed_over == 0
    with running_sandbox(SandboxConfig(open=True)) as sandbox:
        url = f"{sandbox.fhir_base}/{TOKEN}?_id={TOKEN}"
        transport.send("GET", url, headers={"Authorization": f"Bearer {TOKEN}", "Accept": f"text/{TOKEN}"})
        said = transport.taken()
    assert said[0].status >= 400
    assert TOKEN not in repr(said)
    assert "(the token)" in said[0].url
    assert by_token(TOKEN).words == "with a token that was given"


def test_beyond_its_time_nothing_is_asked(sandbox: RunningSandbox) -> None:
    transport = RecordingTransport()
    transport.end_in(0)
    with pytest.raises(NotSent) as refused:
        transport.send("GET", f"{sandbox.fhir_base}/metadata")
    assert refused.value.code == "time-over"
    assert transport.taken() == ()
