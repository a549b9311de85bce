"""`python -m tests.disclose.corpora examples PATH [--every N] [--part I/N]`: see `each_withheld`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from tests.definitions.shapes import structures
from tests.definitions.source import know_also
from tests.definitions.walk import walk
from tests.disclose.corpora.each_withheld import run
from tests.disclose.corpora.reading import examples, write_sample


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.disclose.corpora")
    commands = parser.add_subparsers(dest="command", required=True)
    each = commands.add_parser("examples", help="withhold each example among those that name it")
    each.add_argument("path", type=Path, help="the npm package hl7.fhir.r4.examples 4.0.1")
    each.add_argument("--every", type=int, default=1, help="only each Nth")
    each.add_argument("--part", default="1/1", help="I/N: the Ith of N parts, for several processes")
    keep = commands.add_parser("sample", help="make the sample that the tests keep")
    keep.add_argument("path", type=Path)
    asked = parser.parse_args()
    corpus = examples(asked.path)
    if asked.command == "sample":
        write_sample(corpus)
        return 0
    know_also(structures(asked.path))
    part, parts = map(int, asked.part.split("/"))
    numbers = list(range(0, len(corpus), asked.every))[part - 1 :: parts]
    outcome = run(corpus, numbers, lambda resource: list(walk(resource)))
    answer = {
        "examples": len(numbers),
        "counts": dict(sorted(outcome.counts.items())),
        "rules": dict(outcome.rules.most_common()),
        "seconds": round(outcome.seconds, 1),
        "faults": outcome.faults,
    }
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")
    return 1 if outcome.faults else 0


if __name__ == "__main__":
    sys.exit(main())
