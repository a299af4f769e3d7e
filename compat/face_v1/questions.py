"""Find Similar, Group, Identify and Verify."""

import math
from typing import Any, ClassVar
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from emotionsite.problems import Refusal
from galleries import search
from galleries.models import EnrolledFace, Gallery, TemporaryFace
from galleries.search import Mode
from galleries.temporary import temporary_faces_get

from .bodies import ID, Fields, read_json, uuid_of, uuids_of
from .errors import FaceError, face_error
from .kinds import FACE_LIST, LARGE_FACE_LIST, LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from .training import check_trained
from .views import FaceView, collection_of, person_of, shown

MODES: dict[str, Mode] = {"matchperson": "match_person", "matchface": "match_face"}
MOST_SIMILAR, USUAL_SIMILAR = 1000, 20
MOST_AMONG = 1000
MOST_PROBES = 10
MOST_CANDIDATES, USUAL_CANDIDATES = 100, 10
GROUPED = (2, 1000)
DIGITS = 5


def _kept(ids: list[UUID], unknown: FaceError) -> list[TemporaryFace]:
    """The faces that detection kept under these ids. Raises `unknown`."""
    try:
        return temporary_faces_get(ids)
    except Refusal as refusal:
        if refusal.code in ("temporary_face_unknown", "temporary_face_expired"):
            raise unknown from refusal
        raise


def _check_models(*compared: TemporaryFace | Gallery) -> None:
    """Only what one model made is compared, and only where it was asked for by one name. Raises FaceError."""
    if len({(one.model_alias, one.model_sha256) for one in compared}) > 1:
        raise face_error("models_differ")


def confidence_shown(confidence: float) -> float:
    """A confidence as it is answered: cut off, so that what is just below a threshold does not look like it.

    What is nearer to the next figure than arithmetic can tell is that figure.
    """
    return math.floor(confidence * 10**DIGITS + 1e-6) / 10**DIGITS


class _QuestionView(FaceView):
    """The collection a question is about stands in its body, so its refusals are translated with that kind.

    `broken`, `face_wrong`, `kind_wrong` are the errors for a body that is no JSON and for wrong ids of faces
    and collections.
    """

    broken: ClassVar = "question_broken"
    face_wrong: ClassVar = "face_id_invalid"
    kind_wrong: ClassVar = "kind_id_invalid"

    def body(self, request: Request) -> Fields:
        return read_json(request, self.broken)

    def asked_about(self, kind: Kind, key: Any, *, status: int = 400) -> Gallery:
        """The collection of this id; `status` is the answer where there is none. Raises FaceError."""
        self.kind = kind
        if not isinstance(key, str) or not ID.fullmatch(key):
            raise face_error(self.kind_wrong, kind=kind.word)
        return collection_of(kind, key, status=status)

    def face_id(self, body: Fields, name: str) -> UUID:
        """The id of a face. Raises FaceError."""
        return _id_of(body, name, face_error(self.face_wrong))

    def face_ids(self, body: Fields, least: int, most: int) -> list[UUID]:
        """'faceIds', as many as may be. Raises FaceError."""
        values = body.get("faceIds")
        if isinstance(values, list) and not least <= len(values) <= most:
            raise face_error("face_ids_length", least=least, most=most)
        return uuids_of(values, face_error(self.face_wrong))


class FindSimilarView(_QuestionView):
    def post(self, request: Request) -> Response:
        """Faces that look like one face: among those of a list, or among detected ones."""
        body = self.body(request)
        among = [name for name in ("faceListId", "largeFaceListId", "faceIds") if name in body]
        if not among:
            raise face_error("similar_all_null")
        if len(among) > 1:
            raise face_error("similar_two_given")
        (name,) = among
        if not isinstance(body.get(name), list if name == "faceIds" else str):
            raise face_error("similar_none_valid")
        count = _count_of(body, MOST_SIMILAR, USUAL_SIMILAR)
        mode = _mode_of(body)
        face_id = self.face_id(body, "faceId")
        if name == "faceIds":
            return Response(self._among_faces(body, face_id, mode, count))
        kind = FACE_LIST if name == "faceListId" else LARGE_FACE_LIST
        gallery = self.asked_about(kind, body.get(name))
        return Response(self._among_listed(kind, gallery, face_id, mode, count))

    def _among_faces(self, body: Fields, face_id: UUID, mode: Mode, count: int) -> list[dict[str, Any]]:
        ids = self.face_ids(body, 1, MOST_AMONG)
        (asked,) = _kept([face_id], face_error("query_face_unknown"))
        faces = _kept(list(dict.fromkeys(ids)), face_error("face_unknown"))
        _check_models(asked, *faces)
        found = search.similar_kept(search.probe_of(asked), faces, mode=mode, count=count)
        return [{"faceId": str(one.face_id), "confidence": confidence_shown(one.confidence)} for one in found]

    def _among_listed(
        self, kind: Kind, gallery: Gallery, face_id: UUID, mode: Mode, count: int
    ) -> list[dict[str, Any]]:
        (asked,) = _kept([face_id], face_error("query_face_unknown"))
        _check_models(asked, gallery)
        if kind.trained:
            check_trained(kind, gallery)
        probe = search.probe_of(asked)
        found = search.find_similar(probe, gallery, mode=mode, count=count, trained=kind.trained)
        if not found and not kind.trained and not EnrolledFace.objects.filter(gallery=gallery).exists():
            raise face_error("list_empty")
        return [
            {"persistedFaceId": str(one.face_id), "confidence": confidence_shown(one.confidence)}
            for one in found
        ]


