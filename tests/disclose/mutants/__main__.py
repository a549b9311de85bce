"""See the package. `--sample N` takes N changes of each package by chance, always the same for one `--seed`."""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.disclose.mutants.making import Mutant, changed, mutants
from tests.disclose.mutants.running import Fate, run, warm

ROOT = Path(__file__).parents[3]
_QUICK = "about words extensions contained copies marks bundles channels strict stub unseen guard command every_channel"
_TESTS = {
    "decide": [
        f"decide/test_{name}.py"
        for name in ("table", "rules", "second_person", "floors", "glance", "facts", "properties")
    ],
    "redact": [
        *(f"redact/test_{name}.py" for name in _QUICK.split()),
        *(f"redact/test_{name}.py" for name in ("graphs", "properties", "blocks", "every_path")),
        "test_redacted_and_proved.py",
        "corpora",
    ],
    "prove": ["prove/test_wrappings.py", "prove/test_letters.py", "prove", "../imaging/test_pixel_hash.py"],
}
"""Below `tests/disclose`, quick and sharp ones first; none that starts processes: those would not be changed."""
_NAMED_OTHERWISE = {
    "unwrap": "unseen",
    "bundle": "bundles",
    "search": "blocks",
    "skeleton": "blocks",
    "watch": "blocks",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.disclose.mutants")
    parser.add_argument("packages", nargs="*", default=list(_TESTS), choices=list(_TESTS))
    parser.add_argument("--sample", type=int, default=0, help="this many of each package, by chance; 0 for all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=int, default=90, help="processor time that the tests of one change may take")
    parser.add_argument("--only", default="", help="only modules whose name holds this")
    asked = parser.parse_args()
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = tempfile.mkdtemp(prefix="mutants-")
    warm()
    whole: Counter[Fate] = Counter()
    for package in asked.packages:
        chosen = _chosen(package, asked.only)
        if asked.sample and len(chosen) > asked.sample:
            chosen = sorted(random.Random(asked.seed).sample(chosen, asked.sample), key=lambda each: str(each))
        if _fate(package, chosen[0][0], None, asked.seconds * 4) is not Fate.SURVIVED:
            sys.stderr.write(f"{package}: its tests fail, or take too long, without any change\n")
            return 1
        score: Counter[Fate] = Counter()
        began = time.monotonic()
        for path, mutant in chosen:
            fate = _fate(package, path, mutant, asked.seconds)
            score[fate] += 1
            if fate is Fate.SURVIVED:
                sys.stdout.write(f"survived {path.relative_to(ROOT)}:{mutant.line} {mutant.kind}: {mutant.what}\n")
                sys.stdout.flush()
        killed = score[Fate.KILLED] + score[Fate.TOO_LONG]
        sys.stdout.write(f"{package}: {killed} of {sum(score.values())} noticed, {dict(score)}, ")
        sys.stdout.write(f"{time.monotonic() - began:.0f} s\n")
        sys.stdout.flush()
        whole += score
    return 0 if whole else 1


def _chosen(package: str, only: str) -> list[tuple[Path, Mutant]]:
    found = []
    for path in sorted((ROOT / "fhir_plugin" / "disclose" / package).glob("*.py")):
        if only in path.stem:
            found += [(path, mutant) for mutant in mutants(path.read_text("utf-8"))]
    return found


def _fate(package: str, path: Path, mutant: Mutant | None, seconds: int) -> Fate:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    source = path.read_text("utf-8")
    code = compile(changed(source, mutant) if mutant else source, str(path), "exec")
    own = f"/test_{_NAMED_OTHERWISE.get(path.stem, path.stem)}.py"
    tests = sorted(_TESTS[package], key=lambda each: not each.endswith(own))
    return run(name, path, code, [str(ROOT / "tests" / "disclose" / each) for each in tests], seconds=seconds)


if __name__ == "__main__":
    sys.exit(main())
