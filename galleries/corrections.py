"""Corrections of people in galleries: merge, split, move, give a face to somebody else.

What a person corrects, stays corrected: faces that were touched carry `by_hand`, labels `by` a person, and
no training or labelling changes either. Each correction is one transaction; whoever enrols, corrects or
labels beside it waits for it and sees what it left. Locks: galleries, people, then labels, then enrolled
faces, whose change locks the row that counts what the team uses.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from accounts.audit import record, redact_objects
from accounts.models import User
from media_jobs.services import release_files

from .label_jobs import machine_labels_forget
from .labelling import reject
from .models import (
    MAX_FACES_PER_SUBJECT,
    EnrolledFace,
    FaceLabel,
    FaceRejection,
    Gallery,
    Subject,
    VideoLabel,
)
from .refusals import refuse
from .services import subject_create
from .snapshot_traces import copies_wait, people_join
from .training import templates_forget

NOTES_LENGTH = 16384
CONSENT = ("consent_by", "consent_how", "consent_at", "consent_until")
#: Faces are one where somebody enrolled the same place of the same picture twice.
_SAME_PLACE = ("picture_sha256", "left", "top", "width", "height")


# --- Merge --------------------------------------------------------------------------------------------
@transaction.atomic
def subjects_merge(
    *, gallery: Gallery, into: Subject, others: Sequence[Subject], user: User | None = None
) -> Subject:
    """Make several people of a gallery one: `into` stays, and has what the others had.

    Faces, labels in photos and rejections move to it. Its name stays; own id and consent of the others are
    taken over where it has none, and notes are joined. A face that was enrolled for two of them, from the
    same place of the same picture, stays once. Raises Refusal: merge_of_one, subject_unknown, subject_full;
    nothing has changed then. The caller is inside the team's scope.
    """
    wanted = {one.pk for one in others} - {into.pk}
    if not wanted:
        raise refuse("merge_of_one")
    _galleries_lock([gallery.pk])
    people = _people_lock(gallery, [into.pk, *wanted], weak=False)
    kept, gone = people[into.pk], [people[pk] for pk in sorted(wanted)]
    moved, folded = _folded(kept, gone)
    templates_forget(subject_ids=list(people))
    _labels_merge(kept, gone)
    _faces_give(moved, subject=kept)
    _faces_drop(kept, folded)
    Subject.objects.filter(pk__in=wanted).delete()
    people_join(gallery_id=gallery.pk, gone=sorted(wanted), into=kept.pk)
    _record_adopt(kept, gone)
    gallery_changed(gallery)
    # Nobody will erase the names of those who are gone, once they are gone.
    redact_objects("subject", [str(one.pk) for one in gone])
    record(
        "subject.merged",
        team=kept.gallery.team,
        obj=kept,
        gallery_id=str(gallery.pk),
        others=[str(one.pk) for one in gone],
        faces=len(moved),
    )
    return kept


def _folded(kept: Subject, gone: Sequence[Subject]) -> tuple[list[UUID], list[EnrolledFace]]:
    """Faces that move to `kept`, and those that go because it has the same face already.

    Raises Refusal `subject_full`.
    """
    rows = EnrolledFace.objects.filter(subject__in=[kept, *gone]).defer("embedding", "next_embedding")
    # Of two that are the same face, one of `kept` stays, then one with a picture, then the older one.
    ordered = sorted(
        rows,
        key=lambda one: (one.subject_id != kept.pk, not one.crop, one.created_at, str(one.pk)),
    )
    there: set[Any] = set()
    stay, folded = [], []
    for face in ordered:
        place = _place(face)
        if place in there and face.subject_id != kept.pk:
            folded.append(face)
        else:
            there.add(place)
            stay.append(face)
    if len(stay) > MAX_FACES_PER_SUBJECT:
        raise refuse("subject_full", name=kept.name, count=len(stay), limit=MAX_FACES_PER_SUBJECT)
    return [face.pk for face in stay if face.subject_id != kept.pk], folded


def _place(face: EnrolledFace) -> Any:
    """What two enrolled faces have in common that are one; the face itself where that is not known."""
    if face.source_id is not None:
        return face.source_id
    return tuple(getattr(face, name) for name in _SAME_PLACE) if face.picture_sha256 else face.pk


def _labels_merge(kept: Subject, gone: Sequence[Subject]) -> None:
    """Labels and rejections of `gone` become those of `kept`, a person's word before the machine's."""
    FaceLabel.objects.filter(subject__in=gone).update(subject=kept)
    VideoLabel.objects.filter(subject__in=gone).update(subject=kept)
    ruled_out = FaceRejection.objects.filter(subject__in=gone)
    reject(
        team=kept.gallery.team, face_ids=list(ruled_out.values_list("face", flat=True)), subject_id=kept.pk
    )
    mine = FaceRejection.objects.filter(subject=kept)
    labels = FaceLabel.objects.filter(subject=kept)
    # Somebody said 'not this one' of the machine's answer ...
    ruled = Exists(mine.filter(face=OuterRef("face")))
    labels.filter(ruled, by=FaceLabel.By.MACHINE).delete()
    # ... and somebody named the face, which is the last word.
    mine.filter(face__in=labels.filter(by=FaceLabel.By.PERSON).values("face")).delete()


def _record_adopt(kept: Subject, gone: Sequence[Subject]) -> None:
    """Take over own id, notes and consent of those who are gone, the oldest first."""
    before = {name: getattr(kept, name) for name in ("external_id", "notes", *CONSENT)}
    for one in sorted(gone, key=lambda one: (one.created_at, str(one.pk))):
        kept.external_id = kept.external_id or one.external_id
        if not any(getattr(kept, name) for name in CONSENT):
            for name in CONSENT:
                setattr(kept, name, getattr(one, name))
        joined = "\n".join(text for text in (kept.notes, one.notes) if text)
        if len(joined) <= NOTES_LENGTH:
            kept.notes = joined
    changed = [name for name in before if getattr(kept, name) != before[name]]
    kept.save(update_fields=[*changed, "updated_at"])


# --- Split --------------------------------------------------------------------------------------------
@transaction.atomic
def subject_split(
    *,
    subject: Subject,
    face_ids: Collection[UUID] = (),
    photo_face_ids: Collection[UUID] = (),
    name: str = "",
    into: Subject | None = None,
    user: User | None = None,
) -> Subject:
    """Take faces out of a person: they are somebody else, `into` of the same gallery or a new person `name`.

    face_ids: enrolled faces of the person. photo_face_ids: faces of photos that are labelled as the person;
    from now on a person has said who they are, and the machine does not say the first one again. Returns who
    has them now. Raises Refusal: subject_unknown, faces_not_of_subject, subject_full, merge_of_one (`into` is
    the person itself), ValidationError for a name that cannot be. The caller is inside the team's scope.
    """
    if into is not None and into.pk == subject.pk:
        raise refuse("merge_of_one")
    gallery = _galleries_lock([subject.gallery_id])[subject.gallery_id]
    people = _people_lock(gallery, [subject.pk, *([into.pk] if into else [])])
    _check_faces_of(people[subject.pk], face_ids, photo_face_ids)
    if into is None:
        target = subject_create(gallery=gallery, name=name, user=user)
    else:
        target = people[into.pk]
        _check_room(target, len(set(face_ids)))
    templates_forget(subject_ids=[subject.pk, target.pk])
    labels = FaceLabel.objects.filter(subject=subject, face__in=photo_face_ids)
    labels.update(subject=target, by=FaceLabel.By.PERSON, confidence=None, decided_by=user, decided_at=Now())
    FaceRejection.objects.filter(subject=target, face__in=photo_face_ids).delete()
    reject(team=gallery.team, face_ids=sorted(set(photo_face_ids)), subject_id=subject.pk)
    _faces_give(face_ids, subject=target)
    gallery_changed(gallery)
    record(
        "subject.split",
        team=gallery.team,
        obj=people[subject.pk],
        gallery_id=str(gallery.pk),
        into=str(target.pk),
        faces=len(set(face_ids)),
        photo_faces=len(set(photo_face_ids)),
    )
    return target


def _check_faces_of(subject: Subject, face_ids: Collection[UUID], photo_face_ids: Collection[UUID]) -> None:
    enrolled = EnrolledFace.objects.filter(subject=subject, pk__in=face_ids).values_list("pk", flat=True)
    labelled = FaceLabel.objects.select_for_update().filter(subject=subject, face__in=photo_face_ids)
    wrong = (set(face_ids) - set(enrolled)) | (
        set(photo_face_ids) - set(labelled.order_by("pk").values_list("pk", flat=True))
    )
    if wrong or not (face_ids or photo_face_ids):
        raise refuse("faces_not_of_subject", ids=", ".join(sorted(map(str, wrong))[:5]) or "none were given")


# --- Move ---------------------------------------------------------------------------------------------
@transaction.atomic
def subjects_move(*, subjects: Sequence[Subject], gallery: Gallery, user: User | None = None) -> int:
    """Move people with their faces to another gallery of the same recognition model; returns how many.

    Their labels in photos go along, except the machine's where the other gallery does not look for people in
    photos. Raises Refusal: gallery_unknown, gallery_holds_faces, gallery_model_differs, subject_unknown,
    subject_id_taken; nobody has moved then. The caller is inside the team's scope.
    """
    ids = sorted({one.pk for one in subjects})
    homes = set(Subject.objects.filter(pk__in=ids).values_list("gallery", flat=True))
    galleries = _galleries_lock([*homes, gallery.pk])
    copies_wait(galleries)
    target = galleries[gallery.pk]
    if target.holds != Gallery.Holds.SUBJECTS:
        raise refuse("gallery_holds_faces")
    rows = Subject.objects.select_for_update(of=("self",), no_key=True).filter(pk__in=ids)
    people = list(rows.select_related("gallery__team").order_by("id"))
    # Who has gone elsewhere in between is in a gallery that is not locked.
    if len(people) < len(ids) or not {one.gallery_id for one in people} <= set(galleries):
        raise refuse("subject_unknown")
    movers = [one for one in people if one.gallery_id != target.pk]
    if any(galleries[one.gallery_id].model_sha256 != target.model_sha256 for one in movers):
        raise refuse("gallery_model_differs")
    _check_external_ids(movers, target)
    _people_move(movers, target)
    for pk in {one.gallery_id for one in movers} | {target.pk}:
        gallery_changed(galleries[pk])
    for one in movers:
        details = {"before": str(one.gallery_id), "after": str(target.pk)}
        record("subject.moved", team=target.team, obj=one, **details)
    return len(movers)


def _check_external_ids(movers: Sequence[Subject], target: Gallery) -> None:
    wanted = [one.external_id for one in movers if one.external_id]
    taken = set(target.subjects.filter(external_id__in=wanted).values_list("external_id", flat=True))
    doubled = {one for one in wanted if wanted.count(one) > 1}
    if clash := sorted(taken | doubled):
        raise refuse("subject_id_taken", external_id=clash[0])


def _people_move(movers: Sequence[Subject], target: Gallery) -> None:
    ids = [one.pk for one in movers]
    templates_forget(subject_ids=ids)
    try:
        with transaction.atomic():
            Subject.objects.filter(pk__in=ids).update(gallery=target)
    except IntegrityError as error:
        # Somebody took the id at this moment: a person is added without a lock on the gallery.
        raise refuse("subject_id_taken", external_id=movers[0].external_id) from error
    if not target.label_photos:
        machine_labels_forget(gallery=target)
    # A vector for the model that the old gallery is being moved to means nothing in the new one.
    EnrolledFace.objects.filter(subject__in=ids).update(gallery=target, next_embedding=None, by_hand=True)
    VideoLabel.objects.filter(subject__in=ids).update(gallery=target)


# --- Single faces -------------------------------------------------------------------------------------
@transaction.atomic
def face_move(*, face: EnrolledFace, subject: Subject | None, user: User | None = None) -> EnrolledFace:
    """Give an enrolled face to another person of its gallery; with None nobody is recognised by it any more.

    Raises Refusal: face_unknown, gallery_holds_faces, subject_unknown, subject_full. The caller is inside
    the team's scope.
    """
    gallery = _galleries_lock([face.gallery_id])[face.gallery_id]
    if gallery.holds != Gallery.Holds.SUBJECTS:
        raise refuse("gallery_holds_faces")
    before = EnrolledFace.objects.filter(pk=face.pk, gallery=gallery).values_list("subject", flat=True)
    affected = {pk for pk in (*before, subject.pk if subject else None) if pk is not None}
    people = _people_lock(gallery, affected)
    # Nobody else moves a face of a gallery that is locked here.
    row = EnrolledFace.objects.filter(pk=face.pk, gallery=gallery).first()
    if row is None:
        raise refuse("face_unknown")
    if subject is not None and row.subject_id != subject.pk:
        _check_room(people[subject.pk], 1)
    templates_forget(subject_ids=list(affected))
    details: dict[str, Any] = {
        "gallery_id": str(gallery.pk),
        "before": str(row.subject_id) if row.subject_id else None,
        "after": str(subject.pk) if subject else None,
    }
    record("face.moved", team=gallery.team, obj=row, **details)
    gallery_changed(gallery)
    _faces_give([row.pk], subject=people[subject.pk] if subject else None)
    row.refresh_from_db(fields=["subject", "by_hand"])
    return row


# --- Steps they share -----------------------------------------------------------------------------------
def gallery_changed(gallery: Gallery) -> None:
    """Note that faces of a gallery changed, or whose they are: training is due."""
    Gallery.objects.filter(pk=gallery.pk).update(changed_at=Now())


def _galleries_lock(ids: Iterable[UUID]) -> dict[UUID, Gallery]:
    """Lock galleries, in order. Raises Refusal `gallery_unknown` when one of them is gone."""
    wanted = set(ids)
    rows = Gallery.objects.select_for_update(of=("self",), no_key=True).select_related("team")
    found = {one.pk: one for one in rows.filter(pk__in=wanted).order_by("id")}
    if len(found) < len(wanted):
        raise refuse("gallery_unknown")
    return found


def _people_lock(gallery: Gallery, ids: Iterable[UUID], *, weak: bool = True) -> dict[UUID, Subject]:
    """Lock people of a gallery, in order; not `weak` where some of them are deleted afterwards.

    Raises Refusal `subject_unknown` when one of them is not there.
    """
    wanted = set(ids)
    rows = Subject.objects.select_for_update(of=("self",), no_key=weak).select_related("gallery__team")
    found = {one.pk: one for one in rows.filter(pk__in=wanted, gallery=gallery).order_by("id")}
    if len(found) < len(wanted):
        raise refuse("subject_unknown")
    return found


def _check_room(subject: Subject, more: int) -> None:
    count = subject.faces.count() + more
    if count > MAX_FACES_PER_SUBJECT:
        raise refuse("subject_full", name=subject.name, count=count, limit=MAX_FACES_PER_SUBJECT)


def _faces_give(face_ids: Collection[UUID], *, subject: Subject | None) -> None:
    EnrolledFace.objects.filter(pk__in=face_ids).update(subject=subject, by_hand=True)


def _faces_drop(subject: Subject, faces: Sequence[EnrolledFace]) -> None:
    release_files(team=subject.gallery.team, names=[face.crop for face in faces if face.crop])
    redact_objects("enrolledface", [str(face.pk) for face in faces])
    EnrolledFace.objects.filter(pk__in=[face.pk for face in faces]).only("pk").delete()
