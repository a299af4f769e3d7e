"""Find Similar, Group, Identify and Verify."""

from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from emotionsite.problems import Refusal
from galleries import search
from galleries.models import EnrolledFace, Gallery
from galleries.search import Mode, Probe

from .bodies import Fields, read_json, uuid_of, uuids_of
from .errors import FaceError, face_error
from .kinds import FACE_LIST, LARGE_FACE_LIST, LARGE_PERSON_GROUP, PERSON_GROUP, Kind
from .training import check_trained
from .views import FaceView, collection_of, person_of

MODES: dict[str, Mode] = {"matchperson": "match_person", "matchface": "match_face"}
MOST_SIMILAR, USUAL_SIMILAR = 1000, 20
MOST_AMONG = 1000
MOST_PROBES = 10
MOST_CANDIDATES, USUAL_CANDIDATES = 100, 10
GROUPED = (2, 1000)
DIGITS = 5


def _vectors(ids: list[UUID], unknown: FaceError) -> list[Probe]:
    """The faces that detection kept under these ids. Raises `unknown`."""
    try:
        return search.vectors_of(ids)
    except Refusal as refusal:
        if refusal.code in ("temporary_face_unknown", "temporary_face_expired"):
            raise unknown from refusal
        raise


def _check_models(probes: list[Probe], gallery: Gallery | None = None) -> None:
    """Faces are compared only where all were asked for by the same name of a model. Raises FaceError."""
    names = {probe.model_alias for probe in probes} | ({gallery.model_alias} if gallery else set())
    if len(names) > 1:
        raise face_error("models_differ")


def _sure(confidence: float) -> float:
    return round(confidence, DIGITS)


class _QuestionView(FaceView):
    """The collection a question is about stands in its body, so its refusals are translated with that kind."""

    def asked_about(self, kind: Kind, key: Any, *, status: int = 400) -> Gallery:
        self.kind = kind
        if not isinstance(key, str):
            raise face_error("kind_id_invalid", kind=kind.word)
        return collection_of(kind, key, status=status)


class FindSimilarView(_QuestionView):
    def post(self, request: Request) -> Response:
        body = read_json(request)
        among = [name for name in ("faceListId", "largeFaceListId", "faceIds") if name in body]
        if not among:
            raise face_error("similar_all_null")
        if len(among) > 1:
            raise face_error("similar_two_given")
        count = _count_of(body, MOST_SIMILAR, USUAL_SIMILAR)
        mode = MODES.get((body.text("mode") or "matchPerson").lower())
        if mode is None:
            raise face_error("mode_invalid")
        face_id = uuid_of(body.get("faceId"), face_error("face_id_invalid"))
        (name,) = among
        if name == "faceIds":
            return Response(self._among_faces(body, face_id, mode, count))
        kind = FACE_LIST if name == "faceListId" else LARGE_FACE_LIST
        gallery = self.asked_about(kind, body.get(name))
        return Response(self._among_listed(kind, gallery, face_id, mode, count))

    def _among_faces(self, body: Fields, face_id: UUID, mode: Mode, count: int) -> list[dict[str, Any]]:
        ids = _face_ids(body, 1, MOST_AMONG)
        (probe,) = _vectors([face_id], face_error("query_face_unknown"))
        candidates = _vectors(list(dict.fromkeys(ids)), face_error("face_unknown"))
        _check_models([probe, *candidates])
        found = search.find_similar(probe, ids, mode=mode, count=count)
        return [{"faceId": str(one.face_id), "confidence": _sure(one.confidence)} for one in found]

    def _among_listed(
        self, kind: Kind, gallery: Gallery, face_id: UUID, mode: Mode, count: int
    ) -> list[dict[str, Any]]:
        (probe,) = _vectors([face_id], face_error("query_face_unknown"))
        _check_models([probe], gallery)
        if kind.trained:
            check_trained(kind, gallery)
        elif not EnrolledFace.objects.filter(gallery=gallery).exists():
            raise face_error("list_empty")
        found = search.find_similar(probe, gallery, mode=mode, count=count, trained=kind.trained)
        return [{"persistedFaceId": str(one.face_id), "confidence": _sure(one.confidence)} for one in found]


