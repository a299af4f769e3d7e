"""The questions: `identify` of a gallery, `verify`, `find-similar`, `group`."""

import time
from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from analysis.face_json import box_as_json
from emotionsite.api.parsers import BoundedJSONParser
from galleries import questions
from galleries.models import Gallery, Subject
from galleries.questions import Asked, Found, Identified
from galleries.refusals import refuse
from galleries.search import Candidate

from .faces import PICTURE_PROBLEMS, picture_of
from .search_serializers import (
    FindSimilarFormSerializer,
    FindSimilarSerializer,
    GroupSerializer,
    GroupsSerializer,
    IdentifiedSerializer,
    IdentifyFormSerializer,
    IdentifySerializer,
    SimilarFacesSerializer,
    VerdictSerializer,
    VerifyFormSerializer,
    VerifySerializer,
)

FACE_PROBLEMS = ("temporary_face_unknown", "temporary_face_expired", "models_differ", "model_unknown")
PROBE_PROBLEMS = (
    *PICTURE_PROBLEMS,
    *FACE_PROBLEMS,
    *("face_source_missing", "probe_missing", "face_not_found", "box_without_face", "model_replaced"),
)
STATE_PROBLEMS = ("gallery_not_trained", "gallery_training")


class QuestionView(TeamAPIView):
    """What the questions share. An answer that is kept for a repetition would be something stored."""

    keeps_answers = False
    parser_classes: tuple[type[BaseParser], ...] = (BoundedJSONParser, MultiPartParser)

    def asked(self, request: Request, wishes: Mapping[str, Any], *, ids: str = "temporary_face_id") -> Asked:
        """The face or the picture that the question is about. Raises Refusal `probe_missing`."""
        begun = time.monotonic()
        given = [wishes.get(ids), wishes.get("url"), request.FILES.get("file")]
        if sum(one is not None for one in given) != 1:
            raise refuse("probe_missing")
        content = picture_of(request, wishes.get("url")) if wishes.get(ids) is None else None
        kept = wishes.get(ids) if ids == "temporary_face_id" else None
        return Asked(self.access.team, kept, content, wishes.get("box"), begun)


