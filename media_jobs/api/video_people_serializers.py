"""People, moments and figures of videos, as the native API shows them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.access import current_team
from analysis.api.serializers import EmotionsSerializer
from analysis.models import VideoPerson
from analysis.video.selectors import shown
from emotionsite.api.examples import example
from ml_models import EMOTIONS

PERSON_ID = "5a0c3a1e-8f43-4c8e-9c53-0f5f1d7b2c11"
OTHER_ID = "c4a1b2d3-1f2e-4d5c-8b9a-7f6e5d4c3b2a"
SUBJECT_ID = "3f2b9c1d-5e6f-4a70-8b91-c2d3e4f5a6b7"
GALLERY_ID = "8e16d2f4-f529-4364-a7cc-f311d2068e71"
AGE_GROUPS = ("Child", "Teen", "Young-Adult", "Adult", "Senior")
EMOTIONS_EXAMPLE = dict(
    zip(EMOTIONS, (0.4812, 0.4103, 0.0311, 0.0204, 0.0187, 0.0142, 0.0133, 0.0108), strict=True)
)

_Fields = dict[str, serializers.Field[Any, Any, Any, Any]]


def a_number(low: float | None = None, high: float | None = None, **more: Any) -> serializers.FloatField:
    return serializers.FloatField(read_only=True, allow_null=True, min_value=low, max_value=high, **more)


def a_count(**more: Any) -> serializers.IntegerField:
    return serializers.IntegerField(read_only=True, min_value=0, **more)


def shares(*names: str) -> _Fields:
    return {name: a_number(0, 1) for name in names}


def a_gender() -> serializers.ChoiceField:
    return serializers.ChoiceField(("female", "male"), read_only=True, allow_null=True)


def an_age_group() -> serializers.ChoiceField:
    return serializers.ChoiceField(AGE_GROUPS, read_only=True, allow_null=True)


def made(name: str, fields: _Fields, doc: str) -> type[serializers.Serializer[Any]]:
    return type(name, (serializers.Serializer,), {"__doc__": doc, **fields})


# --- People -----------------------------------------------------------------------------------------------
#: Figures of which the whole video has means, too; docs/metrics.md has the formula of each.
_FIGURES: _Fields = {
    "dwell_seconds": a_number(0),
    "glances": a_number(0),
    "attended_seconds": a_number(0),
    **shares("attention_share"),
    **{name: a_number(0, 100) for name in ("positive_percent", "neutral_percent", "negative_percent")},
    **shares("activation", "activation_max", "engagement", "engagement_max"),
    **shares("satisfaction", "satisfaction_max", "relevance"),
    **{name: a_number(-1, 1) for name in ("valence", "valence_min", "valence_max")},
    "blinks": a_number(0),
    "blinks_per_minute": a_number(0),
    **shares("smile_share", "glasses_share"),
    "age": a_number(0, 100),
    "distance_cm": a_number(0),
    "emotions": EmotionsSerializer(read_only=True, allow_null=True),
}
_FIGURES_EXAMPLE = {
    "dwell_seconds": 58.4,
    "glances": 6,
    "attended_seconds": 44.2,
    "attention_share": 0.7568,
    "positive_percent": 41.03,
    "neutral_percent": 51.23,
    "negative_percent": 7.74,
    "activation": 0.5188,
    "activation_max": 0.9312,
    "engagement": 0.4023,
    "engagement_max": 0.9312,
    "satisfaction": 0.6121,
    "satisfaction_max": 0.9544,
    "relevance": 0.6402,
    "valence": 0.3329,
    "valence_min": -0.1204,
    "valence_max": 0.8611,
    "blinks": 14,
    "blinks_per_minute": None,
    "smile_share": 0.3801,
    "glasses_share": 0.0,
    "age": 38.2,
    "distance_cm": 71.3,
    "emotions": EMOTIONS_EXAMPLE,
}
FIGURES = tuple(_FIGURES)
FiguresSerializer = example(_FIGURES_EXAMPLE)(
    made(
        "VideoFiguresSerializer",
        _FIGURES,
        "Figures over the time in view, as in docs/metrics.md; null is unknown or switched off.",
    )
)
MetricsSerializer = example({**_FIGURES_EXAMPLE, "age_group": "Adult", "male": 0.0812, "glasses": False})(
    made(
        "VideoMetricsSerializer",
        {
            **_FIGURES,
            "age_group": an_age_group(),
            "male": a_number(0, 1),
            "glasses": serializers.BooleanField(read_only=True, allow_null=True),
        },
        "What is said of one person: figures over the time in view; null is unknown or switched off.",
    )
)


@example({"subject_id": SUBJECT_ID, "gallery_id": GALLERY_ID, "name": "Ada", "confidence": 0.9712})
class IdentitySerializer(serializers.Serializer[Any]):
    """Whom the machine took somebody for, in the gallery that was asked."""

    subject_id = serializers.UUIDField(read_only=True)
    gallery_id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(source="subject.name", read_only=True)
    confidence = serializers.FloatField(read_only=True, min_value=0, max_value=1)


PERSON = {
    "id": PERSON_ID,
    "number": 1,
    "name": "",
    "title": "Ada",
    "excluded": False,
    "by_hand": False,
    "identity": example.of(IdentitySerializer),
    "first_ms": 0,
    "last_ms": 58400,
    "samples": 293,
    "age": 38.2,
    "gender": "female",
    "metrics": example.of(MetricsSerializer),
}


@example(PERSON)
class VideoPersonSerializer(serializers.ModelSerializer[VideoPerson]):
    """Somebody in a video. Needs `selectors.people`.

    `name` is what a member calls them, `title` what they are called everywhere: by that name, by whom the
    machine took them for, or by their number. `excluded`: left out of what is said of the whole video.
    `by_hand`: a member has merged or split them. `samples` counts the analysed frames they are in.
    """

    title = serializers.CharField(read_only=True)
    identity = serializers.SerializerMethodField(help_text="null for nobody that is known")
    samples = serializers.IntegerField(source="sample_count", read_only=True)
    gender = serializers.SerializerMethodField()
    metrics = MetricsSerializer(read_only=True)

    class Meta:
        model = VideoPerson
        fields = list(PERSON)

    def to_representation(self, instance: VideoPerson) -> dict[str, Any]:
        return super().to_representation(shown(instance, current_team()))

    @extend_schema_field(IdentitySerializer(allow_null=True))
    def get_identity(self, person: VideoPerson) -> Any:
        label = getattr(person, "label", None)
        return None if label is None else IdentitySerializer(label).data

    @extend_schema_field(serializers.ChoiceField(("female", "male"), allow_null=True))
    def get_gender(self, person: VideoPerson) -> str | None:
        return person.gender or None


@example({"name": "Ada", "excluded": False})
class PersonChangeSerializer(serializers.Serializer[Any]):
    """What is to be changed; what is not sent stays."""

    name = serializers.CharField(
        required=False, allow_blank=True, max_length=120, help_text="empty: called by the number again"
    )
    excluded = serializers.BooleanField(required=False)


@example({"people": [OTHER_ID], "into": PERSON_ID})
class PeopleMergeSerializer(serializers.Serializer[Any]):
    """`into` stays and has everything; the others are gone afterwards."""

    people = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=100)
    into = serializers.UUIDField()


@example({"at_ms": 14300})
class PersonSplitSerializer(serializers.Serializer[Any]):
    """From which moment on it is somebody else."""

    at_ms = serializers.IntegerField(min_value=0, max_value=2**31 - 1)


# --- Moments and the whole video --------------------------------------------------------------------------
@example(
    {"kind": "peak", "emotion": "happiness", "ms": 12200, "end_ms": 15400, "at_ms": 13600, "value": 0.91}
)
class MomentSerializer(serializers.Serializer[Any]):
    """A moment that stands out, strongest at `at_ms`; docs/metrics.md says what `value` is of each kind."""

    kind = serializers.ChoiceField(("peak", "rejection", "engaging"), read_only=True)
    emotion = serializers.ChoiceField(
        EMOTIONS, read_only=True, allow_null=True, help_text="the one that peaks or that rejects most"
    )
    ms = a_count()
    end_ms = a_count()
    at_ms = a_count()
    value = serializers.FloatField(read_only=True, min_value=0, max_value=1)


@example({"person_id": None, "moments": [example.of(MomentSerializer)]})
class MomentsSerializer(serializers.Serializer[Any]):
    """Moments in the order of time: of one person, or of all together (`person_id` null)."""

    person_id = serializers.UUIDField(read_only=True, allow_null=True)
    moments = MomentSerializer(many=True, read_only=True)


@example(
    {"code": "gallery_not_trained", "detail": "This gallery was never trained. Train it, then ask again."}
)
class NotIdentifiedSerializer(serializers.Serializer[Any]):
    """Why nobody could be looked up in the gallery."""

    code = serializers.CharField(read_only=True)
    detail = serializers.CharField(read_only=True)


@example(
    {
        "people": 2,
        "excluded": 1,
        "samples": 586,
        "genders": {"female": 1, "male": 1},
        "age_groups": {"Adult": 2},
        "means": _FIGURES_EXAMPLE,
        "identification": None,
        "moments": [example.of(MomentSerializer)],
    }
)
class VideoSummarySerializer(serializers.Serializer[Any]):
    """A whole video: how many people of which kind, means over people who each count once, and moments.

    Whoever is excluded counts nowhere but in `excluded`.
    """

    people = a_count()
    excluded = a_count()
    samples = a_count()
    genders = serializers.DictField(child=a_count(), read_only=True)
    age_groups = serializers.DictField(child=a_count(), read_only=True)
    means = FiguresSerializer(read_only=True)
    identification = NotIdentifiedSerializer(read_only=True, allow_null=True)
    moments = MomentSerializer(many=True, read_only=True)
