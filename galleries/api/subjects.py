"""`/api/v1/galleries/{id}/subjects`: the people in a gallery."""

from typing import Any, ClassVar
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django_filters import CharFilter, ChoiceFilter
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from accounts.models import Scope
from analysis.api.serializers import FaceSerializer
from emotionsite.api.examples import example
from emotionsite.filters import CreatedFilterSet
from emotionsite.pagination import NewestFirst
from galleries import selectors, services
from galleries.consent import consent_ended, consented
from galleries.erasure import subjects_erase
from galleries.models import Gallery, Subject
from media_jobs.api.serializers import PHOTO, MediaSerializer

from .galleries import NOTES, gallery_or_404

CONSENT_FIELDS = ("by", "how", "at", "until")


@example({"by": "Ada Lovelace", "how": "signed form", "at": "2026-11-20T08:00:00Z", "until": None})
class ConsentSerializer(serializers.Serializer[Any]):
    """Who gave consent, how, when, and until when it holds; `until` null is without end."""

    by = serializers.CharField(max_length=200, allow_blank=True, required=False)
    how = serializers.CharField(max_length=200, allow_blank=True, required=False)
    at = serializers.DateTimeField(allow_null=True, required=False)
    until = serializers.DateTimeField(allow_null=True, required=False)


SUBJECT = {
    "id": "1d9b2f4e-7c55-4a55-9d0c-6f1a2b3c4d5e",
    "gallery_id": "5b7f6f0a-2a3f-4e0c-8a39-9f6c0a1b2c3d",
    "name": "Ada Lovelace",
    "external_id": "employee-17",
    "notes": "",
    "consent": example.of(ConsentSerializer),
    "consent_ended": False,
    "face_count": 4,
    "photo_count": 31,
    "created_at": "2026-11-22T09:17:04.084459Z",
    "updated_at": "2026-11-22T10:02:11.402113Z",
}


@example(SUBJECT)
class SubjectSerializer(serializers.ModelSerializer[Subject]):
    """A person of a gallery. Needs the annotations of `selectors.subjects`.

    `photo_count` is the number of the team's photos that the person is on. When `consent_ended` is true,
    nobody looks for the person any more.
    """

    consent = serializers.SerializerMethodField()
    consent_ended = serializers.SerializerMethodField()
    face_count = serializers.IntegerField(read_only=True, help_text="enrolled faces")
    photo_count = serializers.IntegerField(read_only=True)
    gallery_id = serializers.UUIDField(read_only=True)

    class Meta:
        model = Subject
        fields = list(SUBJECT)
        read_only_fields = fields

    @extend_schema_field(ConsentSerializer)
    def get_consent(self, subject: Subject) -> dict[str, Any]:
        stored = {name: getattr(subject, f"consent_{name}") for name in CONSENT_FIELDS}
        return dict(ConsentSerializer(stored).data)

    def get_consent_ended(self, subject: Subject) -> bool:
        return consent_ended(subject)


class SubjectChangeSerializer(serializers.Serializer[Any]):
    """What of a person is to change; what is left out stays, also within `consent`."""

    name = serializers.CharField(max_length=128, required=False)
    external_id = serializers.CharField(
        max_length=128, allow_blank=True, required=False, help_text="your own id, once in a gallery"
    )
    notes = serializers.CharField(max_length=NOTES, allow_blank=True, required=False)
    consent = ConsentSerializer(required=False)

    def changes(self) -> dict[str, Any]:
        """The columns of the validated body."""
        consent = self.validated_data.get("consent", {})
        plain = {name: value for name, value in self.validated_data.items() if name != "consent"}
        return plain | {f"consent_{name}": value for name, value in consent.items()}


example({"name": "Ada King", "consent": {"until": "2027-11-20T00:00:00Z"}})(SubjectChangeSerializer)


@example({"name": "Ada Lovelace", "external_id": "employee-17", "consent": example.of(ConsentSerializer)})
class NewSubjectSerializer(SubjectChangeSerializer):
    """A person to be added to a gallery; faces are enrolled afterwards."""

    name = serializers.CharField(max_length=128)


