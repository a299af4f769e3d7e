"""What snapshots keep of people follows what becomes of the people: whoever is erased, is erased there too.

All of it is called inside the team's scope, in the transaction that changes the gallery.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.contrib.postgres.functions import RandomUUID
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from .models import GallerySnapshot, SnapshotFace, SnapshotSubject, Subject

CONSENT = ("consent_by", "consent_how", "consent_at", "consent_until")


def people_forget(*, subject_ids: Sequence[UUID], face_ids: Sequence[UUID]) -> None:
    """Take people and faces out of all snapshots of the team.

    The caller has locked their galleries against everybody (FOR UPDATE): a snapshot that is being taken is
    whole by then, or sees what is left.
    """
    people = SnapshotSubject.objects.filter(subject_id__in=subject_ids)
    faces = SnapshotFace.objects.filter(face_id__in=face_ids)
    touched = Q(pk__in=people.values("snapshot")) | Q(pk__in=faces.values("snapshot"))
    # Snapshots come after galleries, and before what is in them.
    if not list(GallerySnapshot.objects.select_for_update().filter(touched).order_by("id").values("pk")):
        return
    faces.delete()
    SnapshotFace.objects.filter(person__in=people.values("pk")).delete()
    people.delete()


def source_forget(*, gallery_id: UUID) -> None:
    """End the snapshots of a gallery that is being erased: nobody finds them, and beat erases the rest."""
    GallerySnapshot.objects.filter(source_id=gallery_id, expires_at__gt=Now()).update(expires_at=Now())


@transaction.atomic
def source_release(*, gallery_id: UUID) -> None:
    """Let the finished snapshots of a gallery stand for themselves: what becomes of it does not concern them.

    Their people and faces lose the ids of those they are copies of.
    """
    snapshots = GallerySnapshot.objects.select_for_update().filter(source_id=gallery_id, ready=True)
    ids = list(snapshots.order_by("id").values_list("pk", flat=True))
    SnapshotFace.objects.filter(snapshot__in=ids).update(face_id=RandomUUID())
    SnapshotSubject.objects.filter(snapshot__in=ids).update(subject_id=RandomUUID())
    GallerySnapshot.objects.filter(pk__in=ids).update(source_id=RandomUUID())


def copies_wait(gallery_ids: Iterable[UUID]) -> None:
    """Wait until snapshots that are being taken of these galleries are whole; later ones wait for us."""
    with connection.cursor() as cursor:
        for pk in sorted(set(gallery_ids)):
            cursor.execute("SELECT pg_advisory_xact_lock_shared(galleries_vectors_lock(%s))", [pk])


def people_join(*, gallery_id: UUID, gone: Sequence[UUID], into: UUID) -> None:
    """After people were merged: in snapshots too they are whom `into` stands for, and go when it does."""
    copies_wait([gallery_id])
    SnapshotSubject.objects.filter(subject_id__in=gone).update(subject_id=into)


def consent_follow(subject: Subject) -> None:
    """After the consent of a person changed: it holds for what snapshots have of them."""
    copies_wait([subject.gallery_id])
    record = {name: getattr(subject, name) for name in CONSENT}
    SnapshotSubject.objects.filter(subject_id=subject.pk).update(**record)
