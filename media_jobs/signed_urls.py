"""What is reached by a signed link, without a sign-in: progress of deletions, and exports."""

from django.urls import path

from .team_views import exports, removals

urlpatterns = [
    path("removals/<str:token>", removals.removal_progress, name="removal_progress"),
    path("removals/<str:token>/state", removals.removal_state, name="removal_state"),
    path("exports/<str:token>", exports.signed_export, name="signed_export"),
]
