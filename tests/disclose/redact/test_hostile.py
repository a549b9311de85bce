"""Hostile records through the command: refused or handled, in bounded memory, and never with part of an output."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.disclose.redact.records import CANARIES, ID, TITLE, leaks, media
from tests.disclose.redact.test_command import PATIENT, lines, run

MEGABYTE = 1024 * 1024
LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({limit}, {limit}))
from fhir_plugin.cli import main
main(sys.argv[1:])
"""


def within(megabytes: int, *arguments: str | Path, given: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own that gets no more memory than this (of addresses: more than it uses)."""
    program = LIMITED.format(limit=megabytes * MEGABYTE)
    with given.open("rb") if given else open(os.devnull, "rb") as source:
        return subprocess.run(
            [sys.executable, "-c", program, "redact", *map(str, arguments)],
            stdin=source,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b'{"resourceType":"Patient","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}", "depth"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "depth"),
        (b'\xef\xbb\xbf{"resourceType":"Patient","id":"b"}', "byte-order-mark"),
        (b'{"resourceType":"Patient","id":"\\ud800"}', "surrogate"),
        (b'{"resourceType":"Patient","id":"\xed\xa0\x80"}', "not-utf8"),
        (b'{"resourceType":"Patient","id":"a","id":"a"}', "duplicate-key"),
        (b'{"resourceType":"Patient","x":NaN}', "number"),
        (b'{"resourceType":"Patient"}{"resourceType":"Patient"}', "not-json"),
        (b'{"resourceType":["Patient"]}', "not-a-resource"),
    ],
)
def test_one_bad_line_among_many_refuses_all_and_says_which(tmp_path: Path, line: bytes, code: str, jobs: str) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    good = [lines({**PATIENT, "id": f"p{number}", "active": True}) for number in range(9000)]
    (folder / "a.ndjson").write_bytes(b"".join(good))
    (folder / "b.ndjson").write_bytes(b"".join(good[:7000]) + line + b"\n" + b"".join(good[7000:]))
    report = tmp_path / "report.json"
    done = run(folder, "-o", tmp_path / "out", "--purpose", "insurer", "--jobs", jobs, "--json", "--report", report)
    assert done.exit_code == 2
    refused = json.loads(done.stdout)["refused"]
    assert refused["code"] == code and refused["message"].startswith("b.ndjson:7001: ")
    assert [each.name for each in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("piped", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_line_of_two_gigabytes_is_refused_in_little_memory(tmp_path: Path, piped: bool) -> None:
    source = tmp_path / "in.ndjson"
    with source.open("wb") as sparse:
        sparse.write(lines(PATIENT) * 2 + b'{"resourceType":"Patient","id":"')
        sparse.truncate(2 * 1024 * MEGABYTE)
    if piped:
        done = within(900, "-", "-o", tmp_path / "out.ndjson", "--purpose", "insurer", given=source)
    else:
        done = within(900, source, "-o", tmp_path / "out.ndjson", "--purpose", "insurer")
    assert done.returncode == 2, done.stderr
    assert "too-large" in done.stderr and [each.name for each in tmp_path.iterdir()] == ["in.ndjson"]


@pytest.mark.exhaustive
def test_five_million_lines_in_little_memory(tmp_path: Path) -> None:
    source, target = tmp_path / "in.ndjson", tmp_path / "out.ndjson"
    with source.open("wb") as stream:
        stream.write(lines(media()))
        for start in range(0, 5_000_000, 10_000):
            numbers = range(start, start + 10_000)
            stream.write(b"".join(b'{"resourceType":"Patient","id":"p%d"}\n' % number for number in numbers))
    done = within(1200, source, "-o", target, "--purpose", "insurer", "--mode", "silent")
    assert done.returncode == 0, done.stderr
    assert target.stat().st_size == source.stat().st_size - len(lines(media()))
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss < 128 * 1024


def as_one_line(value: dict[str, Any]) -> bytes:
    return json.dumps(value).encode() + b"\n"


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("mode", ["marked", "silent"])
def test_cycles_prefixes_and_the_same_id_twice(tmp_path: Path, mode: str, jobs: str) -> None:
    """Ids that begin like a withheld one's stay; whatever goes by the withheld one's own goes with it."""
    ring: list[dict[str, Any]] = [
        {"resourceType": "List", "id": f"l{number}", "status": "current", "mode": "working", "entry": items}
        for number, items in enumerate(
            (
                [{"item": {"reference": "List/l1"}}],
                [{"item": {"reference": "List/l1"}}, {"item": {"reference": f"Media/{ID}"}}],
                [{"item": {"reference": "List/l2"}}],
            ),
            start=1,
        )
    ]
    others = [
        {"resourceType": "Observation", "id": f"o{number}", "status": "final", "derivedFrom": [{"reference": each}]}
        for number, each in enumerate((f"Media/{ID}0", f"Media/{ID[:-1]}", f"Media/x{ID}", f"Media/{ID}"))
    ]
    twin = {**media(), "meta": {}, "bodySite": {"text": "hand"}}
    twin["content"] = {"contentType": "image/jpeg", "url": "https://store.example/other"}
    (tmp_path / "in.ndjson").write_bytes(b"".join(map(as_one_line, [*ring, twin, *others, media()])))
    done = run(
        tmp_path / "in.ndjson", "-o", tmp_path / "out.ndjson", "--purpose", "insurer", "--mode", mode, "--jobs", jobs
    )
    assert done.exit_code == 0, done.output
    left = [json.loads(each) for each in (tmp_path / "out.ndjson").read_bytes().splitlines()]
    by_id = {each["id"]: each for each in left}
    assert by_id["l1"] == ring[0] and by_id["l3"] == ring[2]
    assert by_id["l2"]["entry"] == [{"item": {"reference": "List/l1"}}]
    assert [by_id[f"o{number}"] for number in range(3)] == others[:3] and "derivedFrom" not in by_id["o3"]
    assert TITLE not in str(left) and "store.example" not in str(left)


@pytest.mark.parametrize("mode", ["marked", "silent"])
def test_a_bundle_in_a_bundle_in_parameters(tmp_path: Path, mode: str) -> None:
    inner = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": media()}, {"resource": PATIENT}]}
    for _ in range(6):
        inner = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": inner}]}
    whole = {"resourceType": "Parameters", "parameter": [{"name": "a", "part": [{"name": "b", "resource": inner}]}]}
    for name in ("in.json", "in.ndjson"):
        (tmp_path / name).write_bytes(as_one_line(whole))
        done = run(tmp_path / name, "-o", tmp_path / f"out-{name}", "--purpose", "insurer", "--mode", mode)
        assert done.exit_code == 0, done.output
        text = (tmp_path / f"out-{name}").read_text("utf-8")
        assert leaks(text) == [] and '"p1"' in text and CANARIES


@pytest.mark.parametrize("jobs", ["3"])
def test_several_processes_give_the_same_bytes_and_the_same_report(tmp_path: Path, jobs: str) -> None:
    from fhir_plugin.bench_redact import draw_export

    draw_export(tmp_path / "in", 2)
    reports = []
    for number in ("1", jobs):
        report = tmp_path / f"report-{number}.json"
        done = run(
            tmp_path / "in", "-o", tmp_path / number, "--purpose", "insurer", "--jobs", number, "--report", report
        )
        assert done.exit_code in (0, 3), done.output
        reports.append(report.read_bytes())
    assert reports[0] == reports[1]
    for path in (tmp_path / "1").iterdir():
        assert path.read_bytes() == (tmp_path / jobs / path.name).read_bytes()
