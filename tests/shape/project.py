"""The project as its files: what is committed, or about to be."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("fhir_plugin", "smart_launch", "mappings")
_VENDORED = "fhir_plugin/web/static/vendor/"


@cache
def files() -> tuple[str, ...]:
    """Every file that git keeps or would keep, by its path from the root; what others wrote is left out."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    names = sorted({name for name in listed.split("\0") if name and not name.startswith(_VENDORED)})
    return tuple(name for name in names if (ROOT / name).is_file())


@cache
def text_of(name: str) -> str:
    """What a file says; empty for what is no text."""
    try:
        return (ROOT / name).read_text("utf-8")
    except UnicodeDecodeError:
        return ""


def python_files() -> list[str]:
    return [name for name in files() if name.endswith(".py")]


def documents() -> list[str]:
    """Every page for people. Their fenced examples are part of them."""
    return [name for name in files() if name.endswith(".md")]


def section(document: str, heading: str) -> str:
    """What stands under one `## heading` of a document."""
    found = re.search(rf"^## {re.escape(heading)}$(.*?)(?=^## |\Z)", text_of(document), re.MULTILINE | re.DOTALL)
    assert found, f"{document} has no section {heading}"
    return found.group(1)


def fenced(document: str, language: str) -> list[str]:
    """The examples of one language in a document."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text_of(document), re.MULTILINE | re.DOTALL)
