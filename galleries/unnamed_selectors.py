"""Reads of unnamed people. All of them run inside a team's scope."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, OuterRef, QuerySet, Subquery, Value, When, Window
from django.db.models.functions import Coalesce, RowNumber

from analysis.models import Face

from .models import FaceLabel, UnnamedPerson

#: Faces of an unnamed person that a list shows.
SHOWN = 4
#: Which faces show best who it is: those of the best pictures.
_RANK = Case(
    When(embedding__quality="high", then=Value(0)),
    When(embedding__quality="medium", then=Value(1)),
    When(embedding__quality="low", then=Value(3)),
    default=Value(2),
    output_field=IntegerField(),
)


def unnamed_people() -> QuerySet[UnnamedPerson]:
    """The team's unnamed people, newest first, with `face_count`. Whose photos are all gone is left out."""
    labels = FaceLabel.objects.filter(unnamed=OuterRef("pk")).order_by()
    counted = labels.values("unnamed").annotate(count=Count("pk")).values("count")
    people = UnnamedPerson.objects.annotate(
        face_count=Coalesce(Subquery(counted, output_field=IntegerField()), Value(0))
    )
    return people.filter(face_count__gt=0).order_by("-created_at", "-id")


def unnamed_faces(*, unnamed_id: UUID) -> QuerySet[Face]:
    """The faces of an unnamed person with their photos, newest first."""
    faces = Face.objects.filter(label__unnamed=unnamed_id)
    return faces.select_related("media").order_by("-created_at", "-id")


def shown_faces(people: Sequence[UnnamedPerson]) -> dict[UUID, list[Face]]:
    """For each unnamed person up to `SHOWN` faces that show best who it is, best first, all in one query."""
    place = Window(
        RowNumber(),
        partition_by=F("label__unnamed"),
        order_by=[_RANK.asc(), F("created_at").desc(), F("pk").desc()],
    )
    rows = (
        Face.objects.filter(label__unnamed__in=[person.pk for person in people])
        .annotate(place=place)
        .filter(place__lte=SHOWN)
        .select_related("label", "media")
        .order_by("place", "pk")
    )
    found: dict[UUID | None, list[Face]] = {}
    for face in rows:
        found.setdefault(face.label.unnamed_id, []).append(face)
    return {person.pk: found.get(person.pk, []) for person in people}
