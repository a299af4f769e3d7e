from django.urls import path

from . import (
    batches,
    detect,
    exports,
    faces,
    jobs,
    media,
    privacy,
    removals,
    video_people,
    video_results,
    video_uploads,
    videos,
    webhooks,
)

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
    path("uploads", video_uploads.UploadListView.as_view(), name="api_upload_list"),
    path("uploads/<uuid:upload_id>", video_uploads.UploadDetailView.as_view(), name="api_upload"),
    path("videos", videos.VideoListView.as_view(), name="api_video_list"),
    path("videos/<uuid:video_id>", videos.VideoDetailView.as_view(), name="api_video"),
    path("videos/<uuid:video_id>/cancel", videos.VideoCancelView.as_view(), name="api_video_cancel"),
    path("videos/<uuid:video_id>/analyze", videos.VideoAnalyzeView.as_view(), name="api_video_analyze"),
    path("videos/<uuid:video_id>/people", video_people.VideoPeopleView.as_view(), name="api_video_people"),
    path(
        "videos/<uuid:video_id>/people/merge",
        video_people.VideoPeopleMergeView.as_view(),
        name="api_video_people_merge",
    ),
    path(
        "videos/<uuid:video_id>/people/<uuid:person_id>",
        video_people.VideoPersonView.as_view(),
        name="api_video_person",
    ),
    path(
        "videos/<uuid:video_id>/people/<uuid:person_id>/split",
        video_people.VideoPersonSplitView.as_view(),
        name="api_video_person_split",
    ),
    path(
        "videos/<uuid:video_id>/people/<uuid:person_id>/portrait",
        video_people.VideoPortraitView.as_view(),
        name="api_video_portrait",
    ),
    path(
        "videos/<uuid:video_id>/summary", video_results.VideoSummaryView.as_view(), name="api_video_summary"
    ),
    path(
        "videos/<uuid:video_id>/moments", video_results.VideoMomentsView.as_view(), name="api_video_moments"
    ),
    path(
        "videos/<uuid:video_id>/timeline",
        video_results.VideoTimelineView.as_view(),
        name="api_video_timeline",
    ),
    path(
        "videos/<uuid:video_id>/comparison",
        video_results.VideoComparisonView.as_view(),
        name="api_video_comparison",
    ),
    path("videos/<uuid:video_id>/frames", video_results.VideoFramesView.as_view(), name="api_video_frames"),
    path(
        "videos/<uuid:video_id>/results", video_results.VideoResultsView.as_view(), name="api_video_results"
    ),
    path("videos/<uuid:video_id>/clip", video_results.VideoClipView.as_view(), name="api_video_clip"),
    path("videos/<uuid:video_id>/<video_file:part>", videos.VideoFileView.as_view(), name="api_video_file"),
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
