"""`/api/v1/galleries`: galleries themselves."""

from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404
from django_filters import CharFilter, ChoiceFilter
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from emotionsite.api.examples import example
from emotionsite.filters import CreatedFilterSet
from emotionsite.pagination import NewestFirst
from galleries import selectors, services
from galleries.erasure import gallery_erase
from galleries.models import Gallery
from galleries.models.galleries import KEY
from media_jobs.api.removals import RemovalSerializer

GALLERY = {
    "id": "5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d",
    "key": "staff",
    "name": "Staff",
    "notes": "",
    "holds": "subjects",
    "model": "dlib-face-v1",
    "threshold": None,
    "quality_policy": "warn",
    "allow_duplicates": False,
    "keep_crops": True,
    "label_photos": True,
    "erase_without_consent": True,
    "subject_count": 12,
    "face_count": 57,
    "created_at": "2026-11-22T09:17:04.084459Z",
    "changed_at": "2026-11-22T10:02:11.402113Z",
}
NOTES = 16384


@example(GALLERY)
class GallerySerializer(serializers.ModelSerializer[Gallery]):
    """A gallery with its figures. Needs the annotations of `selectors.galleries`.

    `changed_at` is when its faces last changed; a training that began later knows them.
    """

    subject_count = serializers.IntegerField(read_only=True)
    face_count = serializers.IntegerField(read_only=True, help_text="enrolled faces")

    class Meta:
        model = Gallery
        fields = list(GALLERY)
        read_only_fields = fields


class GalleryChangeSerializer(serializers.Serializer[Any]):
    """What of a gallery is to change; what is left out stays."""

    name = serializers.CharField(max_length=128, required=False)
    key = serializers.CharField(
        max_length=64, validators=[KEY], required=False, help_text="letters a to z, digits, '-' and '_'"
    )
    notes = serializers.CharField(max_length=NOTES, allow_blank=True, required=False)
    threshold = serializers.FloatField(
        min_value=0,
        max_value=1,
        allow_null=True,
        required=False,
        help_text="confidence from which two faces are one person here; null for 0.5",
    )
    quality_policy = serializers.ChoiceField(Gallery.QualityPolicy.choices, required=False)
    allow_duplicates = serializers.BooleanField(required=False)
    keep_crops = serializers.BooleanField(
        required=False, help_text="keep a picture of each face; false erases those that are kept"
    )
    label_photos = serializers.BooleanField(
        required=False, help_text="look for its people in the team's photos"
    )
    erase_without_consent = serializers.BooleanField(
        required=False, help_text="erase people when their consent ends"
    )


example({"name": "Staff of Berlin", "threshold": 0.7})(GalleryChangeSerializer)


@example({"name": "Staff", "key": "staff"})
class NewGallerySerializer(GalleryChangeSerializer):
    """A gallery to be made. Without `key` one is made of the name, without `model` it has the usual one."""

    name = serializers.CharField(max_length=128)
    holds = serializers.ChoiceField(
        Gallery.Holds.choices, required=False, help_text="people with faces, or faces without people"
    )
    model = serializers.CharField(
        max_length=80, required=False, help_text="name of an installed recognition model"
    )


class GalleryFilter(CreatedFilterSet):
    name = CharFilter(lookup_expr="icontains", max_length=128, help_text="Part of the name, in any case.")
    key = CharFilter(max_length=64, help_text="The key, exactly.")
    holds = ChoiceFilter(choices=Gallery.Holds.choices, help_text="What it holds: people, or faces.")
    model = CharFilter(max_length=80, help_text="Name of the recognition model it is pinned to.")

    class Meta:
        model = Gallery
        fields: list[str] = []


def gallery_or_404(gallery_id: UUID) -> Gallery:
    """The team's gallery of this id, with its figures; else the answer is 404."""
    return get_object_or_404(selectors.galleries(), pk=gallery_id)


class GalleryListView(TeamAPIView):
    reads = GallerySerializer
    filters = GalleryFilter
    pagination_class = NewestFirst
    required_scopes: ClassVar = {"POST": Scope.MANAGE}
    problems: ClassVar = {"POST": ("gallery_key_taken", "model_unknown")}

    @extend_schema(summary="List galleries", responses=GallerySerializer(many=True))
    def get(self, request: Request) -> Response:
        """The team's galleries, newest first."""
        return self.show_page(selectors.galleries())

    @extend_schema(summary="Make a gallery", request=NewGallerySerializer, responses={201: GallerySerializer})
    def post(self, request: Request) -> Response:
        """It is pinned to its recognition model: vectors of another one are never compared with its own."""
        wanted = NewGallerySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        gallery = services.gallery_create(
            team=self.access.team, user=self.access.user, **wanted.validated_data
        )
        shown = GallerySerializer(gallery_or_404(gallery.pk)).data
        headers = {"Location": f"/api/v1/galleries/{gallery.pk}"}
        return Response(shown, status=status.HTTP_201_CREATED, headers=headers)


class GalleryDetailView(TeamAPIView):
    reads = GallerySerializer
    required_scopes: ClassVar = {"PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}
    problems: ClassVar = {"PATCH": ("gallery_key_taken", "gallery_unknown")}

    @extend_schema(summary="Show a gallery", responses=GallerySerializer)
    def get(self, request: Request, gallery_id: UUID) -> Response:
        """One gallery with its figures."""
        return self.show(gallery_or_404(gallery_id))

    @extend_schema(summary="Change a gallery", request=GalleryChangeSerializer, responses=GallerySerializer)
    def patch(self, request: Request, gallery_id: UUID) -> Response:
        """Without `keep_crops` the pictures of its faces go at once; without `label_photos` what the machine
        said of its people in photos does."""
        gallery = gallery_or_404(gallery_id)
        wanted = GalleryChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.gallery_change(gallery=gallery, **wanted.validated_data)
        return self.show(gallery_or_404(gallery_id))

    @extend_schema(summary="Erase a gallery", responses={202: RemovalSerializer, 204: None})
    def delete(self, request: Request, gallery_id: UUID) -> Response:
        """Everybody in it goes with it: faces, vectors, pictures, and their names in photos. A large gallery
        takes a while: the answer is 202 then, and Location is where to see how far it is."""
        removal = gallery_erase(gallery=gallery_or_404(gallery_id), user=self.access.user)
        if removal is None:
            return Response(status=status.HTTP_204_NO_CONTENT)
        headers = {"Location": f"/api/v1/removals/{removal.pk}"}
        return Response(RemovalSerializer(removal).data, status=status.HTTP_202_ACCEPTED, headers=headers)
