"""`fhir-plugin policy explain` and `coverage`: what a situation needs, with the lines of guidance behind it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from fhir_plugin.cli import main
from fhir_plugin.policy.questions import catalogue
from fhir_plugin.policy.situation_file import example, example_names
from tests.shape.project import ROOT


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def explain(*words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", "explain", *words], input=stdin)


def told(*words: str) -> dict[str, Any]:
    result = explain(*words, "--pack", "strict", "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


EXPECTED = {
    "adult-photo": ("yes", [], []),
    "adult-refuses-storing": ("not-yet", ["reconsidered", "alternative_offered"], []),
    "attorney-refuses": ("no", [], ["authority-refused"]),
    "best-interests": ("yes", [], []),
    "care-worker": ("no", [], ["care-worker"]),
    "child-objects": ("no", [], ["child-objects"]),
    "child-with-parent": ("yes", [], []),
    "contradiction": ("not-yet", ["giver"], []),
    "fifteen-year-old-decided": ("yes", [], []),
    "own-phone": ("no", [], ["personal-device"]),
}


def test_every_example_is_expected() -> None:
    assert set(EXPECTED) | {"fifteen-year-old-unasked", "emergency-opening"} == set(example_names())


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_and_its_verdict(name: str) -> None:
    verdict, waiting, stops = EXPECTED[name]
    answer = told(name)
    assert answer["verdict"] == verdict
    assert sorted(answer["open"]) == sorted(waiting)
    assert [each["code"] for each in answer["stops"]] == stops
    assert answer["title"]


def test_the_hardest_one_is_held_unseen() -> None:
    answer = told("fifteen-year-old-unasked")
    assert answer["verdict"] == "undecided"
    assert set(answer["acts"].values()) == {"not-yet"}
    assert {"contact", "gillick", "child_view", "legitimate_reason"} <= set(answer["open"])
    assert any("004:271-274" in each["lines"] for each in answer["questions"] if each["id"] == "contact")
    assert any(due["kind"] == "unsolicited" for due in answer["work"])
    opened = told("emergency-opening")
    assert opened["acts"]["reveal"] == "yes"
    assert "yes" not in {may for act, may in opened["acts"].items() if act != "reveal"}


def test_json_says_verdict_questions_and_sources() -> None:
    answer = told("fifteen-year-old-decided")
    assert set(answer) == {
        *("title", "pack", "verdict", "wish", "acts", "reasons", "questions", "open", "stops", "warnings", "work"),
        *("flags", "second_person", "rules", "decides"),
    }
    assert answer["pack"].startswith("strict/")
    assert answer["decides"] == "competent-child"
    for each in answer["questions"]:
        assert each["text"] == catalogue()[each["id"]].text
        assert each["sources"]
        assert each["lines"], each["id"]
    assert {each["rule"] for each in answer["rules"]} >= {"children.view", "unsolicited.contact", "chaperone.chaperone"}


@pytest.mark.parametrize("name", example_names())
def test_words_name_every_question_rule_and_source_and_no_answer(name: str) -> None:
    result = explain(name, "--pack", "nhs-intimate-2020")
    assert result.exit_code == 0, result.output
    answer = json.loads(explain(name, "--pack", "nhs-intimate-2020", "--json").stdout)
    for each in answer["questions"]:
        assert f"{each['id']}: {each['text']}" in result.output
        assert each["why"] in result.output
    for each in answer["rules"]:
        assert each["says"] in result.output
    assert f"Verdict{' to ' + answer['wish'] if answer['wish'] else ''}: {answer['verdict']}." in result.output
    assert "Synthetic" not in result.output + json.dumps(answer), "what was written in an answer stays there"


def test_a_pack_decides(state: Path) -> None:
    said = 'consent_store = "not-asked"'
    text = example("adult-photo").replace('consent_store = "given"', said).replace('"given"', '"not-asked"')
    verdicts = {}
    for pack in ("strict", "gp-inform-only"):
        result = explain("-", "--pack", pack, "--json", stdin=text)
        verdicts[pack] = json.loads(result.stdout)["verdict"]
    assert verdicts == {"strict": "not-yet", "gp-inform-only": "yes"}
    in_force = explain("adult-photo", "--state", str(state), "--json")
    assert json.loads(in_force.stdout)["pack"].startswith("strict/")
    assert not state.exists(), "looking makes nothing"


def test_toml_json_and_stdin_say_the_same(tmp_path: Path) -> None:
    import tomllib

    values = tomllib.loads(example("adult-photo"))
    file = tmp_path / "situation.json"
    file.write_text(json.dumps(values, default=str), "utf-8")
    assert told(str(file)) == told("adult-photo")
    piped = explain("-", "--pack", "strict", "--json", stdin=example("adult-photo"))
    assert json.loads(piped.stdout) == told("adult-photo")


BAD = {
    "colour = 1": "colour: no such field",
    'birth_date = "1980-13-01"': "birth_date: a day is wanted",
    'birth_date = "1980"': "birth_date: a day is wanted",
    "birth_date = 1980-02-03T10:00:00": "birth_date: a day is wanted",
    "birth_date = 2030-01-01": "birth_date: it lies after",
    "captured_on = 2030-01-01": "captured_on: it lies after",
    'wish = "burn"': "wish: one of store, describe, discard is wanted",
    'face_to_face = "yes"': "face_to_face: true or false is wanted",
    "purpose = 3": "purpose: some text is wanted",
    "preauthorised_private = true": "preauthorised_private: without a request",
    'requested = true\narrival = "unasked"': "requested: what answers a request",
    "title = 4": "title: some text is wanted",
    '"<script>alert(1)</script>" = 1': "(a name): no such field",
    "birth_date": "neither TOML nor JSON",
    "{": "neither TOML nor JSON",
    "[" * 100_000: "neither TOML nor JSON",
    '{"purpose": ' + "[" * 100_000: "neither TOML nor JSON",
}


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:30])
def test_bad_input_is_refused_and_its_field_named(text: str) -> None:
    said = f"today = 2026-11-22\n{text}" if not text.startswith("{") else text
    result = explain("-", "--json", stdin=said)
    assert result.exit_code == 2, result.output
    refused = json.loads(result.stdout)["refused"]
    assert refused["code"] == "bad-situation"
    assert BAD[text] in refused["message"]
    plain = explain("-", stdin=said)
    assert plain.exit_code == 2
    assert plain.stdout == ""


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    result = explain(str(tmp_path / "none.toml"), "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout)["refused"]["code"] == "no-such-situation"
    unknown = explain("adult-photo", "--pack", "nowhere", "--json")
    assert unknown.exit_code == 2
    assert json.loads(unknown.stdout)["refused"]["code"] == "unusable-policy-pack"
    binary = tmp_path / "photo.toml"
    binary.write_bytes(b"\xff\xd8\xff\xe0")
    assert explain(str(binary)).exit_code == 2


def test_coverage_counts_every_requirement() -> None:
    result = CliRunner().invoke(main, ["policy", "coverage", "--json"])
    assert result.exit_code == 0
    answer = json.loads(result.stdout)
    assert len(answer["requirements"]) == 351 == sum(answer["counts"].values())
    both = CliRunner().invoke(main, ["policy", "coverage", "--json", "--markdown"])
    assert both.exit_code == 64


def test_the_example_of_the_document_is_held_unseen_under_every_pack() -> None:
    document = (ROOT / "docs" / "policy.md").read_text("utf-8")
    text = document.partition("## Trying it on a situation")[2].partition("```toml\n")[2].partition("```")[0]
    for pack in ("strict", "gp-inform-only", "nhs-intimate-2020"):
        answer = json.loads(explain("-", "--pack", pack, "--json", stdin=text).stdout)
        assert set(answer["acts"].values()) == {"not-yet"}, pack
    assert {name for name in example_names() if f"`{name}`" in document} == set(example_names())
