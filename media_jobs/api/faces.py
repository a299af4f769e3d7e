"""`/api/v1/faces`."""

from uuid import UUID

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis import selectors
from analysis.api.filters import FaceFilter
from analysis.api.serializers import FoundFaceSerializer
from emotionsite.pagination import NewestFirst
from media_jobs.erasure import faces_erase


class FaceListView(TeamAPIView):
    reads = FoundFaceSerializer
    filters = FaceFilter
    pagination_class = NewestFirst

    @extend_schema(tags=["faces"], summary="List faces")
    def get(self, request: Request) -> Response:
        """The faces in all photos of the team, newest first. A filter by what is switched off finds none."""
        return self.show_page(selectors.faces())


class FaceDetailView(TeamAPIView):
    reads = FoundFaceSerializer
    problems = {"GET": ("not_found",)}

    @extend_schema(tags=["faces"], summary="Show a face")
    def get(self, request: Request, face_id: UUID) -> Response:
        """One face; `media_id` is the photo it is in."""
        return self.show(get_object_or_404(selectors.faces(), pk=face_id))

    @extend_schema(tags=["faces"], summary="Erase a face")
    def delete(self, request: Request, face_id: UUID) -> Response:
        """The face is gone with its scores and vectors. The picture still shows the person: erase the photo
        for that."""
        if not faces_erase(team=self.access.team, face_ids=[face_id]):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)
