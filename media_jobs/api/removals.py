"""`/api/v1/removals`."""

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
    """Photos that are not the team's, or not any more, are left out."""

    media_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=removals.MOST_PHOTOS
    )


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
    """`done` of `total` photos are gone."""

    class Meta:
        model = Removal
        fields = ["id", "kind", "status", "done", "total", "error_message", "created_at", "finished_at"]


class RemovalListView(TeamAPIView):
    problems = {"POST": ("removal_empty",)}

    @extend_schema(
        tags=["removals"],
        summary="Erase many photos",
        request=NewRemovalSerializer,
        responses={202: RemovalSerializer},
    )
    def post(self, request: Request) -> Response:
        """Queues the erasure of up to 10,000 photos with everything about them."""
        wanted = NewRemovalSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        removal = removals.media_removal_start(
            team=self.access.team, media_ids=wanted.validated_data["media_ids"], user=self.access.user
        )
        headers = {"Location": f"/api/v1/removals/{removal.pk}"}
        return Response(RemovalSerializer(removal).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class RemovalDetailView(TeamAPIView):
    reads = RemovalSerializer

    @extend_schema(tags=["removals"], summary="Show an erasure")
    def get(self, request: Request, removal_id: UUID) -> Response:
        """How far an erasure of photos is."""
        return self.show(get_object_or_404(removals.media_removals(), pk=removal_id))
