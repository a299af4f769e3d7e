"""`/api/v1/batches`: many pictures as one job."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django_filters import ChoiceFilter, FilterSet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.api.parsers import LongJSONParser
from emotionsite.api.query import check_names, names_of
from emotionsite.filters import CreatedFilterSet
from emotionsite.pagination import NewestFirst
from media_jobs import batch_selectors, batches
from media_jobs.models import Job, JobItem
from media_jobs.results import FORMATS, results_response

from .batch_serializers import (
    BatchArchiveSerializer,
    BatchDetailSerializer,
    BatchItemSerializer,
    BatchRequestSerializer,
    BatchSerializer,
)


class BatchFilter(CreatedFilterSet):
    status = ChoiceFilter(choices=Job.Status.choices, help_text="State of the batch.")

    class Meta:
        model = Job
        fields: list[str] = []


class ItemFilter(FilterSet):
    status = ChoiceFilter(choices=JobItem.Status.choices, help_text="State of the item.")

    class Meta:
        model = JobItem
        fields: list[str] = []


class ByPosition(NewestFirst):
    """Pages in the order in which the items came."""

    ordering = ("position",)


def batch_or_404(batch_id: UUID) -> Job:
    return get_object_or_404(batch_selectors.batches(), pk=batch_id)


class BatchListView(TeamAPIView):
    reads = BatchSerializer
    filters = BatchFilter
    pagination_class = NewestFirst
    parser_classes = (LongJSONParser, MultiPartParser)
    problems = {
        "POST": (
            *("batch_empty", "batch_too_large", "batch_media_unknown", "quota_pictures"),
            *("url_malformed", "url_not_allowed"),
            *("archive_not_zip", "archive_too_large", "storage_full"),
        )
    }

    @extend_schema(tags=["batches"], summary="List batches")
    def get(self, request: Request) -> Response:
        """The team's batches, newest first."""
        return self.show_page(batch_selectors.batches())

    @extend_schema(
        tags=["batches"],
        summary="Start a batch",
        request={
            "application/json": BatchRequestSerializer,
            "multipart/form-data": BatchArchiveSerializer,
        },
        responses={202: BatchDetailSerializer},
    )
    def post(self, request: Request) -> Response:
        """Up to 10,000 pictures: photos of the team, addresses, a ZIP archive, or a prefix of an S3 bucket.
        Nothing is fetched before the answer; what cannot be fetched later is an error of its picture."""
        batch = self._create(request)
        body = BatchDetailSerializer(batch_or_404(batch.pk)).data
        headers = {"Location": f"/api/v1/batches/{batch.pk}"}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)

    def _create(self, request: Request) -> Job:
        who: dict[str, Any] = {"team": self.access.team, "user": self.access.user}
        if request.content_type and request.content_type.startswith("multipart/form-data"):
            form = BatchArchiveSerializer(data=request.data)
            form.is_valid(raise_exception=True)
            archive = form.validated_data["archive"]
            name = form.validated_data["name"]
            return batches.batch_create_from_archive(file=archive, size=archive.size, name=name, **who)
        wanted = BatchRequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        data = wanted.validated_data
        if "s3" in data:
            return batches.batch_create_from_bucket(source=data["s3"], name=data["name"], **who)
        return batches.batch_create(references=data["items"], name=data["name"], **who)


class BatchDetailView(TeamAPIView):
    reads = BatchDetailSerializer
    problems = {"GET": ("not_found",)}

    @extend_schema(tags=["batches"], summary="Show how far a batch is")
    def get(self, request: Request, batch_id: UUID) -> Response:
        """Counts and an estimate. Ask every few seconds, or register a webhook for `batch.completed`."""
        return self.show(batch_or_404(batch_id))


class BatchItemsView(TeamAPIView):
    reads = BatchItemSerializer
    filters = ItemFilter
    pagination_class = ByPosition
    problems = {"GET": ("not_found",)}

    @extend_schema(tags=["batches"], summary="List the pictures of a batch", operation_id="batch_items")
    def get(self, request: Request, batch_id: UUID) -> Response:
        """In the order in which they were sent; `?status=failed` are those with an error."""
        batch_or_404(batch_id)
        return self.show_page(self._items(batch_id))

    def _items(self, batch_id: UUID) -> QuerySet[JobItem]:
        return batch_selectors.batch_items(batch_id=batch_id)


class BatchCancelView(TeamAPIView):
    problems = {"POST": ("not_found",)}

    @extend_schema(
        tags=["batches"],
        summary="Cancel a batch",
        operation_id="batch_cancel",
        request=None,
        responses=BatchDetailSerializer,
    )
    def post(self, request: Request, batch_id: UUID) -> Response:
        """What is pending is cancelled at once and given back to the month's pictures; what a worker has in
        hand is dropped when it comes; results stay. A batch that is over is left as it is."""
        batch_or_404(batch_id)
        batches.batch_cancel(batch_id=batch_id)
        return Response(BatchDetailSerializer(batch_or_404(batch_id)).data)


class BatchRetryView(TeamAPIView):
    problems = {"POST": ("not_found", "batch_running", "batch_nothing_to_retry", "quota_pictures")}

    @extend_schema(
        tags=["batches"],
        summary="Try the failed pictures of a batch again",
        operation_id="batch_retry",
        request=None,
        responses={202: BatchDetailSerializer},
    )
    def post(self, request: Request, batch_id: UUID) -> Response:
        """Those that failed and whose bytes can still be had. They count as pictures of the month again."""
        batch_or_404(batch_id)
        batches.batch_retry(batch_id=batch_id)
        body = BatchDetailSerializer(batch_or_404(batch_id)).data
        headers = {"Location": f"/api/v1/batches/{batch_id}"}
        return Response(body, status=status.HTTP_202_ACCEPTED, headers=headers)


class BatchResultsView(TeamAPIView):
    problems = {"GET": ("not_found", "invalid")}
    parameters = {
        "GET": [
            OpenApiParameter(
                "format",
                enum=list(FORMATS),
                default="jsonl",
                description="JSON Lines has a line per picture with its faces inside; CSV and Parquet have a "
                "row per face.",
            )
        ]
    }

    @extend_schema(
        tags=["batches"],
        summary="Fetch the results of a batch",
        operation_id="batch_results",
        responses={(200, form.content_type): OpenApiTypes.BINARY for form in FORMATS.values()},
    )
    def get(self, request: Request, batch_id: UUID) -> StreamingHttpResponse:
        """All pictures in order, those without a result too. A large batch begins to arrive at once."""
        check_names(request.query_params, known=names_of(self, "GET"))
        form = request.query_params.get("format", "jsonl")
        if form not in FORMATS:
            raise ValidationError({"format": [f"Choose one of {', '.join(FORMATS)}."]})
        batch = batch_selectors.batches().filter(pk=batch_id).first()
        if batch is None:
            raise Http404
        return results_response(team=self.access.team, batch=batch, form=form)

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[Any, str]:
        """The parameter says which form is wanted, whatever `Accept` says; errors are JSON as everywhere."""
        return JSONRenderer(), JSONRenderer.media_type
