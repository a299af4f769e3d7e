from django.urls import path

from . import media

urlpatterns = [
    path("media", media.MediaListView.as_view(), name="api_media_list"),
    path("media/<uuid:media_id>", media.MediaDetailView.as_view(), name="api_media"),
    path("media/<uuid:media_id>/<part:part>", media.MediaFileView.as_view(), name="api_media_file"),
    path("jobs", media.JobListView.as_view(), name="api_job_list"),
    path("jobs/<uuid:job_id>", media.JobDetailView.as_view(), name="api_job"),
]
