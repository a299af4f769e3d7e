"""Every reason for which a file is not taken: one code, one HTTP status, one sentence.

The table is what the API documents, what pages show and what tests walk through.
"""

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "file_missing": (400, "Send one picture as multipart/form-data in the field 'file'."),
    "file_too_small": (400, "The file has {size} bytes; a picture needs at least {limit}."),
    "file_too_large": (413, "The file is larger than {limit} MB. Make it smaller or split the work."),
    "format_not_supported": (415, "This is not a JPEG, PNG, GIF, BMP, WebP, HEIC or TIFF picture."),
    "svg_not_supported": (415, "SVG drawings are not taken. Save the picture as PNG or JPEG first."),
    "too_many_pixels": (422, "The picture has more than {limit} megapixels. Save it smaller and try again."),
    "too_few_pixels": (
        422,
        "The picture is only {width} x {height} pixels; each side needs at least {limit}.",
    ),
    "too_many_frames": (
        422,
        "The animation is longer than {limit} frames. Save the frame you mean as a picture.",
    ),
    "picture_truncated": (422, "The file ends in the middle of the picture. Upload or export it again."),
    "picture_damaged": (
        422,
        "The picture cannot be decoded: it is damaged. Export it again and try once more.",
    ),
    "storage_full": (
        507,
        "The server has no room left for the picture. Nothing was stored; tell its operator.",
    ),
}


def refuse(code: str, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status)


__all__ = ["REFUSALS", "Refusal", "refuse"]
