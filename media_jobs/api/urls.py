from django.urls import path

from . import views

urlpatterns = [
    path("media", views.MediaListView.as_view(), name="api_media_list"),
    path("media/<uuid:media_id>", views.MediaDetailView.as_view(), name="api_media"),
    path("media/<uuid:media_id>/<part:part>", views.MediaFileView.as_view(), name="api_media_file"),
    path("jobs", views.JobListView.as_view(), name="api_job_list"),
    path("jobs/<uuid:job_id>", views.JobDetailView.as_view(), name="api_job"),
]
