"""What redacting costs, beside a round trip of the same record through orjson in the same run. The record is made up.

`fhir-plugin redact` runs as it is used: a process of its own, from its start to the output in place, with its proof.
"""

from __future__ import annotations

import base64
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

from fhir_plugin.commands.answers import DONE, SOMEBODY_MUST_LOOK

GOAL_OF_ROUND_TRIP: Final = 1.0
GOAL_OF_TWO_JOBS: Final = 1.8
GOAL_OF_SMALL: Final = 3.0
_SMALL_RESOURCES: Final = 286
_SMALL_BYTES: Final = 600_000
_SMALL_RUNS: Final = 25
_PICTURE: Final = 22_000
_LABELLED: Final = 14
"""One Media in so many is labelled as private."""

Figures = dict[str, Any]
Resource = dict[str, Any]


def measure_redact(megabytes: float, *, rounds: int = 1) -> Figures:
    """Medians are of no use with long runs: each figure is the best of `rounds`."""
    with tempfile.TemporaryDirectory(prefix="fhir-plugin-bench-") as folder:
        export, small = Path(folder) / "export", Path(folder) / "small.json"
        lines, labelled = draw_export(export, megabytes)
        draw_bundle(small)
        size = sum(path.stat().st_size for path in export.iterdir())
        floor = min(_seconds(lambda: _round_trip_of_lines(export)) for _ in range(rounds))
        floor_cpu = min(_cpu_seconds(lambda: _round_trip_of_lines(export)) for _ in range(rounds))
        one = _best(rounds, export, Path(folder), 1)
        two = _best(rounds, export, Path(folder), 2)
        bare = _best(rounds, export, Path(folder), 1, proven=False)
        return {
            "megabytes": round(size / 1e6, 1),
            "lines": lines,
            "labelled": labelled,
            "orjson_round_trip_seconds": round(floor, 3),
            "orjson_megabytes_per_second": round(size / 1e6 / floor, 1),
            "orjson_round_trip_cpu_seconds": round(floor_cpu, 3),
            "redact": _figures(one, size, floor, floor_cpu),
            "redact_jobs_2": _figures(two, size, floor, floor_cpu),
            "redact_without_proof": _figures(bare, size, floor, floor_cpu),
            "jobs_2_is_faster_by": round(one["seconds"] / two["seconds"], 2),
            "jobs_2_alone_would_be_faster_by": round(one["cpu"] / (two["own_cpu"] + two["helpers_cpu"] / 2), 2),
            "jobs_2_goal": GOAL_OF_TWO_JOBS,
            "speed_of_round_trip_goal": GOAL_OF_ROUND_TRIP,
            "small_bundle": _small(small),
        }


def _figures(run: Figures, size: int, floor: float, floor_cpu: float) -> Figures:
    return {
        "seconds": round(run["seconds"], 3),
        "cpu_seconds": round(run["cpu"], 3),
        "megabytes_per_second": round(size / 1e6 / run["seconds"], 1),
        "speed_of_round_trip": round(floor / run["seconds"], 3),
        "speed_of_round_trip_by_cpu": round(floor_cpu / run["cpu"], 3),
        "peak_megabytes": run["peak"],
        "counts": run["counts"],
    }


def _best(rounds: int, export: Path, folder: Path, jobs: int, *, proven: bool = True) -> Figures:
    runs = [_run(export, folder / f"out-{jobs}-{proven}-{each}", jobs, proven=proven) for each in range(rounds)]
    return min(runs, key=lambda each: float(each["seconds"]))


_CHILD: Final = """
import json, resource, sys
from fhir_plugin.cli import main
from fhir_plugin.disclose.proven import FileProof
if sys.argv.pop(1) == "unproven":
    FileProof.clean = staticmethod(lambda found: None)
try:
    main(sys.argv[1:], standalone_mode=False)
finally:
    own, helpers = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(json.dumps({
        "peak": max(own.ru_maxrss, helpers.ru_maxrss) // 1024,
        "own_cpu": own.ru_utime + own.ru_stime,
        "helpers_cpu": helpers.ru_utime + helpers.ru_stime,
    }), file=sys.stderr)
"""


