from django.urls import URLPattern, path

from . import search, training

GALLERY = "galleries/<uuid:gallery_id>"

urlpatterns: list[URLPattern] = [
    path(f"{GALLERY}/train", training.GalleryTrainView.as_view(), name="api_gallery_train"),
    path(f"{GALLERY}/training", training.GalleryTrainingView.as_view(), name="api_gallery_training"),
    path(f"{GALLERY}/identify", search.IdentifyView.as_view(), name="api_gallery_identify"),
    path("galleries/verify", search.VerifyView.as_view(), name="api_gallery_verify"),
    path("galleries/find-similar", search.FindSimilarView.as_view(), name="api_gallery_find_similar"),
    path("galleries/group", search.GroupView.as_view(), name="api_gallery_group"),
]
