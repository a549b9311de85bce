"""Every reason for which a file cannot become a clinical picture: a stable code and what to do next."""

from __future__ import annotations

from fhir_plugin.errors import UnacceptableImage

MAX_BYTES = 25 << 20
"""Of one file as received."""

MAX_PIXELS = 50_000_000
"""Width times height; a picture with more is refused before it is decoded."""

MAX_SCANS = 100
"""Scans of a progressive JPEG. Cameras write about ten; each costs a pass over the whole picture."""

_SAVE_AS_JPEG = "Open it on the device it came from, save or export it as JPEG, and add that."

_SAVE_AS_MP4 = "Open it on the device it came from, save or export it as MP4, and add that."

REFUSALS: dict[str, str] = {
    "empty-file": "This file is empty. Send or choose the picture again.",
    "too-many-bytes": "This file is larger than 25 megabytes. Add a smaller one, or save the picture as JPEG first.",
    "not-an-image": f"This file is not a picture that can be filed. {_SAVE_AS_JPEG}",
    "executable": "This file is a program, not a picture. Do not open it; tell your IT team where it came from.",
    "archive": "This file is an archive or an office document. Take the pictures out of it and add each one.",
    "pdf": "This file is a PDF. File it as a document, or save its pictures as JPEG and add those.",
    "svg": "SVG drawings can carry programs and are not accepted. Save the picture as PNG and add that.",
    "text": "This file is text or a web page, not a picture. Choose the picture itself.",
    "video": f"Only still pictures can be added here, or this kind of video is not accepted. {_SAVE_AS_MP4}",
    "video-format": f"This kind of video is not accepted. {_SAVE_AS_MP4}",
    "video-off": "Video is not set up here. Add a still picture instead, or ask your IT team.",
    "video-refers-elsewhere": (
        f"This file is no video of its own: it points to other files or addresses. {_SAVE_AS_MP4}"
    ),
    "video-damaged": "This video is damaged and cannot be read. Send or choose it again.",
    "video-truncated": "The end of this video is missing, so it did not arrive whole. Send or choose it again.",
    "video-no-frames": "There is no moving picture in this file. Choose another.",
    "video-hidden-bulk": f"This video hides far more data than it shows. {_SAVE_AS_MP4}",
    "video-too-many-bytes": "This video is too large. Record a shorter one, or one of a smaller size.",
    "video-too-many-pixels": "This video has more pixels than 4K. Record it again with a smaller size.",
    "video-too-long": "This video is too long. Cut out the part that matters, or record a shorter one.",
    "video-too-slow": "Reading this video took too long and was stopped. Record a shorter or a smaller one.",
    "video-not-lossless": "A video is always rebuilt from its pictures. File it without asking for the exact original.",
    "unsupported-format": f"This kind of picture is not accepted yet. {_SAVE_AS_JPEG}",
    "raw-photo": f"This is a camera's raw file. {_SAVE_AS_JPEG}",
    "damaged": "This picture is damaged and cannot be read. Send or choose it again.",
    "truncated": "The end of this picture is missing, so it did not arrive whole. Send or choose it again.",
    "too-many-pixels": "This picture has more than 50 megapixels. Make it smaller, or use another camera mode.",
    "too-many-scans": f"This picture is built in a way that would block the service. {_SAVE_AS_JPEG}",
    "hidden-bulk": f"This picture hides far more data than it shows. {_SAVE_AS_JPEG}",
    "animated": "This picture moves. Save the frame that matters as a still picture and add that.",
    "several-images": "This file holds several pictures. Save the ones that matter as JPEG and add each one.",
    "hdr-colours": f"This picture uses HDR colours that cannot be shown truly. {_SAVE_AS_JPEG}",
    "region-too-small": "What is left after cropping is too small to see. Choose a larger part.",
    "lossless-needs-whole-picture": (
        "A picture that must stay exactly as taken cannot be cropped, turned or blacked out. Undo those changes."
    ),
    "lossless-not-for-format": (
        "Only JPEG and PNG can be kept exactly as taken. Add the JPEG from the camera, or file a rebuilt copy."
    ),
    "lossless-colour-profile": (
        "This picture's colours need a profile that cannot be shown to be free of personal text. File a rebuilt copy."
    ),
    "too-slow": f"Reading this picture took too long and was stopped. {_SAVE_AS_JPEG}",
    "too-much-memory": f"Reading this picture took too much memory and was stopped. {_SAVE_AS_JPEG}",
    "decoder-crashed": f"This picture could not be opened safely. {_SAVE_AS_JPEG}",
}


def refuse(code: str) -> UnacceptableImage:
    """The error to raise for `code`, which must be one of `REFUSALS`."""
    return UnacceptableImage(REFUSALS[code], code=code)


def check_pixels(width: int, height: int) -> None:
    """Refuses a picture without area or with more than `MAX_PIXELS`."""
    if width <= 0 or height <= 0:
        raise refuse("damaged")
    if width * height > MAX_PIXELS:
        raise refuse("too-many-pixels")
