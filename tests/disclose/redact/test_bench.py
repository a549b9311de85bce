"""`fhir-plugin bench redact` runs with little data. What it measures is not asserted: machines differ."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from fhir_plugin.bench_redact import draw_bundle, draw_export
from fhir_plugin.cli import main
from fhir_plugin.disclose.redact.strict import read_resource


def test_it_measures_and_says_so_as_json() -> None:
    done = CliRunner().invoke(main, ["bench", "redact", "--megabytes", "0.3", "--json"])
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["redact"]["counts"] == said["redact_jobs_2"]["counts"]
    assert sum(said["redact"]["counts"][each] for each in ("release", "redact", "withhold", "review")) == said["lines"]
    assert said["redact"]["peak_megabytes"] > 10 and said["orjson_round_trip_seconds"] > 0
    assert said["small_bundle"]["redact_in_round_trips"] > 0


def test_the_record_that_it_draws_is_one(tmp_path: Path) -> None:
    lines, labelled = draw_export(tmp_path / "export", 1)
    assert labelled > 0
    read = [read_resource(each) for path in (tmp_path / "export").iterdir() for each in path.read_bytes().splitlines()]
    assert len(read) == lines and len({str(each["id"]) for each in read}) == lines
    draw_bundle(tmp_path / "small.json")
    bundle = json.loads((tmp_path / "small.json").read_text())
    assert len(bundle["entry"]) == 286 and 590_000 < (tmp_path / "small.json").stat().st_size < 660_000
