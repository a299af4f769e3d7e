from django.urls import URLPattern, path

from . import (
    corrections,
    face_urls,
    galleries,
    jobs,
    labels,
    models,
    moving,
    search_urls,
    subjects,
    unnamed_urls,
    videos,
)

SUBJECTS = "galleries/<uuid:gallery_id>/subjects"
SUBJECT = f"{SUBJECTS}/<uuid:subject_id>"

urlpatterns: list[URLPattern] = [
    # --- Galleries and people -------------------------------------------------------------------
    path("galleries", galleries.GalleryListView.as_view(), name="api_gallery_list"),
    path("galleries/<uuid:gallery_id>", galleries.GalleryDetailView.as_view(), name="api_gallery"),
    path(SUBJECTS, subjects.SubjectListView.as_view(), name="api_gallery_subjects"),
    path(f"{SUBJECTS}/merge", corrections.SubjectsMergeView.as_view(), name="api_gallery_subjects_merge"),
    path(f"{SUBJECTS}/move", corrections.SubjectsMoveView.as_view(), name="api_gallery_subjects_move"),
    path(SUBJECT, subjects.SubjectDetailView.as_view(), name="api_gallery_subject"),
    path(f"{SUBJECT}/split", corrections.SubjectSplitView.as_view(), name="api_gallery_subject_split"),
    path(f"{SUBJECT}/photos", subjects.SubjectPhotosView.as_view(), name="api_gallery_subject_photos"),
    path(
        "galleries/<uuid:gallery_id>/faces/<uuid:face_id>/move",
        corrections.FaceMoveView.as_view(),
        name="api_gallery_face_move",
    ),
    path("faces/<uuid:face_id>/label", labels.FaceLabelView.as_view(), name="api_face_label"),
    # --- Enrolled faces -------------------------------------------------------------------------
    *face_urls.urlpatterns,
    # --- Training and questions -----------------------------------------------------------------
    *search_urls.urlpatterns,
    # --- Moving ---------------------------------------------------------------------------------
    path("galleries/models", models.RecognitionModelListView.as_view(), name="api_gallery_models"),
    path("galleries/jobs", jobs.GalleryJobListView.as_view(), name="api_gallery_job_list"),
    path("galleries/jobs/<uuid:job_id>", jobs.GalleryJobDetailView.as_view(), name="api_gallery_job"),
    path("galleries/jobs/<uuid:job_id>/file", jobs.GalleryJobFileView.as_view(), name="api_gallery_job_file"),
    path("galleries/import", moving.NewGalleryImportView.as_view(), name="api_gallery_import_new"),
    path("galleries/<uuid:gallery_id>/import", moving.GalleryImportView.as_view(), name="api_gallery_import"),
    path("galleries/<uuid:gallery_id>/export", moving.GalleryExportView.as_view(), name="api_gallery_export"),
    path("galleries/<uuid:gallery_id>/reembed", moving.ReembedView.as_view(), name="api_gallery_reembed"),
    path("videos/<uuid:video_id>/identify", videos.VideoIdentifyView.as_view(), name="api_video_identify"),
    # --- Unnamed people -------------------------------------------------------------------------
    *unnamed_urls.urlpatterns,
]
