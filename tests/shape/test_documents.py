"""The documents say what is so: links lead somewhere, and names, commands and settings exist."""

from __future__ import annotations

import re
import shlex
import tomllib

import click
import pytest

from fhir_plugin import cli
from fhir_plugin.commands import answers
from fhir_plugin.sandbox.fhir.personality import personality_names
from fhir_plugin.settings import Settings
from smart_launch import read_registry
from tests.shape.project import ROOT, documents, fenced, section, text_of

DECISIONS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|<img[^>]+src=\"([^\"]+)\"")
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"`((?:fhir_plugin|smart_launch|mappings|tests|docs|requirements|\.ci)/[\w./*-]+)(?:::(\w+))?`")


def anchors(document: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", text_of(document)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", documents())
def test_every_link_within_the_project_leads_somewhere(document: str) -> None:
    folder = (ROOT / document).parent
    for link, image in _LINK.findall(_FENCE.sub("", text_of(document))):
        target = link or image
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (folder / path).resolve() if path else ROOT / document
        assert found.exists() and found.is_relative_to(ROOT), f"{document} links to {target}"
        if anchor:
            assert anchor in anchors(str(found.relative_to(ROOT))), f"{document} links to {target}"


@pytest.mark.parametrize("document", documents())
def test_every_file_and_test_that_is_named_exists(document: str) -> None:
    for path, name in _NAMED.findall(text_of(document)):
        found = list(ROOT.glob(path.rstrip("/")))
        assert found, f"{document} names {path}"
        if name:
            assert re.search(rf"^(def|class) {name}\b", found[0].read_text("utf-8"), re.MULTILINE), f"{path}::{name}"


# ------------------------------------------------------------------------------------------------------ decisions


def test_there_are_decisions_and_their_numbers_have_no_gaps() -> None:
    assert [int(path.name[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))
    assert len(DECISIONS) > 5


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: str(path.stem))
def test_a_decision_says_why_what_and_what_follows_and_is_listed(path: object) -> None:
    name = str(path).rsplit("/", 1)[1]
    text = text_of(f"docs/adr/{name}")
    title = re.match(r"# (\d+)\. (.+)\n", text)
    assert title and int(title.group(1)) == int(name[:4])
    assert re.findall(r"^## (.+)$", text, re.MULTILINE)[:3] == ["Context", "Decision", "Consequences"]
    assert re.search(r"^Status: (accepted|superseded by \d+)", text, re.MULTILINE)
    assert f"[{title.group(2)}]({name})" in text_of("docs/adr/README.md")


def test_every_direct_dependency_has_been_looked_at() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    names = {re.split(r"[\[<>=]", each)[0] for each in wanted}
    rows = re.findall(r"^\| ([^|]+) \|.*\|.*\|.*\|$", text_of("docs/adr/0010-dependencies-looked-at.md"), re.MULTILINE)
    listed = {name.split(" (")[0] for row in rows for name in row.split(", ")} - {"package", "---"}
    assert listed == names


# ---------------------------------------------------------------------------------------------- README and the code


def commands(group: click.Group, before: str = "") -> dict[str, click.Command]:
    """Every command that does something, by what is typed after `fhir-plugin`."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= commands(command, f"{before}{name} ")
        if not isinstance(command, click.Group) or command.invoke_without_command:
            found[before + name] = command
    return found


def test_the_table_of_commands_is_complete() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", section("README.md", "The command line"), re.MULTILINE)
    everything = commands(cli.main)
    listed = {next((name for name in everything if (row + " ").startswith(name + " ")), row) for row in rows}
    assert listed == set(everything)


def test_the_table_of_exit_statuses_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) \|", section("README.md", "The command line"), re.MULTILINE)
    said = [
        answers.DONE,
        answers.CHECK_FAILED,
        answers.REFUSED,
        answers.SOMEBODY_MUST_LOOK,
        answers.USAGE,
        answers.UNAVAILABLE,
    ]
    assert [int(row) for row in rows] == said


def test_every_personality_is_named() -> None:
    text = section("README.md", "The command line").split("`--like` makes")[1]
    assert set(re.findall(r"`([a-z][a-z0-9-]*)`", text)) == set(personality_names())


@pytest.mark.parametrize("document", documents())
def test_every_command_that_is_shown_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE))
    lines = [line for block in fenced(document, "sh") for line in block.replace("\\\n", " ").splitlines()]
    tables = re.findall(r"^\| `([^`]+)` \|", text_of(document), re.MULTILINE) if document == "README.md" else []
    for words in [shlex.split(line, comments=True) for line in lines]:
        if words[:1] == ["make"]:
            assert words[1] in targets, f"{document}: make {words[1]}"
        if words and words[0].endswith("fhir-plugin"):
            need_command(document, words[1:])
    for row in tables:
        if row.split()[0] in {name.split()[0] for name in commands(cli.main)}:
            need_command(document, row.replace("[", " ").replace("]", " ").split())


def need_command(document: str, words: list[str]) -> None:
    everything = commands(cli.main)
    shown = " ".join(words)
    name = next((each for each in everything if (shown + " ").startswith(each + " ")), None)
    assert name is not None, f"{document} shows fhir-plugin {shown}"
    known = {option for parameter in everything[name].params for option in parameter.opts} | {"--help"}
    used = {word for word in words if word.startswith("-") and word != "-"}
    assert used <= known, f"{document} shows fhir-plugin {shown}"


def test_every_setting_is_explained() -> None:
    rows = re.findall(r"^\| `FHIR_PLUGIN_([A-Z_]+)` \|", section("README.md", "Configuration"), re.MULTILINE)
    assert [row.lower() for row in rows] == list(Settings.model_fields)


def test_the_example_of_the_issuers_file_can_be_read() -> None:
    (example,) = fenced("README.md", "toml")
    assert len(read_registry(example)) > 0
