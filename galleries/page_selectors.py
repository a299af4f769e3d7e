"""Reads of the pages of galleries. All of them run inside a team's scope."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from analysis.models import Face

from .models import EnrolledFace, Gallery, GalleryJob, Subject, TrainedState
from .unnamed_pool import free_faces

#: Filters of the people of a gallery -> what they are called.
PEOPLE_FILTERS = {
    "": "Everybody",
    "no_faces": "Without a face",
    "poor": "Only poor faces",
    "consent_ended": "Consent ended",
}
#: The best face first: the one that shows best who it is.
_BEST_FIRST = Case(
    When(quality="high", then=Value(0)),
    When(quality="medium", then=Value(1)),
    When(quality="low", then=Value(3)),
    default=Value(2),
    output_field=IntegerField(),
)


def _count(rows: QuerySet, field: str) -> Coalesce:
    """How many of `rows` name the row outside in `field`, as a column."""
    counted = rows.filter(**{field: OuterRef("pk")}).order_by().values(field).annotate(n=Count("pk"))
    return Coalesce(Subquery(counted.values("n"), output_field=IntegerField()), 0)


def galleries() -> QuerySet[Gallery]:
    """The team's galleries by name, each with its figures and the state of its training.

    Annotations: `people` and `face_count`; `trained_at`, `trained_by` (digest of the model) and `seen_change`
    of the state that answers searches, None before the first; `work_status`, `work_done`, `work_total` and
    `work_error` of its newest training.
    """
    state = TrainedState.objects.filter(gallery=OuterRef("pk"), is_current=True)
    work = GalleryJob.objects.filter(gallery=OuterRef("pk"), kind=GalleryJob.Kind.TRAIN)
    newest = work.exclude(status=GalleryJob.Status.CANCELLED).order_by("-created_at", "-id")
    return Gallery.objects.annotate(
        people=_count(Subject.objects.all(), "gallery"),
        face_count=_count(EnrolledFace.objects.all(), "gallery"),
        trained_at=Subquery(state.values("created_at")[:1]),
        trained_by=Subquery(state.values("model_sha256")[:1]),
        seen_change=Subquery(state.values("seen_change")[:1]),
        work_status=Subquery(newest.values("status")[:1]),
        work_done=Subquery(newest.values("done")[:1]),
        work_total=Subquery(newest.values("total")[:1]),
        work_error=Subquery(newest.values("error_message")[:1]),
    ).order_by("name", "id")


def covered(people: QuerySet[Subject]) -> QuerySet[Subject]:
    """People with `face_count` and `cover`, the id of the face that shows best who it is (None without)."""
    faces = EnrolledFace.objects.filter(subject=OuterRef("pk")).order_by(_BEST_FIRST, "created_at", "id")
    shown = faces.filter(~Q(crop="") | Q(source__isnull=False))
    return people.annotate(
        face_count=_count(EnrolledFace.objects.all(), "subject"), cover=Subquery(shown.values("pk")[:1])
    )


def people_of(*, gallery: Gallery, search: str = "", only: str = "") -> QuerySet[Subject]:
    """The people of a gallery by name, as `covered` has them.

    search: part of a name or of an own id. only: of `PEOPLE_FILTERS`.
    """
    found = Subject.objects.filter(gallery=gallery)
    if search:
        found = found.filter(Q(name__icontains=search) | Q(external_id__icontains=search))
    faces = EnrolledFace.objects.filter(subject=OuterRef("pk"))
    if only == "no_faces":
        found = found.exclude(Exists(faces))
    elif only == "poor":
        found = found.filter(Exists(faces)).exclude(Exists(faces.exclude(quality="low")))
    elif only == "consent_ended":
        found = found.filter(consent_until__lte=timezone.now())
    return covered(found).order_by("name", "id")


def people_like(*, text: str, gallery_id: UUID | None = None, count: int = 10) -> list[Subject]:
    """Up to `count` people of the team whose name or own id has `text` in it, with gallery and cover.

    Those whose name begins with it come first.
    """
    found = Subject.objects.filter(Q(name__icontains=text) | Q(external_id__iexact=text))
    if gallery_id is not None:
        found = found.filter(gallery_id=gallery_id)
    begins = Case(When(name__istartswith=text, then=Value(0)), default=Value(1), output_field=IntegerField())
    return list(covered(found).select_related("gallery").order_by(begins, "name", "id")[:count])


def people_by_id(*, ids: Collection[UUID]) -> dict[UUID, Any]:
    """People of the team by their ids, as `covered` has them, in one query."""
    return {person.pk: person for person in covered(Subject.objects.filter(pk__in=ids))}


def faces_of_person(*, subject: Subject) -> QuerySet[EnrolledFace]:
    """The enrolled faces of a person, the newest first, without their vectors."""
    rows = EnrolledFace.objects.filter(subject=subject).defer("embedding", "next_embedding")
    return rows.select_related("source").order_by("-created_at", "-id")


def loose_faces(*, gallery: Gallery) -> QuerySet[EnrolledFace]:
    """The faces of a gallery that holds no people, the newest first, without their vectors."""
    rows = EnrolledFace.objects.filter(gallery=gallery).defer("embedding", "next_embedding")
    return rows.order_by("-created_at", "-id")


def jobs_of(*, gallery: Gallery, count: int = 10) -> list[GalleryJob]:
    """The newest jobs of a gallery other than training and labelling, which run by themselves."""
    kinds = [GalleryJob.Kind.REEMBED, GalleryJob.Kind.IMPORT, GalleryJob.Kind.EXPORT]
    rows = GalleryJob.objects.filter(gallery=gallery, kind__in=kinds).select_related("gallery", "created_by")
    return list(rows.order_by("-created_at", "-id")[:count])


def newest_job(*, kind: str, since: datetime | None = None) -> GalleryJob | None:
    """The team's newest job of a kind, of no gallery; None when there was none."""
    rows = GalleryJob.objects.filter(kind=kind, gallery=None)
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    return rows.order_by("-created_at", "-id").first()


def faces_without_name() -> int:
    """How many faces of the team's photos nobody has named, grouped or decided on yet."""
    return free_faces().count()


def faces_without_vector() -> int:
    """How many faces of the team's photos cannot be compared: they were found before recognising was on."""
    return Face.objects.filter(embedding=None).count()
