"""Every error of the dialect: its status, its code and its sentence, in `{"error": {"code", "message"}}`.

Codes and sentences are those of Face API's tables, because programs look at them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from accounts.limits import today
from emotionsite.problems import Refusal

from .kinds import LARGE_FACE_LIST, Kind

#: Where the dialect is spoken; programs keep the name of a region in front of it.
PATHS = re.compile(r"/(?:[\w.-]+/)?face/v1\.0(?:/|$)", re.IGNORECASE)
MEGABYTE = 1024 * 1024
ATTRIBUTES = (
    "age, gender, headPose, smile, facialHair, glasses, emotion, hair, makeup, occlusion, accessories, blur, "
    "exposure, noise, mask and qualityForRecognition"
)
ID_FORMAT = (
    "Valid format should be a string composed by numbers, English letters in lower case, '-', '_', and no "
    "longer than 64 characters."
)
PICTURES = "Supported formats include JPEG, PNG, GIF(the first frame) and BMP."

#: name -> (status, code, message). `{kind}` is the word of the collection that is meant.
ERRORS: Mapping[str, tuple[int, str, str]] = {
    # --- The request itself ------------------------------------------------------------------------------
    "json_broken": (400, "BadArgument", "JSON parsing error. Bad or unrecognizable request JSON body."),
    "body_invalid": (400, "BadArgument", "Request body is invalid. {why}"),
    "question_broken": (400, "BadArgument", "Invalid request body."),
    "verify_broken": (400, "BadArgument", "Bad and unrecognizable JSON body."),
    "parameter_invalid": (400, "BadArgument", "The argument {name} is not valid. {why}"),
    "media_type": (415, "BadArgument", "Invalid Media Type."),
    "key_invalid": (
        401,
        "Unspecified",
        "Access denied due to invalid subscription key. Make sure you are subscribed to an API you are "
        "trying to call and provide the right key.",
    ),
    "route_unknown": (
        404,
        "ResourceNotFound",
        "There is no such operation. Look the path up in the reference of Face API v1.0.",
    ),
    "method": (405, "MethodNotAllowed", "The method {method} is not allowed here. Allowed: {allowed}."),
    # --- Limits ------------------------------------------------------------------------------------------
    "timeout": (408, "OperationTimeOut", "Request Timeout."),
    "rate": (429, "RateLimitExceeded", "Rate limit is exceeded. Try again in {seconds} seconds."),
    "volume": (
        403,
        "QuotaExceeded",
        "Out of call volume quota. Quota will be replenished in {days} days.",
    ),
    "kinds_full": (403, "QuotaExceeded", "{kind} number reached subscription level limit, which is {limit}."),
    "persons_full": (403, "QuotaExceeded", "Person number reached {kind} level limit, which is {limit}."),
    "faces_full": (403, "QuotaExceeded", "Persisted face number reached limit. {why}"),
    # --- Pictures ----------------------------------------------------------------------------------------
    "attributes_unknown": (
        400,
        "BadArgument",
        f"Invalid argument returnFaceAttributes. Supported values are: {ATTRIBUTES} in a comma-separated "
        "format.",
    ),
    "recognition_model": (400, "BadArgument", "'recognitionModel' is invalid."),
    "detection_model": (400, "BadArgument", "'detectionModel' is invalid."),
    "attributes_not_in_02": (
        400,
        "BadArgument",
        "'returnFaceAttributes' is not supported by detection_02.",
    ),
    "landmarks_not_in_02": (400, "BadArgument", "'returnLandmarks' is not supported by detection_02."),
    "url_format": (400, "InvalidURL", f"Invalid image format or URL. {PICTURES}"),
    "url_not_allowed": (
        400,
        "InvalidURL",
        "Failed to download image from the specified URL. This server does not fetch from that address: "
        "{why}",
    ),
    "url_failed": (
        400,
        "InvalidURL",
        "Failed to download image from the specified URL. Remote server error returned. {why}",
    ),
    "image_broken": (400, "InvalidImage", "Decoding error, image format unsupported. {why}"),
    "image_small": (
        400,
        "InvalidImageSize",
        "Image size is too small. The valid image file size should be larger than or equal to 1KB.",
    ),
    "image_large": (
        400,
        "InvalidImageSize",
        "Image size is too big. The valid image file size should be no larger than 6MB. {why}",
    ),
    "no_face": (400, "InvalidImage", "No face detected in the image."),
    "several_faces": (400, "InvalidImage", "There is more than 1 face in the image."),
    "target_invalid": (
        400,
        "BadArgument",
        "Invalid argument targetFace. Valid format is targetFace=left,top,width,height.",
    ),
    "target_without_face": (400, "InvalidImage", "No face detected in the image at targetFace."),
    # --- Faces, persons and collections ------------------------------------------------------------------
    "face_id_invalid": (400, "BadArgument", "Face ID is invalid. Valid faceId comes from Face - Detect."),
    "verify_face_id_invalid": (
        400,
        "BadArgument",
        "Face ID is invalid. faceId1, faceId2 or faceId is invalid and valid faceId comes from "
        "Face - Detect.",
    ),
    "face_unknown": (400, "FaceNotFound", "Face is not found. The faceId is expired or not exist."),
    "query_face_unknown": (400, "FaceNotFound", "Query face cannot be found."),
    "current_face_unknown": (400, "FaceNotFound", "Current face is not found."),
    "face_unknown_404": (404, "FaceNotFound", "Face is not found. The faceId is expired or not exist."),
    "models_differ": (400, "BadArgument", "'recognitionModel' is incompatible."),
    "person_id_invalid": (
        400,
        "BadArgument",
        "Person ID is invalid. Valid personId is generated from PersonGroup Person - Create or "
        "LargePersonGroup Person - Create for existing person.",
    ),
    "person_unknown": (404, "PersonNotFound", "Person is not found."),
    "person_without_faces": (404, "PersistedFaceNotFound", "No persisted face of the person is found."),
    "persisted_face_unknown": (404, "PersistedFaceNotFound", "Persisted face is not found."),
    "kind_id_invalid": (400, "BadArgument", f"{{kind}} ID is invalid. {ID_FORMAT}"),
    "verify_kind_id_invalid": (
        400,
        "BadArgument",
        f"Person group ID or Large Person Group ID is invalid. {ID_FORMAT}",
    ),
    "name_empty": (400, "BadArgument", "'name' is empty."),
    "name_long": (400, "BadArgument", "'name' is too long. The limit is {limit} characters."),
    "user_data_long": (400, "BadArgument", "'userData' is too long. The limit is {limit} characters."),
    "nothing_to_change": (400, "BadArgument", "Both 'name' and 'userData' are empty."),
    "start_long": (400, "BadArgument", "'start' is too long. The limit is 64 characters."),
    "top_invalid": (400, "BadArgument", "'top' is invalid. Valid range is [1, 1000]."),
    # --- Questions ---------------------------------------------------------------------------------------
    "mode_invalid": (400, "BadArgument", "Mode is invalid. Valid values are matchPerson and matchFace."),
    "count_invalid": (
        400,
        "BadArgument",
        "The argument maxNumOfCandidatesReturned is not valid. Range is [1, {most}]",
    ),
    "confidence_invalid": (
        400,
        "BadArgument",
        "The argument confidenceThreshold is not valid. Range is [0, 1]",
    ),
    "face_ids_length": (
        400,
        "BadArgument",
        "The length of faceIds is not in a valid range. Out of range [{least}, {most}].",
    ),
    "similar_all_null": (400, "BadArgument", "LargeFaceListId, faceListId and faceIds are all null."),
    "similar_two_given": (
        400,
        "BadArgument",
        "2 or more of largeFaceListId, faceListId and faceIds are not null.",
    ),
    "similar_none_valid": (
        400,
        "BadArgument",
        "LargeFaceListId, faceListId and faceIds, not exactly one of them is valid.",
    ),
    "list_empty": (400, "FaceListNotReady", "Face list is empty."),
    "groups_both_given": (
        400,
        "PersonGroupIdAndLargePersonGroupIdBothNotNull",
        "Large person group ID and person group ID are both not null.",
    ),
    "groups_both_null": (
        400,
        "PersonGroupIdAndLargePersonGroupIdBothNull",
        "Large person group ID and person group ID are both null.",
    ),
    # --- Snapshots ---------------------------------------------------------------------------------------
    "snapshot_unknown": (404, "SnapshotNotFound", "Snapshot is not found. It is expired or does not exist."),
    "operation_unknown": (404, "OperationNotFound", "Operation is not found."),
    "snapshot_type": (
        400,
        "BadArgument",
        "The argument type is not valid. Valid values are FaceList, LargeFaceList, PersonGroup and "
        "LargePersonGroup.",
    ),
    "snapshot_scope": (
        400,
        "BadArgument",
        "The argument applyScope is not valid. Give 1 to 64 ids of accounts; yours is {account}.",
    ),
    "snapshot_unchanged": (400, "BadArgument", "Both 'applyScope' and 'userData' are empty."),
    "snapshot_scope_without": (
        403,
        "Forbidden",
        "Your account is not in the applyScope of this snapshot. Add its id with Snapshot - Update.",
    ),
    "snapshots_full": (403, "QuotaExceeded", "Snapshot number reached subscription level limit. {why}"),
    "snapshot_mode": (400, "BadArgument", "The argument mode is not valid. The valid value is CreateNew."),
}


@dataclass
class FaceError(Exception):
    """An answer of the dialect that says what is wrong."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.message


