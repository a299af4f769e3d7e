"""Pages of the team area: webhooks, batches, privacy, exports."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
