"""One run: every check in its order, then everything that was made is removed again."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from fhir_plugin import VERSION
from fhir_plugin.adapters.clock import SystemClock
from fhir_plugin.adapters.companion import CompanionRecord
from fhir_plugin.adapters.database import Database
from fhir_plugin.adapters.fhir_binaries import BinaryForms
from fhir_plugin.adapters.fhir_purge import FhirPurge
from fhir_plugin.adapters.fhir_record import FhirServerRecord
from fhir_plugin.adapters.keys import MasterKeys
from fhir_plugin.conformance import copies, living, writing
from fhir_plugin.conformance.bench import Bench, CannotDo, Check, CheckFailed, NothingToTry
from fhir_plugin.conformance.matrix import matrix_of, way_of
from fhir_plugin.conformance.recording import RecordingTransport
from fhir_plugin.conformance.results import CheckResult, Report, Verdict
from fhir_plugin.conformance.signing_in import OPEN, Access
from fhir_plugin.errors import Gone, NotFound, PluginError, RecordUnavailable, SignInNeeded
from mappings.model.identifiers import FhirBase, Reference
from mappings.r4.errors import MappingError

CHECKS: Final[tuple[Check, ...]] = (*writing.CHECKS, *copies.CHECKS, *living.CHECKS)
LARGE: Final = 5_000_000
"""Bytes of a photograph of twelve megapixels."""
SECONDS: Final = 300.0
CLEAN_UP_SECONDS: Final = 60.0
TIME_IS_OVER: Final = "The time for this run was over."
LEFT_ALONE: Final = "The server asked to be left alone (Retry-After), and was."
CUT_SHORT: Final = frozenset({TIME_IS_OVER, LEFT_ALONE})

Progress = Callable[[int, int, CheckResult], None]
"""How many checks are done, of how many, and how the last one ended."""


def run(
    transport: RecordingTransport,
    base: FhirBase,
    access: Access = OPEN,
    *,
    vendor: str | None = None,
    patient: str | None = None,
    keep: bool = False,
    large: int = LARGE,
    seconds: float = SECONDS,
    progress: Progress = lambda _done, _all, _last: None,
) -> Report:
    """Tries everything. Raises `RecordUnavailable` or `RecordRefused` where the server does not even describe itself,
    `SignInNeeded` where it does not take the token.

    `patient`: the id of a synthetic patient who is there already, for a server where nobody creates one. `keep`: leaves
    what was made, for whoever wants to look at it. `seconds`: what the checks may take together; removing what was made
    has as long as it needs, up to `CLEAN_UP_SECONDS`.
    """
    transport.end_in(seconds)
    record = FhirServerRecord(
        transport,
        base,
        access.token,
        granted=access.granted,
        vendor=vendor,
        binary_forms=BinaryForms(),
        renew=access.renew,
    )
    capability = record.capability()
    clock, name = SystemClock(), secrets.token_hex(8)
    patient = patient or access.patient
    with _companion(base) as companion:
        bench = Bench(record, FhirPurge(record, companion, None), name, clock.now().date(), large)
        bench.patient = Reference(f"Patient/{patient}") if patient is not None else None
        results = []
        for number, check in enumerate(CHECKS, start=1):
            results.append(_tried(check, bench, transport))
            progress(number, len(CHECKS), results[-1])
        transport.end_in(CLEAN_UP_SECONDS)
        left = () if keep else tuple(_clean_up(bench))
    return Report(
        fhir_base=base,
        software=capability.software,
        fhir_version=capability.fhir_version,
        vendor=capability.vendor.name,
        at=clock.now(),
        version=VERSION,
        results=tuple(results),
        left_behind=tuple(bench.made) if keep else left,
        kept=keep,
        entered=access.words,
        scopes=access.scopes,
        matrix=matrix_of(capability),
        way=way_of(capability, large),
        cut_short=next((each.words for each in results if each.words in CUT_SHORT), ""),
    )


def _tried(check: Check, bench: Bench, transport: RecordingTransport) -> CheckResult:
    began = time.monotonic()
    transport.taken()
    verdict, words = (Verdict.NOT_RUN, TIME_IS_OVER) if transport.time_is_over else _ended(check, bench)
    if verdict is Verdict.FAILED and transport.time_is_over:
        verdict, words = Verdict.NOT_RUN, TIME_IS_OVER
    passed_over = transport.passed_over
    return CheckResult(
        name=check.name,
        title=check.title,
        group=check.group,
        requirement=check.requirement,
        verdict=verdict,
        words=words,
        exchanges=transport.taken(),
        milliseconds=round((time.monotonic() - began) * 1000),
        exchanges_not_shown=passed_over,
    )


def _ended(check: Check, bench: Bench) -> tuple[Verdict, str]:
    try:
        return Verdict.PASSED, check.act(bench)
    except CannotDo as cannot:
        return Verdict.UNAVAILABLE, str(cannot)
    except NothingToTry as nothing:
        return Verdict.NOT_RUN, str(nothing)
    except CheckFailed as failed:
        return Verdict.FAILED, str(failed)
    except SignInNeeded:
        raise  # nothing that follows could be told from a refusal
    except RecordUnavailable as unavailable:
        if unavailable.retry_after is not None:
            return Verdict.NOT_RUN, LEFT_ALONE
        return Verdict.FAILED, f"{unavailable.message} ({unavailable.code})"
    except PluginError as error:
        return Verdict.FAILED, f"{error.message} ({error.code})"
    except MappingError as error:
        return Verdict.FAILED, f"What came back cannot be read: {error}"


def _clean_up(bench: Bench) -> Iterator[str]:
    """Removes what was made, the last first, with its versions; gives what is still there, and why."""
    for reference in reversed(bench.made):
        resource_type, id = reference.split("/")
        why = ""
        try:
            bench.record.delete(resource_type, id)
            bench.purge.purge(reference)
        except PluginError as refused:
            why = refused.code
        if _is_there(bench, reference):
            yield f"{reference} ({why or 'still there'})"


def _is_there(bench: Bench, reference: Reference) -> bool:
    try:
        bench.record.read(*reference.split("/"))
    except (NotFound, Gone):
        return False
    except PluginError:
        return True
    return True


@contextmanager
def _companion(base: FhirBase) -> Iterator[CompanionRecord]:
    """An empty companion store of this run alone."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'run.db'}")
        try:
            database.upgrade()
            masters = MasterKeys.from_file(Path(folder) / "master.key")
            yield CompanionRecord(database, masters, base, SystemClock())
        finally:
            database.dispose()