class SubjectFilter(CreatedFilterSet):
    name = CharFilter(lookup_expr="icontains", max_length=128, help_text="Part of the name, in any case.")
    external_id = CharFilter(max_length=128, help_text="Your own id of the person, exactly.")
    search = CharFilter(method="by_text", max_length=128, help_text="Part of the name, or your own id.")
    consent = ChoiceFilter(
        method="by_consent",
        choices=[("given", "given"), ("none", "none"), ("ended", "ended")],
        help_text="Whether consent was given and holds, was never noted, or has ended.",
    )

    class Meta:
        model = Subject
        fields: list[str] = []

    def by_text(self, queryset: QuerySet[Subject], name: str, value: str) -> QuerySet[Subject]:
        return queryset.filter(Q(name__icontains=value) | Q(external_id=value))

    def by_consent(self, queryset: QuerySet[Subject], name: str, value: str) -> QuerySet[Subject]:
        if value == "ended":
            return queryset.exclude(consented())
        nothing = Q(consent_at=None, consent_by="", consent_how="", consent_until=None)
        return queryset.filter(nothing) if value == "none" else queryset.filter(consented()).exclude(nothing)


@example(
    {
        **PHOTO,
        "faces": [example.of(FaceSerializer)],
    }
)
class SubjectPhotoSerializer(MediaSerializer):
    """A photo that a person is on, with those of its faces that are this person's."""

    faces = FaceSerializer(source="their_faces", many=True, read_only=True)

    class Meta(MediaSerializer.Meta):
        fields = [*MediaSerializer.Meta.fields, "faces"]


def subject_or_404(gallery_id: UUID, subject_id: UUID) -> Subject:
    """The person of this gallery of the team, with figures; else the answer is 404."""
    found = selectors.subjects().filter(gallery_id=gallery_id).select_related("gallery__team")
    return get_object_or_404(found, pk=subject_id)


class SubjectListView(TeamAPIView):
    reads = SubjectSerializer
    filters = SubjectFilter
    pagination_class = NewestFirst
    problems: ClassVar = {"GET": ("not_found",), "POST": ("gallery_holds_faces", "subject_id_taken")}

    @extend_schema(summary="List people of a gallery", responses=SubjectSerializer(many=True))
    def get(self, request: Request, gallery_id: UUID) -> Response:
        """Newest first."""
        gallery = get_object_or_404(Gallery.objects.all(), pk=gallery_id)
        return self.show_page(selectors.subjects(gallery=gallery))

    @extend_schema(
        summary="Add a person to a gallery",
        request=NewSubjectSerializer,
        responses={201: SubjectSerializer},
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """The person has no face yet: nobody is recognised before one is enrolled and the gallery trained."""
        gallery = gallery_or_404(gallery_id)
        wanted = NewSubjectSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        subject = services.subject_create(gallery=gallery, user=self.access.user, **wanted.changes())
        headers = {"Location": f"/api/v1/galleries/{gallery_id}/subjects/{subject.pk}"}
        shown = SubjectSerializer(subject_or_404(gallery_id, subject.pk)).data
        return Response(shown, status=status.HTTP_201_CREATED, headers=headers)


class SubjectDetailView(TeamAPIView):
    reads = SubjectSerializer
    required_scopes: ClassVar = {"DELETE": Scope.MANAGE}
    problems: ClassVar = {"PATCH": ("subject_unknown", "subject_id_taken")}

    @extend_schema(summary="Show a person of a gallery", responses=SubjectSerializer)
    def get(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """One person with the consent that was noted, and figures."""
        return self.show(subject_or_404(gallery_id, subject_id))

    @extend_schema(
        summary="Change a person of a gallery",
        request=SubjectChangeSerializer,
        responses=SubjectSerializer,
    )
    def patch(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """Rename the person, or note a consent. When consent ends, the gallery's `erase_without_consent` says
        whether the person is erased or only not looked for any more."""
        subject = subject_or_404(gallery_id, subject_id)
        wanted = SubjectChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        services.subject_change(subject=subject, **wanted.changes())
        return self.show(subject_or_404(gallery_id, subject_id))

    @extend_schema(summary="Erase a person of a gallery", responses={204: None})
    def delete(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """Faces, vectors and pictures of the person go, and the name in photos. The photos still show the
        person: `POST /api/v1/removals` can erase them too."""
        subject = subject_or_404(gallery_id, subject_id)
        if not subjects_erase(team=self.access.team, subject_ids=[subject.pk]):
            raise Http404
        return Response(status=status.HTTP_204_NO_CONTENT)


class SubjectPhotosView(TeamAPIView):
    reads = SubjectPhotoSerializer
    pagination_class = NewestFirst

    @extend_schema(summary="List photos a person is on", responses=SubjectPhotoSerializer(many=True))
    def get(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """Newest first. Where the team has switched off recognising people, there are none."""
        subject = subject_or_404(gallery_id, subject_id)
        return self.show_page(selectors.subject_photos(subject_id=subject.pk))
