"""The base of the dialect's views, and what several of them need."""

from typing import Any
from uuid import UUID

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api import TeamView
from galleries.models import Gallery, Subject
from ml_models.recognition import ALIASES

from .authentication import SubscriptionKeyAuthentication
from .bodies import ID, Fields
from .errors import face_error, face_exception_handler, kind_error
from .kinds import Kind

#: What programs call recognition models, and the one that Face API takes where none is named.
RECOGNITION_MODELS = tuple(sorted(ALIASES - {""}))
USUAL_RECOGNITION = RECOGNITION_MODELS[0]
#: Entries of a page, unless fewer are asked for.
MOST_LISTED = 1000
LONGEST_START = 64


class AnswersInJson(BaseContentNegotiation):
    """JSON whatever the Accept header says: Face API knew nothing else."""

    def select_parser(self, request: Request, parsers: Any) -> None:
        return None

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class FaceView(TeamView):
    """A view of the dialect: a key lets in, errors have its form, bodies are read by `bodies`.

    `kind` is the collection that the address names, None where it names none.
    """

    schema = None
    authentication_classes = [SubscriptionKeyAuthentication]
    renderer_classes = [JSONRenderer]
    parser_classes = ()
    content_negotiation_class = AnswersInJson
    kind: Kind | None = None

    def get_exception_handler(self) -> Any:
        return face_exception_handler

    @property
    def allowed_methods(self) -> list[str]:
        """The methods that carry something out. DRF adds OPTIONS, which Face API does not answer."""
        return [method for method in super().allowed_methods if method != "OPTIONS"]

    def collection(self, key: str) -> Gallery:
        """The team's collection of this id. Raises FaceError: 400 for what is no id, 404 for none."""
        return collection_of(self.the_kind, key)

    @property
    def the_kind(self) -> Kind:
        """The kind of collection that the address names."""
        if self.kind is None:
            raise LookupError(f"{type(self).__name__} is routed without a kind.")
        return self.kind


class UnknownRoute(APIView):
    """Everything else under the dialect's address, whoever asks."""

    schema = None
    authentication_classes = ()
    permission_classes = [AllowAny]
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AnswersInJson

    def get_exception_handler(self) -> Any:
        return face_exception_handler

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise face_error("route_unknown")


def check_key(kind: Kind, key: str) -> str:
    """An id of a collection as a program may choose it. Raises FaceError."""
    if not ID.fullmatch(key):
        raise face_error("kind_id_invalid", kind=kind.word)
    return key


def collection_of(kind: Kind, key: str, *, status: int = 404) -> Gallery:
    """The team's collection of this id; `status` is the answer where there is none."""
    check_key(kind, key)
    gallery = Gallery.objects.select_related("team__plan").filter(namespace=kind.namespace, key=key).first()
    if gallery is None:
        raise kind_error(kind, "NotFound", status)
    return gallery


def person_of(gallery: Gallery, person_id: UUID) -> Subject:
    """Somebody of a group. Raises FaceError."""
    person = (
        Subject.objects.select_related("gallery__team__plan").filter(pk=person_id, gallery=gallery).first()
    )
    if person is None:
        raise face_error("person_unknown")
    return person


def recognition_named(fields: Fields) -> str:
    """The recognition model a program asks for, by its name there. Raises FaceError."""
    wanted = fields.text("recognitionModel") or USUAL_RECOGNITION
    if wanted.lower() not in RECOGNITION_MODELS:
        raise face_error("recognition_model")
    return wanted.lower()


def top_of(query: Fields) -> int:
    """How many entries of a list are wanted. Raises FaceError."""
    wrong = face_error("top_invalid")
    top = query.integer("top", wrong)
    if top is None:
        return MOST_LISTED
    if not 1 <= top <= MOST_LISTED:
        raise wrong
    return top


def start_of(query: Fields) -> str:
    """The id after which a list begins, '' for its beginning. Raises FaceError."""
    start = query.text("start") or ""
    if len(start) > LONGEST_START:
        raise face_error("start_long")
    return start


def nothing(status: int = 200, **headers: str) -> Response:
    """An answer without a body."""
    return Response(status=status, headers=headers or None)


def shown(**values: Any) -> dict[str, Any]:
    """A body without what is None: what was not set or not asked for is absent."""
    return {name: value for name, value in values.items() if value is not None}
