"""Pages of the team area: webhooks, batches, privacy, exports."""

from django.urls import path

from .team_views import exports, privacy, removals

urlpatterns = [
    path("privacy", privacy.team_privacy, name="team_privacy"),
    path("exports", exports.team_exports, name="team_exports"),
    path("exports/<uuid:export_id>/file", exports.team_export_file, name="team_export_file"),
    path("exports/<uuid:export_id>/delete", exports.team_export_delete, name="team_export_delete"),
    path("delete", removals.team_delete, name="team_delete"),
]
