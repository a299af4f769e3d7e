"""Filters of lists in the API, by django-filter. What cannot be is refused, not left out."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import Filter, FilterSet, IsoDateTimeFilter
from rest_framework.exceptions import ValidationError

LARGEST_NUMBER = 2**31 - 1


class WholeNumberFilter(Filter):
    """A whole number from 0 to what a column holds."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=0, max_value=LARGEST_NUMBER, **kwargs)


class CreatedFilterSet(FilterSet):
    """Entries made from one moment (included) to another (left out), as ISO 8601."""

    created_after = IsoDateTimeFilter(
        field_name="created_at", lookup_expr="gte", help_text="Made at this moment or later."
    )
    created_before = IsoDateTimeFilter(
        field_name="created_at", lookup_expr="lt", help_text="Made before this moment."
    )


def filtered(filters: type[FilterSet], query: Any, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """`queryset` narrowed by the query's parameters. Raises ValidationError that names each wrong one."""
    wanted = filters(query, queryset=queryset)
    if not wanted.is_valid():
        raise ValidationError({name: list(texts) for name, texts in wanted.errors.items()})
    return wanted.qs
