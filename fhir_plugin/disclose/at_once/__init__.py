"""A record read, decided, redacted, packed and proven in one go, without a desk: what only a person may decide stays.

`disclose(parts, record, asked)` gives a package in pieces; nothing of it may be released before `finish`.
"""

from fhir_plugin.disclose.at_once.asked import WhatIsAsked
from fhir_plugin.disclose.at_once.making import Disclosure, disclose

__all__ = ["Disclosure", "WhatIsAsked", "disclose"]
