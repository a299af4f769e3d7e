"""What the list of faces can be narrowed by."""

from typing import Any
from uuid import UUID

from django import forms
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django_filters import ChoiceFilter, Filter, UUIDFilter

from accounts.access import current_team
from analysis.models import Face
from analysis.switches import hidden_columns
from emotionsite.filters import CreatedFilterSet
from ml_models import EMOTIONS


class NumberFilter(Filter):
    """A number within limits, with a decimal point."""

    field_class = forms.FloatField


def _share(**options: Any) -> NumberFilter:
    return NumberFilter(min_value=0, max_value=1, **options)


class FaceFilter(CreatedFilterSet):
    """A filter by something that the team has switched off finds nothing: its answer would tell it."""

    media = UUIDFilter(field_name="media_id", help_text="Faces in this photo.")
    strongest = ChoiceFilter(
        method="by_column",
        choices=[(name, name) for name in EMOTIONS],
        help_text="Faces on which this emotion is the strongest.",
    )
    strength_min = _share(
        method="by_strength", help_text="The strongest emotion has at least this probability, 0 to 1."
    )
    age_min = NumberFilter(
        method="by_age_min", min_value=0, max_value=100, help_text="Looks at least so many years old."
    )
    age_max = NumberFilter(
        method="by_age_max", min_value=0, max_value=100, help_text="Looks at most so many years old."
    )
    gender = ChoiceFilter(
        method="by_column",
        choices=[("female", "female"), ("male", "male")],
        help_text="The likelier of the two, as people would name it.",
    )
    confidence_min = _share(
        field_name="confidence", lookup_expr="gte", help_text="At least so sure that this is a face, 0 to 1."
    )
    subject = UUIDFilter(method="by_label", help_text="Faces of this person of a gallery.")
    unnamed = UUIDFilter(method="by_label", help_text="Faces of this unnamed person.")

    class Meta:
        model = Face
        fields: list[str] = []

    def by_column(self, queryset: QuerySet[Face], name: str, value: str) -> QuerySet[Face]:
        return self._seen(queryset, name, Q(**{name: value}))

    def by_label(self, queryset: QuerySet[Face], name: str, value: UUID) -> QuerySet[Face]:
        if not current_team().analyze_identity:
            return queryset.none()
        return queryset.filter(**{f"label__{name}": value})

    def by_age_min(self, queryset: QuerySet[Face], name: str, value: float) -> QuerySet[Face]:
        return self._seen(queryset, "age", Q(age__gte=value))

    def by_age_max(self, queryset: QuerySet[Face], name: str, value: float) -> QuerySet[Face]:
        return self._seen(queryset, "age", Q(age__lte=value))

    def by_strength(self, queryset: QuerySet[Face], name: str, value: float) -> QuerySet[Face]:
        strength = Greatest(*(F(emotion) for emotion in EMOTIONS))
        return self._seen(queryset.alias(strength=strength), "strongest", Q(strength__gte=value))

    def _seen(self, queryset: QuerySet[Face], column: str, condition: Q) -> QuerySet[Face]:
        return queryset.none() if column in hidden_columns(current_team()) else queryset.filter(condition)
