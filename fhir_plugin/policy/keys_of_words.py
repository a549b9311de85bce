"""The keys that hold texts, rules about keeping, links and attestations: no layer has to give reasons for them."""

from __future__ import annotations

from collections.abc import Mapping

from fhir_plugin.policy.contents import ORGANISATIONS_OWN, GuidanceLink, RetentionClass, RetentionRule
from fhir_plugin.policy.key import Key
from fhir_plugin.policy.values import Choice, Day, Kind, Listed, Row, Template, Whole, Words

_URL = r"https://[a-z0-9.-]+(?::[0-9]{1,5})?(?:/[!-~]*)?"

RETENTION_KEYS = (
    Key(
        "retention.classes",
        "retention",
        Listed(
            Row(
                {
                    "name": Words(r"[a-z][a-z-]{0,30}", "a name in lower case"),
                    "rule": Choice(RetentionRule),
                    "years": Whole(1, 150, "years"),
                    "review_years": Whole(1, 150, "years"),
                    "source": Words(),
                    "told": Words(),
                },
                RetentionClass,
            ),
            least=1,
        ),
        "How long each kind of image is kept, when somebody looks at it, and what the patient is told",
        "X17, G-R24, G-R164, G-R169",
        "adult, child, intimate and deceased are all there; looked at within 25 years; a date never destroys anything",
        reasoned=False,
    ),
    Key(
        "guidance.links",
        "guidance",
        Listed(
            Row(
                {
                    "title": Words(),
                    "url": Words(_URL, "an https address"),
                    "version": Words(),
                    "audience": Words("clinician|patient|parent|carer", "clinician, patient, parent or carer"),
                },
                GuidanceLink,
            ),
            least=1,
        ),
        "What people are asked to read",
        "G-R33, G-R99, G-R189, G-R217, G-R298, G-R350",
        reasoned=False,
    ),
)

_WORDING = (
    ("who_sees", "Who will see it", "G-R25"),
    ("storage_and_deletion", "How storage and deletion work here, hidden copies included", "G-R14, G-R19, G-R279"),
    ("kept_only_if", "That an image is kept only if it would have been kept face to face", "G-R7"),
    ("purpose", "That it is for direct care only", "G-R20"),
    ("code_of_conduct", "How both sides behave", "G-R8"),
    ("not_for_emergencies", "That this is not for emergencies", "G-R35"),
    ("face_to_face", "Other ways of being assessed, being seen in person among them", "G-R26"),
    ("other_routes", "What people do who use no digital services", "G-R4"),
    ("no_pressure", "Not to share when uncomfortable or under pressure", "G-R27"),
    ("no_effect_on_care", "That refusing or withdrawing makes care no worse", "G-R28, G-R239"),
    ("withdraw", "How consent is withdrawn", "G-R30"),
    ("private_first", "Not to send a private picture without talking to the clinician first", "G-R5"),
    ("only_area", "Only the area asked for, nobody else", "G-R16"),
    ("parents", "What parents are told: ask the child first", "G-R11, G-R34"),
    ("safe_sending", "How many, how to send them safely, what this system cannot do", "G-R9"),
    ("record_kept", "That a record is kept", "G-R17"),
    ("copies", "That the patient can ask for a copy", "G-R23"),
    ("secondary_use", "That anonymised use is possible, where the pack says so", "G-R22, G-R73"),
    ("email_warning", "That email may be read by others", "G-R10, G-R133"),
    ("email_identifiers", "In an email: the NHS number and nothing else", "G-R32"),
    ("own_device", "What protects a picture on a clinician's own device", "G-R31"),
    ("chaperone_role", "What a chaperone is there for", "G-R199"),
    ("careworker", "What a care worker is told who is asked for a picture", "G-R325"),
    ("privacy_paragraph", "For the organisation's privacy notice", "G-R15"),
    ("scope", "What the pack does not cover", "G-R344"),
    ("emergency", "What is said in a public emergency", "G-R348"),
    (
        "message",
        "The text message that goes with a link: no name, no reason, no part of the body",
        "G-R2, G-R4, G-R125",
    ),
    ("telephone", "The number to call instead", "G-R4"),
    ("privacy_notice_url", "The organisation's privacy notice", "G-R12"),
    ("privacy_notice_version", "The notice's version or date", "G-R12, G-R15"),
    ("safeguarding_lead", "Who leads on safeguarding, and how to reach them", "G-R112, G-R318"),
    ("safeguarding_pathway", "Where a referral goes", "G-R313"),
    ("local_committee", "Whom to ask about local policy, such as the Local Medical Committee", "G-R273, G-R347"),
)

_MESSAGE = frozenset({"practice", "link", "until", "phone"})
_OF_WORDING: Mapping[str, Kind] = {
    "privacy_notice_url": Words(_URL, "an https address", may_be_empty=True),
    "message": Template(_MESSAGE, _MESSAGE - {"practice"}, most=600),
}

WORDING_KEYS = tuple(
    Key(
        f"wording.{name}",
        f"wording.{name}",
        _OF_WORDING.get(name) or Words(may_be_empty=name in (*ORGANISATIONS_OWN, "emergency")),
        says,
        source,
        reasoned=False,
    )
    for name, says, source in _WORDING
)

ATTESTATIONS = (
    ("dpia", "The data protection impact assessment covers remote consultations and images", "G-R345"),
    ("clinical_safety", "Clinical risk is managed to DCB0160, on the supplier's DCB0129 file", "G-R146, G-R345"),
    ("chaperone_policy", "The chaperone policy covers remote examinations", "G-R205, G-R345"),
    ("safeguarding_policy", "The safeguarding policies cover remote consultations", "G-R322, G-R345"),
    ("privacy_notice", "The privacy notice names the legal grounds and covers pictures and video", "G-R13, G-R15"),
    ("deletion_protocol", "There is a protocol for deleting images, agreed with colleagues", "G-R137, G-R273, G-R277"),
    (
        "personal_devices",
        "The data protection policy says what may be done on personal devices, and how they are protected",
        "G-R141, G-R142, G-R143, G-R307, G-R349",
    ),
    ("supplier_contract", "The commissioner has looked at risk, contract and settings of every product", "G-R346"),
    ("supplier_retention", "Suppliers are bound not to keep a picture that was discarded", "G-R271"),
    ("supplier_recording_off", "No video product records by default", "G-R209"),
    ("record_system", "The supplier of the record says whether and how it keeps photographs and video", "G-R150"),
    ("security", "Storage follows the Information Commissioner's guidance on security", "G-R151"),
    ("processing_record", "The record of processing activities has this use", "G-R297"),
    ("roles_signed", "Everybody with access knows their role and has signed for confidentiality", "G-R299, G-R302"),
    ("policies_read", "Staff know the local policies and this pathway", "G-R306, G-R309"),
    (
        "careworker_training",
        "Care providers have trained staff, insurance and a secure way of sending",
        "G-R333, G-R334",
    ),
)
"""Name, what the organisation says it has done, and what it stands in for."""

ATTESTATION_KEYS = tuple(
    Key(f"attestations.{name}", f"attestations.{name}", Day(or_not_yet=True), says, source, reasoned=False)
    for name, says, source in ATTESTATIONS
)
