"""Every key of a policy pack: what it decides, what it may be, its source, and the floor under it.

One table for reading a pack, for showing and comparing packs, for docs/policy.md and for the tests: a key that is not
here does not exist. The names are those of the guidance's list of disagreements (X1 to X26).
"""

from __future__ import annotations

from fhir_plugin.policy.keys_of_choices import CHOICE_KEYS
from fhir_plugin.policy.keys_of_numbers import IDENTITY_KEYS, NUMBER_KEYS, WORK_KEYS
from fhir_plugin.policy.keys_of_words import ATTESTATION_KEYS, RETENTION_KEYS, WORDING_KEYS

KEYS = (
    *IDENTITY_KEYS,
    *CHOICE_KEYS,
    *NUMBER_KEYS,
    *WORK_KEYS,
    *RETENTION_KEYS,
    *WORDING_KEYS,
    *ATTESTATION_KEYS,
)
"""In the order in which they are shown."""
BY_NAME = {key.name: key for key in KEYS}