def face_error(name: str, /, *, headers: Mapping[str, str] | None = None, **figures: object) -> FaceError:
    """The exception for a name of the table, with its sentence filled in."""
    status, code, message = ERRORS[name]
    return FaceError(status, code, message.format(**{"why": "", **figures}).strip(), headers or {})


def kind_error(kind: Kind, what: str, status: int) -> FaceError:
    """An error whose code begins with the kind of collection: NotFound, Exists, NotTrained ..."""
    words = {
        "NotFound": "is not found.",
        "Exists": "already exists.",
        "NotTrained": "not trained.",
        "TrainingNotFinished": "is under training.",
    }
    if kind is LARGE_FACE_LIST:
        words |= {"NotTrained": "is not trained.", "TrainingNotFinished": "training is not finished."}
    return FaceError(status, f"{kind.code}{what}", f"{kind.word} {words[what]}")


def training_error(kind: Kind) -> FaceError:
    """A question to a collection that is being trained: a conflict for groups, but not for lists."""
    return kind_error(kind, "TrainingNotFinished", 400 if kind is LARGE_FACE_LIST else 409)


def _days_left(refusal: Refusal) -> int:
    replenished = date.fromisoformat(str(refusal.extra["replenished_on"]))
    return max(1, (replenished - today()).days)


