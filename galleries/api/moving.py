"""Moving galleries: archives out and in, folders of photos in, another recognition model."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from emotionsite.api.examples import example
from galleries.archive_export import gallery_export_start
from galleries.archive_import import import_start
from galleries.models import Gallery, GalleryJob
from galleries.models.galleries import KEY
from galleries.reembedding import gallery_reembed

from .galleries import gallery_or_404
from .jobs import GalleryJobSerializer

OF_ARCHIVES = (
    *("archive_not_zip", "archive_too_large", "archive_damaged", "archive_bomb", "archive_too_many_entries"),
    *("archive_entry_path", "archive_entry_encrypted", "archive_entry_packing", "archive_not_gallery"),
    *("archive_version", "archive_manifest_wrong", "archive_part_missing", "archive_part_too_long"),
    *("archive_other_model", "archive_other_model_no_crops", "vector_size_wrong", "import_empty"),
    *("model_unknown", "storage_full"),
)


@example({"crops": True})
class GalleryExportSerializer(serializers.Serializer[GalleryJob]):
    """`crops`: with the pictures of faces, where they are kept."""

    crops = serializers.BooleanField(default=False)


@example({"model": "facenet-vggface2"})
class ReembedSerializer(serializers.Serializer[GalleryJob]):
    """`drop_missing`: erase the faces of which no picture is kept; without it the move fails for them."""

    model = serializers.CharField(max_length=80, help_text="name of an installed recognition model")
    drop_missing = serializers.BooleanField(default=False)


@example({"archive": "people.zip", "reembed": False})
class GalleryImportSerializer(serializers.Serializer[GalleryJob]):
    """`archive` is an exported gallery, or a ZIP with a folder of photos per person."""

    archive = serializers.FileField()
    reembed = serializers.BooleanField(
        default=False, help_text="make new vectors of the crops where the archive's are of another model"
    )


@example({"archive": "staff.zip", "name": "Staff"})
class NewGalleryImportSerializer(GalleryImportSerializer):
    """The same into a new gallery. What is not said of it is as the archive has it."""

    name = serializers.CharField(max_length=128, required=False)
    key = serializers.CharField(
        max_length=64, validators=[KEY], required=False, help_text="letters a to z, digits, '-' and '_'"
    )
    model = serializers.CharField(
        max_length=80, required=False, help_text="name of an installed recognition model"
    )


def queued(job: GalleryJob) -> Response:
    """202 with the job, and where to see how far it is."""
    headers = {"Location": f"/api/v1/galleries/jobs/{job.pk}"}
    return Response(GalleryJobSerializer(job).data, status=status.HTTP_202_ACCEPTED, headers=headers)


class GalleryExportView(TeamAPIView):
    required_scopes: ClassVar = {"POST": Scope.MANAGE}
    problems: ClassVar = {"POST": ("gallery_export_in_progress", "archive_too_many_crops")}

    @extend_schema(
        tags=["galleries"],
        summary="Export a gallery",
        operation_id="gallery_export",
        request=GalleryExportSerializer,
        responses={202: GalleryJobSerializer},
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """Queues the making of an archive with people, faces and vectors. It is kept for a week, and erased
        earlier when anybody in it is."""
        wanted = GalleryExportSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        gallery = gallery_or_404(gallery_id)
        return queued(
            gallery_export_start(gallery=gallery, crops=wanted.validated_data["crops"], user=self.access.user)
        )


class ReembedView(TeamAPIView):
    required_scopes: ClassVar = {"POST": Scope.MANAGE}
    problems: ClassVar = {"POST": ("model_unknown", "reembed_same_model", "reembed_in_progress")}

    @extend_schema(
        tags=["galleries"],
        summary="Move a gallery to another model",
        operation_id="gallery_reembed",
        request=ReembedSerializer,
        responses={202: GalleryJobSerializer},
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """Queues the making of new vectors from the pictures of its faces. The old ones answer until all are
        exchanged at once."""
        wanted = ReembedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        gallery = gallery_or_404(gallery_id)
        return queued(gallery_reembed(gallery=gallery, user=self.access.user, **wanted.validated_data))


class _ImportView(TeamAPIView):
    parser_classes = (MultiPartParser,)

    def _start(self, data: dict[str, Any], gallery: Gallery | None) -> Response:
        archive = data.pop("archive")
        reembed = data.pop("reembed")
        return queued(
            import_start(
                team=self.access.team,
                file=archive,
                size=archive.size,
                gallery=gallery,
                reembed=reembed,
                settings_given=data,
                user=self.access.user,
            )
        )


class GalleryImportView(_ImportView):
    required_scopes: ClassVar = {"POST": Scope.ANALYZE}
    problems: ClassVar = {"POST": (*OF_ARCHIVES, "gallery_holds_faces", "archive_holds_other")}

    @extend_schema(
        tags=["galleries"],
        summary="Import people into a gallery",
        operation_id="gallery_import",
        request={"multipart/form-data": GalleryImportSerializer},
        responses={202: GalleryJobSerializer},
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """Queues the import of an archive or of folders of photos. Who has the external id of somebody in the
        gallery is that person. What was wrong with single entries stands in the job's notes."""
        form = GalleryImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self._start(dict(form.validated_data), gallery_or_404(gallery_id))


class NewGalleryImportView(_ImportView):
    required_scopes: ClassVar = {"POST": Scope.MANAGE}
    problems: ClassVar = {"POST": (*OF_ARCHIVES, "gallery_key_taken", "quota_faces")}

    @extend_schema(
        tags=["galleries"],
        summary="Import a gallery",
        operation_id="gallery_import_new",
        request={"multipart/form-data": NewGalleryImportSerializer},
        responses={202: GalleryJobSerializer},
    )
    def post(self, request: Request) -> Response:
        """The same into a new gallery, which is made once all of the archive was found whole."""
        form = NewGalleryImportSerializer(data=request.data)
        form.is_valid(raise_exception=True)
        return self._start(dict(form.validated_data), None)
