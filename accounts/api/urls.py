"""Routes of the API about teams, people, keys, usage and the record."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
