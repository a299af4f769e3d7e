from django.urls import URLPattern, path

from . import faces, temporary

FACES = "galleries/<uuid:gallery_id>/faces"

urlpatterns: list[URLPattern] = [
    path(
        "galleries/<uuid:gallery_id>/subjects/<uuid:subject_id>/faces",
        faces.SubjectFacesView.as_view(),
        name="api_gallery_subject_faces",
    ),
    path(FACES, faces.GalleryFacesView.as_view(), name="api_gallery_faces"),
    path(f"{FACES}/<uuid:face_id>", faces.EnrolledFaceView.as_view(), name="api_gallery_face"),
    path(f"{FACES}/<uuid:face_id>/crop", faces.EnrolledFaceCropView.as_view(), name="api_gallery_face_crop"),
    path(
        "galleries/temporary-faces/<uuid:face_id>",
        temporary.TemporaryFaceView.as_view(),
        name="api_gallery_temporary_face",
    ),
]
