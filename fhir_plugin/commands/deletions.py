"""`fhir-plugin deletions`: requests for permanent deletion as whoever runs the installation sees them. Names nobody.

Nothing here decides anything: what nobody has approved is not carried out. What is carried out, or looked at again, is
done under a live launch of that patient; where there is none, the command says who has to sign in, and ends with 3.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    DONE,
    SOMEBODY_MUST_LOOK,
    json_option,
    mendable,
    open_installation,
    operator,
    say,
    state_option,
)
from fhir_plugin.errors import NotFound, Refused

if TYPE_CHECKING:
    from fhir_plugin.installation import Installation
    from mappings.model.deletion import DeletionCase, DeletionItem


@click.group()
def deletions() -> None:
    """Requests for permanent deletion: what stands how, what was proven, what waits for whom."""


@deletions.command("list")
@click.option("--all", "everything", is_flag=True, help="Those that have ended as well.")
@state_option
@json_option
def list_them(everything: bool, state: Path | None, as_json: bool) -> None:
    """List every item of a request, the newest request first. Exit 3: something waits for a person."""
    with _opened(state, as_json=as_json) as installation:
        rows = [
            _row(installation, case, item)
            for case in _cases(installation)
            for item in case.items
            if everything or case.open
        ]
    words = [f"{len(rows)} {'item' if len(rows) == 1 else 'items'}."]
    words += [f"  {row['item']}  {row['state']:<16} due {row['due']}  {row['ehr']}  {row['waits']}" for row in rows]
    say({"deletions": rows}, as_json=as_json, text="\n".join(words))
    sys.exit(SOMEBODY_MUST_LOOK if any(row["waits"] for row in rows) else DONE)


@deletions.command()
@click.argument("item")
@state_option
@json_option
def show(item: str, state: Path | None, as_json: bool) -> None:
    """Show one item, by its id: its steps, what was destroyed, where was looked, and what is to be done."""
    with _opened(state, as_json=as_json) as installation:
        case, found = _find(installation, item)
        told = _whole(installation, case, found)
    say(told, as_json=as_json, text=_as_text(told))


@deletions.command()
@click.argument("item")
@state_option
@json_option
def execute(item: str, state: Path | None, as_json: bool) -> None:
    """Carry out what a Caldicott Guardian has approved, or go on with what had begun, under a live launch of that
    patient. Exit 3: nobody is signed in at that chart, or something remains and somebody must see to it."""
    from mappings.model.deletion import DeletionState

    with _opened(state, as_json=as_json) as installation:
        case, found = _find(installation, item)
        if found.state is not DeletionState.COMPLETED:
            case, found = _carried_on(installation, case, found, as_json=as_json)
        told = _whole(installation, case, found)
    say(told, as_json=as_json, text=_as_text(told))
    sys.exit(DONE if told["proven"] else SOMEBODY_MUST_LOOK)


@deletions.command()
@click.argument("item")
@state_option
@json_option
def prove(item: str, state: Path | None, as_json: bool) -> None:
    """Look again for what could not be proven, and go on with what had begun. What is proven stays proven: it is shown.

    Exit 1: something remains, or could not be looked at. Exit 3: nobody is signed in at that chart."""
    from mappings.model.deletion import DeletionState

    with _opened(state, as_json=as_json) as installation:
        case, found = _find(installation, item)
        if found.state in (DeletionState.FAILED, DeletionState.IN_PROGRESS):
            case, found = _carried_on(installation, case, found, as_json=as_json)
        elif found.state is not DeletionState.COMPLETED:
            raise Refused("Nothing of this has been destroyed, so that there is nothing to prove.", code="not-begun")
        told = _whole(installation, case, found)
    say(told, as_json=as_json, text=_as_text(told))
    sys.exit(DONE if told["proven"] else CHECK_FAILED)


@deletions.command()
@click.argument("number")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the signed JSON here.")
@click.option("--pdf", type=click.Path(dir_okay=False, path_type=Path), help="Write one page to print here.")
@state_option
@json_option
def certificate(number: str, output: Path | None, pdf: Path | None, state: Path | None, as_json: bool) -> None:
    """Give out a certificate of destruction, by its number: signed JSON, which `verify-certificate` checks."""
    from fhir_plugin.adapters.certificate_sheet import certificate_pdf
    from fhir_plugin.adapters.whole_file import whole
    from fhir_plugin.commands.answers import need_apart
    from fhir_plugin.delete.certificate import signed_file
    from fhir_plugin.disclose.contents import named
    from mappings.model.deletion import CertificateNumber

    with _opened(state, as_json=as_json) as installation:
        if output is not None:
            need_apart(pdf, output)
        try:
            found = installation.deletion.parts.cases.certificate(CertificateNumber(number.replace(" ", "").upper()))
        except NotFound:
            raise Refused("There is no certificate of this number here.", code="certificate-unknown") from None
        keys = installation.signer.public_jwks()
        told = signed_file(found, keys)
        _note(installation, "deletion.certificate-given", found.item, number=found.number)
        if pdf is not None:
            with whole(pdf) as file:
                file.write(certificate_pdf(found, named(installation.policy.organisation), keys))
        if output is not None:
            with whole(output) as file:
                file.write(json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n")
    if output is None:
        say(told, as_json=True, text="")
    else:
        say({"number": found.number, "file": str(output)}, as_json=as_json, text=f"{found.number}: {output}")


@deletions.command()
@click.argument("item")
@click.option("--place", required=True, help="ehr-backups, own-backups, ehr-other, recipients or logs.")
@click.option("--on", required=True, type=click.DateTime(["%Y-%m-%d"]), help="The day of their word.")
@click.option("--words", required=True, help="Who says so, and what. Stays sealed here; no certificate repeats it.")
@state_option
@json_option
def attest(item: str, place: str, on: dt.datetime, words: str, state: Path | None, as_json: bool) -> None:
    """Write down somebody's word about a place that this app cannot look at, as backups. It is never part of a proof;
    certificates that are made from then on name it with its day."""
    from fhir_plugin.delete.attest import keep_word
    from fhir_plugin.delete.told import not_said_yet

    with _opened(state, as_json=as_json) as installation:
        case, found = _find(installation, item)
        parts = installation.deletion.parts
        with parts.work.transaction():
            case = keep_word(parts, case.id, place=place, words=words, on=on.date(), by=None)
            _note(installation, "deletion.attested", found.id, place=place, on=on.date().isoformat())
        left = list(not_said_yet(case))
    text = f"Written down. Nobody has given their word for: {'; '.join(left) or 'nothing more'}."
    say(
        {"item": found.id, "place": place, "on": on.date().isoformat(), "not_attested": left},
        as_json=as_json,
        text=text,
    )


# ---------------------------------------------------------------------------------------------- inside


@contextmanager
def _opened(state: Path | None, *, as_json: bool) -> Iterator[Installation]:
    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            yield installation
        finally:
            installation.close()


def _cases(installation: Installation) -> Iterator[DeletionCase]:
    cases = installation.deletion.parts.cases
    for base in cases.bases():
        yield from cases.at(base)


def _find(installation: Installation, id: str) -> tuple[DeletionCase, DeletionItem]:
    for case in _cases(installation):
        for item in case.items:
            if item.id == id:
                return case, item
    raise Refused("There is no item of this id. List them: fhir-plugin deletions list --all", code="item-unknown")


def _carried_on(
    installation: Installation, case: DeletionCase, item: DeletionItem, *, as_json: bool
) -> tuple[DeletionCase, DeletionItem]:
    from fhir_plugin.delete.again import look_at, who_may_look
    from fhir_plugin.delete.execute import TO_CARRY_OUT
    from mappings.model.deletion import DeletionState

    if item.state is DeletionState.ON_HOLD:
        raise Refused("Something forbids this at the moment. It goes on when nothing does.", code="on-hold")
    if item.state not in TO_CARRY_OUT or item.approval is None:
        raise Refused("Nobody has approved that this image is permanently deleted.", code="not-approved")
    session = who_may_look(case, installation.live_at)
    if session is None:
        waits = _waits(installation, case, item)
        told = {**_row(installation, case, item), "carried_out": False}
        say(told, as_json=as_json, text=f"Nothing was done. {waits}")
        sys.exit(SOMEBODY_MUST_LOOK)
    _note(installation, "deletion.carried-on", item.id, launch=session.launch_id)
    look_at(installation.deletion.parts, session, case.id, item.id)
    after = installation.deletion.parts.cases.get(case.id)
    return after, after.item(item.id)


def _note(installation: Installation, action: str, subject: str, **detail: str) -> None:
    from fhir_plugin.ports import AuditEntry

    by = {"operator": operator(), **detail}
    installation.audit.append(AuditEntry(action=action, actor="system", subject=subject, detail=by))


def _waits(installation: Installation, case: DeletionCase, item: DeletionItem) -> str:
    """For whom it waits, and what for; empty where nobody has to do anything."""
    from fhir_plugin.delete.again import is_due, who_may_look
    from mappings.model.deletion import DeletionState as S

    chart = f"the chart of Patient/{case.patient} at {case.fhir_base}"
    who = "a clinician, a privacy officer or the Caldicott Guardian"
    match item.state:
        case S.REQUESTED | S.RECEIVED:
            return "The Caldicott Guardian decides, or somebody whom they asked answers."
        case S.ACCEPTED:
            return f"Somebody opens {chart} and carries it out there: {who}. It can be carried out here meanwhile."
        case S.IN_PROGRESS | S.FAILED if who_may_look(case, installation.live_at) is None:
            due = item.state is S.IN_PROGRESS or is_due(item, installation.clock.now())
            return f"Somebody opens {chart}: {who}." if due else "It is looked at again by itself, at a launch then."
        case S.ON_HOLD:
            return "Something forbids it at the moment. It goes on when nothing does."
        case _:
            return ""


def _row(installation: Installation, case: DeletionCase, item: DeletionItem) -> dict[str, Any]:
    return {
        "item": item.id,
        "case": case.id,
        "ehr": case.fhir_base,
        "image": item.image.reference,
        "reason": case.reason.value,
        "state": item.state.value,
        "why": item.why,
        "due": case.due.isoformat(),
        "look_again": item.look_again.isoformat() if item.look_again is not None else None,
        "certificate": item.certificate,
        "waits": _waits(installation, case, item),
    }


def _whole(installation: Installation, case: DeletionCase, item: DeletionItem) -> dict[str, Any]:
    from fhir_plugin.delete.told import not_said_yet

    proof = item.proof
    return {
        **_row(installation, case, item),
        "patient": f"Patient/{case.patient}",
        "requested_by": case.requested_by,
        "approved_by": item.approval.by if item.approval is not None else None,
        "destroyed": list(item.purged),
        "proven": proof is not None and proof.proven and item.certificate is not None,
        "looked": [
            {"place": each.place, "at": each.at.isoformat(), "found": list(each.found), "unasked": each.unasked}
            for each in (proof.places if proof is not None else ())
        ],
        "ask": list(proof.ask) if proof is not None else [],
        "not_attested": list(not_said_yet(case)),
        "timeline": [{"event": each.event, "at": each.at.isoformat()} for each in item.timeline],
    }


def _as_text(told: dict[str, Any]) -> str:
    from fhir_plugin.delete.places import place_words, unasked_words

    lines = [f"{told['item']}  {told['state']}{'  ' + told['why'] if told['why'] else ''}"]
    lines += [f"  {each['at'][:16]}  {each['event']}" for each in told["timeline"]]
    for each in told["looked"]:
        found = ", ".join(each["found"])
        says = f"FOUND: {found}" if found else f"NOT LOOKED AT: {unasked_words(each['unasked'])}"
        clean = not each["found"] and not each["unasked"]
        lines.append(f"  {each['at'][11:19]}  {place_words(each['place'])}: {'nothing' if clean else says}")
    lines += [f"  to do: {each}" for each in told["ask"]]
    if told["proven"]:
        lines.append(f"Proven. Certificate {told['certificate']}.")
        lines += [f"  nobody has given their word for: {each}" for each in told["not_attested"]]
    elif told["looked"]:
        lines.append("NOT PROVEN.")
    lines += [told["waits"]] if told["waits"] else []
    return "\n".join(lines)
