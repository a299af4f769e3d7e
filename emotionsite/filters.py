"""Filters of lists in the API, by django-filter. What cannot be is refused, not left out."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django_filters import Filter, FilterSet
from django_filters.fields import IsoDateTimeField
from rest_framework import exceptions

LARGEST_NUMBER = 2**31 - 1


class WholeNumberFilter(Filter):
    """A whole number from 0 to what a column holds."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=0, max_value=LARGEST_NUMBER, **kwargs)


class _MomentField(IsoDateTimeField):
    """A moment in UTC: Postgres knows fewer time zones than ISO 8601."""

    def to_python(self, value: Any) -> datetime | None:
        moment = super().to_python(value)
        try:
            return moment.astimezone(UTC) if moment else None
        except OverflowError as error:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from error


class MomentFilter(Filter):
    """A moment as ISO 8601; without a time zone it is meant in UTC."""

    field_class = _MomentField


class CreatedFilterSet(FilterSet):
    """Entries made from one moment (included) to another (left out)."""

    created_after = MomentFilter(
        field_name="created_at", lookup_expr="gte", help_text="Made at this moment or later."
    )
    created_before = MomentFilter(
        field_name="created_at", lookup_expr="lt", help_text="Made before this moment."
    )


def filtered(filters: type[FilterSet], query: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """`queryset` narrowed by the query's parameters. Raises ValidationError that names each wrong one."""
    wanted = filters(query, queryset=queryset)
    if not wanted.is_valid():
        raise exceptions.ValidationError({name: list(texts) for name, texts in wanted.errors.items()})
    return wanted.qs
