"""Filters of the admin lists."""

from datetime import timedelta
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import DropdownFilter

from .admin_queries import galleries_of_training
from .models import EnrolledFace

SOON = timedelta(days=30)


class RecognitionModelFilter(DropdownFilter):
    title = "recognition model"
    parameter_name = "model"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = model_admin.model.objects.filter(pk__in=model_admin.get_queryset(request).values("pk"))
        return [(name, name) for name in rows.order_by("model").values_list("model", flat=True).distinct()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(model=self.value()) if self.value() else queryset


class TrainingFilter(DropdownFilter):
    title = "training"
    parameter_name = "training"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word) for word in ("never trained", "training", "failed", "due", "trained")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        word = self.value()
        return galleries_of_training(queryset, word) if word else queryset


class ConsentFilter(DropdownFilter):
    title = "consent"
    parameter_name = "consent"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("none", "none on record"),
            ("given", "given"),
            ("soon", "given, ends within 30 days"),
            ("ended", "ended"),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        now = timezone.now()
        holds = Q(consent_until=None) | Q(consent_until__gt=now)
        conditions = {
            "none": Q(consent_at=None) & holds,
            "given": Q(consent_at__isnull=False) & holds,
            "soon": Q(consent_at__isnull=False, consent_until__gt=now, consent_until__lte=now + SOON),
            "ended": Q(consent_until__lte=now),
        }
        word = self.value()
        return queryset.filter(conditions[word]) if word in conditions else queryset


class HasFacesFilter(DropdownFilter):
    title = "faces"
    parameter_name = "has_faces"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "with faces"), ("no", "without faces")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() not in {"yes", "no"}:
            return queryset
        enrolled = Exists(EnrolledFace.objects.filter(subject=OuterRef("pk")))
        return queryset.filter(enrolled if self.value() == "yes" else ~enrolled)
