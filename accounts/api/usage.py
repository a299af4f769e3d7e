"""`/api/v1/usage`: limits of the team and what is used of them."""

from typing import Any, ClassVar

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.usage import MOST_DAYS, USUAL_DAYS, usage_of
from emotionsite.api.examples import example


class LimitsSerializer(serializers.Serializer[Any]):
    """What the team may use; null is without limit."""

    requests_per_minute = serializers.IntegerField(allow_null=True, help_text="in any 60 seconds")
    pictures_per_month = serializers.IntegerField(allow_null=True, help_text="analysed, in a month in UTC")
    stored_faces = serializers.IntegerField(allow_null=True)
    storage_bytes = serializers.IntegerField(allow_null=True)
    largest_file_bytes = serializers.IntegerField()


class UsedSerializer(serializers.Serializer[Any]):
    """What counts against the limits now."""

    pictures_this_month = serializers.IntegerField()
    stored_faces = serializers.IntegerField()
    stored_bytes = serializers.IntegerField()


class DaySerializer(serializers.Serializer[Any]):
    """One day (UTC)."""

    day = serializers.DateField()
    requests = serializers.IntegerField(help_text="requests of the API that were let through")
    pictures = serializers.IntegerField(help_text="pictures whose analysis was queued")
    faces = serializers.IntegerField(help_text="faces found in pictures")


@example(
    {
        "plan": "Studio",
        "limits": {
            "requests_per_minute": 600,
            "pictures_per_month": 10000,
            "stored_faces": 100000,
            "storage_bytes": 53687091200,
            "largest_file_bytes": 26214400,
        },
        "used": {"pictures_this_month": 412, "stored_faces": 1630, "stored_bytes": 812646400},
        "replenished_on": "2026-12-01",
        "days": [{"day": "2026-11-22", "requests": 97, "pictures": 31, "faces": 118}],
    }
)
class UsageSerializer(serializers.Serializer[Any]):
    """Limits, what is used of them, and figures per day."""

    plan = serializers.CharField(allow_null=True, help_text="null: the installation's default limits")
    limits = LimitsSerializer()
    used = UsedSerializer()
    replenished_on = serializers.DateField(help_text="when `pictures_this_month` begins at 0 again")
    days = DaySerializer(many=True, help_text="oldest first, today last")


DAYS = {"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": USUAL_DAYS}


class DaysSerializer(serializers.Serializer[Any]):
    """The query."""

    days = serializers.IntegerField(min_value=1, max_value=MOST_DAYS, default=USUAL_DAYS)


class UsageView(TeamAPIView):
    """GET: limits and use of the team."""

    reads = UsageSerializer
    problems: ClassVar = {"GET": ["invalid"]}
    parameters: ClassVar = {"GET": [OpenApiParameter("days", DAYS, description="Days to show.")]}

    @extend_schema(summary="Show limits and usage", tags=["Usage"], responses=UsageSerializer)
    def get(self, request: Request) -> Response:
        """Limits of the team's plan, what is used of them, and figures per day for a chart."""
        query = DaysSerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return self.show(usage_of(team=self.access.team, days=query.validated_data["days"]))
