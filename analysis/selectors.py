"""Reads of analysis."""

from collections import Counter
from uuid import UUID

from django.db.models import QuerySet

from .models import Face


def faces() -> QuerySet[Face]:
    """The team's faces, newest first."""
    return Face.objects.order_by("-created_at", "-id")


def faces_of(*, media_id: UUID) -> list[Face]:
    """Faces of a photo by number, in one query."""
    return list(Face.objects.filter(media_id=media_id).order_by("number"))


def emotion_mix(*, faces: list[Face]) -> list[tuple[str, int]]:
    """How many faces show each emotion most strongly, the commonest first; absent ones are left out.

    Empty where the team has switched emotion off.
    """
    return Counter(face.strongest for face in faces if face.strongest).most_common()
