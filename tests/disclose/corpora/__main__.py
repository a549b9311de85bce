"""`python -m tests.disclose.corpora COMMAND`: see `--help`, and the modules beside this one."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from mappings.model.disclosure import Requester
from tests.definitions.shapes import structures
from tests.definitions.source import elements, know_also
from tests.definitions.walk import walk
from tests.disclose.corpora.challenges import score, write_challenges
from tests.disclose.corpora.each_withheld import run
from tests.disclose.corpora.judged import clinical, judged, per_thousand, practice
from tests.disclose.corpora.reading import Json, examples, write_sample


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.disclose.corpora")
    commands = parser.add_subparsers(dest="command", required=True)
    each = commands.add_parser("examples", help="withhold each example among those that name it")
    each.add_argument("path", type=Path, help="the npm package hl7.fhir.r4.examples 4.0.1, or another corpus")
    each.add_argument("--inside", action="store_true", help="take Bundles apart")
    each.add_argument("--every", type=int, default=1, help="only each Nth")
    each.add_argument("--part", default="1/1", help="I/N: the Ith of N parts, for several processes")
    keep = commands.add_parser("sample", help="make the sample that the tests keep")
    keep.add_argument("path", type=Path)
    put = commands.add_parser("challenges", help="write the Bundles of the challenge into a folder")
    put.add_argument("path", type=Path)
    answered = commands.add_parser("score", help="what a redactor let through of them, from the folder it wrote")
    answered.add_argument("path", type=Path)
    human = commands.add_parser("judged", help="how much is left to a person, for each who asks")
    human.add_argument("path", type=Path, nargs="?", help="a corpus; the sandbox's practice without one")
    asked = parser.parse_args()
    if asked.command == "judged":
        resources = clinical(examples(asked.path)) if asked.path else practice()
        for requester in Requester:
            became = judged(resources, requester)
            line = {"who": requester, **per_thousand(became), "by": dict(sorted(became.items()))}
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
        return 0
    if asked.command == "challenges":
        write_challenges(asked.path)
        return 0
    if asked.command == "score":
        found = score(asked.path)
        sys.stdout.write(json.dumps({name: [len(each), each] for name, each in found.items()}, indent=1) + "\n")
        return 0
    corpus = examples(asked.path, inside=asked.command == "examples" and asked.inside)
    if asked.command == "sample":
        write_sample(corpus)
        return 0
    if asked.path.name.endswith(".tgz"):
        know_also(structures(asked.path))
    part, parts = map(int, asked.part.split("/"))
    numbers = list(range(0, len(corpus), asked.every))[part - 1 :: parts]
    outcome = run(corpus, numbers, issues)
    answer = {
        "examples": len(numbers),
        "counts": dict(sorted(outcome.counts.items())),
        "rules": dict(outcome.rules.most_common()),
        "seconds": round(outcome.seconds, 1),
        "faults": outcome.faults,
    }
    sys.stdout.write(json.dumps(answer, indent=1) + "\n")
    return 1 if outcome.faults else 0


def issues(resource: Json) -> list[str]:
    """Of the types whose definitions are known."""
    return list(walk(resource)) if resource["resourceType"] in elements() else []


if __name__ == "__main__":
    sys.exit(main())
