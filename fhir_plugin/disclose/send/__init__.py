"""A signed request carried out: the package made, proven and written down, or nothing at all.

`start` writes down what is intended; the ledger's engine takes it through `Disclosures` to SENT, or back to OPEN with
why. `pieces_of` gives a package that was sent; `earlier` and `accounting` tell what was sent before, to whom.
"""

from fhir_plugin.disclose.send.earlier import Earlier, Told, accounting, earlier
from fhir_plugin.disclose.send.fetching import pieces_of, tidy
from fhir_plugin.disclose.send.parts import Making, SendParts, ToSend
from fhir_plugin.disclose.send.plan import KIND, Disclosures, carry_out, resume_for, start

__all__ = [
    "KIND",
    "Disclosures",
    "Earlier",
    "Making",
    "SendParts",
    "ToSend",
    "Told",
    "accounting",
    "carry_out",
    "earlier",
    "pieces_of",
    "resume_for",
    "start",
    "tidy",
]
