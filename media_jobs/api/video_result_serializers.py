"""Metrics over time and frames of videos, as the native API shows them."""

from typing import Any
from uuid import UUID

from rest_framework import serializers

from analysis.api.serializers import BoxSerializer, EmotionsSerializer, PointSerializer
from analysis.video.series import LANDMARKS
from analysis.video.timelines import METRICS
from emotionsite.api.examples import example
from ml_models import EMOTIONS

from .video_people_serializers import (
    EMOTIONS_EXAMPLE,
    PERSON,
    PERSON_ID,
    VideoPersonSerializer,
    a_count,
    a_gender,
    a_number,
    an_age_group,
    made,
    shares,
)


# --- Curves -----------------------------------------------------------------------------------------------
def _values(**more: Any) -> serializers.ListField:
    child = serializers.FloatField(allow_null=True)
    return serializers.ListField(child=child, read_only=True, **more)


def _wholes() -> serializers.ListField:
    return serializers.ListField(child=serializers.IntegerField(min_value=0), read_only=True)


@example(
    {
        "metric": "valence",
        "unit": "share",
        "ms": [0, 200, 400],
        "values": [0.1204, 0.1311, None],
        "low": [],
        "high": [],
        "count": [],
    }
)
class CurveSerializer(serializers.Serializer[Any]):
    """One metric over time; null where nothing is known and where the line breaks.

    Of all together, `values` are means in bins that begin at `ms`, with the lowest and the highest of the
    people there and how many they are; of one person these three are empty.
    """

    metric = serializers.ChoiceField(tuple(METRICS), read_only=True)
    unit = serializers.ChoiceField(("share", "degrees", "centimetres"), read_only=True)
    ms = _wholes()
    values = _values()
    low = _values()
    high = _values()
    count = _wholes()


@example({"person_id": None, "interval_ms": 200.0, "curves": [example.of(CurveSerializer)]})
class TimelineSerializer(serializers.Serializer[Any]):
    """Curves of one person, or of all together (`person_id` null)."""

    person_id = serializers.UUIDField(read_only=True, allow_null=True)
    interval_ms = a_number(0, help_text="between two analysed frames")
    curves = CurveSerializer(many=True, read_only=True)


@example({"person": PERSON, "curves": {"valence": [0.1204, 0.1311, None]}})
class ComparedSerializer(serializers.Serializer[Any]):
    """A person with their curves by metric: a value for each of the moments in `ms`."""

    person = VideoPersonSerializer(read_only=True)
    curves = serializers.DictField(child=_values(), read_only=True)


@example({"ms": [0, 200, 400], "people": [example.of(ComparedSerializer)]})
class ComparisonSerializer(serializers.Serializer[Any]):
    """People side by side. `ms` are the starts of the bins that all curves are means in."""

    ms = _wholes()
    people = ComparedSerializer(many=True, read_only=True)


# --- Frames -----------------------------------------------------------------------------------------------
def _angles(name: str, *names: str) -> serializers.Serializer[Any]:
    doc = "Degrees: yaw to the right of the picture, pitch up; null is unknown."
    return made(name, {one: a_number(-180, 180) for one in names}, doc)(read_only=True)


_Landmarks = made(
    "VideoLandmarksSerializer",
    {name: PointSerializer(read_only=True, allow_null=True) for name in LANDMARKS},
    "27 points of a face, left and right as the viewer sees them.",
)
_Eyes = made(
    "VideoEyesSerializer",
    {
        **shares("left_open", "right_open", "open"),
        "blink": serializers.BooleanField(read_only=True, allow_null=True),
    },
    "How far the eyes are open: 0 is shut. `blink`: this frame lies in a blink.",
)
FACE = {
    "person_id": PERSON_ID,
    "number": 1,
    "name": "Ada",
    "box": {"left": 512.1, "top": 160.4, "width": 184.5, "height": 229.9},
    "confidence": 0.9987,
    "landmarks": {name: {"x": 560.3, "y": 243.9} for name in LANDMARKS},
    "head_pose": {"yaw": 4.1, "pitch": -3.2, "roll": 1.5},
    "gaze": {"yaw": 1.2, "pitch": -5.0},
    "strongest": "happiness",
    "emotions": EMOTIONS_EXAMPLE,
    "smile": 0.7312,
    "eyes": {"left_open": 0.9312, "right_open": 0.9401, "open": 0.9357, "blink": False},
    "attention": True,
    "age": 38.2,
    "age_group": "Adult",
    "male": 0.0812,
    "gender": "female",
    "glasses": 0.0312,
    "distance_cm": 71.3,
    "positive_score": 0.4103,
    "neutral_score": 0.5123,
    "negative_score": 0.0774,
    "valence": 0.3329,
    "activation": 0.5188,
    "engagement": 0.5188,
    "satisfaction": 0.6121,
}


