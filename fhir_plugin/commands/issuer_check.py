"""Registered EHRs as they are now: what their entries say, and whether a launch could work."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from fhir_plugin.adapters.ehr_introduction import Conversation, fetch_configuration, look_around, read_strictly
from fhir_plugin.commands.issuer_checks import Check, Verdict, judge
from fhir_plugin.errors import PluginError
from fhir_plugin.installation import Installation
from smart_launch import Issuer
from smart_launch.urls import host_of


def key_of(installation: Installation, entry: Issuer) -> tuple[str, str]:
    """The kid and algorithm of our key for an EHR; empty if there is none."""
    key = installation.client_keys.key_for(entry)
    return ("", "") if key is None else (key.kid, key.algorithm)


def examine(installation: Installation, entry: Issuer) -> list[Check]:
    """One EHR as it is now against its entry. What is wrong is a check that failed, never an exception."""
    private = {host_of(entry.iss), *entry.allowed_hosts} if entry.private_network else frozenset()
    conversation = Conversation(frozenset(private), ca_bundle=installation.settings.ca_bundle)
    try:
        document = fetch_configuration(entry.fhir_base, conversation)
    except PluginError as error:
        if entry.prefix:
            says = "Only a launch shows whether it works: its entry is the beginning of many addresses."
            return [Check("discovery", Verdict.WARNING, says)]
        return [Check("discovery", Verdict.FAILED, error.message)]
    read = Check("discovery", Verdict.OK, "Its SMART configuration can be read.")
    try:
        lenient = dataclasses.replace(entry, expected_issuer="", require_s256=False)
        configuration = read_strictly(lenient, document)
    except PluginError as error:
        return [read, Check("endpoints", Verdict.FAILED, error.message)]
    about = look_around(entry, configuration, conversation, now=installation.clock.now())
    kid, algorithm = key_of(installation, entry)
    base_url = installation.settings.base_url
    return [read, *judge(entry, about, our_key=kid, our_algorithm=algorithm, base_url=base_url)]


def listed(installation: Installation, entry: Issuer) -> dict[str, Any]:
    """An entry without its secret."""
    kid, algorithm = key_of(installation, entry)
    return {
        "name": entry.name,
        "iss": entry.iss,
        "client_id": entry.client_id,
        "auth_method": entry.auth_method,
        "key": kid,
        "algorithm": algorithm,
        "rotates": bool(entry.key_algorithm),
        "sandbox": entry.sandbox,
        "prefix": entry.prefix,
        "private_network": entry.private_network,
        "frame_ancestors": list(entry.frame_ancestors),
        "disclosure_desk": bool(entry.privileged_scopes),
        "vendor": entry.vendor,
    }


def listed_rows(each: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same for people."""
    kept = "current, rotates" if each["rotates"] else "from the secrets folder"
    key = f"{each['key']} ({each['algorithm']}, {kept})" if each["key"] else "not in the secrets folder"
    return [
        ("iss", each["iss"] + (" and all that begins so" if each["prefix"] else "")),
        ("client id", each["client_id"]),
        ("client login", each["auth_method"]),
        *([("key", key)] if each["auth_method"] == "private_key_jwt" else []),
        ("frames", ", ".join(each["frame_ancestors"]) or "none"),
        *([("desk", "officers launch at /launch/disclosures")] if each["disclosure_desk"] else []),
    ]
