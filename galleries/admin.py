"""Admin lists of galleries, the people in them, their faces, and long work on them.

Vectors are never read here, and pictures of faces come one by one through a view that checks the row.
"""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.team_admin import ReadOnlyTeamAdmin

from .admin_actions import GalleryActions, SubjectActions
from .admin_filters import ConsentFilter, HasFacesFilter, RecognitionModelFilter, TrainingFilter
from .admin_queries import (
    SHOWN_FACES,
    consent_of,
    faces_without_vectors,
    galleries_with_figures,
    subjects_with_faces,
    training_word,
)
from .crops import crop_response
from .models import EnrolledFace, Gallery, GalleryJob, Subject
from .refusals import Refusal


class GalleriesAdmin(ReadOnlyTeamAdmin):
    """What the lists of this app share: newest first, no count of the whole table, a search by id."""

    list_per_page = 50
    show_full_result_count = False
    ordering = ["-created_at", "-id"]

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        try:
            wanted = UUID(search_term.strip())
        except ValueError:
            return super().get_search_results(request, queryset, search_term)
        return queryset.filter(pk=wanted), False


@admin.register(Gallery)
class GalleryAdmin(GalleryActions, GalleriesAdmin):
    staff_permissions = ("view", "change", "delete")
    list_display = [
        "name",
        "team",
        "model",
        "subject_count",
        "face_count",
        "training",
        "trained_at",
        "created_at",
    ]
    list_select_related = ["team"]
    list_filter = ["team", RecognitionModelFilter, TrainingFilter, "holds"]
    search_fields = ["name", "key"]
    search_help_text = "Name, key or id"
    fields = [
        *("id", "team", "name", "key", "namespace", "notes", "holds", "model", "model_sha256", "threshold"),
        *("quality_policy", "allow_duplicates", "keep_crops", "label_photos", "erase_without_consent"),
        *("subject_count", "face_count", "training", "trained_at", "changed_at", "created_by", "created_at"),
    ]
    readonly_fields = ["subject_count", "face_count", "training", "trained_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gallery]:
        return galleries_with_figures(super().get_queryset(request))

    @admin.display(description="people", ordering="subject_total")
    def subject_count(self, gallery: Any) -> int:
        return int(gallery.subject_total)

    @admin.display(description="faces", ordering="face_total")
    def face_count(self, gallery: Any) -> int:
        return int(gallery.face_total)

    @admin.display(description="training")
    def training(self, gallery: Any) -> str:
        return training_word(gallery)

    @admin.display(description="last trained", ordering="last_trained")
    def trained_at(self, gallery: Any) -> Any:
        return gallery.last_trained


@admin.register(Subject)
class SubjectAdmin(SubjectActions, GalleriesAdmin):
    staff_permissions = ("view", "change", "delete")
    list_display = ["name", "faces", "face_count", "external_id", "gallery", "team", "consent", "created_at"]
    list_select_related = ["gallery", "team"]
    list_filter = ["team", "gallery", ConsentFilter, HasFacesFilter]
    search_fields = ["name", "external_id"]
    search_help_text = "Name, own id or id"
    fields = [
        *("id", "team", "gallery", "name", "external_id", "notes", "faces", "face_count", "consent"),
        *(
            "consent_by",
            "consent_how",
            "consent_at",
            "consent_until",
            "created_by",
            "created_at",
            "updated_at",
        ),
    ]
    readonly_fields = ["faces", "face_count", "consent"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subject]:
        return subjects_with_faces(super().get_queryset(request))

    @admin.display(description="faces")
    def faces(self, subject: Any) -> SafeString:
        pictures = format_html_join("", "{}", ((thumbnail(face),) for face in subject.shown_faces))
        return format_html('<span class="es-faces">{}{}</span>', pictures, _more(subject))

    @admin.display(description="number", ordering="face_total")
    def face_count(self, subject: Any) -> int:
        return int(subject.face_total)

    @admin.display(description="consent", ordering="consent_until")
    def consent(self, subject: Subject) -> str:
        return consent_of(subject)


@admin.register(EnrolledFace)
class EnrolledFaceAdmin(GalleriesAdmin):
    list_display = ["picture", "subject", "gallery", "team", "quality", "reasons", "created_at"]
    list_display_links = ["picture"]
    list_select_related = ["subject", "gallery", "team"]
    list_filter = ["team", "gallery", "quality", "by_hand"]
    search_fields = ["subject__name", "subject__external_id"]
    search_help_text = "Name or own id of the person, or the face's id"
    fields = [
        *("id", "picture", "team", "gallery", "subject", "quality", "reasons", "notes", "by_hand"),
        *("picture_sha256", "stored_bytes", "created_by", "created_at"),
    ]
    readonly_fields = ["picture", "reasons"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[EnrolledFace]:
        return faces_without_vectors(super().get_queryset(request))

    @admin.display(description="picture")
    def picture(self, face: EnrolledFace) -> SafeString:
        return thumbnail(face)

    @admin.display(description="because of")
    def reasons(self, face: EnrolledFace) -> str:
        return ", ".join(face.quality_reasons)

    def get_urls(self) -> list[URLPattern]:
        # `cacheable`: the answer says itself that it is kept by the browser only, and asked for again.
        view = self.admin_site.admin_view(self.crop_view, cacheable=True)
        return [path("<uuid:face_id>/crop", view, name="galleries_enrolledface_crop"), *super().get_urls()]

    def crop_view(self, request: HttpRequest, face_id: UUID) -> HttpResponse:
        """The kept picture of a face, for who may see its row; as if it did not exist for others."""
        face = self.get_queryset(request).filter(pk=face_id).first()
        if face is None or not self.has_view_permission(request, face):
            raise Http404("There is no such face.")
        try:
            return crop_response(request, face)
        except Refusal as refusal:
            raise Http404(refusal.message) from refusal


@admin.register(GalleryJob)
class GalleryJobAdmin(GalleriesAdmin):
    list_display = ["kind", "gallery", "team", "status", "progress", "failed", "error_message", "created_at"]
    list_select_related = ["gallery", "team"]
    list_filter = ["team", "kind", "status"]
    search_fields = ["gallery__name", "gallery__key", "error_code"]
    search_help_text = "Name or key of the gallery, code of an error, or the job's id"
    fields = [
        *("id", "team", "gallery", "kind", "status", "progress", "failed", "error_code", "error_message"),
        *("size", "created_by", "created_at", "started_at", "beat_at", "finished_at", "expires_at"),
    ]
    readonly_fields = ["progress"]

    @admin.display(description="progress")
    def progress(self, job: GalleryJob) -> str:
        return f"{job.done} of {job.total}" if job.total else "not begun"


def thumbnail(face: EnrolledFace) -> SafeString:
    """A small picture by its checked address, or a sign that none is kept."""
    if not face.crop:
        return format_html('<span class="es-face es-face-none" title="{}"></span>', "No picture is kept")
    address = reverse("admin:galleries_enrolledface_crop", args=[face.pk])
    return format_html(
        '<img class="es-face" src="{}" alt="{}" width="40" height="40" loading="lazy">',
        address,
        "Enrolled face",
    )


def _more(subject: Any) -> str:
    hidden = subject.face_total - min(len(subject.shown_faces), SHOWN_FACES)
    return f"+{hidden}" if hidden > 0 else ""
