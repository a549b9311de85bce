"""The tables of docs/write-back.md, from the code. `python -m tests.shape.write_back_document` writes them into it."""

from __future__ import annotations

import re
import sys

from fhir_plugin.adapters.vendor_files import vendor_named, vendor_names
from fhir_plugin.capture.ladder_words import BECAUSE, BEFORE, SHORT
from fhir_plugin.web.this_ehr import FACTS
from mappings.model.writeback import Rung
from tests.shape.project import ROOT

DOCUMENT = ROOT / "docs" / "write-back.md"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(each.replace("|", "\\|") for each in line) + " |" for line in lines)


def ladder() -> str:
    """Each rung with what the chart gets and what is said before *File*."""
    rows = [[f"`{rung.value}`", SHORT[rung], BEFORE[rung]] for rung in Rung]
    return _table(["rung", "the chart gets", "said before *File*"], rows)


def reasons() -> str:
    return _table(["code", "because"], [[f"`{why.value}`", words] for why, words in BECAUSE.items()])


def families() -> str:
    """Each fact of each family with its reason; families of which nothing is known are named at the end."""
    rows: list[list[str]] = []
    silent: list[str] = []
    for name in vendor_names():
        facts = vendor_named(name)
        if not facts.known:
            silent.append(f"`{name}` ({facts.title})")
        for each in facts.known:
            said = f"{FACTS[each.what]}: {each.value}" if FACTS[each.what] else each.value
            rows.append([f"`{name}`", said, each.reason, each.source.value])
    known = _table(["family", "known", "because", "source"], rows)
    return f"{known}\n\nBelieved as they describe themselves, because nothing else is known: {', '.join(silent)}."


TABLES = {"ladder": ladder, "reasons": reasons, "families": families}


def written(text: str) -> str:
    """The document with its tables as the code has them now."""
    for name, table in TABLES.items():
        between = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end of {name} -->)", re.DOTALL)
        made = table()
        text = between.sub(lambda found, made=made: f"{found[1]}{made}\n{found[2]}", text)  # type: ignore[misc]
    return text


def main() -> int:
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
