from django.urls import path

from . import batches, detect, exports, faces, jobs, media, privacy, removals, webhooks

urlpatterns = [
    path("media", media.MediaListView.as_view(), name="api_media_list"),
    path("media/<uuid:media_id>", media.MediaDetailView.as_view(), name="api_media"),
    path("media/<uuid:media_id>/<part:part>", media.MediaFileView.as_view(), name="api_media_file"),
    path("batches", batches.BatchListView.as_view(), name="api_batch_list"),
    path("batches/<uuid:batch_id>", batches.BatchDetailView.as_view(), name="api_batch"),
    path("batches/<uuid:batch_id>/items", batches.BatchItemsView.as_view(), name="api_batch_items"),
    path("batches/<uuid:batch_id>/cancel", batches.BatchCancelView.as_view(), name="api_batch_cancel"),
    path("batches/<uuid:batch_id>/retry", batches.BatchRetryView.as_view(), name="api_batch_retry"),
    path("batches/<uuid:batch_id>/results", batches.BatchResultsView.as_view(), name="api_batch_results"),
    path("faces", faces.FaceListView.as_view(), name="api_face_list"),
    path("faces/<uuid:face_id>", faces.FaceDetailView.as_view(), name="api_face"),
    path("detect", detect.DetectView.as_view(), name="api_detect"),
    path("privacy", privacy.PrivacyView.as_view(), name="api_privacy"),
    path("exports", exports.ExportListView.as_view(), name="api_export_list"),
    path("exports/<uuid:export_id>", exports.ExportDetailView.as_view(), name="api_export"),
    path("exports/<uuid:export_id>/file", exports.ExportFileView.as_view(), name="api_export_file"),
    path("removals", removals.RemovalListView.as_view(), name="api_removal_list"),
    path("removals/<uuid:removal_id>", removals.RemovalDetailView.as_view(), name="api_removal"),
    path("jobs", jobs.JobListView.as_view(), name="api_job_list"),
    path("jobs/<uuid:job_id>", jobs.JobDetailView.as_view(), name="api_job"),
    path("webhooks", webhooks.WebhookListView.as_view(), name="api_webhook_list"),
    path("webhooks/<uuid:webhook_id>", webhooks.WebhookDetailView.as_view(), name="api_webhook"),
    path("webhooks/<uuid:webhook_id>/test", webhooks.WebhookTestView.as_view(), name="api_webhook_test"),
    path(
        "webhooks/<uuid:webhook_id>/secret",
        webhooks.WebhookSecretView.as_view(),
        name="api_webhook_secret",
    ),
    path(
        "webhooks/<uuid:webhook_id>/deliveries",
        webhooks.WebhookDeliveriesView.as_view(),
        name="api_webhook_deliveries",
    ),
    path(
        "webhooks/deliveries/<uuid:delivery_id>",
        webhooks.WebhookDeliveryView.as_view(),
        name="api_webhook_delivery",
    ),
    path(
        "webhooks/deliveries/<uuid:delivery_id>/redeliver",
        webhooks.WebhookRedeliverView.as_view(),
        name="api_webhook_redeliver",
    ),
]
