"""`/api/v1/detect`: a picture in, faces out, nothing stored but what the client asks to keep for a while."""

import time
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.parsers import BaseParser, DataAndFiles, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.api.parsers import BoundedJSONParser
from emotionsite.fetching import fetch
from media_jobs.detect import (
    DETECTIONS,
    LONGEST_DEADLINE,
    LONGEST_KEPT,
    PARTS,
    SHORTEST_KEPT,
    USUAL_PARTS,
    Question,
    database_release,
    picture_detect,
    picture_detect_and_keep,
)
from media_jobs.refusals import refuse

from .detect_serializers import DetectedSerializer, DetectFormSerializer, DetectSerializer

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/bmp", "image/webp", "image/heic", "image/tiff")
#: Room in the deadline for a worker, when the picture has to be fetched first.
SECONDS_FOR_WORK = 1.0


class PictureParser(BaseParser):
    """A body that is the picture itself, whatever kind of picture its Content-Type says."""

    media_type = "image/*"

    def parse(
        self, stream: IO[bytes], media_type: str | None = None, parser_context: Any = None
    ) -> "DataAndFiles[Any, Any]":
        # One byte more than may be, so that the check of the size sees what is too large.
        content = stream.read(settings.MAX_UPLOAD_BYTES + 1)
        return DataAndFiles(QueryDict(), {"file": SimpleUploadedFile("picture", content)})


class BytesParser(PictureParser):
    """The same for clients that say nothing about the kind."""

    media_type = "application/octet-stream"


def _parameter(name: str, schema: dict[str, Any], description: str) -> OpenApiParameter:
    return OpenApiParameter(name, schema, description=description)


OPTIONS = (
    OpenApiParameter(
        "return",
        {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "enum": list(PARTS)},
            "default": list(USUAL_PARTS),
        },
        description="What to say of every face, with commas between.",
        explode=False,
    ),
    _parameter(
        "detection",
        {"type": "string", "enum": list(DETECTIONS)},
        "How faces are found: 01 as in photos, 02 small and turned ones too, 03 rotated ones too.",
    ),
    _parameter(
        "max_faces", {"type": "integer", "minimum": 1, "maximum": 1000}, "Only so many, the largest first."
    ),
    _parameter(
        "deadline",
        {"type": "number", "minimum": 0.1, "maximum": LONGEST_DEADLINE},
        "Seconds to wait at most; DETECT_DEADLINE_SECONDS of the server without it.",
    ),
    _parameter(
        "keep_faces",
        {"type": "integer", "minimum": SHORTEST_KEPT, "maximum": LONGEST_KEPT},
        "Keep each face, its vector and box, for so many seconds under a `face_id`. Without it none is kept.",
    ),
    _parameter(
        "recognition",
        {"type": "string", "maxLength": 80},
        "Name of the recognition model of the faces that are kept; the usual one without it.",
    ),
)


class DetectView(TeamAPIView):
    # An answer that is kept for a repetition would be something stored.
    keeps_answers = False
    parser_classes = (BoundedJSONParser, MultiPartParser, PictureParser, BytesParser)
    parameters = {"POST": OPTIONS}
    problems = {
        "POST": (
            *("picture_missing", "file_too_small", "format_not_supported", "svg_not_supported"),
            *("too_many_pixels", "too_few_pixels", "too_many_frames", "picture_truncated", "picture_damaged"),
            *("url_malformed", "url_not_allowed", "url_unreachable", "url_too_slow", "url_too_large"),
            *("url_answered_error", "url_answer_broken", "url_too_many_redirects", "quota_pictures"),
            *("deadline_exceeded", "detection_failed", "detections_waiting"),
            *("model_unknown", "model_of_worker_differs"),
        )
    }

    @extend_schema(
        tags=["detect"],
        summary="Find faces without storing anything",
        request={
            "multipart/form-data": DetectFormSerializer,
            "application/json": DetectSerializer,
            **dict.fromkeys((*PICTURES, "application/octet-stream"), OpenApiTypes.BINARY),
        },
        responses={200: DetectedSerializer},
    )
    def post(self, request: Request) -> Response:
        """Waits for the faces in one picture: a file, the bytes themselves, or an address to fetch it from.
        Neither the picture nor the answer is stored; with `keep_faces`, vector and box of each face are
        kept for a while, for the questions of galleries. Options stand in the address, or beside the file
        or the address in the body, which then count. Counts as one analysed picture, unless there is no
        answer.
        """
        begun = time.monotonic()
        wishes = DetectSerializer(data=_merged(request.query_params, request.data))
        wishes.is_valid(raise_exception=True)
        question = question_of(wishes.validated_data)
        content = self._content(request, wishes.validated_data.get("url"), question.seconds)
        if seconds := wishes.validated_data.get("keep_faces"):
            return Response(
                picture_detect_and_keep(
                    team=self.access.team,
                    content=content,
                    question=question,
                    seconds=seconds,
                    recognition=wishes.validated_data.get("recognition", ""),
                    begun=begun,
                )
            )
        return Response(
            picture_detect(team=self.access.team, content=content, question=question, begun=begun)
        )

    def _content(self, request: Request, url: str | None, seconds: float) -> bytes:
        file = request.FILES.get("file")
        if file is not None:
            # At most as much as may be, and one byte that shows when it is more.
            return bytes(file.read(settings.MAX_UPLOAD_BYTES + 1))
        if url is None:
            raise refuse("picture_missing")
        database_release()
        wait = max(0.1, min(15.0, seconds - SECONDS_FOR_WORK))
        return fetch(url, max_bytes=settings.MAX_UPLOAD_BYTES, deadline=wait).content


def question_of(wishes: Mapping[str, Any]) -> Question:
    """What a client wants to know, from its checked options."""
    return Question(
        parts=tuple(wishes.get("return") or USUAL_PARTS),
        detection=wishes.get("detection"),
        max_faces=wishes.get("max_faces"),
        seconds=wishes.get("deadline") or settings.DETECT_DEADLINE_SECONDS,
    )


def _merged(query: QueryDict, body: Any) -> Any:
    """Options of the address and of the body, which come first; a body that is no object is refused later."""
    if not isinstance(body, Mapping):
        return body
    # A list in an address comes with commas or as repeated names.
    values = {name: ",".join(query.getlist(name)) for name in query}
    own = body.dict() if isinstance(body, QueryDict) else dict(body)
    return {**values, **{name: value for name, value in own.items() if name != "file"}}
