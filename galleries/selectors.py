"""Reads of galleries and the people in them. All of them run inside a team's scope."""

from uuid import UUID

from django.db.models import Count, Exists, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts.access import current_team
from analysis.models import Face
from analysis.selectors import with_people
from media_jobs import selectors as photos_of_team
from media_jobs.models import Media

from .models import EnrolledFace, FaceLabel, Gallery, Subject


def _count(rows: QuerySet, field: str, what: str = "pk") -> Coalesce:
    """How many different `what` of `rows` point by `field` to the row outside, as a column."""
    counted = rows.filter(**{field: OuterRef("pk")}).order_by().values(field)
    counted = counted.annotate(n=Count(what, distinct=what != "pk")).values("n")
    return Coalesce(Subquery(counted, output_field=IntegerField()), 0)


def galleries() -> QuerySet[Gallery]:
    """The team's galleries, newest first, each with `subject_count` and `face_count` of enrolled faces."""
    return Gallery.objects.annotate(
        subject_count=_count(Subject.objects.all(), "gallery"),
        face_count=_count(EnrolledFace.objects.all(), "gallery"),
    ).order_by("-created_at", "-id")


def subjects(*, gallery: Gallery | None = None) -> QuerySet[Subject]:
    """People of a gallery (of all the team's without one), newest first.

    Each with `face_count` of enrolled faces and `photo_count` of photos they are on; the latter is 0 where
    the team has switched off recognising people.
    """
    rows = Subject.objects.all() if gallery is None else Subject.objects.filter(gallery=gallery)
    labels = FaceLabel.objects.all() if current_team().analyze_identity else FaceLabel.objects.none()
    return rows.annotate(
        face_count=_count(EnrolledFace.objects.all(), "subject"),
        photo_count=_count(labels, "subject", "face__media"),
    ).order_by("-created_at", "-id")


def subject_photos(*, subject_id: UUID) -> QuerySet[Media]:
    """The photos a person is on, newest first, as `media_jobs.selectors.photos` has them.

    `their_faces` of each are the faces that are this person's. None where the team has switched off
    recognising people.
    """
    photos = photos_of_team.photos()
    if not current_team().analyze_identity:
        return photos.none()
    mine = with_people().filter(label__subject=subject_id)
    theirs = Exists(Face.objects.filter(media=OuterRef("pk"), label__subject=subject_id))
    return photos.filter(theirs).prefetch_related(Prefetch("faces", queryset=mine, to_attr="their_faces"))
