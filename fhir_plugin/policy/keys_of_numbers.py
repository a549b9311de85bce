"""The keys that name a pack, and those that hold sizes, times and what is proposed."""

from __future__ import annotations

from fhir_plugin.policy.contents import Source
from fhir_plugin.policy.key import Key
from fhir_plugin.policy.values import Dated, Day, Flag, Kind, Listed, Pair, Row, Whole, Words, days, hours, minutes
from mappings.model.work import WorkKind

_ID = Words(r"[a-z0-9][a-z0-9-]{0,40}", "lower-case letters, digits and hyphens")
_CITED = Words(r"[0-9A-Za-z][0-9A-Za-z-]{0,20}", "letters, digits and hyphens")
_FOR = Words(r"[A-Za-z0-9][A-Za-z0-9 .,'&()-]{0,80}", 'a name, or "any"')


def _identity(name: str, kind: Kind, says: str, source: str, floor: str = "") -> Key:
    return Key(f"pack.{name}", name, kind, says, source, floor, reasoned=False, identity=True)


IDENTITY_KEYS = (
    _identity("id", _ID, "The pack's name, stored with every decision", "X26, G-R351"),
    _identity(
        "version",
        Words(r"[0-9A-Za-z][0-9A-Za-z.-]{0,30}", "letters, digits, dots and hyphens"),
        "Its version: a new one for every change, or decisions could not say under what they were made",
        "X26, G-R342",
    ),
    _identity("title", Words(), "What people call it", "G-R339"),
    _identity("written_on", Day(), "The day on which this version was written", "G-R342"),
    _identity(
        "review_by",
        Day(),
        "By when it is looked at again; the app warns from 60 days before",
        "X26, G-R338, G-R342",
        "at most three years after it was written; past it the pack stays in force and says so",
    ),
    _identity("approved_by", Words(may_be_empty=True), "Who agreed to it for the organisation", "G-R341"),
    _identity("approved_on", Day(or_not_yet=True), "When", "G-R341"),
    _identity("organisation", _FOR, "The organisation that it is for", "G-R339"),
    _identity("specialty", _FOR, "The specialty that it is for", "G-R339"),
    _identity("setting", _FOR, "The setting that it is for, such as a care home", "G-R190, G-R339"),
    _identity(
        "sources",
        Listed(Row({"cited": _CITED, "title": Words(), "date": Dated(), "note": Words()}, Source), least=1),
        "The documents that it rests on, with their dates and how far they can still be trusted",
        "X26, G-R351",
        "a pack without sources does not load",
    ),
)

