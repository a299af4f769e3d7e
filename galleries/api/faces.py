"""`/api/v1/galleries/{id}/faces`, `/api/v1/galleries/{id}/subjects/{id}/faces`: enrolled faces."""

import time
from typing import ClassVar
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_filters import ChoiceFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.api.parsers import BoundedJSONParser
from emotionsite.fetching import fetch
from emotionsite.filters import CreatedFilterSet
from emotionsite.pagination import NewestFirst
from galleries import enrolment
from galleries.crops import crop_response
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.quality import REASONS
from galleries.refusals import refuse
from media_jobs.detect import database_release

from .face_serializers import (
    EnrolFormSerializer,
    EnrolledFaceSerializer,
    EnrolSerializer,
    FaceChangeSerializer,
)

#: Codes of pictures that are not taken or not looked at.
PICTURE_PROBLEMS = (
    *("file_too_small", "format_not_supported", "svg_not_supported", "too_many_pixels", "too_few_pixels"),
    *("too_many_frames", "picture_truncated", "picture_damaged", "quota_pictures", "deadline_exceeded"),
    *("detection_failed", "detections_waiting", "model_of_worker_differs"),
    *("url_malformed", "url_not_allowed", "url_unreachable", "url_too_slow", "url_too_large"),
    *("url_answered_error", "url_answer_broken", "url_too_many_redirects"),
)
ENROL_PROBLEMS = (
    *PICTURE_PROBLEMS,
    *("face_source_missing", "face_not_found", "several_faces", "box_without_face", "face_too_small"),
    *("face_too_blurred", "face_quality_low", "face_duplicate", "face_model_differs", "model_unknown"),
    *("model_replaced", "gallery_model_changed", "temporary_face_unknown", "temporary_face_expired"),
    *("face_unknown", "photo_face_without_vector", "identity_switched_off", "gallery_unknown"),
    *("quota_faces", "quota_storage"),
)
#: Seconds for an address to answer with a picture, and for a worker to look at it.
SECONDS_TO_FETCH = 15.0


class EnrolledFaceFilter(CreatedFilterSet):
    quality = ChoiceFilter(choices=EnrolledFace.Quality.choices, help_text="How good its picture is.")
    reason = ChoiceFilter(
        method="by_reason",
        choices=[(code, code) for code in REASONS],
        help_text="What is wrong with its picture.",
    )

    class Meta:
        model = EnrolledFace
        fields: list[str] = []

    def by_reason(self, queryset: QuerySet[EnrolledFace], name: str, value: str) -> QuerySet[EnrolledFace]:
        return queryset.filter(quality_reasons__contains=[value])


def enrolled_faces(gallery_id: UUID) -> QuerySet[EnrolledFace]:
    """The faces of a gallery without their vectors, which no answer shows."""
    return EnrolledFace.objects.filter(gallery_id=gallery_id).defer("embedding", "next_embedding")


def gallery_with_team(gallery_id: UUID) -> Gallery:
    return get_object_or_404(Gallery.objects.select_related("team__plan"), pk=gallery_id)


def picture_of(request: Request, url: str | None) -> bytes | None:
    """The picture of a request: the file in its form, or what the address holds; None without either.

    Raises Refusal `face_source_missing` for both, and those of `emotionsite.fetching`.
    """
    file = request.FILES.get("file")
    if file is not None and url is not None:
        raise refuse("face_source_missing")
    if file is not None:
        # At most as much as may be, and one byte that shows when it is more.
        return bytes(file.read(settings.MAX_UPLOAD_BYTES + 1))
    if url is None:
        return None
    database_release()
    return fetch(url, max_bytes=settings.MAX_UPLOAD_BYTES, deadline=SECONDS_TO_FETCH).content


class EnrolView(TeamAPIView):
    """What the two places share in which faces are enrolled."""

    reads = EnrolledFaceSerializer
    filters = EnrolledFaceFilter
    pagination_class = NewestFirst
    parser_classes = (BoundedJSONParser, MultiPartParser)

    def enrol(self, request: Request, gallery: Gallery, subject: Subject | None) -> Response:
        """Enrol what the body names and answer with the face."""
        wanted = EnrolSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        wishes = wanted.validated_data
        content = picture_of(request, wishes.get("url"))
        face = enrolment.face_enrol(
            gallery=gallery,
            subject=subject,
            content=content,
            temporary_face=wishes.get("temporary_face_id"),
            photo_face=wishes.get("photo_face_id"),
            box=wishes.get("box"),
            user=self.access.user,
            notes=wishes.get("notes", ""),
            begun=time.monotonic(),
        )
        return Response(
            EnrolledFaceSerializer(face).data,
            status=status.HTTP_201_CREATED,
            headers={"Location": reverse("api_gallery_face", args=[gallery.pk, face.pk])},
        )


