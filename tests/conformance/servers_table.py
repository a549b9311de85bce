"""What each kind of server takes, side by side, as docs/servers.md has it.

    nice .venv/bin/python -m tests.conformance.servers_table            runs against each, and writes the page
    nice .venv/bin/python -m tests.conformance.servers_table NAME...    runs against these alone
    nice .venv/bin/python -m tests.conformance.servers_table --words    writes the page from what was seen before

What was seen is kept in docs/servers.json; `test_servers_table` compares both, and runs again against some.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from fhir_plugin.conformance import files
from fhir_plugin.conformance.compare import as_markdown
from fhir_plugin.conformance.results import Report
from fhir_plugin.conformance.run import CHECKS
from fhir_plugin.conformance.words import SIGNS, WORDS, gets
from fhir_plugin.sandbox.fhir.personality import personality_names
from mappings.model.writeback import Rung
from tests.conformance.servers import FAMILIES, everyone, tried

Json = dict[str, Any]

DOCS: Final = Path(__file__).parents[2] / "docs"
SEEN: Final = DOCS / "servers.json"
PAGE: Final = DOCS / "servers.md"
_OTHERS: Final = "Servers written by others"
_FAMILIES: Final = "The sandbox as families of EHRs"
_REST: Final = "The sandbox with one thing different"
_ABOUT: Final = {
    _OTHERS: "Independent servers, started by the tests (`tests/servers`, `tests/contracts/sekmet_server.py`).",
    _FAMILIES: "No hosted EHR was asked: these are personalities of our own sandbox, each drawn from that family's\n"
    "documents and from what users report ([servers-notes.md](servers-notes.md)). What a hosted EHR does has to be\n"
    "tried there.",
    _REST: "Personalities that differ from `default` in what their names say; only the checks that did not end alike.",
}
_HEAD: Final = """# What servers take

Written by `python -m tests.conformance.servers_table`, which runs `fhir-plugin conformance`
([conformance.md](conformance.md)) against every server that the tests can start; not by hand. What was seen of each
check, in words, is in [servers.json](servers.json). Where nobody creates a patient, the run was about one who was
there."""


def seen() -> dict[str, Json]:
    """What was seen the last time, by server."""
    found: dict[str, Json] = json.loads(SEEN.read_text("utf-8")) if SEEN.exists() else {}
    return found


def kept(report: Report) -> Json:
    """One run, as it is kept: without what differs from run to run."""
    whole = files.as_json(report)
    values = {key: whole[key] for key in ("software", "fhir_version", "vendor", "way", "conforms")}
    checks = [{key: each[key] for key in ("name", "verdict", "words")} for each in whole["checks"]]
    left = sorted(each.split("/")[0] for each in whole["left_behind"])
    found: Json = json.loads(json.dumps({**values, "checks": checks, "left_behind": left}))  # as it is read again
    return found


def page_of(found: dict[str, Json]) -> str:
    """The whole page."""
    rungs = "\n".join(f"| `{rung}` | {gets(rung)} |" for rung in Rung)
    signs = ", ".join(f"{sign} {WORDS[verdict]}" for verdict, sign in SIGNS.items())
    parts = [_HEAD, f"{signs}.", f"| way of filing | of a photograph of 5 MB |\n|---|---|\n{rungs}"]
    for title, names in groups(found).items():
        table = as_markdown([_titled(found[name]) for name in names], names, only_different=title == _REST).rstrip()
        parts += [f"## {title}", _ABOUT[title], table]
        left = [f"{name} ({', '.join(found[name]['left_behind'])})" for name in names if found[name]["left_behind"]]
        if left:
            parts.append(f"Could not be removed again after the run: {'; '.join(left)}.")
    return "\n\n".join(parts) + "\n"


def _titled(one: Json) -> Json:
    titles = {each.name: each.title for each in CHECKS}
    return {**one, "checks": [{**each, "title": titles.get(each["name"], each["name"])} for each in one["checks"]]}


def groups(found: dict[str, Json]) -> dict[str, list[str]]:
    """The tables, each with its servers in order; only those that have been seen."""
    families = [name for name in personality_names() if name in FAMILIES]
    rest = [name for name in personality_names() if name not in FAMILIES]
    named = {
        _OTHERS: [name for name in everyone() if name not in personality_names()],
        _FAMILIES: families,
        _REST: ["default", *(name for name in rest if name != "default")],
    }
    return {title: [name for name in names if name in found] for title, names in named.items()}


def main(arguments: list[str]) -> None:
    """Runs, and writes both files."""
    found = seen()
    wanted = [] if arguments == ["--words"] else arguments or list(everyone())
    for name in wanted:
        with everyone()[name]() as base:
            found[name] = kept(tried(base))
        sys.stderr.write(f"{name}: {'conforms' if found[name]['conforms'] else 'does not conform'}\n")
    all_of_them = {name: found[name] for name in everyone() if name in found}
    SEEN.write_text(json.dumps(all_of_them, indent=1, ensure_ascii=False) + "\n", "utf-8")
    PAGE.write_text(page_of(all_of_them), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
