"""Every reason for which something about galleries is not done: one code, one HTTP status, one sentence."""

from collections.abc import Mapping
from typing import Any

from emotionsite.problems import Refusal

REFUSALS: dict[str, tuple[int, str]] = {
    "gallery_key_taken": (409, "The team has a gallery with the key '{key}' already. Choose another key."),
    "subject_id_taken": (
        409,
        "The gallery has somebody with the external id '{external_id}' already. Choose another one, or "
        "change that person.",
    ),
    "gallery_unknown": (
        404,
        "There is no such gallery in your team. Look its id up in the list of galleries.",
    ),
    "subject_unknown": (
        404,
        "There is no such person in this gallery. Look the id up in the list of people.",
    ),
    "gallery_holds_faces": (
        409,
        "This gallery holds faces without people. Enrol faces in it directly, or use a gallery of people.",
    ),
    "model_unknown": (
        422,
        "The recognition model '{model}' is not installed. Choose one of: {known}.",
    ),
    "subject_full": (
        409,
        "'{name}' would have {count} faces, and a person may have {limit}. Remove some of the faces first.",
    ),
    "galleries_full": (
        409,
        "The team may have {limit} galleries of this kind, and has them. Erase one first.",
    ),
    "gallery_people_full": (
        409,
        "The gallery may hold {limit} people, and holds them. Erase somebody first, or use another one.",
    ),
    "gallery_full": (
        409,
        "The gallery may hold {limit} faces, and holds them. Remove some of them first, or use another one.",
    ),
    "merge_of_one": (
        409,
        "Merging needs two different people of the gallery. Name at least one other than the one that stays.",
    ),
    "faces_not_of_subject": (
        409,
        "These faces do not belong to this person: {ids}. Look up which do in the person's lists of faces "
        "and photos.",
    ),
    "gallery_model_differs": (
        409,
        "The two galleries use different recognition models, whose vectors cannot be compared. Change the "
        "model of one of them first.",
    ),
    "consent_ended": (
        409,
        "The consent of '{name}' has ended. Record a new consent before you name or enrol their faces.",
    ),
    "identity_switched_off": (
        409,
        "Your team has switched off recognising people. Switch it on under Privacy, then name faces.",
    ),
    "face_not_labelled": (
        409,
        "Nobody has said who this face is, so there is nothing to take back. Give it a name instead.",
    ),
    "face_unknown": (404, "There is no such face here. Look its id up in the lists of faces."),
    "unnamed_unknown": (
        404,
        "One of these unnamed people is not there any more: it was named, joined with another, or its photos "
        "were erased. Load the list of unnamed people again.",
    ),
    "unnamed_merge_one": (422, "Merging needs at least two different unnamed people. Name another one."),
    "unnamed_face_unknown": (
        404,
        "One of these faces does not belong to this unnamed person. Load the person's faces again.",
    ),
    "unnamed_split_all": (
        422,
        "These are all faces of this unnamed person, so nobody would be left. Choose only those that show "
        "somebody else.",
    ),
    "unnamed_model_differs": (
        409,
        "The gallery uses the recognition model '{model}', and another one made the vectors of these faces. "
        "Choose a gallery of the photos' model, or change the gallery's model first.",
    ),
    "gallery_export_in_progress": (
        409,
        "An archive of this gallery is being made already. Wait until it is ready, and fetch that one.",
    ),
    "gallery_file_not_ready": (
        409,
        "This job has no file to fetch: it is still running, did not succeed, is no export, or its file was "
        "erased. Ask for a new export.",
    ),
    "archive_too_many_crops": (
        422,
        "The gallery has more than {limit} pictures of faces, which is more than an archive can hold. Export "
        "it without them.",
    ),
    "archive_too_many_entries": (
        422,
        "The archive holds more files than are read from one. Send the people in several archives.",
    ),
    "archive_not_gallery": (
        415,
        "The archive's manifest.json is not that of a gallery. Send an exported gallery, or folders of "
        "photos without such a file.",
    ),
    "archive_version": (
        422,
        "The archive has version {version} of the format, and this server reads version {known}. Export it "
        "again with a server of this version.",
    ),
    "archive_manifest_wrong": (
        422,
        "The archive's manifest.json lacks something or says what cannot be. Export the gallery again.",
    ),
    "archive_part_missing": (422, "The archive lacks the file '{name}'. Export the gallery again."),
    "archive_part_too_long": (
        422,
        "The file '{name}' of the archive is longer than {limit} MB. Divide people and faces into more "
        "parts.",
    ),
    "archive_part_altered": (
        422,
        "The file '{name}' of the archive is not the one that was written: its SHA-256 differs. Export the "
        "gallery again.",
    ),
    "archive_holds_other": (
        409,
        "The archive is of a gallery of people and this one holds faces alone, or the other way round. "
        "Import it into a new gallery.",
    ),
    "archive_other_model": (
        422,
        "The vectors of the archive are of the recognition model '{model}', and the gallery's are of "
        "'{wanted}': they cannot be compared. The archive has pictures of {count} faces; send it again with "
        "'reembed' to make new vectors of them.",
    ),
    "archive_other_model_no_crops": (
        422,
        "The vectors of the archive are of the recognition model '{model}', and the gallery's are of "
        "'{wanted}': they cannot be compared. Export the gallery with the pictures of its faces, and send "
        "that with 'reembed'.",
    ),
    "archive_entry_wrong": (
        422,
        "This line of the archive lacks something or says what cannot be. Export the gallery again.",
    ),
    "archive_subject_missing": (
        422,
        "The face belongs to the person {ids}, who is not in the archive or could not be imported. Correct "
        "that person's line first.",
    ),
    "archive_crop_missing": (
        422,
        "The archive has no usable picture of this face, so that no new vector can be made. Enrol the person "
        "from a photo.",
    ),
    "archive_crop_wrong": (422, "The picture of this face is no JPEG. Export the gallery again."),
    "face_not_looked_at": (
        422,
        "The face engine failed on the picture of this face; the worker's log says why. Enrol the person "
        "from another photo.",
    ),
    "vector_size_wrong": (
        422,
        "The vector has {size} numbers, and the gallery's recognition model makes {wanted}. Export it from a "
        "gallery of the same model.",
    ),
    "vector_not_finite": (
        422,
        "The vector holds something that is no number. Export the gallery again.",
    ),
    "vector_length_wrong": (
        422,
        "The vector is not of length 1, as those of faces are. Divide it by its length, or export it again.",
    ),
    "import_empty": (
        422,
        "There is nothing in the archive that could be imported. Pack folders of photos, one for each "
        "person.",
    ),
    "reembed_same_model": (
        409,
        "The gallery uses the recognition model '{model}' already. Name another one to move it to.",
    ),
    "reembed_in_progress": (
        409,
        "The gallery is being moved to another recognition model already. Wait until that is over, or cancel "
        "the job.",
    ),
    "reembed_pictures_missing": (
        409,
        "No picture is kept of {count} faces, so no new vector can be made of them. The gallery was left as "
        "it is; the job's notes name the faces. Enrol these people anew, or ask again with 'drop_missing' to "
        "leave those faces out.",
    ),
    "face_without_picture": (
        409,
        "No picture of this face is kept, neither its crop nor the photo it came from. Enrol the person anew "
        "from a photo.",
    ),
    "import_photo_of_nobody": (
        422,
        "The photo lies in no folder, or in one whose name is longer than {limit} letters. Put the photos of "
        "each person into a folder of their own.",
    ),
    "people_gone": (404, "None of these people is in your team; they may be erased already."),
    # --- Faces that are enrolled or kept for a while -----------------------------------------------------
    "face_source_missing": (
        400,
        "Say where the face is, in one way: a picture in 'file' (multipart/form-data), its address in 'url', "
        "or one of 'temporary_face_id' and 'photo_face_id'.",
    ),
    "face_not_found": (
        422,
        "There is no face in this picture. Send one that shows the face larger, upright and in good light.",
    ),
    "several_faces": (
        422,
        "There are {count} faces in this picture. Say with 'box' (left, top, width, height in pixels) which "
        "one is meant, or send a picture of one person.",
    ),
    "box_without_face": (
        422,
        "No face lies in this box, and {count} in the picture. Give the box in pixels of the upright "
        "picture; `POST /api/v1/detect` says where the faces are.",
    ),
    "face_too_small": (
        422,
        "The face is too small, and this gallery takes no poor pictures. Send one in which the eyes are at "
        "least 30 pixels apart.",
    ),
    "face_too_blurred": (
        422,
        "The face is too blurred, and this gallery takes no poor pictures. Send a sharper one.",
    ),
    "face_quality_low": (
        422,
        "The picture of the face is too poor for this gallery; 'reasons' says why. Send a better one.",
    ),
    "face_duplicate": (
        409,
        "The gallery has this picture of the face already, as the face {ids}. Send another picture, or let "
        "the gallery take duplicates.",
    ),
    "face_model_differs": (
        409,
        "The recognition model '{model}' has described this face, and the gallery uses another one or other "
        "weights of it. Send the picture itself, or have the face detected anew by the gallery's model.",
    ),
    "gallery_model_changed": (
        409,
        "The gallery was brought to another recognition model while this face was looked at by '{model}'. "
        "Enrol it again.",
    ),
    "model_of_worker_differs": (
        503,
        "The worker that looked at the picture has other weights of the recognition model '{model}' than "
        "this server. Whoever runs the server has to give both the same files.",
    ),
    "gallery_holds_subjects": (
        409,
        "This gallery holds people. Enrol the face for one of them, or use a gallery of faces.",
    ),
    "photo_face_without_vector": (
        409,
        "Nothing is stored by which this face of a photo could be recognised. Have the photo analysed again "
        "while recognising people is switched on.",
    ),
    "temporary_face_unknown": (
        404,
        "There are no such temporary faces in your team: {ids}. They may have expired; have the picture "
        "detected again with 'keep_faces'.",
    ),
    "temporary_face_expired": (
        410,
        "The time of these temporary faces is over: {ids}. Have the picture detected again with "
        "'keep_faces'.",
    ),
    "crop_not_kept": (404, "No picture of this face is kept: it was enrolled without one, or it was erased."),
    "gallery_not_trained": (
        409,
        "This gallery was never trained, so it cannot answer yet. Train it, and ask again when the training "
        "has succeeded.",
    ),
    "gallery_training": (
        409,
        "This gallery is being trained for the first time. Ask again when the training has succeeded.",
    ),
    "models_differ": (
        422,
        "These faces are of different recognition models, whose vectors cannot be compared. Detect the faces "
        "again with the model of what they are compared with.",
    ),
    "model_replaced": (
        409,
        "The recognition model '{model}' of this gallery was replaced by one with other weights. Change the "
        "gallery's model to the installed one; its faces are then looked at again.",
    ),
    "probe_missing": (
        400,
        "Say which face is meant, in one way: by the id of a face that detection kept, with a picture in "
        "'file' (multipart/form-data), or with its address in 'url'.",
    ),
    "compared_missing": (
        400,
        "Say what the face is compared with, in one way: faces that detection kept, or somebody or something "
        "of a gallery.",
    ),
    "subject_without_faces": (
        409,
        "'{name}' has no enrolled face to compare with. Enrol one first.",
    ),
    "snapshot_unknown": (
        404,
        "There is no such snapshot: it is over, was erased, or is not meant for your team.",
    ),
    "snapshot_not_for_team": (
        403,
        "Your team is not among those that may apply this snapshot. Add its id to the snapshot's applyScope.",
    ),
    "snapshots_full": (
        403,
        "The team may have {limit} snapshots at a time, and has them. Erase one first.",
    ),
    "gallery_job_failed": (
        500,
        "The work on the gallery failed; the worker's log says why. Start it again; if it fails again, tell "
        "whoever runs this server.",
    ),
}


def refuse(
    code: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
    **figures: object,
) -> Refusal:
    """The exception for a code of the table, with its sentence filled in; `extra` are members beside it."""
    status, sentence = REFUSALS[code]
    message = sentence.format(**figures)
    return Refusal(code=code, message=message, status=status, extra=extra or {}, headers=headers or {})


__all__ = ["REFUSALS", "Refusal", "refuse"]
