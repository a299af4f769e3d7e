"""`/api/v1/privacy`."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope, Team
from accounts.models.teams import LONGEST_RETENTION_DAYS
from accounts.privacy import SETTINGS, privacy_change
from emotionsite.api.examples import example
from media_jobs.forecast import Forecast, Going, Period, forecast


def _days(least: int, help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=least,
        max_value=LONGEST_RETENTION_DAYS,
        allow_null=True,
        required=False,
        help_text=help_text,
    )


SETTINGS_EXAMPLE = {
    "keep_originals_days": 30,
    "keep_faces_days": 365,
    "keep_results_days": None,
    "analyze_emotion": True,
    "analyze_age": True,
    "analyze_gender": False,
    "analyze_identity": True,
}


@example({"keep_originals_days": 30, "analyze_gender": False})
class PrivacyChangeSerializer(serializers.Serializer[Team]):
    """Only what is sent is changed."""

    keep_originals_days = _days(
        0, "Days that pictures and files of videos are kept; 0 erases them with the analysis, null never."
    )
    keep_faces_days = _days(
        1, "Days that faces, and people of videos, are kept with scores and vectors; null: for ever."
    )
    keep_results_days = _days(1, "Days until a photo or a video goes as a whole; null: never.")
    analyze_emotion = serializers.BooleanField(required=False, help_text="Whether emotions are computed.")
    analyze_age = serializers.BooleanField(required=False, help_text="Whether ages are estimated.")
    analyze_gender = serializers.BooleanField(required=False, help_text="Whether gender is estimated.")
    analyze_identity = serializers.BooleanField(
        required=False, help_text="Whether people are recognised in photos and videos."
    )


class GoingSerializer(serializers.Serializer[Going]):
    pictures = serializers.IntegerField(help_text="Photos whose pictures go.")
    picture_bytes = serializers.IntegerField(help_text="Bytes that become free, of photos and videos.")
    faces = serializers.IntegerField(help_text="Faces of photos.")
    results = serializers.IntegerField(help_text="Photos that go as a whole.")
    video_files = serializers.IntegerField(help_text="Videos whose files go.")
    video_people = serializers.IntegerField(help_text="People of videos.")
    videos = serializers.IntegerField(help_text="Videos that go as a whole.")


class PeriodSerializer(serializers.Serializer[Period]):
    """From the beginning of `first` to the end of `last`, in UTC."""

    first = serializers.DateField()
    last = serializers.DateField()
    going = GoingSerializer()


class ForecastSerializer(serializers.Serializer[Forecast]):
    """The coming four weeks, periods with nothing in them left out; and when the next of each kind goes."""

    periods = PeriodSerializer(many=True)
    next_pictures = serializers.DateTimeField(allow_null=True)
    next_faces = serializers.DateTimeField(allow_null=True)
    next_results = serializers.DateTimeField(allow_null=True)


@example(
    {
        **SETTINGS_EXAMPLE,
        "forecast": {
            "periods": [
                {
                    "first": "2026-11-25",
                    "last": "2026-11-25",
                    "going": {
                        "pictures": 14,
                        "picture_bytes": 31870212,
                        "faces": 0,
                        "results": 0,
                        "video_files": 0,
                        "video_people": 0,
                        "videos": 0,
                    },
                }
            ],
            "next_pictures": "2026-11-25T07:40:11.120000Z",
            "next_faces": "2027-10-26T07:40:11.120000Z",
            "next_results": None,
        },
    }
)
class PrivacySerializer(serializers.ModelSerializer[Team]):
    forecast = serializers.SerializerMethodField()

    class Meta:
        model = Team
        fields = [*SETTINGS, "forecast"]

    @extend_schema_field(ForecastSerializer)
    def get_forecast(self, team: Team) -> Any:
        return ForecastSerializer(forecast(team)).data


class PrivacyView(TeamAPIView):
    reads = PrivacySerializer
    required_scopes = {"PATCH": Scope.MANAGE}
    problems = {"PATCH": ("role_too_low",)}

    @extend_schema(tags=["privacy"], summary="Show what is kept for how long, and what will go when")
    def get(self, request: Request) -> Response:
        """Retention and switches of the team, with what goes in the coming four weeks."""
        return self.show(Team.objects.get(pk=self.access.team.pk))

    @extend_schema(
        tags=["privacy"],
        summary="Change what is kept for how long",
        request=PrivacyChangeSerializer,
        responses=PrivacySerializer,
    )
    def patch(self, request: Request) -> Response:
        """Changes the settings that are sent. What is past its day then goes within minutes."""
        change = PrivacyChangeSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        team = privacy_change(access=self.access, changes=change.validated_data)
        return Response(PrivacySerializer(team).data)
