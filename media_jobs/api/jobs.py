"""`/api/v1/jobs`."""

from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.pagination import NewestFirst
from media_jobs import selectors

from .filters import JobFilter
from .serializers import JobSerializer


class JobListView(TeamAPIView):
    reads = JobSerializer
    filters = JobFilter
    pagination_class = NewestFirst

    @extend_schema(tags=["jobs"], summary="List jobs")
    def get(self, request: Request) -> Response:
        """The team's jobs, newest first; batches are among them."""
        return self.show_page(selectors.jobs())


class JobDetailView(TeamAPIView):
    reads = JobSerializer

    @extend_schema(tags=["jobs"], summary="Show how far a job is")
    def get(self, request: Request, job_id: UUID) -> Response:
        """Ask once a second or less often, or register a webhook instead."""
        return self.show(get_object_or_404(selectors.jobs(), pk=job_id))
