"""Face - Detect."""

import time
from collections.abc import Sequence

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response

from media_jobs.detect import LONGEST_KEPT, SHORTEST_KEPT, Question, picture_detect, picture_detect_and_keep

from .attributes import ATTRIBUTES, attributes_of
from .bodies import Fields, read_query
from .errors import face_error
from .pictures import detection_named, read_picture
from .views import FaceView, recognition_named, shown

MOST_FACES = 100
#: The smallest face, in pixels of a picture of 1920x1080. detection_02 and _03 are for smaller ones too.
LEAST_SIDE = 36.0


class DetectView(FaceView):
    def post(self, request: Request) -> Response:
        """The faces of a picture, the largest first. The picture is not stored; the vector and the box of
        each face are kept for the time asked, where its faceId is wanted and the team lets people be
        recognised.
        """
        begun = time.monotonic()
        query = read_query(request)
        attributes = attributes_named(query)
        landmarks = query.flag("returnFaceLandmarks", False)
        with_id = query.flag("returnFaceId", True) and self.access.team.analyze_identity
        with_model = query.flag("returnRecognitionModel", False)
        model, seconds = recognition_named(query), seconds_kept(query)
        question = question_of(detection_named(query), attributes, landmarks=landmarks)
        content = read_picture(request)
        team = self.access.team
        if with_id:
            answer = picture_detect_and_keep(
                team=team, content=content, question=question, seconds=seconds, recognition=model, begun=begun
            )
        else:
            answer = picture_detect(team=team, content=content, question=question, begun=begun)
        return Response(
            [
                shown(
                    faceId=face.get("face_id"),
                    recognitionModel=model if with_model else None,
                    faceRectangle=rectangle_of(face["box"]),
                    faceLandmarks=face["landmarks27"] if landmarks else None,
                    faceAttributes=attributes_of(face, attributes) if attributes else None,
                )
                for face in answer["faces"]
            ]
        )


def attributes_named(query: Fields) -> list[str]:
    """The attributes that are wanted, as Face API writes them. Raises FaceError."""
    known = {name.lower(): name for name in ATTRIBUTES}
    words = [word.strip().lower() for word in (query.text("returnFaceAttributes") or "").split(",")]
    wanted = [word for word in words if word]
    if any(word not in known for word in wanted):
        raise face_error("attributes_unknown")
    return [known[word] for word in dict.fromkeys(wanted)]


def seconds_kept(query: Fields) -> int:
    """'faceIdTimeToLive': 60 to 86,400 seconds, a day without it. Raises FaceError."""
    wrong = face_error(
        "parameter_invalid",
        name="faceIdTimeToLive",
        why=f"Range is [{SHORTEST_KEPT}, {LONGEST_KEPT}] seconds.",
    )
    seconds = query.integer("faceIdTimeToLive", wrong)
    if seconds is None:
        return LONGEST_KEPT
    if not SHORTEST_KEPT <= seconds <= LONGEST_KEPT:
        raise wrong
    return seconds


def question_of(detection: str, attributes: Sequence[str], *, landmarks: bool) -> Question:
    """What a worker is asked. Raises FaceError for what detection_02 does not give."""
    if detection == "detection_02" and attributes:
        raise face_error("attributes_not_in_02")
    if detection == "detection_02" and landmarks:
        raise face_error("landmarks_not_in_02")
    parts = {ATTRIBUTES[name].part for name in attributes} | ({"landmarks27"} if landmarks else set())
    return Question(
        parts=tuple(sorted(parts)),
        detection=detection,
        max_faces=MOST_FACES,
        seconds=settings.DETECT_DEADLINE_SECONDS,
        least_side=least_side_of(detection),
    )


def least_side_of(detection: str) -> float | None:
    """The smallest face that a way of looking tells of, None: any that is found."""
    return LEAST_SIDE if detection == "detection_01" else None


def rectangle_of(box: dict[str, float]) -> dict[str, int]:
    """A box in whole pixels. Its edges are rounded, so that it stays inside the picture."""
    left, top = max(0, round(box["left"])), max(0, round(box["top"]))
    return {
        "width": max(1, round(box["left"] + box["width"]) - left),
        "height": max(1, round(box["top"] + box["height"]) - top),
        "left": left,
        "top": top,
    }
