"""Pages of the team area: webhooks, batches, privacy, exports."""

from django.urls import path

from .team_views import batches, exports, live, privacy, removals, video_files, video_uploads, webhooks

urlpatterns = [
    path("batches", batches.team_batches, name="team_batches"),
    path("batches/new", batches.team_batch_new, name="team_batch_new"),
    path("batches/<uuid:batch_id>", batches.team_batch, name="team_batch"),
    path("batches/<uuid:batch_id>/progress", batches.team_batch_progress, name="team_batch_progress"),
    path("batches/<uuid:batch_id>/cancel", batches.team_batch_cancel, name="team_batch_cancel"),
    path("batches/<uuid:batch_id>/retry", batches.team_batch_retry, name="team_batch_retry"),
    path("batches/<uuid:batch_id>/results/<str:form>", batches.team_batch_results, name="team_batch_results"),
    path("live", live.team_live, name="team_live"),
    path("videos/uploads", video_uploads.team_video_uploads, name="team_video_uploads"),
    path("videos/uploads/<uuid:upload_id>", video_uploads.team_video_upload, name="team_video_upload"),
    path(
        "videos/uploads/<uuid:upload_id>/video",
        video_uploads.team_video_upload_use,
        name="team_video_upload_use",
    ),
    path("videos/<uuid:video_id>/<video_file:part>", video_files.team_video_file, name="team_video_file"),
    path("privacy", privacy.team_privacy, name="team_privacy"),
    path("exports", exports.team_exports, name="team_exports"),
    path("exports/<uuid:export_id>/file", exports.team_export_file, name="team_export_file"),
    path("exports/<uuid:export_id>/delete", exports.team_export_delete, name="team_export_delete"),
    path("delete", removals.team_delete, name="team_delete"),
    path("webhooks", webhooks.team_webhooks, name="team_webhooks"),
    path("webhooks/new", webhooks.team_webhook_new, name="team_webhook_new"),
    path("webhooks/<uuid:webhook_id>", webhooks.team_webhook, name="team_webhook"),
    path("webhooks/<uuid:webhook_id>/switch", webhooks.team_webhook_switch, name="team_webhook_switch"),
    path("webhooks/<uuid:webhook_id>/delete", webhooks.team_webhook_delete, name="team_webhook_delete"),
    path("webhooks/<uuid:webhook_id>/secret", webhooks.team_webhook_secret, name="team_webhook_secret"),
    path("webhooks/<uuid:webhook_id>/test", webhooks.team_webhook_test, name="team_webhook_test"),
    path(
        "webhooks/deliveries/<uuid:delivery_id>",
        webhooks.team_webhook_delivery,
        name="team_webhook_delivery",
    ),
    path(
        "webhooks/deliveries/<uuid:delivery_id>/redeliver",
        webhooks.team_webhook_redeliver,
        name="team_webhook_redeliver",
    ),
]
