"""Person groups, large person groups, face lists and large face lists: the collections themselves."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.db.models.functions import Collate
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.models import Scope
from galleries.erasure import gallery_erase
from galleries.models import EnrolledFace, Gallery
from galleries.services import gallery_change

from .bodies import read_json, read_query
from .faces import face_shown
from .kinds import FACE_LIST, Kind
from .making import collection_create
from .views import FaceView, check_key, nothing, recognition_named, shown, start_of, top_of


class CollectionListView(FaceView):
    def get(self, request: Request) -> Response:
        """All collections of the kind, by id, without the faces in them."""
        query = read_query(request)
        with_model = query.flag("returnRecognitionModel", False)
        found = Gallery.objects.filter(namespace=self.the_kind.namespace)
        # There are at most 64 face lists, and the operation knows no pages.
        if self.the_kind is not FACE_LIST:
            found = _page(found, start_of(query), top_of(query))
        else:
            found = found.order_by(Collate("key", "C"))
        return Response([collection_shown(self.the_kind, gallery, with_model) for gallery in found])


def _page(found: QuerySet[Gallery], start: str, top: int) -> QuerySet[Gallery]:
    """Those after an id, in the order of bytes, whatever the language of the database."""
    ordered = found.annotate(in_order=Collate("key", "C")).order_by("in_order")
    return (ordered.filter(in_order__gt=start) if start else ordered)[:top]


def collection_shown(kind: Kind, gallery: Gallery, with_model: bool) -> dict[str, Any]:
    """A collection as a program sees it."""
    return shown(
        **{kind.field: gallery.key},
        name=gallery.name,
        userData=gallery.notes or None,
        recognitionModel=(gallery.model_alias or gallery.model) if with_model else None,
    )


class CollectionView(FaceView):
    required_scopes: ClassVar = {"PUT": Scope.MANAGE, "PATCH": Scope.MANAGE, "DELETE": Scope.MANAGE}

    def put(self, request: Request, key: str) -> Response:
        check_key(self.the_kind, key)
        body = read_json(request)
        collection_create(
            team=self.access.team,
            kind=self.the_kind,
            key=key,
            model=recognition_named(body),
            name=str(body.name(required=True)),
            notes=body.user_data() or "",
        )
        return nothing()

    def get(self, request: Request, key: str) -> Response:
        gallery = self.collection(key)
        with_model = read_query(request).flag("returnRecognitionModel", False)
        answer = collection_shown(self.the_kind, gallery, with_model)
        if self.kind is FACE_LIST:
            faces = EnrolledFace.objects.filter(gallery=gallery).order_by("created_at", "id")
            answer["persistedFaces"] = [face_shown(face) for face in faces.only("id", "notes")]
        return Response(answer)

    def patch(self, request: Request, key: str) -> Response:
        """Change the name, the user data, or both; what is not given stays."""
        check_key(self.the_kind, key)
        changes = read_json(request).changes()
        gallery_change(gallery=self.collection(key), **changes)
        return nothing()

    def delete(self, request: Request, key: str) -> Response:
        """Erase a collection with everybody in it; its id is free at once. Snapshots of it can still be
        applied: that is what programs take them for before they delete."""
        gallery_erase(gallery=self.collection(key), keep_snapshots=True)
        return nothing()
