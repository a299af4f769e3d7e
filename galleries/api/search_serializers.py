"""Bodies of the questions: who is it, are they one person, who looks like this, who belongs together."""

from typing import Any

from rest_framework import serializers

from analysis.api.serializers import BoxSerializer
from emotionsite.api.examples import example
from galleries.search import GROUPED, MOST_AMONG, MOST_CANDIDATES

from .face_serializers import MeantBoxField

FACE = "3f2b9c1d-5e6f-4a70-8b91-c2d3e4f5a6b7"
OTHER = "77c1e5a9-2d0b-4f6e-9a31-5b8c7d6e4f20"
SUBJECT = "1d9b2f4e-7c55-4a55-9d0c-6f1a2b3c4d5e"
ENROLLED = "9a4e2c1b-0d3f-4b7a-8c5d-1e2f3a4b5c6d"
KEPT = "A face that `POST /api/v1/detect` has kept."
#: Faces of one question.
MOST_PROBES = 100


class WithThreshold(serializers.Serializer[Any]):
    """What every question can say."""

    confidence = serializers.FloatField(
        required=False,
        min_value=0,
        max_value=1,
        help_text="From which confidence two are one person; the gallery's threshold, or 0.5, without it.",
    )


class WithPicture(serializers.Serializer[Any]):
    """A face in a picture at an address, or of those that detection has kept."""

    url = serializers.CharField(
        required=False, max_length=2000, help_text="http or https address of a picture."
    )
    box = MeantBoxField(
        required=False, help_text="Which face of the picture is meant, where there are several."
    )


@example({"temporary_face_ids": [FACE], "count": 3, "confidence": 0.6})
class IdentifySerializer(WithThreshold, WithPicture):
    """Whose faces these are: faces that detection has kept, or all in a picture (with a box one of them)."""

    temporary_face_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=MOST_PROBES, help_text=KEPT
    )
    count = serializers.IntegerField(
        default=10, min_value=1, max_value=MOST_CANDIDATES, help_text="Candidates of each face at most."
    )


class IdentifyFormSerializer(IdentifySerializer):
    """The same with the picture."""

    file = serializers.FileField(help_text="The picture.")


class CandidatePersonSerializer(serializers.Serializer[Any]):
    """A person of the gallery."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(read_only=True)
    external_id = serializers.CharField(read_only=True)


class CandidateSerializer(serializers.Serializer[Any]):
    """Somebody a face may be. `subject` is null in a gallery of faces; `face_id` is the nearest enrolled
    face, null when only the person's faces together were near. `confidence` is calibrated: 0.5 is as likely
    as not.
    """

    subject = CandidatePersonSerializer(allow_null=True)
    face_id = serializers.UUIDField(allow_null=True)
    confidence = serializers.FloatField()


class IdentifiedFaceSerializer(serializers.Serializer[Any]):
    """The candidates for one face, best first; none means that it is unknown here."""

    temporary_face_id = serializers.UUIDField(allow_null=True)
    box = BoxSerializer(allow_null=True)
    candidates = CandidateSerializer(many=True)


@example(
    {
        "threshold": 0.6,
        "faces": [
            {
                "temporary_face_id": FACE,
                "box": None,
                "candidates": [
                    {
                        "subject": {"id": SUBJECT, "name": "Ada Lovelace", "external_id": "17"},
                        "face_id": ENROLLED,
                        "confidence": 0.9731,
                    }
                ],
            }
        ],
    }
)
class IdentifiedSerializer(serializers.Serializer[Any]):
    """Who the faces may be, in the order asked, those of a picture the largest first."""

    threshold = serializers.FloatField(help_text="confidence that candidates needed")
    faces = IdentifiedFaceSerializer(many=True)


@example({"temporary_face_id": FACE, "other_face_id": OTHER})
class VerifySerializer(WithThreshold, WithPicture):
    """A face, and what it is compared with: another one that detection kept, or a person."""

    temporary_face_id = serializers.UUIDField(required=False, help_text=KEPT)
    other_face_id = serializers.UUIDField(required=False, help_text=KEPT)
    subject_id = serializers.UUIDField(required=False, help_text="A person of one of the team's galleries.")


class VerifyFormSerializer(VerifySerializer):
    """The same with the picture."""

    file = serializers.FileField(help_text="The picture.")


@example({"same_person": True, "confidence": 0.9731})
class VerdictSerializer(serializers.Serializer[Any]):
    """Whether they are one person, and how sure that is."""

    same_person = serializers.BooleanField()
    confidence = serializers.FloatField(help_text="0 to 1; 0.5 is as likely as not")


@example({"temporary_face_id": FACE, "among_face_ids": [OTHER], "mode": "match_face"})
class FindSimilarSerializer(WithThreshold, WithPicture):
    """A face, and among which ones to look: those that detection kept, or the enrolled ones of a gallery."""

    temporary_face_id = serializers.UUIDField(required=False, help_text=KEPT)
    among_face_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, min_length=1, max_length=MOST_AMONG, help_text=KEPT
    )
    gallery_id = serializers.UUIDField(required=False, help_text="Look among its enrolled faces.")
    mode = serializers.ChoiceField(
        ("match_person", "match_face"),
        default="match_person",
        help_text="Only faces of the same person by the confidence, or simply the nearest.",
    )
    count = serializers.IntegerField(default=20, min_value=1, max_value=MOST_AMONG)


class FindSimilarFormSerializer(FindSimilarSerializer):
    """The same with the picture."""

    file = serializers.FileField(help_text="The picture.")


class SimilarSerializer(serializers.Serializer[Any]):
    """A face and how sure it is that it is the same person. `subject_id` is whose it is, in a gallery of
    people.
    """

    face_id = serializers.UUIDField()
    subject_id = serializers.UUIDField(allow_null=True)
    confidence = serializers.FloatField()


@example({"faces": [{"face_id": OTHER, "subject_id": None, "confidence": 0.8125}]})
class SimilarFacesSerializer(serializers.Serializer[Any]):
    """Faces that look like the one asked about, the nearest first."""

    faces = SimilarSerializer(many=True)


@example({"temporary_face_ids": [FACE, OTHER, ENROLLED]})
class GroupSerializer(serializers.Serializer[Any]):
    """Faces that detection has kept, 2 to 1000."""

    temporary_face_ids = serializers.ListField(
        child=serializers.UUIDField(), min_length=GROUPED[0], max_length=GROUPED[1], help_text=KEPT
    )

    def validate_temporary_face_ids(self, value: list[Any]) -> list[Any]:
        unique = list(dict.fromkeys(value))
        if len(unique) < GROUPED[0]:
            raise serializers.ValidationError("Send at least two different faces.")
        return unique


@example({"groups": [[FACE, OTHER]], "alone": [ENROLLED]})
class GroupsSerializer(serializers.Serializer[Any]):
    """Faces by person: groups of at least two, the largest first, and those that look like no other."""

    groups = serializers.ListField(child=serializers.ListField(child=serializers.UUIDField()))
    alone = serializers.ListField(child=serializers.UUIDField())
