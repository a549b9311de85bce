"""Vault, database and record compared with one another, and what may be set right set right (`fhir-plugin reconcile`).

First what disagrees is listed, in both directions; nothing is changed. With `mend`, what no one could still need is put
right: leftovers of what was destroyed, copies that can be made anew, rows that a filed image lost, Tasks that say
something else than our case. Everything else may be the only copy, or somebody's decision, and is a person's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from fhir_plugin.delete import tell
from fhir_plugin.delete.disagreement import Finding, Kind, Known, Sources, Unasked, known
from fhir_plugin.delete.reconcile_own import own_findings
from fhir_plugin.delete.reconcile_record import record_findings
from fhir_plugin.errors import NotFound, PluginError, RecordRefused, SignInNeeded, Tampered, Unavailable
from fhir_plugin.ledger.copies_in_charts import InChart, looked_at, stands
from fhir_plugin.policy.clock_times import UK
from fhir_plugin.policy.review_days import with_review_days
from fhir_plugin.ports import AuditEntry, Destroyed, Json
from mappings.model.identifiers import CaptureId, FhirBase, LaunchId, PatientId, Reference, VaultId
from mappings.model.kept import KeptImage
from mappings.model.labels import is_restricted
from mappings.model.writeback import CopyState
from mappings.r4 import elements
from mappings.r4.relabelled import labels_of_image

SYSTEM = Reference("system")


@dataclass(frozen=True)
class Report:
    """`mended`: those of `findings` that were set right. `down`: somebody's record did not answer."""

    findings: tuple[Finding, ...]
    mended: tuple[Finding, ...] = ()
    unasked: tuple[Unasked, ...] = field(default=(), repr=False)
    asked: int = 0
    """How many patients' records were looked at."""
    down: bool = False

    @property
    def left(self) -> tuple[Finding, ...]:
        """What a person must look at, or is still to be mended."""
        return tuple(each for each in self.findings if each not in self.mended)


def reconcile(sources: Sources, *, mend: bool = False) -> Report:
    """Looks at everything, changes nothing; with `mend`, sets right what may be. Safe at any time, and twice.

    A patient of whom something is under way is left for the next time. Raises `Tampered` where the log of destructions
    was changed: then nobody can say what must be gone.
    """
    found = known(sources)
    findings = dict.fromkeys(own_findings(sources, found))
    launches: dict[Finding, LaunchId] = {}
    unasked: list[Unasked] = []
    asked, down = 0, False
    for base, patient in dict.fromkeys(sources.patients()):
        try:
            launch, theirs = _of_patient(sources, found, base, patient)
        except _NotNow as not_now:
            unasked.append(Unasked(base, patient, not_now.code))
            down = down or not_now.down
            continue
        asked += 1
        launches.update(dict.fromkeys(theirs, launch))
        findings.update(dict.fromkeys(theirs))
    mended = [each for each in findings if mend and _mend(sources, found, each, launches.get(each))]
    return Report(tuple(findings), tuple(mended), tuple(unasked), asked, down)


