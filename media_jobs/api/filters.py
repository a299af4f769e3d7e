"""What lists of the native API can be narrowed by."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Exists, OuterRef, QuerySet
from django_filters import CharFilter, ChoiceFilter, Filter, UUIDFilter

from accounts.access import current_team
from analysis.models import Face
from analysis.switches import hidden_columns
from emotionsite.filters import CreatedFilterSet, WholeNumberFilter
from media_jobs.models import Job, JobItem, Media
from ml_models import EMOTIONS

# As the API names the states of a photo: work that has not ended is 'queued'.
PHOTO_STATES = {
    "queued": JobItem.Status.PENDING,
    "succeeded": JobItem.Status.SUCCEEDED,
    "failed": JobItem.Status.FAILED,
    "cancelled": JobItem.Status.CANCELLED,
}


class _Sha256Filter(Filter):
    field_class = forms.RegexField


class MediaFilter(CreatedFilterSet):
    """Needs the annotations of `selectors.photos`."""

    status = ChoiceFilter(
        method="by_status",
        choices=[(name, name) for name in PHOTO_STATES],
        help_text="State of the newest work on the photo.",
    )
    filename = CharFilter(
        lookup_expr="icontains", max_length=255, help_text="Part of the file's name, in any case of letters."
    )
    sha256 = _Sha256Filter(
        regex=r"^[0-9a-f]{64}$", help_text="SHA-256 of the original, 64 hexadecimal digits in small letters."
    )
    faces_min = WholeNumberFilter(
        field_name="analysis__face_count", lookup_expr="gte", help_text="At least this many faces."
    )
    faces_max = WholeNumberFilter(
        field_name="analysis__face_count", lookup_expr="lte", help_text="At most this many faces."
    )
    strongest = ChoiceFilter(
        method="by_strongest",
        choices=[(name, name) for name in EMOTIONS],
        help_text="Photos with a face on which this emotion is the strongest.",
    )
    subject = UUIDFilter(method="by_subject", help_text="Photos that this person of a gallery is on.")

    class Meta:
        model = Media
        fields: list[str] = []

    def by_status(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:
        return queryset.filter(work_status=PHOTO_STATES[value])

    def by_strongest(self, queryset: QuerySet[Media], name: str, value: str) -> QuerySet[Media]:
        if name in hidden_columns(current_team()):
            return queryset.none()
        return queryset.filter(Exists(Face.objects.filter(media=OuterRef("pk"), strongest=value)))

    def by_subject(self, queryset: QuerySet[Media], name: str, value: UUID) -> QuerySet[Media]:
        if not current_team().analyze_identity:
            return queryset.none()
        return queryset.filter(Exists(Face.objects.filter(media=OuterRef("pk"), label__subject=value)))


class JobFilter(CreatedFilterSet):
    status = ChoiceFilter(choices=Job.Status.choices, help_text="State of the job.")
    kind = ChoiceFilter(choices=Job.Kind.choices, help_text="Photos sent one by one, or a batch.")

    class Meta:
        model = Job
        fields: list[str] = []