class GroupView(_QuestionView):
    def post(self, request: Request) -> Response:
        """Detected faces by person. An id that is given twice is one face."""
        ids = self.face_ids(self.body(request), *GROUPED)
        faces = _kept(list(dict.fromkeys(ids)), face_error("current_face_unknown"))
        _check_models(*faces)
        found = search.group_kept(faces)
        groups = [[str(pk) for pk in some] for some in found.groups]
        return Response(shown(groups=groups, messyGroup=[str(pk) for pk in found.alone] or None))


class IdentifyView(_QuestionView):
    def post(self, request: Request) -> Response:
        """For each face the persons of a trained group that it may be."""
        body = self.body(request)
        given = _groups_given(body)
        if not given:
            raise face_error("groups_both_null")
        if len(given) > 1:
            raise face_error("groups_both_given")
        ids = self.face_ids(body, 1, MOST_PROBES)
        count = _count_of(body, MOST_CANDIDATES, USUAL_CANDIDATES)
        confidence = _confidence_of(body)
        ((kind, key),) = given
        gallery = self.asked_about(kind, key)
        faces = _kept(ids, face_error("face_unknown"))
        _check_models(gallery, *faces)
        check_trained(kind, gallery)
        answers = search.identify(
            gallery=gallery,
            probes=[face.embedding for face in faces],
            model_sha256=gallery.model_sha256,
            count=count,
            confidence=confidence,
        )
        return Response(
            [
                {"faceId": str(face_id), "candidates": _candidates(some, confidence)}
                for face_id, some in zip(ids, answers, strict=True)
            ]
        )


def _candidates(found: list[search.Candidate], confidence: float | None) -> list[dict[str, Any]]:
    """Persons as a program sees them: none whose confidence is below what it asked for, as it is answered."""
    sure = [(one.subject_id, confidence_shown(one.confidence)) for one in found]
    return [
        {"personId": str(person_id), "confidence": shown_as}
        for person_id, shown_as in sure
        if confidence is None or shown_as >= confidence
    ]


class VerifyView(_QuestionView):
    broken = "verify_broken"
    face_wrong = "verify_face_id_invalid"
    kind_wrong = "verify_kind_id_invalid"

    def post(self, request: Request) -> Response:
        """Whether two faces are one person, or a face is a person of a group."""
        body = self.body(request)
        of_faces = "faceId1" in body or "faceId2" in body
        verdict = self._faces(body) if of_faces else self._person(body)
        return Response(
            {"isIdentical": verdict.same_person, "confidence": confidence_shown(verdict.confidence)}
        )

    def _faces(self, body: Fields) -> search.Verdict:
        ids = [self.face_id(body, name) for name in ("faceId1", "faceId2")]
        one, other = _kept(ids, face_error("face_unknown_404"))
        _check_models(one, other)
        return search.verify_faces(search.probe_of(one), search.probe_of(other))

    def _person(self, body: Fields) -> search.Verdict:
        if "faceId" not in body:
            raise face_error("body_invalid", why="Give faceId1 and faceId2, or faceId and personId.")
        face_id = self.face_id(body, "faceId")
        given = _groups_given(body)
        if len(given) != 1:
            raise face_error("body_invalid", why="Give one of personGroupId and largePersonGroupId.")
        person_id = _id_of(body, "personId", face_error("person_id_invalid"))
        ((kind, key),) = given
        gallery = self.asked_about(kind, key, status=404)
        person = person_of(gallery, person_id)
        (face,) = _kept([face_id], face_error("face_unknown_404"))
        _check_models(face, gallery)
        search.consent_check(person)
        return search.verify_subject(search.probe_of(face), person)


def _groups_given(body: Fields) -> list[tuple[Kind, Any]]:
    """The groups that a body names: their kind, and what it has for their id."""
    kinds = (PERSON_GROUP, LARGE_PERSON_GROUP)
    return [(kind, body.get(kind.field)) for kind in kinds if kind.field in body]


def _id_of(body: Fields, name: str, wrong: FaceError) -> UUID:
    """An id that has to be there. Raises FaceError, `wrong` for what cannot be one."""
    if name not in body:
        raise face_error("body_invalid", why=f"'{name}' is missing.")
    return uuid_of(body.get(name), wrong)


def _mode_of(body: Fields) -> Mode:
    """'mode' in any letter case. Raises FaceError."""
    given = body.get("mode")
    mode = MODES.get("matchperson" if given is None else str(given).lower())
    if mode is None:
        raise face_error("mode_invalid")
    return mode


def _count_of(body: Fields, most: int, usual: int) -> int:
    """'maxNumOfCandidatesReturned'. Raises FaceError."""
    wrong = face_error("count_invalid", most=most)
    count = body.integer("maxNumOfCandidatesReturned", wrong)
    if count is None:
        return usual
    if not 1 <= count <= most:
        raise wrong
    return count


def _confidence_of(body: Fields) -> float | None:
    """'confidenceThreshold', None for the usual one. Raises FaceError."""
    wrong = face_error("confidence_invalid")
    confidence = body.number("confidenceThreshold", wrong)
    if confidence is not None and not 0 <= confidence <= 1:
        raise wrong
    return confidence
