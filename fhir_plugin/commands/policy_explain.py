"""`fhir-plugin policy explain`: what a situation needs, rule by rule, with the lines of guidance that each rests on."""

from __future__ import annotations

import datetime as dt
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import json_option, mendable, say, settings_of, state_option
from fhir_plugin.commands.policy_meant import pack_meant

if TYPE_CHECKING:
    from fhir_plugin.policy.contents import PolicyPack
    from fhir_plugin.policy.ruling import Reason, Ruling
    from mappings.model.situation import Situation


@click.command()
@click.argument("situation")
@click.option("--pack", "name", help="A pack that comes with the app, as strict+dermatology; else the one in force.")
@state_option
@json_option
def explain(situation: str, name: str | None, state: Path | None, as_json: bool) -> None:
    """Explain a SITUATION: every question, every rule that speaks, its lines in the guidance, and the verdict.

    SITUATION is a file (TOML or JSON with the fields of a situation), - for stdin, or one of the examples that come
    with the app, such as fifteen-year-old-unasked. Nothing is read from any record and nothing is written.
    """
    from fhir_plugin.policy.engine import rule, who_decides
    from fhir_plugin.policy.situation_file import read_situation, title_of

    with mendable(as_json=as_json):
        text = _text(situation)
        asked = read_situation(text, today=dt.datetime.now(dt.UTC).date())
        title = title_of(text)
        pack = _pack(name, state)
        ruling = rule(asked, pack)
        decider = who_decides(asked, pack)
    answer = {"title": title, **_answer(asked, ruling, pack), "decides": decider and decider.value}
    say(answer, as_json=as_json, text="\n".join(_lines(answer)))


def _text(situation: str) -> str:
    from fhir_plugin.policy.situation_file import LONGEST_FILE, BadSituation, example, example_names

    if situation in example_names():
        return example(situation)
    try:
        if situation == "-":
            return sys.stdin.read(LONGEST_FILE + 1)
        with Path(situation).open(encoding="utf-8") as file:
            return file.read(LONGEST_FILE + 1)
    except FileNotFoundError:
        examples = ", ".join(example_names())
        raise BadSituation(f"there is no such file; the examples are {examples}", code="no-such-situation") from None
    except UnicodeDecodeError:
        raise BadSituation("the file is not text in UTF-8") from None


def _pack(name: str | None, state: Path | None) -> PolicyPack:
    """The named pack, or the one in force. Raises `Refused`."""
    from fhir_plugin.errors import Refused
    from fhir_plugin.policy.contents import UnusablePack

    try:
        return pack_meant(name, None, settings_of(state), in_force=True)
    except UnusablePack as error:
        raise Refused(error.message, code=error.code) from None


def _answer(situation: Situation, ruling: Ruling, pack: PolicyPack) -> dict[str, Any]:
    from fhir_plugin.policy.coverage import lines_of
    from fhir_plugin.policy.engine import trace
    from fhir_plugin.policy.questions import catalogue
    from fhir_plugin.policy.ruling import Act

    def reason(each: Reason) -> dict[str, Any]:
        told = {"code": each.code, "text": each.text, "action": each.action}
        return {**told, "sources": _sources(each.source), "lines": lines_of(_sources(each.source))}

    return {
        "pack": ruling.pack,
        "verdict": ruling.acts[Act(situation.wish)].value if situation.wish else "undecided",
        "wish": situation.wish and situation.wish.value,
        "acts": {act.value: may.value for act, may in ruling.acts.items()},
        "reasons": {act.value: [reason(each) for each in reasons] for act, reasons in ruling.reasons.items()},
        "questions": [
            {
                "id": each.id,
                "text": catalogue()[each.id].text,
                "why": each.why,
                "sources": list(each.sources),
                "lines": lines_of(each.sources),
                "needed_for": sorted(act.value for act in each.needed_for),
                "answered": each.answered,
                "problem": each.problem,
                "offered": [value for value, _words in each.offered],
            }
            for each in ruling.questions
        ],
        "open": [each.id for each in ruling.open],
        "stops": [reason(each) for each in ruling.stops],
        "warnings": [reason(each) for each in ruling.warnings],
        "work": [
            {"kind": due.kind.value, "hours": due.hours, "words": due.words, "sources": _sources(due.source)}
            for due in ruling.work
        ],
        "flags": sorted(ruling.flags),
        "second_person": ruling.second_person,
        "rules": trace(situation, pack),
    }


def _sources(source: str) -> list[str]:
    """ "G-R84, X9" as a list; "G-R84 to G-R88" keeps both ends."""
    return re.findall(r"G-R\d+|X\d+", source)


def _lines(answer: dict[str, Any]) -> list[str]:
    lines = [f"{answer['title']}" if answer["title"] else "", f"Policy {answer['pack']}"]
    wish = f" to {answer['wish']}" if answer["wish"] else ""
    lines.append(f"Verdict{wish}: {answer['verdict']}.")
    lines.append("May be: " + ", ".join(f"{act} {may}" for act, may in answer["acts"].items()))
    lines.append(f"Who decides: {answer['decides'] or 'not settled yet'}")
    if answer["flags"]:
        lines.append("Other than the fast path: " + ", ".join(answer["flags"]))
    if answer["second_person"]:
        lines.append("Somebody else has to agree, or it is urgent and reviewed within 24 hours.")
    for heading, name in (("Stops", "stops"), ("Warnings", "warnings")):
        if answer[name]:
            lines += ["", heading, *(line for each in answer[name] for line in _reason_lines(each))]
    waits = [each for act in answer["reasons"].values() for each in act]
    shown = {each["code"] for name in ("stops", "warnings") for each in answer[name]}
    grounds = list({each["code"]: each for each in waits if each["code"] not in shown}.values())
    if grounds:
        lines += ["", "Grounds, and what is waited for", *(line for each in grounds for line in _reason_lines(each))]
    if answer["work"]:
        lines += ["", "On somebody's list"]
        lines += [f"  {due['kind']}, within {due['hours']} hours: {due['words']}" for due in answer["work"]]
    lines += ["", "Questions, in the order to ask"]
    for each in answer["questions"]:
        mark = "!" if each["problem"] else "x" if each["answered"] else "?" if each["needed_for"] else " "
        lines.append(f"  [{mark}] {each['id']}: {each['text']}")
        lines.append(f"      {each['why']} For: {', '.join(each['needed_for']) or 'whoever wants to say it'}.")
        if each["problem"]:
            lines.append(f"      Problem: {each['problem']}")
        lines.append(f"      {', '.join(each['sources'])} ({'; '.join(each['lines'])})")
    lines += ["", "Rules that speak", *(f"  {each['rule']}: {each['says']}" for each in answer["rules"])]
    return lines[1:] if not lines[0] else lines


def _reason_lines(each: dict[str, Any]) -> list[str]:
    told = f"  {each['code']}: {each['text']} {each['action']}".rstrip()
    return [told, f"      {', '.join(each['sources'])} ({'; '.join(each['lines'])})"] if each["sources"] else [told]
