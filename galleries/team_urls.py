"""Pages of the team area: galleries, people, who is this, unnamed people."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
