from django.urls import path

from . import views

urlpatterns = [
    path("", views.photo_list, name="photo_list"),
    path("upload", views.photo_upload, name="photo_upload"),
    path("states", views.photo_states, name="photo_states"),
    path("<uuid:media_id>/", views.photo_detail, name="photo_detail"),
    path("<uuid:media_id>/delete", views.photo_delete, name="photo_delete"),
    path("<uuid:media_id>/<part:part>", views.photo_file, name="photo_file"),
]