def _seconds_left(refusal: Refusal) -> str:
    return refusal.headers.get("Retry-After", "1")


#: Codes of the services -> the error here and what fills its sentence. Codes that are not here keep their
#: status and their sentence, and their code is written as Face API writes codes.
_OF_SERVICES: Mapping[str, tuple[str, Callable[[Refusal], Mapping[str, object]]]] = {
    "key_invalid": ("key_invalid", lambda refusal: {}),
    "rate_limited": ("rate", lambda refusal: {"seconds": _seconds_left(refusal)}),
    "detections_waiting": ("rate", lambda refusal: {"seconds": _seconds_left(refusal)}),
    "quota_pictures": ("volume", lambda refusal: {"days": _days_left(refusal)}),
    "quota_faces": ("faces_full", lambda refusal: {"why": refusal.message}),
    "deadline_exceeded": ("timeout", lambda refusal: {}),
    **dict.fromkeys(
        ["picture_truncated", "picture_damaged", "too_many_pixels", "too_few_pixels", "too_many_frames"],
        ("image_broken", lambda refusal: {"why": refusal.message}),
    ),
    **dict.fromkeys(["format_not_supported", "svg_not_supported"], ("image_broken", lambda refusal: {})),
    "file_too_small": ("image_small", lambda refusal: {}),
    "file_too_large": ("image_large", lambda refusal: {"why": refusal.message}),
    "url_malformed": ("url_format", lambda refusal: {}),
    "url_not_allowed": ("url_not_allowed", lambda refusal: {"why": refusal.message}),
    "url_too_large": ("image_large", lambda refusal: {}),
    **dict.fromkeys(
        [
            *("url_unreachable", "url_too_slow", "url_answered_error", "url_answer_broken"),
            "url_too_many_redirects",
        ],
        ("url_failed", lambda refusal: {"why": refusal.message}),
    ),
    "face_not_found": ("no_face", lambda refusal: {}),
    "several_faces": ("several_faces", lambda refusal: {}),
    "box_without_face": ("target_without_face", lambda refusal: {}),
    "subject_unknown": ("person_unknown", lambda refusal: {}),
    "subject_without_faces": ("person_without_faces", lambda refusal: {}),
    "subject_full": ("faces_full", lambda refusal: {"why": "A person can have 248 faces."}),
    "gallery_full": ("faces_full", lambda refusal: {"why": refusal.message}),
    "face_unknown": ("persisted_face_unknown", lambda refusal: {}),
    "snapshot_unknown": ("snapshot_unknown", lambda refusal: {}),
    "snapshot_not_for_team": ("snapshot_scope_without", lambda refusal: {}),
    "snapshots_full": ("snapshots_full", lambda refusal: {"why": refusal.message}),
    "temporary_face_unknown": ("face_unknown", lambda refusal: {}),
    "temporary_face_expired": ("face_unknown", lambda refusal: {}),
    "models_differ": ("models_differ", lambda refusal: {}),
    "face_model_differs": ("models_differ", lambda refusal: {}),
    "model_unknown": ("recognition_model", lambda refusal: {}),
}


