"""`fhir-plugin role`: who has a role that this organisation gives itself, beside the job roles of the EHR."""

from __future__ import annotations

import contextlib
import datetime as dt
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fhir_plugin.commands.answers import (
    CHECK_FAILED,
    json_option,
    mendable,
    open_installation,
    operator,
    say,
    state_option,
)
from fhir_plugin.errors import Refused

if TYPE_CHECKING:
    from fhir_plugin.adapters.appointments import Appointment
    from fhir_plugin.installation import Installation

ROLES = ("clinician", "triage", "disclosure-officer", "caldicott-guardian", "privacy-officer", "auditor")
"""As `mappings.model.people.Role`, which is not imported here so that `--help` answers at once."""

SOON = dt.timedelta(days=30)
"""How long before its last day an appointment is said to end soon."""

_by_option = click.option("--by", required=True, help="Who decided it, e.g. 'Dr Amara Nwosu, senior partner'.")
_reason_option = click.option("--reason", required=True, help="Why, in one line.")


@click.group()
def role() -> None:
    """Roles that your organisation gives somebody itself: an outside Caldicott Guardian, a privacy officer."""


@role.command()
@click.option("--issuer", required=True, help="The EHR's name in the registry (`fhir-plugin issuer list`).")
@click.option(
    "--user",
    required=True,
    help="As the EHR names them: Practitioner/123, or the whole URL of somebody whose record is on another server.",
)
@click.option("--role", "wanted", required=True, type=click.Choice(ROLES), help="The role.")
@click.option("--name", required=True, help="The person's name, for the list and for those whose record is elsewhere.")
@_by_option
@_reason_option
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Its last day, e.g. 2027-03-31. At most twelve months ahead, which is the default.",
)
@state_option
@json_option
def appoint(
    issuer: str,
    user: str,
    wanted: str,
    name: str,
    by: str,
    reason: str,
    until: dt.datetime | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """Give somebody a role. It counts from their next launch; one that they have already is replaced."""
    from mappings.model.people import Role
    from smart_launch import UnknownIssuer

    with _opened(state, as_json=as_json) as installation:
        try:
            ehr = installation.registry.named(issuer)
        except UnknownIssuer:
            known = ", ".join(each.name for each in installation.registry) or "none"
            raise Refused(f"No EHR of that name is registered. Known: {known}.", code="unknown-issuer") from None
        made = installation.appointments.appoint(
            ehr,
            user,
            Role(wanted),
            name=name,
            by=by,
            reason=reason,
            until=until.date() if until else None,
            operator=operator(),
        )
        today = installation.clock.now().date()
    text = f"{made.name} is {made.role} at {made.issuer} until {made.last_day.isoformat()}, from the next launch on.\n"
    say(_described(made, today), as_json=as_json, text=f"{text}  id {made.id}")


@role.command()
@click.argument("id")
@_by_option
@_reason_option
@state_option
@json_option
def withdraw(id: str, by: str, reason: str, state: Path | None, as_json: bool) -> None:
    """Take an appointment away, now: whoever has the app open with it is signed out."""
    with _opened(state, as_json=as_json) as installation:
        with installation.database.transaction():
            gone = installation.appointments.withdraw(id, by=by, reason=reason, operator=operator())
            open_now = installation.appointments.sessions_of(gone, installation.registry)
            ended = installation.launches.end_all(open_now, "appointment-withdrawn")
        today = installation.clock.now().date()
    text = f"{gone.name} is no longer {gone.role} at {gone.issuer}; {ended} open sessions ended."
    say({**_described(gone, today), "sessions_ended": ended}, as_json=as_json, text=text)


@role.command("list")
@click.option("--all", "everything", is_flag=True, help="Those too that have ended.")
@state_option
@json_option
def list_roles(everything: bool, state: Path | None, as_json: bool) -> None:
    """Show who was given which role, by whom, why and until when. Exit 1: a row was changed past the app."""
    with _opened(state, as_json=as_json) as installation:
        today = installation.clock.now().date()
        damaged = installation.appointments.damaged()
        shown = [
            _described(each, today)
            for each in installation.appointments.listed()
            if (everything or each.holds(today)) and each.id not in damaged
        ]
    lines = [line for each in shown for line in _lines(each)] or ["Nobody has a role from this organisation."]
    if damaged:
        lines.append(f"IGNORED, written or changed past the app: {', '.join(damaged)}. See `fhir-plugin audit verify`.")
    say({"appointments": shown, "damaged": damaged}, as_json=as_json, text="\n".join(lines))
    if damaged:
        sys.exit(CHECK_FAILED)


@contextlib.contextmanager
def _opened(state: Path | None, *, as_json: bool) -> Iterator[Installation]:
    with mendable(as_json=as_json):
        installation = open_installation(state)
        try:
            yield installation
        finally:
            installation.close()


def _described(appointment: Appointment, today: dt.date) -> dict[str, Any]:
    said: dict[str, Any] = {
        "id": appointment.id,
        "issuer": appointment.issuer,
        "user": appointment.user,
        "role": appointment.role.value,
        "name": appointment.name,
        "since": appointment.since.isoformat(),
        "last_day": appointment.last_day.isoformat(),
        "in_force": appointment.holds(today),
        "ends_soon": appointment.holds(today) and appointment.last_day - today <= SOON,
        "by": appointment.by,
        "reason": appointment.reason,
    }
    if appointment.ended is not None:
        said |= {
            "ended": appointment.ended.isoformat(),
            "ended_by": appointment.ended_by,
            "ended_reason": appointment.ended_reason,
        }
    return said


def _lines(said: dict[str, Any]) -> list[str]:
    when = f"until {said['last_day']}" if said["in_force"] else f"ended {str(said.get('ended', said['last_day']))[:10]}"
    soon = ": appoint again soon" if said["ends_soon"] else ""
    return [
        f"{said['role']:<19} {said['name']} ({said['user']} at {said['issuer']}), {when}{soon}",
        f"{'':<19} by {said['by']}: {said['reason']}   id {said['id']}",
    ]
