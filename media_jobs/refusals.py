"""Every reason for which a file is not taken: one code, one HTTP status, one sentence.

The table is what the API documents, what pages show and what tests walk through.
"""

from collections.abc import Mapping

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
    "pictures_erased": (
        410,
        "The picture was erased by the team's retention, and only its results are left. Use those, or a "
        "copy of "
        "your own.",
    ),
    "export_in_progress": (
        409,
        "An export of this kind is being made already. Wait until it is ready, and fetch that one.",
    ),
    "export_not_ready": (409, "This export has no file: it is still being made, failed, or was erased."),
    "removal_empty": (404, "None of these photos is in your team; they may be erased already."),
    "last_owner_leaves": (
        409,
        "You are the last owner of {teams}, which other people belong to. Hand ownership over to one of "
        "them, "
        "or delete the team first; then delete your account.",
    ),
    "picture_missing": (
        400,
        "Send a picture: as multipart/form-data in the field 'file', as the body itself with its "
        "content type, or "
        "its address as JSON in 'url'.",
    ),
    "deadline_exceeded": (
        408,
        "The picture was not analysed within {seconds:g} seconds and the work was dropped; it does not "
        "count. Try "
        "again, allow more with 'deadline', or upload the picture and ask for its job.",
    ),
    "detection_failed": (
        500,
        "The face engine failed on this picture; it does not count. The worker's log says why: tell the "
        "operator.",
    ),
    "detections_waiting": (
        503,
        "{limit} pictures are waited for already. Try again in a few seconds, or upload pictures as a batch.",
    ),
    "service_unavailable": (
        503,
        "The message broker cannot be reached, so nobody can look at the picture. Try again in a "
        "minute; whoever "
        "runs this server finds the reason with `make doctor`.",
    ),
    "batch_empty": (400, "There is no picture in this batch. Send at least one."),
    "batch_too_large": (
        422,
        "A batch takes at most 10,000 pictures, and here are more. Nothing was analysed; send them in parts.",
    ),
    "batch_media_unknown": (
        400,
        "These are no photos of your team: {ids}. Upload them first, or leave them out. Nothing was queued.",
    ),
    "batch_running": (
        409,
        "This batch is not over yet. Wait until it is, or cancel it, and then try its failed pictures again.",
    ),
    "batch_nothing_to_retry": (
        409,
        "No picture of this batch can be tried again: none failed, or their bytes are gone. Make a new one.",
    ),
    "batch_not_listed": (
        500,
        "The pictures of this batch could not be counted within an hour. The server's operator finds the "
        "reason in the worker's log; then make the batch again.",
    ),
    "archive_not_zip": (415, "This file is not a ZIP archive. Pack the pictures as ZIP and send it again."),
    "archive_too_large": (413, "The archive is larger than {limit} MB. Send the pictures in parts."),
    "archive_damaged": (422, "The ZIP archive is damaged here. Pack the pictures again."),
    "archive_bomb": (
        422,
        "This claims to hold far more than a ZIP archive of photos can. Pack the pictures plainly, once "
        "each.",
    ),
    "archive_gone": (422, "The archive was erased when its batch ended. Send this picture in a new batch."),
    "archive_entry_encrypted": (422, "This entry needs a password. Pack the pictures without one."),
    "archive_entry_packing": (
        422,
        "This entry is packed in a way that is not read here. Pack it with the ordinary method (deflate).",
    ),
    "archive_entry_path": (
        422,
        "The name of this entry leads out of the archive. Pack the folder that holds the pictures.",
    ),
    "source_unreadable": (
        422,
        "The address of this picture was stored with a SECRET_KEY that the server no longer has. Send it in "
        "a new batch.",
    ),
    "bucket_not_listed": (
        422,
        "The bucket could not be listed: {reason} Check bucket, prefix, region, endpoint and credentials, "
        "then make the batch again.",
    ),
    "webhook_off": (409, "This webhook is turned off, so nothing is sent to it. Turn it on first."),
    "webhooks_too_many": (
        422,
        "A team has at most {limit} webhooks. Delete one that is not needed any more.",
    ),
}


def refuse(code: str, *, headers: Mapping[str, str] | None = None, **figures: object) -> Refusal:
    """The exception for a code of the table, with its sentence filled in."""
    status, sentence = REFUSALS[code]
    return Refusal(code=code, message=sentence.format(**figures), status=status, headers=headers or {})


__all__ = ["REFUSALS", "Refusal", "refuse"]
