"""What the admin lists read: rows with their figures, in a number of queries that does not grow with them."""

from typing import Any

from django.db.models import Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from .models import EnrolledFace, Gallery, GalleryJob, Subject, TrainedState

#: Faces of a person that a list shows.
SHOWN_FACES = 4


def _count(rows: QuerySet[Any], by: str) -> Coalesce:
    """The number of rows that point to the outer row by `by`."""
    counted = rows.filter(**{by: OuterRef("pk")}).order_by().values(by).annotate(n=Count("pk")).values("n")
    return Coalesce(Subquery(counted), 0)


def galleries_with_figures(rows: QuerySet[Gallery]) -> QuerySet[Gallery]:
    """Galleries with `subject_total`, `face_total`, `last_trained`, `train_status`, and of the state that
    answers now the change it has seen (`trained_change`) and its model (`trained_sha256`).

    Call it across teams, or inside the team's scope.
    """
    current = TrainedState.objects.filter(gallery=OuterRef("pk"), is_current=True)
    jobs = GalleryJob.objects.filter(gallery=OuterRef("pk"), kind=GalleryJob.Kind.TRAIN)
    jobs = jobs.exclude(status=GalleryJob.Status.CANCELLED)
    return rows.annotate(
        subject_total=_count(Subject.objects.all(), "gallery"),
        face_total=_count(EnrolledFace.objects.all(), "gallery"),
        last_trained=Subquery(current.values("created_at")[:1]),
        trained_change=Subquery(current.values("seen_change")[:1]),
        trained_sha256=Subquery(current.values("model_sha256")[:1]),
        train_status=Subquery(jobs.order_by("-created_at", "-id").values("status")[:1]),
    )


def training_word(gallery: Any) -> str:
    """How the training of a gallery with figures stands, in words."""
    if gallery.train_status in {GalleryJob.Status.QUEUED, GalleryJob.Status.RUNNING}:
        return "training"
    if gallery.train_status == GalleryJob.Status.FAILED:
        return "failed"
    if gallery.trained_sha256 is None:
        return "never trained"
    seen = gallery.trained_change == gallery.changed_at and gallery.trained_sha256 == gallery.model_sha256
    return "trained" if seen else "due"


def galleries_of_training(rows: QuerySet[Any], word: str) -> QuerySet[Any]:
    """Those galleries with figures for which `training_word` says `word`."""
    working = [GalleryJob.Status.QUEUED, GalleryJob.Status.RUNNING]
    if word == "training":
        return rows.filter(train_status__in=working)
    if word == "failed":
        return rows.filter(train_status=GalleryJob.Status.FAILED)
    # Without any job there is no status to compare with, hence Coalesce.
    rest = rows.alias(status=Coalesce("train_status", Value("")))
    rest = rest.exclude(status__in=[*working, GalleryJob.Status.FAILED])
    if word == "never trained":
        return rest.filter(trained_sha256=None)
    seen = Q(trained_change=F("changed_at"), trained_sha256=F("model_sha256"))
    if word == "trained":
        return rest.filter(seen)
    seen_it = rest.filter(seen).values("pk")
    return rest.filter(trained_sha256__isnull=False).exclude(pk__in=seen_it)


def subjects_with_faces(rows: QuerySet[Subject]) -> QuerySet[Subject]:
    """People with `face_total` and the first faces that have a picture (`shown_faces`)."""
    with_picture = faces_without_vectors(EnrolledFace.objects.exclude(crop=""))
    shown = Prefetch(
        "faces", queryset=with_picture.order_by("created_at", "id")[:SHOWN_FACES], to_attr="shown_faces"
    )
    return rows.annotate(face_total=_count(EnrolledFace.objects.all(), "subject")).prefetch_related(shown)


def faces_without_vectors(rows: QuerySet[EnrolledFace]) -> QuerySet[EnrolledFace]:
    """Enrolled faces; their vectors stay in the database."""
    return rows.defer("embedding", "next_embedding")


def consent_of(subject: Subject) -> str:
    """'none', 'given' or 'ended'."""
    if subject.consent_until is not None and subject.consent_until <= timezone.now():
        return "ended"
    return "given" if subject.consent_at is not None else "none"