class GroupView(_QuestionView):
    def post(self, request: Request) -> Response:
        ids = _face_ids(read_json(request), *GROUPED)
        distinct = list(dict.fromkeys(ids))
        _check_models(_vectors(distinct, face_error("current_face_unknown")))
        found = search.group_faces(distinct)
        answer = {"groups": [[str(pk) for pk in some] for some in found.groups]}
        if found.alone:
            answer["messyGroup"] = [str(pk) for pk in found.alone]  # type: ignore[assignment]
        return Response(answer)


class IdentifyView(_QuestionView):
    def post(self, request: Request) -> Response:
        body = read_json(request)
        given = [name for name in ("personGroupId", "largePersonGroupId") if name in body]
        if not given:
            raise face_error("groups_both_null")
        if len(given) > 1:
            raise face_error("groups_both_given")
        ids = _face_ids(body, 1, MOST_PROBES)
        count = _count_of(body, MOST_CANDIDATES, USUAL_CANDIDATES)
        confidence = _confidence_of(body)
        kind = PERSON_GROUP if given[0] == "personGroupId" else LARGE_PERSON_GROUP
        gallery = self.asked_about(kind, body.get(given[0]))
        probes = _vectors(ids, face_error("face_unknown"))
        _check_models(probes, gallery)
        check_trained(kind, gallery)
        answers = search.identify(
            gallery=gallery,
            probes=[probe.embedding for probe in probes],
            model_sha256=probes[0].model_sha256,
            count=count,
            confidence=confidence,
        )
        return Response(
            [
                {
                    "faceId": str(face_id),
                    "candidates": [
                        {"personId": str(one.subject_id), "confidence": _sure(one.confidence)} for one in some
                    ],
                }
                for face_id, some in zip(ids, answers, strict=True)
            ]
        )


class VerifyView(_QuestionView):
    def post(self, request: Request) -> Response:
        """Two faces, or a face and a person of a group."""
        body = read_json(request)
        if "faceId1" in body or "faceId2" in body:
            verdict = self._faces(body)
        else:
            verdict = self._person(body)
        return Response({"isIdentical": verdict.same_person, "confidence": _sure(verdict.confidence)})

    def _faces(self, body: Fields) -> search.Verdict:
        wrong = face_error("face_id_invalid")
        ids = [uuid_of(body.get(name), wrong) for name in ("faceId1", "faceId2")]
        one, other = _vectors(ids, face_error("face_unknown_404"))
        _check_models([one, other])
        return search.verify_faces(one, other)

    def _person(self, body: Fields) -> search.Verdict:
        if "faceId" not in body:
            raise face_error("body_invalid", why="Give faceId1 and faceId2, or faceId and personId.")
        face_id = uuid_of(body.get("faceId"), face_error("face_id_invalid"))
        given = [name for name in ("personGroupId", "largePersonGroupId") if name in body]
        if len(given) != 1:
            raise face_error("body_invalid", why="Give one of personGroupId and largePersonGroupId.")
        kind = PERSON_GROUP if given[0] == "personGroupId" else LARGE_PERSON_GROUP
        person_id = uuid_of(body.get("personId"), face_error("person_id_invalid"))
        gallery = self.asked_about(kind, body.get(given[0]), status=404)
        person = person_of(gallery, person_id)
        (probe,) = _vectors([face_id], face_error("face_unknown_404"))
        _check_models([probe], gallery)
        search.verifiable_check(person)
        return search.verify_subject(probe, person)


def _face_ids(body: Fields, least: int, most: int) -> list[UUID]:
    """'faceIds', as many as may be. Raises FaceError."""
    values = body.get("faceIds")
    if isinstance(values, list) and not least <= len(values) <= most:
        raise face_error("face_ids_length", least=least, most=most)
    return uuids_of(values, face_error("face_id_invalid"))


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