def _run(source: Path, target: Path, jobs: int, *, proven: bool) -> Figures:
    """`own_cpu`: what one process has to do after the other; `helpers_cpu`: what those beside it do at once."""
    started = time.perf_counter()
    arguments = ["redact", str(source), "-o", str(target), "--purpose", "insurer", "--jobs", str(jobs), "--json"]
    done = subprocess.run(  # noqa: S603 - ourselves
        [sys.executable, "-c", _CHILD, "proven" if proven else "unproven", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    if done.returncode not in (DONE, SOMEBODY_MUST_LOOK):
        raise RuntimeError(f"fhir-plugin redact ended with {done.returncode}")
    used = json.loads(done.stderr.splitlines()[-1])
    counts = json.loads(done.stdout)["counts"]
    return {"seconds": seconds, "cpu": used["own_cpu"] + used["helpers_cpu"], "counts": counts, **used}


def _small(path: Path) -> Figures:
    """One Bundle, in this process, many times: what a server pays for each request, without and with its proof.

    In turn with the round trip, in processor time: what others do at the same time meets all alike.
    """
    import datetime as dt

    from fhir_plugin.disclose.decide import glance_for, judge_for, on_their_word, shipped_rules
    from fhir_plugin.disclose.proven import redact_and_prove
    from fhir_plugin.disclose.redact import Part, redact_documents
    from mappings.model.disclosure import Mode, Requester

    data = path.read_bytes()
    asked = on_their_word(Requester.INSURER, dt.date(2026, 1, 1))
    rules = shipped_rules()
    judge, glance = judge_for(asked, rules=rules), glance_for(asked, rules=rules)
    works: dict[str, Callable[[], object]] = {
        "orjson_round_trip": lambda: orjson.dumps(orjson.loads(data)),
        "redact": lambda: redact_documents([Part("it", data)], judge, Mode.MARKED, glance=glance),
        "redact_and_prove": lambda: redact_and_prove([Part("it", data)], asked, Mode.MARKED, rules=rules),
    }
    taken: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(_SMALL_RUNS):
        for name, work in works.items():
            taken[name].append(_cpu_seconds(work) * 1000)
    best = {name: min(each) for name, each in taken.items()}
    median = {name: statistics.median(each) for name, each in taken.items()}
    return {
        "bytes": len(data),
        "resources": len(json.loads(data)["entry"]),
        **{f"{name}_milliseconds": round(each, 2) for name, each in best.items()},
        **{f"{name}_median_milliseconds": round(each, 2) for name, each in median.items()},
        "redact_in_round_trips": round(best["redact"] / best["orjson_round_trip"], 1),
        "redact_in_round_trips_median": round(median["redact"] / median["orjson_round_trip"], 1),
        "redact_and_prove_in_round_trips": round(best["redact_and_prove"] / best["orjson_round_trip"], 1),
        "redact_and_prove_in_round_trips_median": round(median["redact_and_prove"] / median["orjson_round_trip"], 1),
        "in_round_trips_goal": GOAL_OF_SMALL,
    }


def _round_trip_of_lines(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        with path.open("rb") as stream:
            for line in stream:
                orjson.dumps(orjson.loads(line))


def _seconds(work: Callable[[], object]) -> float:
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def _cpu_seconds(work: Callable[[], object]) -> float:
    """Of this process alone: what stays the same when others use the machine, too."""
    before = time.process_time()
    work()
    return time.process_time() - before


# ----------------------------------------------------------------------------------------------------- the record


def draw_export(folder: Path, megabytes: float) -> tuple[int, int]:
    """A bulk export of so many megabytes, by type; about half of it is pictures. Lines, and how many are labelled."""
    folder.mkdir()
    chance = random.Random(4711)  # noqa: S311 - the same export every time
    streams = {kind: (folder / f"{kind}.ndjson").open("wb") for kind in ("Encounter", "Media", "Observation", "Report")}
    written, lines, labelled, last = 0, 0, 0, "none"
    try:
        while written < megabytes * 1e6:
            for resource_ in _visit(chance, last):
                kind = str(resource_["resourceType"]).replace("DiagnosticReport", "Report")
                line = json.dumps(resource_, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
                streams[kind].write(line)
                written, lines = written + len(line), lines + 1
                if kind == "Media":
                    last = str(resource_["id"])
                    labelled += "meta" in resource_
    finally:
        for stream in streams.values():
            stream.close()
    return lines, labelled


def draw_bundle(path: Path) -> None:
    """One record as a Bundle: 286 resources, 0.6 MB, with one labelled picture and a report of it."""
    chance = random.Random(42)  # noqa: S311 - the same record every time
    entries: list[Resource] = []
    pictures = 0
    while len(entries) < _SMALL_RESOURCES:
        for each in _visit(chance, "none"):
            if each["resourceType"] == "Media":
                pictures += 1
                if pictures > 1:
                    continue
                each["meta"] = _private()
            if each["resourceType"] == "Observation":
                each["component"] = [{"code": each["code"], "valueQuantity": each["valueQuantity"]}] * 13
            if len(entries) < _SMALL_RESOURCES:
                entries.append({"fullUrl": f"urn:uuid:{each['id']}", "resource": each})
    picture = next(each["resource"] for each in entries if each["resource"]["resourceType"] == "Media")
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    missing = _SMALL_BYTES - len(json.dumps(bundle, separators=(",", ":")))
    if missing > 0:
        picture["content"]["data"] = _bytes(chance, _PICTURE + missing * 3 // 4)
    path.write_text(json.dumps(bundle, separators=(",", ":")), encoding="utf-8")


def _visit(chance: random.Random, last: str) -> Iterator[Resource]:
    patient = {"reference": f"Patient/{chance.randrange(10_000):08x}"}
    day = f"20{chance.randrange(10, 27)}-{chance.randrange(1, 13):02}-{chance.randrange(1, 29):02}"
    yield {
        "resourceType": "Encounter",
        "id": _id(chance),
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "type": [
            {"coding": [{"system": "http://snomed.info/sct", "code": "162673000"}], "text": "General examination"}
        ],
        "subject": patient,
        "participant": [{"individual": {"display": "Dr Example"}}] * chance.randrange(1, 4),
        "period": {"start": f"{day}T03:04:05+01:00", "end": f"{day}T03:19:05+01:00"},
    }
    for _ in range(12):
        yield {
            "resourceType": "Observation",
            "id": _id(chance),
            "status": "final",
            "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Body height"}]},
            "subject": patient,
            "effectiveDateTime": f"{day}T03:04:05+01:00",
            "valueQuantity": {"value": round(chance.random() * 200, chance.randrange(0, 9)), "unit": "cm"},
        }
    if chance.random() < 0.4:
        yield {
            "resourceType": "Media",
            "id": _id(chance),
            **({"meta": _private()} if chance.randrange(_LABELLED) == 0 else {}),
            "status": "completed",
            "subject": patient,
            "createdDateTime": day,
            "bodySite": {"coding": [{"system": "http://snomed.info/sct", "code": "40983000", "display": "Upper arm"}]},
            "content": {
                "contentType": "image/jpeg",
                "data": _bytes(chance, _PICTURE),
                "title": f"IMG_{_id(chance)[:8]}.jpg",
            },
        }
    report: Resource = {
        "resourceType": "DiagnosticReport",
        "id": _id(chance),
        "status": "final",
        "code": {"text": "Letter"},
        "subject": patient,
    }
    if chance.random() < 0.2:
        report["text"] = {
            "status": "generated",
            "div": '<div xmlns="http://www.w3.org/1999/xhtml"><p>Nothing &amp; more.</p></div>',
        }
    if chance.random() < 0.05:
        report["media"] = [{"link": {"reference": f"Media/{last}"}}]
        report["conclusion"] = "Nothing of note."
    yield report


def _private() -> Resource:
    return {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def _id(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"


def _bytes(chance: random.Random, size: int) -> str:
    return base64.b64encode(b"\xff\xd8\xff" + chance.randbytes(size)).decode("ascii")
