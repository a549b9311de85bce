"""From job role codes to what the app lets somebody do: the shipped list (`job_roles.toml`), and what an
organisation changes in it.

An organisation's file has the same form. What it says of a code replaces what is shipped; `[none]` takes codes
away; other code systems have a table of their own::

    [triage]
    R6010 = "Appointments Clerk"

    [none]
    R0100 = "Clinical Assistant"

    [[system]]
    uri = "https://fhir.trust.example/CodeSystem/staff"
    [system.clinician]
    nurse = "Ward nurse"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any, Final

from mappings.model.people import Role
from mappings.terminology import systems

_NOBODY: Final = "none"
_SYSTEM: Final = "system"
_TABLES: Final = ", ".join([*Role, _NOBODY])
_LISTED: Final = re.compile(r"R\d{4}", re.ASCII)
_JOB_ROLE: Final = re.compile(r"(?:S\d{4}:G\d{4}:)?(R\d{4})", re.ASCII)
_URI: Final = re.compile(r"(?:https?://|urn:)[!-~]{1,300}", re.ASCII)
_CODE: Final = re.compile(r"[!-~]+(?: [!-~]+)*", re.ASCII)
_LONGEST: Final = 200


class UnusableJobRoles(ValueError):
    """A list of job roles that cannot be read as it is meant. The message names the entry."""


@dataclass(frozen=True)
class JobRole:
    """One job role and what it is here; `role` None: nothing, because an organisation took it away."""

    code: str
    display: str
    role: Role | None
    system: str = systems.SDS_JOB_ROLE_NAME


@dataclass(frozen=True)
class JobRoles:
    """Which job roles give which role. What is not in it gives none."""

    known: Mapping[tuple[str, str], JobRole] = field(repr=False)
    """By system and code; SDS job roles under the UK Core system, whichever form they came in."""

    def find(self, system: str, code: str) -> JobRole | None:
        """The job role of a coding: UK Core's SDS Job Role Name, NHS England's newer SDS Job Role Code, or one of a
        system that the organisation added."""
        if system == systems.SDS_JOB_ROLE_NAME or system in systems.SDS_JOB_ROLE_CODE:
            match = _JOB_ROLE.fullmatch(code)
            return self.known.get((systems.SDS_JOB_ROLE_NAME, match[1])) if match else None
        return self.known.get((system, code))

    def role_for(self, system: str, code: str) -> Role | None:
        """The role that a coding gives. None: no role."""
        found = self.find(system, code)
        return found.role if found else None

    def changed_by(self, text: str) -> JobRoles:
        """This list with an organisation's own over it. Raises `UnusableJobRoles`."""
        return JobRoles({**self.known, **_read(text)})

    def __iter__(self) -> Iterator[JobRole]:
        return iter(self.known.values())


@cache
def shipped_job_roles() -> JobRoles:
    """The list that comes with the app: UK Core's SDS job roles."""
    text = resources.files("mappings.terminology").joinpath("job_roles.toml").read_text(encoding="utf-8")
    return JobRoles({}).changed_by(text)


def _read(text: str) -> dict[tuple[str, str], JobRole]:
    try:
        top = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnusableJobRoles(f"it is not valid TOML: {error}") from error
    others = top.pop(_SYSTEM, [])
    if not isinstance(others, list) or not all(isinstance(other, dict) for other in others):
        raise UnusableJobRoles("other code systems are written as [[system]]")
    found = _tables(top, systems.SDS_JOB_ROLE_NAME)
    for other in others:
        uri = other.pop("uri", None)
        if not isinstance(uri, str) or not _URI.fullmatch(uri):
            raise UnusableJobRoles('a [[system]] needs uri = "https://..." or "urn:..."')
        if uri == systems.SDS_JOB_ROLE_NAME or uri in systems.SDS_JOB_ROLE_CODE:
            raise UnusableJobRoles(f"the codes of {uri} belong into the tables outside [[system]]")
        if any(system == uri for system, _code in found):
            raise UnusableJobRoles(f"the system {uri} appears twice")
        found.update(_tables(other, uri))
    return found


def _tables(tables: Mapping[str, Any], system: str) -> dict[tuple[str, str], JobRole]:
    found: dict[tuple[str, str], JobRole] = {}
    for name, codes in tables.items():
        if name not in (*Role, _NOBODY):
            raise UnusableJobRoles(f"[{name[:40]}] is no role of this app: {_TABLES}")
        if not isinstance(codes, dict):
            raise UnusableJobRoles(f"[{name}] must be a table of codes")
        for code, display in codes.items():
            _check(name, code, display, system)
            if (system, code) in found:
                raise UnusableJobRoles(f"{code} stands under two roles: a job role gives one")
            found[system, code] = JobRole(code, display, None if name == _NOBODY else Role(name), system)
    return found


def _check(table: str, code: str, display: Any, system: str) -> None:
    where = f"[{table}] {code[:40]}"
    if system == systems.SDS_JOB_ROLE_NAME and not _LISTED.fullmatch(code):
        raise UnusableJobRoles(f"{where}: an SDS job role is R and four digits; of S0030:G0100:R0620, R0620")
    if not _CODE.fullmatch(code) or len(code) > _LONGEST:
        raise UnusableJobRoles(f"{where}: not a FHIR code")
    if not isinstance(display, str) or not display.strip() or not display.isprintable() or len(display) > _LONGEST:
        raise UnusableJobRoles(f"{where}: its name must be one short line of text")