class _NotNow(Exception):
    """This patient's record cannot be looked at now."""

    def __init__(self, code: str, *, down: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.down = down


def _of_patient(
    sources: Sources, found: Known, base: FhirBase, patient: PatientId
) -> tuple[LaunchId, Sequence[Finding]]:
    if (base, patient) in found.busy:
        raise _NotNow("under-way")
    why = _NotNow("no-launch")
    for launch in sources.launches(base, patient):
        try:
            record = sources.parts.records(launch)
            return launch, list(record_findings(sources.parts, record, found, base, patient))
        except SignInNeeded:
            why = _NotNow("sign-in-needed")
        except Unavailable as error:
            why = _NotNow(error.code, down=True)
        except PluginError as error:
            why = _NotNow(error.code)
    raise why


# ------------------------------------------------------------------------------------------ setting right


def _mend(sources: Sources, found: Known, finding: Finding, launch: LaunchId | None) -> bool:
    """Whether it was set right. Each is looked at once more in the transaction that changes it; records and files are
    asked before that, as neither waits for anybody inside."""
    act = _MENDING.get(finding.kind)
    if act is None or not finding.mendable:
        return False
    parts = sources.parts
    try:
        first = _first(sources, finding, launch)
        with parts.work.transaction():
            if not act(sources, found, finding, launch, first):
                return False
            parts.audit.append(
                AuditEntry(
                    action="reconcile.mended",
                    actor=SYSTEM,
                    patient=f"Patient/{finding.patient}" if finding.patient else "",
                    launch=launch,
                    subject=finding.what,
                    policy=parts.policy.reference,
                    detail={"kind": finding.kind.value},
                )
            )
    except (NotFound, RecordRefused, Unavailable, Tampered):
        return False
    return True


def _first(sources: Sources, finding: Finding, launch: LaunchId | None) -> Json:
    """What has to be done or read outside of any transaction of ours."""
    if finding.kind is Kind.BYTES_WITHOUT_KEY:
        sources.parts.vault.sweep()  # nobody can open them: the vault knows which may go
    if finding.kind is Kind.RESOURCE_WITHOUT_REGISTER and launch is not None:
        return sources.parts.records(launch).read(*finding.what.split("/"))
    if finding.kind is Kind.COPY_GONE and launch is not None and finding.fhir_base is not None:
        copies = sources.parts.copies.of_document(finding.fhir_base, Reference(finding.what))
        record = sources.parts.records(launch)
        if copies and all(looked_at(record, each) is InChart.GONE for each in copies):
            return {"shows": "nothing"}
    return {}


_Act = Callable[[Sources, Known, Finding, LaunchId | None, Json], bool]


def _destroy(sources: Sources, _found: Known, finding: Finding, _launch: LaunchId | None, _first: Json) -> bool:
    """Only what is still there, and still nobody's."""
    vault = sources.parts.vault
    item = next((each for each in vault.items() if each.vault_id == finding.what), None)
    if item is None or (finding.kind is Kind.VAULT_WITHOUT_OWNER and known(sources).owns(item.owner)):
        return False
    vault.destroy(VaultId(finding.what))
    return True


def _swept(sources: Sources, _found: Known, finding: Finding, _launch: LaunchId | None, _first: Json) -> bool:
    return finding.what not in sources.strays()[0]


def _forget(sources: Sources, _found: Known, finding: Finding, _launch: LaunchId | None, _first: Json) -> bool:
    parts, base, reference = sources.parts, finding.fhir_base, Reference(finding.what)
    assert base is not None
    parts.kept.forget(base, reference)
    parts.hidden.forget(base, reference)
    return True


def _log(sources: Sources, found: Known, finding: Finding, _launch: LaunchId | None, _first: Json) -> bool:
    case_item = found.items.get(finding.what)
    if case_item is None:
        return False
    case, item = case_item
    at = item.timeline[-1].at if item.timeline else sources.parts.clock.now()
    sources.parts.destroyed.append(
        Destroyed(
            at=at,
            item=item.id,
            fhir_base=case.fhir_base,
            reference=item.image.reference,
            vault_items=(),
            digest=item.image.digest,
        )
    )
    return True


def _register(sources: Sources, found: Known, finding: Finding, _launch: LaunchId | None, resource: Json) -> bool:
    """What was filed and lost its row: somebody looks at it again when its time comes, as at any other."""
    parts, base, patient, reference = sources.parts, finding.fhir_base, finding.patient, Reference(finding.what)
    assert base is not None and patient is not None
    with suppress(NotFound):
        parts.kept.get(base, reference)
        return False  # somebody was there before
    filed = elements.parse_instant(resource.get("issued") or resource.get("date")) or parts.clock.now()
    like = next((each for each in found.kept.values() if (each.fhir_base, each.patient) == (base, patient)), None)
    image = KeptImage(
        fhir_base=base,
        reference=reference,
        patient=patient,
        capture_id=elements.capture_of(resource) or CaptureId(""),
        filed=filed,
        patient_name=like.patient_name if like else "",
        birth_date=like.birth_date if like else None,
    )
    private = is_restricted(list(labels_of_image(resource)))
    parts.kept.keep(with_review_days(image, parts.policy, filed.astimezone(UK).date(), private=private))
    return True


def _tell(sources: Sources, found: Known, finding: Finding, launch: LaunchId | None, _first: Json) -> bool:
    """As the next revision: the engine tells it, writes down that it was edited, and voids what was approved by it."""
    parts, case_item = sources.parts, found.items.get(finding.what)
    if case_item is None or launch is None:
        return False
    case = parts.cases.get(case_item[0].id, for_change=True)
    if parts.ledger.for_subject(case.id) and any(not each.ended for each in parts.ledger.for_subject(case.id)):
        return True  # another finding of the same request has ordered it
    case = replace(case, revision=case.revision + 1)
    parts.cases.save(case)
    tell.tell(parts, case, launch=launch, user=SYSTEM)
    parts.queue.wake()
    return True


def _copy_gone(sources: Sources, _found: Known, finding: Finding, launch: LaunchId | None, first: Json) -> bool:
    """The chart was asked again before the transaction: it says nothing there still."""
    if finding.fhir_base is None or launch is None or first.get("shows") != "nothing":
        return False
    gone = False
    for copy in sources.parts.copies.of_document(finding.fhir_base, Reference(finding.what)):
        if copy.state is not CopyState.GONE:
            stands(sources.parts, copy, CopyState.GONE, by=SYSTEM)
            gone = True
    return gone


_MENDING: dict[Kind, _Act] = {
    Kind.BYTES_WITHOUT_KEY: _swept,
    Kind.VAULT_WITHOUT_OWNER: _destroy,
    Kind.PICTURE_OF_ENDED: _destroy,
    Kind.DESTROYED_IN_VAULT: _destroy,
    Kind.THUMBNAIL_WITHOUT_IMAGE: _destroy,
    Kind.DESTROYED_IN_REGISTER: _forget,
    Kind.DESTROYED_WITHOUT_LOG: _log,
    Kind.RESOURCE_WITHOUT_REGISTER: _register,
    Kind.TASK_EDITED: _tell,
    Kind.TASK_GONE: _tell,
    Kind.TASK_NOT_TOLD: _tell,
    Kind.COPY_GONE: _copy_gone,
}
"""Where a kind is not here, a person decides: it may be the only copy, or what somebody did on purpose."""
