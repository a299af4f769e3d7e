"""Pages of the team area: people, keys, usage, settings, the record."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