BODIES = {"multipart/form-data": EnrolFormSerializer, "application/json": EnrolSerializer}


class SubjectFacesView(EnrolView):
    problems: ClassVar = {
        "GET": ("not_found",),
        "POST": (*ENROL_PROBLEMS, "subject_unknown", "subject_full", "consent_ended", "gallery_holds_faces"),
    }

    @extend_schema(
        summary="List enrolled faces of a person",
        operation_id="gallery_subject_faces_list",
        responses=EnrolledFaceSerializer(many=True),
    )
    def get(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """Newest first, at most 248."""
        subject = get_object_or_404(Subject.objects.filter(gallery_id=gallery_id), pk=subject_id)
        return self.show_page(enrolled_faces(gallery_id).filter(subject=subject))

    @extend_schema(
        summary="Enrol a face of a person",
        operation_id="gallery_subject_faces_create",
        request=BODIES,
        responses={201: EnrolledFaceSerializer},
    )
    def post(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """From a picture that a worker looks at now, from a face that detection has kept, or from a face of
        a stored photo. A picture counts as one analysed picture, unless its face is refused. Train the
        gallery afterwards: identification answers from the last training.
        """
        gallery = gallery_with_team(gallery_id)
        subject = get_object_or_404(Subject.objects.filter(gallery=gallery), pk=subject_id)
        return self.enrol(request, gallery, subject)


class GalleryFacesView(EnrolView):
    problems: ClassVar = {"GET": ("not_found",), "POST": (*ENROL_PROBLEMS, "gallery_holds_subjects")}

    @extend_schema(
        summary="List enrolled faces of a gallery",
        operation_id="gallery_faces_list",
        responses=EnrolledFaceSerializer(many=True),
    )
    def get(self, request: Request, gallery_id: UUID) -> Response:
        """Newest first; in a gallery of people those of everybody."""
        gallery = get_object_or_404(Gallery.objects.only("pk", "team"), pk=gallery_id)
        return self.show_page(enrolled_faces(gallery.pk))

    @extend_schema(
        summary="Enrol a face in a gallery of faces",
        operation_id="gallery_faces_create",
        request=BODIES,
        responses={201: EnrolledFaceSerializer},
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """As for a person, in a gallery that holds faces without people."""
        return self.enrol(request, gallery_with_team(gallery_id), None)


class EnrolledFaceView(TeamAPIView):
    reads = EnrolledFaceSerializer
    problems: ClassVar = {"PATCH": ("face_unknown",)}

    @extend_schema(summary="Show an enrolled face", responses=EnrolledFaceSerializer)
    def get(self, request: Request, gallery_id: UUID, face_id: UUID) -> Response:
        """One face, without its vector."""
        return self.show(get_object_or_404(enrolled_faces(gallery_id), pk=face_id))

    @extend_schema(
        summary="Change the notes of an enrolled face",
        request=FaceChangeSerializer,
        responses=EnrolledFaceSerializer,
    )
    def patch(self, request: Request, gallery_id: UUID, face_id: UUID) -> Response:
        """Whose face it is, is changed by `POST .../move`."""
        face = get_object_or_404(enrolled_faces(gallery_id).select_related("gallery__team"), pk=face_id)
        wanted = FaceChangeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return self.show(enrolment.face_change(face=face, notes=wanted.validated_data["notes"]))

    @extend_schema(summary="Erase an enrolled face", responses={204: None})
    def delete(self, request: Request, gallery_id: UUID, face_id: UUID) -> Response:
        """It is gone with its picture and vector at once, also from what searches answer from."""
        face = get_object_or_404(enrolled_faces(gallery_id).select_related("gallery__team"), pk=face_id)
        enrolment.faces_unenrol(gallery=face.gallery, face_ids=[face.pk])
        return Response(status=status.HTTP_204_NO_CONTENT)


class EnrolledFaceCropView(TeamAPIView):
    problems: ClassVar = {"GET": ("crop_not_kept",)}

    @extend_schema(
        summary="Fetch the picture of an enrolled face",
        operation_id="gallery_face_crop",
        responses={
            (200, "image/jpeg"): OpenApiTypes.BINARY,
            304: OpenApiResponse(description="What you have is still the same."),
        },
    )
    def get(self, request: Request, gallery_id: UUID, face_id: UUID) -> HttpResponse:
        """A JPEG of at most 256 pixels, cut around the face, where the gallery keeps them."""
        face = get_object_or_404(enrolled_faces(gallery_id), pk=face_id)
        return crop_response(request._request, face)  # noqa: SLF001