@example(FACE)
class FrameFaceSerializer(serializers.Serializer[Any]):
    """Somebody in a frame. Box and landmarks in pixels of the upright video; null is unknown, or switched
    off."""

    person_id = serializers.UUIDField(read_only=True)
    number = a_count()
    name = serializers.CharField(read_only=True, help_text="`title` of the person")
    box = BoxSerializer(read_only=True)
    confidence = a_number(0, 1)
    landmarks = _Landmarks(read_only=True)
    head_pose = _angles("VideoHeadPoseSerializer", "yaw", "pitch", "roll")
    gaze = _angles("VideoGazeSerializer", "yaw", "pitch")
    strongest = serializers.ChoiceField(EMOTIONS, read_only=True, allow_null=True)
    emotions = EmotionsSerializer(read_only=True, allow_null=True)
    smile = a_number(0, 1)
    eyes = _Eyes(read_only=True)
    attention = serializers.BooleanField(
        read_only=True, allow_null=True, help_text="head and gaze are towards the screen"
    )
    age = a_number(0, 100)
    age_group = an_age_group()
    male = a_number(0, 1)
    gender = a_gender()
    glasses = a_number(0, 1)
    distance_cm = a_number(0)
    positive_score = a_number(0, 1)
    neutral_score = a_number(0, 1)
    negative_score = a_number(0, 1)
    valence = a_number(-1, 1)
    activation = a_number(0, 1)
    engagement = a_number(0, 1)
    satisfaction = a_number(0, 1)


@example({"ms": 12400, "faces": [FACE]})
class FrameSerializer(serializers.Serializer[Any]):
    """An analysed frame, `ms` milliseconds from the first one, and who is in it, by number."""

    ms = a_count()
    faces = FrameFaceSerializer(many=True, read_only=True)


@example(
    {
        "from_ms": 0,
        "to_ms": 5000,
        "next": "http://127.0.0.1:8000/api/v1/videos/.../frames?from_ms=5000",
        "frames": [example.of(FrameSerializer)],
    }
)
class FramesSerializer(serializers.Serializer[Any]):
    """Frames from `from_ms` on and before `to_ms`; `next` is the address of those after them."""

    from_ms = a_count()
    to_ms = a_count()
    next = serializers.URLField(read_only=True, allow_null=True)
    frames = FrameSerializer(many=True, read_only=True)


#: Fields of a face that stand under other names in the table.
_NESTED = {
    "box": {name: name for name in ("left", "top", "width", "height")},
    "head_pose": {name: name for name in ("yaw", "pitch", "roll")},
    "gaze": {"yaw": "gaze_yaw", "pitch": "gaze_pitch"},
    "eyes": {"left_open": "left_open", "right_open": "right_open", "open": "eyes_open", "blink": "blink"},
}


def face_of_row(row: dict[str, Any]) -> dict[str, Any]:
    """A row of `analysis.video.tables.FRAMES` as `FrameFaceSerializer` shows it."""
    face = {name: row.get(name) for name in FACE}
    face |= {
        name: {field: row[column] for field, column in fields.items()} for name, fields in _NESTED.items()
    }
    face["number"], face["person_id"] = row["person"], UUID(row["person_id"])
    emotions = {name: row[name] for name in EMOTIONS}
    face["emotions"] = None if row["strongest"] is None else emotions
    face["landmarks"] = {name: _point(row, name) for name in LANDMARKS}
    return face


def _point(row: dict[str, Any], name: str) -> dict[str, float] | None:
    x, y = row[f"{name}_x"], row[f"{name}_y"]
    return None if x is None or y is None else {"x": x, "y": y}