class IdentifyView(QuestionView):
    problems: ClassVar = {"POST": (*PROBE_PROBLEMS, *STATE_PROBLEMS)}

    @extend_schema(
        summary="Ask a gallery who faces are",
        operation_id="gallery_identify",
        request={"multipart/form-data": IdentifyFormSerializer, "application/json": IdentifySerializer},
        responses=IdentifiedSerializer,
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """Answers from the gallery's last training, for each face with the people it may be, best first;
        nobody means unknown. Ask with faces that detection kept, or with a picture, which counts as one
        analysed picture and is not stored: all its faces are looked up.
        """
        gallery = get_object_or_404(Gallery.objects.select_related("team__plan"), pk=gallery_id)
        wanted = IdentifySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        wishes = wanted.validated_data
        asked = self.asked(request, wishes, ids="temporary_face_ids")
        count, confidence = wishes["count"], wishes.get("confidence")
        if asked.content is None:
            answer = questions.faces_identify(
                gallery=gallery, face_ids=wishes["temporary_face_ids"], count=count, confidence=confidence
            )
        else:
            answer = questions.picture_identify(
                gallery=gallery, asked=asked, count=count, confidence=confidence
            )
        return Response(_identified(answer))


def _identified(answer: Identified) -> dict[str, Any]:
    return {"threshold": answer.threshold, "faces": [_found(face, answer.people) for face in answer.found]}


def _found(face: Found, people: Mapping[UUID, Subject]) -> dict[str, Any]:
    shown = [_candidate(one, people) for one in face.candidates]
    return {
        "temporary_face_id": face.temporary_face_id,
        "box": box_as_json(*face.box) if face.box is not None else None,
        # Whoever was erased since the search is nobody any more.
        "candidates": [one for one in shown if one is not None],
    }


def _candidate(one: Candidate, people: Mapping[UUID, Subject]) -> dict[str, Any] | None:
    subject = None
    if one.subject_id is not None:
        person = people.get(one.subject_id)
        if person is None:
            return None
        subject = {"id": person.pk, "name": person.name, "external_id": person.external_id}
    return {"subject": subject, "face_id": one.face_id, "confidence": round(one.confidence, 4)}


class VerifyView(QuestionView):
    problems: ClassVar = {
        "POST": (
            *PROBE_PROBLEMS,
            *(
                "several_faces",
                "compared_missing",
                "subject_unknown",
                "subject_without_faces",
                "consent_ended",
            ),
        )
    }

    @extend_schema(
        summary="Ask whether two faces are one person",
        operation_id="gallery_verify",
        request={"multipart/form-data": VerifyFormSerializer, "application/json": VerifySerializer},
        responses=VerdictSerializer,
    )
    def post(self, request: Request) -> Response:
        """Compares a face with another one, or with a person: with the nearest of all their enrolled faces,
        or with these together. Needs no training. A picture counts as one analysed picture and is not stored.
        """
        wanted = VerifySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        wishes = wanted.validated_data
        other, person = wishes.get("other_face_id"), wishes.get("subject_id")
        if (other is None) == (person is None):
            raise refuse("compared_missing")
        asked, confidence = self.asked(request, wishes), wishes.get("confidence")
        if other is not None:
            verdict = questions.faces_verify(asked=asked, other=other, confidence=confidence)
        else:
            subject = Subject.objects.select_related("gallery").filter(pk=person).first()
            if subject is None:
                raise refuse("subject_unknown")
            verdict = questions.subject_verify(asked=asked, subject=subject, confidence=confidence)
        return Response({"same_person": verdict.same_person, "confidence": round(verdict.confidence, 4)})


class FindSimilarView(QuestionView):
    problems: ClassVar = {
        "POST": (*PROBE_PROBLEMS, *STATE_PROBLEMS, "several_faces", "compared_missing", "gallery_unknown")
    }

    @extend_schema(
        summary="Find faces that look like one",
        operation_id="gallery_find_similar",
        request={
            "multipart/form-data": FindSimilarFormSerializer,
            "application/json": FindSimilarSerializer,
        },
        responses=SimilarFacesSerializer,
    )
    def post(self, request: Request) -> Response:
        """Among faces that detection kept, or among those of a gallery as of its last training: the nearest
        first, with `match_person` only those of the same person. A picture counts as one analysed picture.
        """
        wanted = FindSimilarSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        wishes = wanted.validated_data
        ids, gallery_id = wishes.get("among_face_ids"), wishes.get("gallery_id")
        if (ids is None) == (gallery_id is None):
            raise refuse("compared_missing")
        among = ids if ids is not None else self._gallery(gallery_id)
        found = questions.similar_find(
            asked=self.asked(request, wishes),
            among=among,
            mode=wishes["mode"],
            count=wishes["count"],
            confidence=wishes.get("confidence"),
        )
        faces = [
            {
                "face_id": one.face_id,
                "subject_id": one.subject_id,
                "confidence": round(one.confidence, 4),
            }
            for one in found
        ]
        return Response({"faces": faces})

    def _gallery(self, gallery_id: UUID | None) -> Gallery:
        gallery = Gallery.objects.filter(pk=gallery_id).first() if gallery_id is not None else None
        if gallery is None:
            raise refuse("gallery_unknown")
        return gallery


class GroupView(QuestionView):
    parser_classes = (BoundedJSONParser,)
    problems: ClassVar = {"POST": FACE_PROBLEMS}

    @extend_schema(
        summary="Sort faces by person",
        operation_id="gallery_group",
        request=GroupSerializer,
        responses=GroupsSerializer,
    )
    def post(self, request: Request) -> Response:
        """Faces that detection kept, by how they look, without any gallery. The same faces give the same
        groups in any order.
        """
        wanted = GroupSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        found = questions.faces_group(face_ids=wanted.validated_data["temporary_face_ids"])
        return Response({"groups": found.groups, "alone": found.alone})
