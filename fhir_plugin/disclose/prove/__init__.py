"""Proving that nothing of what was withheld is in what goes out. It shares no code with the redactor.

`prove(parts, needles)` looks through every byte, and inside ZIP, gzip, PDF and base64, and answers `Clean` or `Leaks`.
"""

from fhir_plugin.disclose.prove.letters import Letters
from fhir_plugin.disclose.prove.looking import Find
from fhir_plugin.disclose.prove.needles import Kind, Needle, Needles, of_letters, what_to_look_for
from fhir_plugin.disclose.prove.pixels import PixelReader, is_picture
from fhir_plugin.disclose.prove.proof import Clean, Leaks, Proof, prove

__all__ = [
    "Clean",
    "Find",
    "Kind",
    "Leaks",
    "Letters",
    "Needle",
    "Needles",
    "PixelReader",
    "Proof",
    "is_picture",
    "of_letters",
    "prove",
    "what_to_look_for",
]
