"""A report as files: a page to paste into a ticket, JUnit for CI, a FHIR TestReport, and the values as JSON."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict
from importlib import resources
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FunctionLoader, StrictUndefined

from fhir_plugin.conformance.matrix import INTERACTIONS
from fhir_plugin.conformance.results import CheckResult, Report, Verdict
from fhir_plugin.conformance.words import CELL_SIGNS, CELLS, SIGNS, WORDS

Json = dict[str, Any]

_RESULTS: Final = {
    Verdict.PASSED: "pass",
    Verdict.UNAVAILABLE: "skip",
    Verdict.FAILED: "fail",
    Verdict.NOT_RUN: "skip",
}


def write(report: Report, folder: Path) -> tuple[Path, ...]:
    """All of them into `folder`, which is made; each appears only whole."""
    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "report.html": as_html(report),
        "junit.xml": as_junit(report),
        "TestReport.json": json.dumps(as_test_report(report), indent=2, ensure_ascii=False) + "\n",
        "capabilities.json": json.dumps(as_json(report), indent=2, ensure_ascii=False) + "\n",
    }
    written = []
    for name, text in texts.items():
        aside = folder / f".{name}.new"
        aside.write_text(text, "utf-8")
        written.append(aside.replace(folder / name))
    return tuple(written)


def as_json(report: Report) -> Json:
    """What the server can do, without the exchanges: what `compare` reads."""
    return {
        "fhir_base": report.fhir_base,
        "software": report.software,
        "fhir_version": report.fhir_version,
        "vendor": report.vendor,
        "entered": report.entered,
        "scopes": report.scopes,
        "cut_short": report.cut_short,
        "way": asdict(report.way) if report.way is not None else None,
        "matrix": {
            row.resource_type: dict(zip(INTERACTIONS, map(str, row.words), strict=True)) for row in report.matrix
        },
        "at": report.at.isoformat(),
        "version": report.version,
        "conforms": report.conforms,
        "counts": {verdict.value: number for verdict, number in report.counts().items()},
        "left_behind": list(report.left_behind),
        "checks": [
            {key: value for key, value in asdict(each).items() if key != "exchanges"} for each in report.results
        ],
    }


def as_junit(report: Report) -> str:
    """One suite a group; what the server cannot do counts as skipped."""
    counts = report.counts()
    root = ET.Element(
        "testsuites",
        name="fhir-plugin conformance",
        tests=str(len(report.results)),
        failures=str(counts[Verdict.FAILED]),
    )
    for group, results in _groups(report):
        suite = ET.SubElement(root, "testsuite", name=group, tests=str(len(results)))
        suite.set("failures", str(sum(each.verdict is Verdict.FAILED for each in results)))
        suite.set("skipped", str(sum(_RESULTS[each.verdict] == "skip" for each in results)))
        for each in results:
            case = ET.SubElement(suite, "testcase", classname=group, name=each.title)
            case.set("time", f"{each.milliseconds / 1000:.3f}")
            if each.verdict is Verdict.FAILED:
                ET.SubElement(case, "failure", message=each.words).text = each.requirement
            elif _RESULTS[each.verdict] == "skip":
                ET.SubElement(case, "skipped", message=each.words)
            else:
                ET.SubElement(case, "system-out").text = each.words
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_test_report(report: Report) -> Json:
    """R4 TestReport: one test a check; `score` is the share of what was tried that works."""
    counts = report.counts()
    tried = counts[Verdict.PASSED] + counts[Verdict.FAILED]
    return {
        "resourceType": "TestReport",
        "name": "fhir-plugin conformance",
        "status": "completed",
        "testScript": {"display": f"fhir-plugin {report.version} conformance"},
        "result": "pass" if report.conforms else "fail",
        "score": round(100 * counts[Verdict.PASSED] / tried, 1) if tried else 0,
        "tester": "fhir-plugin",
        "issued": report.at.isoformat(timespec="milliseconds"),
        "participant": [{"type": "server", "uri": report.fhir_base, "display": report.software or "unnamed"}],
        "test": [
            {
                "name": each.name,
                "description": each.title,
                "action": [{"assert": {"result": _RESULTS[each.verdict], "message": each.words}}],
            }
            for each in report.results
        ],
    }


def as_html(report: Report) -> str:
    """One self-contained page: no script, no address but the server's own."""
    pages = Environment(
        loader=FunctionLoader(_text_of),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = pages.get_template("report.html")
    matrix = {"interactions": INTERACTIONS, "cells": CELLS, "cell_signs": CELL_SIGNS}
    return page.render(report=report, groups=_groups(report), signs=SIGNS, words=WORDS, **matrix) + "\n"


def _text_of(name: str) -> str:
    return (resources.files(__package__) / name).read_text("utf-8")


def _groups(report: Report) -> list[tuple[str, list[CheckResult]]]:
    """By group, each once, in the order in which each was first met."""
    order = list(dict.fromkeys(each.group for each in report.results))
    ranked = sorted(report.results, key=lambda each: order.index(each.group))
    return [(group, list(results)) for group, results in groupby(ranked, key=lambda each: each.group)]
