"""Whether an installation may begin with real patients: what an organisation does before that is done (G-R345)."""

from __future__ import annotations

from fhir_plugin.adapters.practice import anybody_worked_at
from fhir_plugin.installation import Installation
from fhir_plugin.policy.contents import UnusablePack


def ready_for_patients(installation: Installation) -> Installation:
    """The installation itself, where it may serve.

    Raises `UnusablePack` where an EHR with real patients is registered, nobody has ever worked here from one, and the
    policy lacks what comes before that. A clinic that has begun is never stopped: it is told, at every start.
    """
    missing = missing_before_patients(installation)
    if missing and not anybody_worked_at(installation.database, real_ehrs(installation)):
        raise UnusablePack(
            f"The policy {installation.policy.reference} does not say yet what an organisation does before it begins "
            f"with real patients: {', '.join(missing)}. Say when each was done in your own policy file "
            "(FHIR_PLUGIN_POLICY_FILE, docs/policy.md), or register the EHR with --sandbox if it has no real patients"
        )
    return installation


def missing_before_patients(installation: Installation) -> tuple[str, ...]:
    """Keys of the policy, none where every registered EHR is for trials."""
    if not real_ehrs(installation):
        return ()
    return installation.policy.missing_before_patients(installation.clock.now().date())


def real_ehrs(installation: Installation) -> list[str]:
    """The FHIR bases of the registered EHRs that are not for trials."""
    return [issuer.fhir_base for issuer in installation.registry if not issuer.sandbox]
