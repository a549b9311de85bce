"""What every command shares: its exit statuses, its options, and how it answers and refuses.

Exit statuses: 0 done, 1 a check failed, 2 refused, 3 done but somebody must look, 64 usage, 69 something needed is
unavailable."""

from __future__ import annotations

import getpass
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from fhir_plugin.errors import PluginError, Refused, Unavailable

if TYPE_CHECKING:
    from fhir_plugin.installation import Installation
    from fhir_plugin.settings import Settings

DONE, CHECK_FAILED, REFUSED, SOMEBODY_MUST_LOOK, USAGE, UNAVAILABLE = 0, 1, 2, 3, 64, 69
click.UsageError.exit_code = USAGE

state_option = click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    help="Directory for this installation's database, vault and key.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON value on stdout and nothing else.")


def say(value: Any, *, as_json: bool, text: str) -> None:
    """The answer of a command: one JSON value, or words."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2) if as_json else text)


def refuse(error: PluginError, *, as_json: bool) -> NoReturn:
    """Ends with 2 (the person must do something else), 69 (try again) or 1 (something is wrong)."""
    if as_json:
        click.echo(json.dumps({"refused": {"code": error.code, "message": error.message}}, ensure_ascii=False))
    else:
        click.echo(f"{error.code}: {error.message}", err=True)
    if isinstance(error, Refused):
        sys.exit(REFUSED)
    sys.exit(UNAVAILABLE if isinstance(error, Unavailable) else CHECK_FAILED)


@contextmanager
def mendable(*, as_json: bool = False) -> Iterator[None]:
    """What an operator can mend ends a command with a status and one line, never with a traceback."""
    try:
        yield
    except PluginError as error:
        refuse(error, as_json=as_json)
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        refuse(Unavailable(f"{error.strerror}{where}", code="system"), as_json=as_json)


def need_apart(report: Path | None, output: str | Path, inputs: Sequence[str] = ()) -> None:
    """Raises `Refused` where a report would take the place of the output, or of what the output is made from."""
    if report is None:
        return
    place, others = report.resolve(), [Path(each).resolve() for each in (output, *inputs) if str(each) != "-"]
    if any(place == each or each in place.parents for each in others):
        raise Refused("The report needs a place of its own.", code="same-name")


def operator() -> str:
    """Who runs this command, for the audit: the login name, or the number of an account without one (a container)."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def settings_of(state: Path | None) -> Settings:
    """What the environment sets, for the installation at `--state` if given. A wrong setting is a usage error."""
    from pydantic import ValidationError

    from fhir_plugin.settings import Settings

    try:
        return Settings() if state is None else Settings(state=state)
    except ValidationError as error:
        wrong = ", ".join("FHIR_PLUGIN_" + str(each["loc"][0]).upper() for each in error.errors())
        raise click.UsageError(f"This setting makes no sense: {wrong}.") from None  # its value may be a secret


def open_installation(state: Path | None) -> Installation:
    """The installation that the environment describes, at `--state` if given. A wrong setting is a usage error.

    Raises `Unavailable` (`misconfigured`) for a registry of EHRs that cannot be used.
    """
    from fhir_plugin.app import install
    from smart_launch import Misconfigured

    settings = settings_of(state)
    try:
        return install(settings)
    except Misconfigured as error:
        raise Unavailable(error.message, code=error.code) from None
