"""Whether an installation may begin with real patients: what an organisation does before that is done (G-R345)."""

from __future__ import annotations

from fhir_plugin.adapters.practice import anybody_worked_at
from fhir_plugin.installation import Installation
from fhir_plugin.policy.contents import UnusablePack
from fhir_plugin.ports import AuditEntry

SERVED = "ehr.served"
"""An EHR is served from now on, for trials (`sandbox`) or for patients; written when that begins or changes."""


def ready_for_patients(installation: Installation) -> Installation:
    """The installation itself, where it may serve.

    Raises `UnusablePack` where an EHR with real patients is registered, nobody has ever worked here from one, and the
    policy lacks what comes before that. A clinic that has begun is never stopped: it is told, at every start. What was
    done at an EHR while it was for trials is no beginning.
    """
    missing = missing_before_patients(installation)
    if missing and not any(_has_begun(installation, base) for base in real_ehrs(installation)):
        _note(installation, sandbox=True)
        raise UnusablePack(
            f"The policy {installation.policy.reference} does not say yet what an organisation does before it begins "
            f"with real patients: {', '.join(missing)}. Say when each was done in your own policy file "
            "(FHIR_PLUGIN_POLICY_FILE, docs/policy.md), or register the EHR with --sandbox if it has no real patients"
        )
    _note(installation, sandbox=True)
    _note(installation, sandbox=False)
    return installation


def missing_before_patients(installation: Installation) -> tuple[str, ...]:
    """Keys of the policy, none where every registered EHR is for trials."""
    if not real_ehrs(installation):
        return ()
    return installation.policy.missing_before_patients(installation.clock.now().date())


def real_ehrs(installation: Installation) -> list[str]:
    """The FHIR bases of the registered EHRs that are not for trials."""
    return [issuer.fhir_base for issuer in installation.registry if not issuer.sandbox]


def _has_begun(installation: Installation, fhir_base: str) -> bool:
    served = [each.entry.detail["sandbox"] for each in installation.audit.entries(action=SERVED, subject=fhir_base)]
    added = [each.entry.detail for each in installation.audit.entries(action="issuer.added")]
    trials = True in served or any(each.get("iss") == fhir_base and each.get("sandbox") for each in added)
    return False in served or (not trials and anybody_worked_at(installation.database, [fhir_base]))


def _note(installation: Installation, *, sandbox: bool) -> None:
    """Writes down what is served as what, once; several processes start at the same moment."""
    with installation.database.transaction():
        installation.database.lock(SERVED)
        for issuer in installation.registry:
            if issuer.sandbox is not sandbox:
                continue
            before = installation.audit.entries(action=SERVED, subject=issuer.fhir_base)
            if not before or before[-1].entry.detail["sandbox"] is not sandbox:
                entry = AuditEntry(SERVED, actor="system", subject=issuer.fhir_base, detail={"sandbox": sandbox})
                installation.audit.append(entry)