NUMBER_KEYS = (
    Key(
        "consent.explained",
        "explained",
        Words(r"[A-Za-z0-9][A-Za-z0-9:.-]{0,80}", "the version of the words"),
        "In which version of the words things are explained",
        "G-R1, G-R80",
    ),
    Key("capture.most_images", "most_images", Whole(1, 10, "pictures"), "Pictures in one set", "G-R9"),
    Key(
        "capture.most_bytes_per_image",
        "most_bytes_per_image",
        Whole(1, 100 * 2**20, "bytes"),
        "Size of one picture",
        "G-R9",
    ),
    Key(
        "capture.lossless",
        "lossless_when_asked",
        Pair("never", "when-asked"),
        "May pixels be kept exactly, where detail matters?",
        "the project's own",
    ),
    Key(
        "capture.discard_undo_minutes",
        "discard_undo",
        minutes(0, 60),
        "How long a discarded picture can be brought back",
        "G-R270",
        "an hour at most: then it is destroyed",
    ),
    Key(
        "capture.waiting_alert_hours",
        "waiting_alert",
        hours(1, 168),
        "After this a picture that waits is put in front of somebody",
        "G-R149",
    ),
    Key(
        "capture.shortest_purpose",
        "shortest_purpose",
        Whole(1, 200, "characters"),
        "The shortest purpose that counts",
        "G-R40, G-R51",
    ),
    Key(
        "capture.shortest_justification",
        "shortest_justification",
        Whole(1, 500, "characters"),
        "The shortest reason for storing an intimate image",
        "G-R156",
    ),
    Key(
        "capture.shortest_justification_child",
        "shortest_justification_child",
        Whole(1, 500, "characters"),
        "The shortest reason for storing a child's image",
        "G-R113",
        "no shorter than capture.shortest_justification",
    ),
    Key("video.most_bytes", "video_most_bytes", Whole(1, 2**30, "bytes"), "Size of one video", "G-R9, G-R206"),
    Key("video.most_seconds", "video_most_seconds", Whole(1, 600, "seconds"), "Length of one video", "G-R9, G-R206"),
    Key(
        "label.lower",
        "label_lowered_alone",
        Pair("second-clinician", "one-clinician"),
        "Who makes the label of a filed image less strict",
        "G-R186, G-R254",
        "always with a reason, and two clinicians for what is very sensitive or of somebody under 18; nobody waits to "
        "make a label stricter",
    ),
    Key(
        "video.sound",
        "video_sound",
        Pair("dropped", "kept-when-asked"),
        "Whether sound may be kept where somebody gives a reason",
        "G-R206",
        "recording is off until somebody starts it for a reason and with consent",
    ),
    Key("request.most_images", "request_most_images", Whole(1, 10, "pictures"), "Pictures in one request", "G-R9"),
    Key("request.lasts_hours", "request_lasts", hours(1, 336), "How long a patient's link works", "G-R128, G-R182"),
    Key(
        "request.answer_within_hours",
        "request_answer_within",
        hours(1, 168),
        "How soon somebody looks at what a patient sent: the patient is told so",
        "G-R147, G-R149",
    ),
    Key(
        "request.withdraw_hours",
        "withdraw_window",
        hours(1, 168),
        "How long after sending the patient can take it back by the link",
        "G-R30, G-R238",
    ),
    Key(
        "request.kept_days",
        "requests_kept",
        days(30, 3650),
        "How long a request that is over stays readable; then only ids, dates and how it ended are kept",
        "the project's own",
    ),
    Key(
        "disclosure.package_days",
        "package_kept",
        days(1, 90),
        "How long a package that was sent and that nobody fetched can still be fetched",
        "the project's own",
    ),
    Key(
        "disclosure.again_hours",
        "package_again",
        hours(1, 336),
        "How long a package that was fetched can be fetched again; then only what went out, to whom, is kept",
        "the project's own",
    ),
    Key(
        "delete.decide_days",
        "deletion_decided",
        days(1, 90),
        "Within how many days a request for permanent deletion is decided",
        "G-R266, G-R277",
        "a patient who asked for erasure, or objected, is answered within a month whatever this says",
    ),
    Key(
        "delete.approval_days",
        "deletion_approval",
        days(1, 90),
        "How long an approval can be carried out; then the Guardian is asked again",
        "G-R266, the project's own",
    ),
    Key(
        "delete.look_again_days",
        "deletion_look_again",
        days(1, 90),
        "After how many days it is looked again for what could not be proven to be destroyed",
        "the project's own",
    ),
    Key(
        "delete.restore_days",
        "hiding_restorable",
        days(1, 3650),
        "For how many days what was hidden can be put back",
        "G-R264",
        "what is of another patient is never put back",
    ),
    Key(
        "delete.hand_over_hours",
        "hand_over_lasts",
        hours(1, 72),
        "How long a picture from a wrong chart waits for the same person to file it again in the right one",
        "G-R123, the project's own",
        "three days at most: then its waiting copy is destroyed",
    ),
    Key(
        "delete.references",
        "deletion_unlinks",
        Pair("stop", "unlink"),
        "What happens to entries of the record that point to an image that is destroyed",
        "G-R281, the project's own",
        "an entry that somebody signed, and nobody can change, always stops it",
    ),
    Key(
        "second_opinion.lasts_hours",
        "opinion_lasts",
        hours(1, 336),
        "How long a colleague can open what was shared",
        "G-R222",
    ),
    Key(
        "online_record.ask",
        "ask_online_record",
        Flag(),
        "Is it asked whether the patient's online record shows the image?",
        "the project's own",
    ),
    Key(
        "online_record.default_ordinary",
        "online_default_ordinary",
        Pair("no", "yes"),
        "What is proposed for an ordinary image",
        "the project's own",
    ),
    Key(
        "online_record.default_private",
        "online_default_private",
        Pair("no", "yes"),
        "What is proposed for a restricted image",
        "G-R98",
        "no",
    ),
    Key(
        "reveal.reasons", "reveal_reasons", Listed(Words(), least=1), "Reasons for opening a restricted image", "G-R300"
    ),
    Key(
        "secondary_explained",
        "secondary_explained",
        Flag(),
        "Does the patient's page say that anonymised use is possible?",
        "X13, G-R22, G-R230",
    ),
)

WORK_KEYS = tuple(
    Key(
        f"work.{kind.value.replace('-', '_')}_hours",
        f"work_hours.{kind.value}",
        Whole(1, 8760, "hours"),
        f"Until {kind.value.replace('-', ' ')} on the worklist counts as late",
        source,
        floor,
    )
    for kind, source, floor in (
        (WorkKind.CAME_BACK, "G-R149", ""),
        (WorkKind.CALL_ME, "G-R3", ""),
        (WorkKind.DECLINED, "G-R28", ""),
        (WorkKind.REQUEST_EXPIRED, "G-R147", ""),
        (WorkKind.UNSOLICITED, "G-R116", "the same day: 24 at most"),
        (WorkKind.SECOND_PERSON, "X10", ""),
        (WorkKind.URGENT_REVIEW, "X10", "24 at most"),
        (WorkKind.FOLLOW_UP, "X10", ""),
        (WorkKind.WITHDRAWAL, "G-R242", ""),
        (WorkKind.MATURITY, "G-R245", ""),
        (WorkKind.RETENTION, "G-R169", ""),
        (WorkKind.SOURCE, "G-R130, G-R275", ""),
        (WorkKind.SAFEGUARDING, "G-R312", "24 at most"),
        (WorkKind.SECOND_OPINION, "G-R224", ""),
        (WorkKind.DISCLOSURE_SECOND, "X25", ""),
        (WorkKind.HARM_OPINION, "Data Protection Act 2018, Schedule 3, paragraph 5", ""),
        (WorkKind.DELETION_COSIGN, "X5", ""),
        (WorkKind.DELETION_MORE_ASKED, "G-R269", ""),
        (WorkKind.DELETION_APPROVED, "G-R277", ""),
        (WorkKind.DELETION_REJECTED, "G-R243", ""),
        (WorkKind.BREACH, "UK GDPR Article 33", "24 at most"),
        (WorkKind.DELETION_NOT_PROVEN, "G-R277", ""),
        (WorkKind.CHART_COPY, "the project's own", ""),
    )
)
