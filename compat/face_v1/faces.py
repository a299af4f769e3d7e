"""Faces that stay: of a person, or of a list."""

import time
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from galleries.enrolment import face_change, face_enrol, faces_unenrol
from galleries.models import EnrolledFace, Gallery, Subject

from .bodies import LONGEST_FACE_DATA, read_json, read_query, uuid_of
from .detect import least_side_of
from .errors import face_error
from .kinds import LARGE_FACE_LIST
from .pages import page_of_ids
from .pictures import detection_named, read_picture, target_of
from .views import FaceView, nothing, person_of, shown, start_of, top_of


def face_shown(face: EnrolledFace) -> dict[str, Any]:
    """A persisted face as a program sees it."""
    return shown(persistedFaceId=str(face.pk), userData=face.notes or None)


class _FacesView(FaceView):
    """What views of the faces of a list and of a person have in common; `person_id` is None for a list."""

    def subject(self, gallery: Gallery, person_id: str | None) -> Subject | None:
        """Who is meant. Raises FaceError; a text that is no id is nobody's."""
        if person_id is None:
            return None
        return person_of(gallery, uuid_of(person_id, face_error("person_unknown")))

    def face(self, key: str, person_id: str | None, face_id: str) -> EnrolledFace:
        """The face that is meant. Raises FaceError."""
        gallery = self.collection(key)
        faces = EnrolledFace.objects.filter(gallery=gallery, subject=self.subject(gallery, person_id))
        unknown = face_error("persisted_face_unknown")
        face = faces.select_related("gallery__team").filter(pk=uuid_of(face_id, unknown)).first()
        if face is None:
            raise unknown
        return face


class FacesView(_FacesView):
    def post(self, request: Request, key: str, person_id: str | None = None) -> Response:
        """Add the face of a picture; the picture is not stored."""
        begun = time.monotonic()
        query = read_query(request)
        user_data = query.user_data(LONGEST_FACE_DATA) or ""
        box, detection = target_of(query), detection_named(query)
        gallery = self.collection(key)
        subject = self.subject(gallery, person_id)
        face = face_enrol(
            gallery=gallery,
            subject=subject,
            content=read_picture(request),
            box=box,
            notes=user_data,
            detection=detection,
            least_side=least_side_of(detection),
            most=self.the_kind.most_faces,
            begun=begun,
        )
        return Response({"persistedFaceId": str(face.pk)})


class ListedFacesView(FacesView):
    """Of a large list, whose faces come in pages; a small one shows them with itself."""

    kind = LARGE_FACE_LIST

    def get(self, request: Request, key: str) -> Response:
        query = read_query(request)
        start, top = start_of(query), top_of(query)
        faces: QuerySet[EnrolledFace] = EnrolledFace.objects.filter(gallery=self.collection(key))
        return Response([face_shown(face) for face in page_of_ids(faces.only("id", "notes"), start, top)])


class FaceOfListView(_FacesView):
    required_scopes: ClassVar = {"DELETE": Scope.ANALYZE}

    def delete(self, request: Request, key: str, face_id: str, person_id: str | None = None) -> Response:
        face = self.face(key, person_id, face_id)
        faces_unenrol(gallery=face.gallery, face_ids=[face.pk])
        return nothing()


class PersistedFaceView(FaceOfListView):
    def get(self, request: Request, key: str, face_id: str, person_id: str | None = None) -> Response:
        return Response(face_shown(self.face(key, person_id, face_id)))

    def patch(self, request: Request, key: str, face_id: str, person_id: str | None = None) -> Response:
        user_data = read_json(request).user_data(LONGEST_FACE_DATA)
        face = self.face(key, person_id, face_id)
        if user_data is not None:
            face_change(face=face, notes=user_data)
        return nothing()
