"""Corrections of people in galleries: merge, split, move, give a face to somebody else."""

from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.api import TeamAPIView
from emotionsite.api.examples import example
from galleries import corrections
from galleries.models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject
from galleries.refusals import refuse

from .galleries import GALLERY, gallery_or_404
from .subjects import SUBJECT, SubjectSerializer, subject_or_404

MOST_MERGED = 100
MOST_MOVED = 1000
MOST_LABELS = 1000
OTHER = "7c1f0a9d-6f0b-4a55-8f0e-2b3c4d5e6f70"
FACE = "9a4e2c1b-0d3f-4b7a-8c5d-1e2f3a4b5c6d"


def _ids(most: int, **options: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.UUIDField(), max_length=most, **options)


@example({"into": SUBJECT["id"], "others": [OTHER]})
class MergeSerializer(serializers.Serializer[Any]):
    """`into` stays and has everything; the others are gone afterwards."""

    into = serializers.UUIDField()
    others = _ids(MOST_MERGED, min_length=1)


@example({"face_ids": [FACE], "name": "Byron"})
class SplitSerializer(serializers.Serializer[Any]):
    """What goes out of a person, and to whom: either `into` or a new person called `name`."""

    face_ids = _ids(MAX_FACES_PER_SUBJECT, required=False, help_text="enrolled faces of the person")
    photo_face_ids = _ids(MOST_LABELS, required=False, help_text="faces of photos labelled as the person")
    name = serializers.CharField(max_length=128, required=False)
    into = serializers.UUIDField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("name" in attrs) == ("into" in attrs):
            sentence = "Send either 'name' or 'into'."
            raise serializers.ValidationError({"name": [sentence], "into": [sentence]})
        return attrs


@example({"subject_ids": [SUBJECT["id"]], "gallery_id": OTHER})
class MoveSerializer(serializers.Serializer[Any]):
    """Who goes to which other gallery."""

    subject_ids = _ids(MOST_MOVED, min_length=1)
    gallery_id = serializers.UUIDField()


@example({"moved": 1})
class MovedSerializer(serializers.Serializer[Any]):
    """How many people have moved; who was there already is not counted."""

    moved = serializers.IntegerField(read_only=True, min_value=0)


@example({"subject_id": SUBJECT["id"]})
class FaceMoveSerializer(serializers.Serializer[Any]):
    """Whose face it is; null for nobody's."""

    subject_id = serializers.UUIDField(allow_null=True)


@example({"id": FACE, "gallery_id": GALLERY["id"], "subject_id": SUBJECT["id"], "by_hand": True})
class MovedFaceSerializer(serializers.Serializer[Any]):
    """An enrolled face and whose it is now."""

    id = serializers.UUIDField(read_only=True)
    gallery_id = serializers.UUIDField(read_only=True)
    subject_id = serializers.UUIDField(read_only=True, allow_null=True)
    by_hand = serializers.BooleanField(read_only=True)


def people_of(gallery_id: UUID | None, ids: Sequence[UUID]) -> list[Subject]:
    """These people of a gallery (of any of the team's without one). Raises Refusal `subject_unknown`."""
    rows = Subject.objects.filter(pk__in=ids)
    people = list(rows if gallery_id is None else rows.filter(gallery_id=gallery_id))
    if len(people) < len(set(ids)):
        raise refuse("subject_unknown")
    return people


class SubjectsMergeView(TeamAPIView):
    problems: ClassVar = {"POST": ("merge_of_one", "subject_unknown", "subject_full", "gallery_unknown")}

    @extend_schema(summary="Merge people", request=MergeSerializer, responses=SubjectSerializer)
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """Faces, labels in photos and rejections move to `into`. A face that two of them have from the same
        place of the same picture stays once. Train the gallery afterwards."""
        gallery = gallery_or_404(gallery_id)
        wanted = MergeSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        into, others = wanted.validated_data["into"], wanted.validated_data["others"]
        people = {one.pk: one for one in people_of(gallery.pk, [into, *others])}
        corrections.subjects_merge(
            gallery=gallery,
            into=people[into],
            others=[people[pk] for pk in others],
            user=self.access.user,
        )
        return Response(SubjectSerializer(subject_or_404(gallery_id, into)).data)


class SubjectSplitView(TeamAPIView):
    problems: ClassVar = {
        "POST": (
            *("faces_not_of_subject", "merge_of_one", "subject_unknown", "subject_full"),
            "gallery_unknown",
        )
    }

    @extend_schema(summary="Split a person", request=SplitSerializer, responses=SubjectSerializer)
    def post(self, request: Request, gallery_id: UUID, subject_id: UUID) -> Response:
        """Faces that are somebody else's go to a new person or to another one; the answer is who has them
        now. Faces of photos carry that name for good, whatever the machine finds."""
        subject = subject_or_404(gallery_id, subject_id)
        wanted = SplitSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        body = dict(wanted.validated_data)
        if "into" in body:
            body["into"] = people_of(gallery_id, [body["into"]])[0]
        target = corrections.subject_split(subject=subject, user=self.access.user, **body)
        return Response(SubjectSerializer(subject_or_404(gallery_id, target.pk)).data)


class SubjectsMoveView(TeamAPIView):
    problems: ClassVar = {
        "POST": (
            *("gallery_unknown", "gallery_holds_faces", "gallery_model_differs"),
            *("subject_unknown", "subject_id_taken"),
        )
    }

    @extend_schema(
        summary="Move people to another gallery", request=MoveSerializer, responses=MovedSerializer
    )
    def post(self, request: Request, gallery_id: UUID) -> Response:
        """To a gallery of the same recognition model. Train both afterwards."""
        gallery_or_404(gallery_id)
        wanted = MoveSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        target = Gallery.objects.filter(pk=wanted.validated_data["gallery_id"]).first()
        if target is None:
            raise refuse("gallery_unknown")
        people = people_of(gallery_id, wanted.validated_data["subject_ids"])
        moved = corrections.subjects_move(subjects=people, gallery=target, user=self.access.user)
        return Response(MovedSerializer({"moved": moved}).data)


class FaceMoveView(TeamAPIView):
    problems: ClassVar = {
        "POST": (
            *("gallery_unknown", "gallery_holds_faces", "face_unknown"),
            *("subject_unknown", "subject_full"),
        )
    }

    @extend_schema(
        summary="Give an enrolled face to somebody else",
        request=FaceMoveSerializer,
        responses=MovedFaceSerializer,
    )
    def post(self, request: Request, gallery_id: UUID, face_id: UUID) -> Response:
        """To another person of the gallery, or to nobody: then nobody is recognised by it."""
        rows = EnrolledFace.objects.filter(gallery_id=gallery_id).defer("embedding", "next_embedding")
        face = get_object_or_404(rows, pk=face_id)
        wanted = FaceMoveSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        to = wanted.validated_data["subject_id"]
        subject = people_of(gallery_id, [to])[0] if to else None
        moved = corrections.face_move(face=face, subject=subject, user=self.access.user)
        return Response(MovedFaceSerializer(moved).data)