def of_refusal(refusal: Refusal, kind: Kind | None) -> FaceError:
    """What a service refused, in the words of the dialect; kind: the collection that was asked for."""
    if kind is not None:
        if refusal.code == "gallery_training":
            return training_error(kind)
        about = {
            "gallery_unknown": ("NotFound", 404),
            "gallery_key_taken": ("Exists", 409),
            "gallery_not_trained": ("NotTrained", 400),
        }.get(refusal.code)
        if about is not None:
            return kind_error(kind, *about)
        if refusal.code == "galleries_full":
            return face_error("kinds_full", kind=kind.word, limit=kind.most)
        if refusal.code == "gallery_people_full":
            return face_error("persons_full", kind=kind.word.lower(), limit=kind.most_persons)
    if refusal.code in _OF_SERVICES:
        name, figures = _OF_SERVICES[refusal.code]
        return face_error(name, headers=refusal.headers, **figures(refusal))
    return FaceError(refusal.status, pascal(refusal.code), refusal.message, refusal.headers)


def pascal(code: str) -> str:
    """'quota_storage' as 'QuotaStorage'."""
    return "".join(word.capitalize() for word in code.split("_"))


def body_of(error: FaceError) -> dict[str, Any]:
    """The envelope. Of quotas and rates it names the status too, as Face API's gateway does."""
    said: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.status in (403, 429):
        said["statusCode"] = error.status
    return {"error": said}


def outside_of_views(status: int, code: str, sentence: str) -> dict[str, Any]:
    """The envelope of an error that no view answers."""
    if code == "file_too_large":
        return body_of(FaceError(status, "InvalidImageSize", sentence))
    return body_of(FaceError(status, pascal(code), sentence))


def face_exception_handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; None for a fault of ours, which then becomes a 500 and is logged."""
    said = _translated(error, context)
    if said is None:
        return None
    set_rollback()
    return Response(body_of(said), status=said.status, headers=dict(said.headers))


def _translated(error: Exception, context: dict[str, Any]) -> FaceError | None:
    if isinstance(error, FaceError):
        return error
    if isinstance(error, Refusal):
        return of_refusal(error, getattr(context["view"], "kind", None))
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        challenge = getattr(error, "auth_header", None)
        return face_error("key_invalid", headers={"WWW-Authenticate": challenge} if challenge else {})
    if isinstance(error, exceptions.PermissionDenied):
        return FaceError(403, "Forbidden", str(error.detail))
    if isinstance(error, exceptions.MethodNotAllowed):
        allowed = ", ".join(context["view"].allowed_methods)
        method = context["request"].method
        return face_error("method", headers={"Allow": allowed}, method=method, allowed=allowed)
    if isinstance(error, exceptions.NotFound | Http404):
        return face_error("route_unknown")
    if isinstance(error, ValidationError):
        return face_error("body_invalid", why=" ".join(error.messages))
    return None
