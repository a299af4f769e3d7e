"""Reads of analysis."""

from collections import Counter
from uuid import UUID

from django.db.models import QuerySet

from .models import Face


def with_people() -> QuerySet[Face]:
    """The team's faces by number, each with who it is (`Face.person`) in the same query."""
    return Face.objects.select_related("label__subject").order_by("number")


def faces() -> QuerySet[Face]:
    """The team's faces, newest first, with who they are."""
    return with_people().order_by("-created_at", "-id")


def faces_of(*, media_id: UUID) -> list[Face]:
    """Faces of a photo by number with who they are, in one query."""
    return list(with_people().filter(media_id=media_id))


def emotion_mix(*, faces: list[Face]) -> list[tuple[str, int]]:
    """How many faces show each emotion most strongly, the commonest first; absent ones are left out.

    Empty where the team has switched emotion off.
    """
    return Counter(face.strongest for face in faces if face.strongest).most_common()
