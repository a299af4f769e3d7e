"""`/api/v1/removals`."""

from typing import Any
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.api.examples import example
from media_jobs import removals
from media_jobs.models import Removal


@example({"media_ids": ["fbe4a2aa-bae6-446a-8553-2d492fd808a4", "8e16d2f4-f529-4364-a7cc-f311d2068e71"]})
class NewRemovalSerializer(serializers.Serializer[Removal]):
    """Either photos or people of galleries. Those that are not the team's, or not any more, are left out.

    With `photos`, the photos on which the people are labelled are erased as well.
    """

    media_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=removals.MOST_PHOTOS, required=False
    )
    subject_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=removals.MOST_PHOTOS, required=False
    )
    photos = serializers.BooleanField(default=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("media_ids" in attrs) == ("subject_ids" in attrs):
            sentence = "Send either 'media_ids' or 'subject_ids'."
            raise serializers.ValidationError({"media_ids": [sentence], "subject_ids": [sentence]})
        if attrs["photos"] and "media_ids" in attrs:
            raise serializers.ValidationError({"photos": ["This goes with 'subject_ids' only."]})
        return attrs


@example(
    {
        "id": "4b940104-252d-4a30-9b77-33cce38aaec4",
        "kind": "media",
        "status": "running",
        "done": 50,
        "total": 120,
        "error_message": "",
        "created_at": "2026-11-22T09:17:04.084459Z",
        "finished_at": None,
    }
)
class RemovalSerializer(serializers.ModelSerializer[Removal]):
    """`done` of `total` photos, people, or people and faces of a gallery are gone."""

    class Meta:
        model = Removal
        fields = ["id", "kind", "status", "done", "total", "error_message", "created_at", "finished_at"]


class RemovalListView(TeamAPIView):
    problems = {"POST": ("removal_empty", "people_gone")}

    @extend_schema(
        tags=["removals"],
        summary="Erase many photos or people",
        request=NewRemovalSerializer,
        responses={202: RemovalSerializer},
    )
    def post(self, request: Request) -> Response:
        """Queues the erasure of up to 10,000 photos, or people of galleries, with everything about them."""
        wanted = NewRemovalSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        removal = self._start(wanted.validated_data)
        headers = {"Location": f"/api/v1/removals/{removal.pk}"}
        return Response(RemovalSerializer(removal).data, status=status.HTTP_202_ACCEPTED, headers=headers)

    def _start(self, wanted: dict[str, Any]) -> Removal:
        who: dict[str, Any] = {"team": self.access.team, "user": self.access.user}
        if "media_ids" in wanted:
            return removals.media_removal_start(media_ids=wanted["media_ids"], **who)
        start = removals.STARTERS[Removal.Kind.SUBJECT]
        return start(ids=wanted["subject_ids"], with_photos=wanted["photos"], **who)


class RemovalDetailView(TeamAPIView):
    reads = RemovalSerializer

    @extend_schema(tags=["removals"], summary="Show an erasure")
    def get(self, request: Request, removal_id: UUID) -> Response:
        """How far an erasure is."""
        return self.show(get_object_or_404(removals.erasures(), pk=removal_id))
