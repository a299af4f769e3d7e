"""`/api/v1/exports`."""

from uuid import UUID

from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from emotionsite.api.examples import example
from emotionsite.pagination import NewestFirst
from media_jobs import exports
from media_jobs.download import export_response
from media_jobs.models import Export

KINDS = (Export.Kind.TEAM.value, Export.Kind.AUDIT.value)


EXPORT = {
    "id": "0b0c2f0e-6a3b-43ff-8a2b-0f2d1c7f9e55",
    "kind": "team",
    "status": "ready",
    "done": 214,
    "total": 214,
    "size": 403117822,
    "error_message": "",
    "created_at": "2026-11-22T09:17:04.084459Z",
    "finished_at": "2026-11-22T09:18:21.551204Z",
    "expires_at": "2026-11-29T09:18:21.551204Z",
}


@example({"kind": "team"})
class NewExportSerializer(serializers.Serializer[Export]):
    """`team` is everything the team has, with its pictures; `audit` the record of who did what."""

    kind = serializers.ChoiceField(choices=KINDS)


@example(EXPORT)
class ExportSerializer(serializers.ModelSerializer[Export]):
    """`done` of `total` counts pictures. The file is there while `status` is `ready`, until `expires_at`."""

    class Meta:
        model = Export
        fields = [
            *("id", "kind", "status", "done", "total", "size", "error_message"),
            *("created_at", "finished_at", "expires_at"),
        ]


class ExportListView(TeamAPIView):
    reads = ExportSerializer
    pagination_class = NewestFirst
    required_scopes = {"GET": Scope.MANAGE, "POST": Scope.MANAGE}
    problems = {"POST": ("export_in_progress",)}

    @extend_schema(tags=["exports"], summary="List exports")
    def get(self, request: Request) -> Response:
        """Exports of the team, newest first."""
        return self.show_page(exports.exports())

    @extend_schema(
        tags=["exports"],
        summary="Ask for an export",
        request=NewExportSerializer,
        responses={202: ExportSerializer},
    )
    def post(self, request: Request) -> Response:
        """Queues the making of a ZIP, which is kept for a week. One of a kind is made at a time."""
        wanted = NewExportSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        access = self.access
        export = exports.export_start(team=access.team, kind=wanted.validated_data["kind"], user=access.user)
        headers = {"Location": f"/api/v1/exports/{export.pk}"}
        return Response(ExportSerializer(export).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class ExportDetailView(TeamAPIView):
    reads = ExportSerializer
    required_scopes = {"GET": Scope.MANAGE, "DELETE": Scope.MANAGE}

    @extend_schema(tags=["exports"], summary="Show an export")
    def get(self, request: Request, export_id: UUID) -> Response:
        """How far an export is."""
        return self.show(get_object_or_404(exports.exports(), pk=export_id))

    @extend_schema(tags=["exports"], summary="Erase an export")
    def delete(self, request: Request, export_id: UUID) -> Response:
        """Erases the file and the entry before their day."""
        exports.export_delete(export=get_object_or_404(exports.exports(), pk=export_id))
        return Response(status=status.HTTP_204_NO_CONTENT)


class ExportFileView(TeamAPIView):
    required_scopes = {"GET": Scope.MANAGE}
    problems = {"GET": ("export_not_ready",)}

    @extend_schema(
        tags=["exports"],
        summary="Fetch the file of an export",
        operation_id="export_file",
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            302: OpenApiResponse(description="The file is kept on S3; fetch it there, without your key."),
        },
    )
    def get(self, request: Request, export_id: UUID) -> HttpResponseBase:
        """The ZIP. That it was fetched is recorded."""
        return export_response(get_object_or_404(exports.exports(), pk=export_id))
