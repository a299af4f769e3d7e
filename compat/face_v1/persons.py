"""Persons of person groups and of large ones."""

from typing import Any, ClassVar

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from galleries.erasure import subjects_erase
from galleries.models import EnrolledFace, Gallery, Subject
from galleries.services import subject_change, subject_create

from .bodies import read_json, read_query, uuid_of
from .errors import face_error
from .pages import page_of_ids
from .views import FaceView, nothing, person_of, shown, start_of, top_of


def _with_faces(gallery: Gallery) -> QuerySet[Subject]:
    """People of a group, each with `face_ids`, in the order in which they were added."""
    faces = EnrolledFace.objects.filter(subject=OuterRef("pk")).order_by("created_at", "id")
    return Subject.objects.filter(gallery=gallery).annotate(face_ids=ArraySubquery(faces.values("pk")))


def _shown(person: Any) -> dict[str, Any]:
    return shown(
        personId=str(person.pk),
        persistedFaceIds=[str(pk) for pk in person.face_ids],
        name=person.name,
        userData=person.notes or None,
    )


class PersonsView(FaceView):
    def get(self, request: Request, key: str) -> Response:
        query = read_query(request)
        start, top = start_of(query), top_of(query)
        people = _with_faces(self.collection(key))
        return Response([_shown(person) for person in page_of_ids(people, start, top)])

    def post(self, request: Request, key: str) -> Response:
        gallery = self.collection(key)
        body = read_json(request)
        person = subject_create(
            gallery=gallery,
            name=str(body.name(required=True)),
            notes=body.user_data() or "",
            most=self.the_kind.most_persons,
        )
        return Response({"personId": str(person.pk)})


class PersonView(FaceView):
    required_scopes: ClassVar = {"DELETE": Scope.MANAGE}

    def get(self, request: Request, key: str, person_id: str) -> Response:
        unknown = face_error("person_unknown")
        people = _with_faces(self.collection(key))
        person = people.filter(pk=uuid_of(person_id, unknown)).first()
        if person is None:
            raise unknown
        return Response(_shown(person))

    def patch(self, request: Request, key: str, person_id: str) -> Response:
        """Change the name, the user data, or both; what is not given stays."""
        changes = read_json(request).changes()
        subject_change(subject=self._person(key, person_id), **changes)
        return nothing()

    def delete(self, request: Request, key: str, person_id: str) -> Response:
        """Erase somebody with all their faces."""
        person = self._person(key, person_id)
        subjects_erase(team=self.access.team, subject_ids=[person.pk])
        return nothing()

    def _person(self, key: str, person_id: str) -> Subject:
        return person_of(self.collection(key), uuid_of(person_id, face_error("person_unknown")))
