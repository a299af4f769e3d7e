"""Every reason for which a file is not taken: one code, one HTTP status, one sentence.

The table is what the API documents, what pages show and what tests walk through.
"""

from collections.abc import Mapping
from typing import Any

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
    "video_format_not_supported": (
        415,
        "This is not a video of a format that is read here: MP4, MOV, 3GP, WebM, MKV, AVI, FLV, WMV or MPEG.",
    ),
    "video_is_a_playlist": (
        415,
        "This is a playlist: a text that names other files. Upload the video itself.",
    ),
    "video_is_a_picture": (415, "This is a picture, not a video. Upload it as a photo."),
    "video_codec_not_supported": (
        415,
        "The pictures of this video are coded as '{codec}', which is not read here. Convert it "
        "to H.264 in MP4.",
    ),
    "video_no_stream": (
        422,
        "There are no moving pictures in this file, only sound or a cover picture. Upload a video.",
    ),
    "video_empty": (
        422,
        "There is nothing in this file: no bytes, or no single frame. Record or export it again.",
    ),
    "video_truncated": (
        422,
        "The file ends before the video does. Upload it again, or repair the recording first.",
    ),
    "video_running": (409, "The video is still being analysed. Wait until it is over, or cancel it first."),
    "video_not_analyzable": (
        409,
        "This video was never read, so it cannot be analysed again. Upload the file once more.",
    ),
    "video_worker_lost": (
        500,
        "The worker died each time it had this video or part of it. Look at its log; most often it is "
        "memory.",
    ),
    "video_analysis_failed": (
        500,
        "The analysis of a frame failed; the worker's log says why. Analyse the video again.",
    ),
    "video_damaged": (422, "The video cannot be decoded: it is damaged. Export it again and try once more."),
    "video_too_long": (422, "The video is longer than {limit:g} hours. Cut it into parts."),
    "video_too_many_pixels": (
        422,
        "The frames have {width} x {height} pixels, which is more than {limit:g} megapixels. "
        "Export it smaller.",
    ),
    "video_time_jumps": (
        422,
        "The clock of this video jumps back, as when recordings are joined without conversion. "
        "Export it anew, or send the parts.",
    ),
    "video_missing": (
        400,
        "Send a video: as multipart/form-data in the field 'file', or as JSON the 'upload_id' of a finished "
        "upload or its address in 'url', and one of them only.",
    ),
    "video_too_large": (
        413,
        "A video has at most {limit} GB. Cut it into parts, or save it with fewer bits a second.",
    ),
    "video_not_stored": (
        409,
        "The server does not have the file of this video: it is still being fetched, or never came.",
    ),
    "video_preview_not_ready": (
        409,
        "The copy that browsers can show is still being made. Try again in a while; 'preview' of the video "
        "tells when it is there.",
    ),
    "video_preview_failed": (
        409,
        "No copy that browsers can show could be made of this video. Fetch the original.",
    ),
    "video_not_fetched": (
        422,
        "The video could not be fetched within a day. Send it again, or upload it.",
    ),
    "range_not_satisfiable": (
        416,
        "The file has {size:,} bytes, and none of those in the header Range. Ask for bytes that are there.",
    ),
    "tus_version_unsupported": (
        412,
        "Send the header 'Tus-Resumable: 1.0.0': uploads are taken by this version of the tus protocol.",
    ),
    "upload_header_invalid": (400, "The header {name} cannot be read: {why}."),
    "upload_content_type": (
        415,
        "Send the bytes of a part with the header 'Content-Type: application/offset+octet-stream'.",
    ),
    "upload_offset_mismatch": (
        409,
        "The server has {offset:,} bytes of this upload. Ask with HEAD where it stands, and go on there.",
    ),
    "upload_busy": (
        423,
        "Another part of this upload is being written. Ask with HEAD where it stands, and go on there.",
    ),
    "upload_part_too_large": (
        413,
        "A part has at most {limit} MB. Nothing of this one was stored; send smaller parts.",
    ),
    "upload_too_many_parts": (
        422,
        "This upload came in {limit:,} parts and is not whole. Begin again with larger parts.",
    ),
    "upload_past_end": (
        413,
        "The upload has {length:,} bytes as announced, and this part would go past them. Nothing of it was "
        "stored.",
    ),
    "upload_incomplete": (
        409,
        "Of this upload {received:,} of {length:,} bytes are here. Send the rest first.",
    ),
    "upload_unknown": (
        404,
        "There is no such upload in your team. It was never begun, was erased because nobody went on with "
        "it, or was refused. Send the file again.",
    ),
    "upload_used": (409, "This upload has become a video already: 'video_id' names it."),
    "uploads_too_many": (
        422,
        "Your team has {limit} unfinished uploads. Finish some, or delete those that nobody goes on with.",
    ),
    "clip_too_long": (422, "A clip has at most {limit} minutes. Choose a shorter part."),
    "clip_empty": (422, "No frame is shown in this part of the video. Choose another, within its length."),
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
        "The address was stored with a SECRET_KEY that the server no longer has. Send it again.",
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


def refuse(
    code: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    **figures: object,
) -> Refusal:
    """The exception for a code of the table, with its sentence filled in; `extra` are further members."""
    status, sentence = REFUSALS[code]
    message = sentence.format(**figures)
    return Refusal(code=code, message=message, status=status, headers=headers or {}, extra=extra or {})


__all__ = ["REFUSALS", "Refusal", "refuse"]
