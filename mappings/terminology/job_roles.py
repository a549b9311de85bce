"""From UK job role codes to what the app lets somebody do (`job_roles.toml`)."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

from mappings.model.people import Role
from mappings.terminology import systems

_JOB_ROLE: Final = re.compile(r"(?:S\d{4}:G\d{4}:)?(R\d{4})", re.ASCII)


@dataclass(frozen=True)
class JobRole:
    """One SDS job role and what it is here."""

    code: str
    display: str
    role: Role


@cache
def job_roles() -> dict[str, JobRole]:
    """Every job role that may do something, by its code."""
    text = resources.files("mappings.terminology").joinpath("job_roles.toml").read_text(encoding="utf-8")
    return {
        code: JobRole(code, display, Role(role))
        for role, codes in tomllib.loads(text).items()
        for code, display in codes.items()
    }


def role_for(system: str, code: str) -> Role | None:
    """The role of a job role coding: UK Core's SDS Job Role Name or NHS England's SDS Job Role Code. None: no role."""
    if system != systems.SDS_JOB_ROLE_NAME and system not in systems.SDS_JOB_ROLE_CODE:
        return None
    match = _JOB_ROLE.fullmatch(code)
    known = job_roles().get(match[1]) if match else None
    return known.role if known else None
