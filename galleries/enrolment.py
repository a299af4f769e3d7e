"""Enrolling faces: from a picture, from a face that was kept for a while, or from the face of a photo.

Everything ends in `face_enrol_found`, which holds every rule. Locks are taken in the order that everybody
keeps: photo, gallery, person, and the row that counts what the team uses last.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from pgvector.django import L2Distance

from accounts.audit import record
from accounts.limits import faces_check, storage_check
from accounts.models import TeamUsage, User
from analysis.models import Face, FaceEmbedding
from media_jobs import files
from media_jobs.crops import Box, face_cut, overlap
from media_jobs.intake import decode_original
from media_jobs.models import Media
from ml_models.recognition import RecognitionModel

from .consent import consent_ended
from .crops import crop_store
from .erasure import enrolled_faces_erase
from .models import MAX_FACES_PER_SUBJECT, EnrolledFace, Gallery, Subject
from .probes import ProbeFace, face_chosen, picture_probe, probe_give_back
from .quality import reasons_of_photo_face, sentences_of
from .refusals import Refusal, refuse
from .services import model_named
from .temporary import temporary_face_get

#: Two boxes in the same bytes are the same face from this overlap (intersection over union) on.
SAME_BOX = 0.5
#: Vectors that are nearer than this part of the model's threshold come from one picture. Measured with the
#: default model on LFW: pictures saved again as JPEG (quality 50 to 90, half and twice the size) are at most
#: 0.13 from what they were, 99 of 100 at most 0.12; the nearest two of 1,672 pairs of different pictures of
#: one person are 0.149 apart. Its threshold is 0.409.
SAME_PICTURE = 0.12 / 0.4094
#: A transaction that enrols is over within this time, and its faces are seen by others then.
LONGEST_WRITE = timedelta(minutes=5)


def model_of(gallery: Gallery) -> RecognitionModel:
    """The model that made the gallery's vectors. Raises Refusal `model_unknown` when it is not installed any
    more, `model_replaced` when it is there with other weights.
    """
    model = model_named(gallery.model)
    if model.sha256 != gallery.model_sha256:
        raise refuse("model_replaced", model=gallery.model)
    return model


def face_enrol(
    *,
    gallery: Gallery,
    subject: Subject | None = None,
    content: bytes | None = None,
    temporary_face: UUID | None = None,
    photo_face: UUID | None = None,
    box: Box | None = None,
    user: User | None = None,
    notes: str = "",
    detection: str | None = None,
    least_side: float | None = None,
    most: int | None = None,
    begun: float | None = None,
) -> EnrolledFace:
    """Enrol a face for a person, or in a gallery of faces (`subject` None), from exactly one source.

    content: bytes of a picture, at which a worker looks now; it counts as one analysed picture, unless the
    face is refused. temporary_face: id of a kept face. photo_face: id of a face of a stored photo. box: which
    face of the picture is meant (left, top, width, height in its pixels). detection: how faces are found in
    it (`media_jobs.detect.DETECTIONS`); least_side: smaller faces do not count
    (`media_jobs.detect_work.large_enough`). most: faces that the whole gallery may hold, where that is
    limited. begun: when the client began to wait. The caller is inside the team's scope and in no
    transaction.

    Raises Refusal, and then nothing is stored: `face_source_missing`, `face_not_found`, `several_faces`,
    `box_without_face`, `photo_face_without_vector`, those of `temporary_face_get`, `model_of`,
    `face_enrol_found`, `media_jobs.detect.picture_detect` and of pictures that are not taken.
    """
    if sum(source is not None for source in (content, temporary_face, photo_face)) > 1:
        raise refuse("face_source_missing")
    _place_check(gallery, subject)
    if subject is not None:
        # Looked at before a worker is asked; what counts is looked at again under the lock.
        _room_check(subject)
    whose = _Whose(gallery, subject, user, notes, most)
    if most is not None:
        _space_check(gallery, most)
    if content is not None:
        return _picture_enrol(whose, content, box, detection=detection, least_side=least_side, begun=begun)
    if temporary_face is not None:
        return _temporary_enrol(whose, temporary_face)
    if photo_face is not None:
        return _photo_face_enrol(whose, photo_face)
    raise refuse("face_source_missing")


@dataclass(frozen=True)
class _Whose:
    """Where a face is to go, and what is to be said of it."""

    gallery: Gallery
    subject: Subject | None
    user: User | None
    notes: str
    most: int | None


def _place_check(gallery: Gallery, subject: Subject | None) -> None:
    if gallery.holds == Gallery.Holds.FACES and subject is not None:
        raise refuse("gallery_holds_faces")
    if gallery.holds == Gallery.Holds.SUBJECTS and subject is None:
        raise refuse("gallery_holds_subjects")


def _room_check(subject: Subject) -> None:
    if consent_ended(subject):
        raise refuse("consent_ended", name=subject.name)
    count = EnrolledFace.objects.filter(subject=subject).count()
    if count >= MAX_FACES_PER_SUBJECT:
        raise refuse("subject_full", name=subject.name, count=count + 1, limit=MAX_FACES_PER_SUBJECT)


def _space_check(gallery: Gallery, most: int) -> None:
    """Raises Refusal `gallery_full`. Faces are counted only in a team that has so many at all."""
    if TeamUsage.objects.filter(team=gallery.team_id, stored_faces__lt=most).exists():
        return
    if EnrolledFace.objects.filter(gallery=gallery).order_by()[:most].count() >= most:
        raise refuse("gallery_full", limit=most)


def _picture_enrol(whose: _Whose, content: bytes, box: Box | None, **wishes: Any) -> EnrolledFace:
    """wishes: further arguments of `picture_probe`."""
    team = whose.gallery.team
    probe = picture_probe(
        team=team,
        content=content,
        model=model_of(whose.gallery),
        box=box,
        crops=whose.gallery.keep_crops,
        **wishes,
    )
    try:
        return _enrol(whose, face_chosen(probe=probe, box=box), probe.picture_sha256)
    except Refusal:
        probe_give_back(team=team, probe=probe)
        raise


def _enrol(whose: _Whose, found: ProbeFace, picture_sha256: str, source: Face | None = None) -> EnrolledFace:
    return face_enrol_found(
        gallery=whose.gallery,
        subject=whose.subject,
        found=found,
        picture_sha256=picture_sha256,
        user=whose.user,
        notes=whose.notes,
        source=source,
        most=whose.most,
    )


def _temporary_enrol(whose: _Whose, face_id: UUID) -> EnrolledFace:
    face = temporary_face_get(face_id)
    if face.model_sha256 != whose.gallery.model_sha256:
        raise refuse("face_model_differs", model=face.model)
    found = ProbeFace(
        box=(face.left, face.top, face.width, face.height),
        confidence=1.0,
        embedding=list(face.embedding),
        quality=face.quality,
        reasons=tuple(face.quality_reasons),
    )
    return _enrol(whose, found, face.picture_sha256)


def _photo_face_enrol(whose: _Whose, face_id: UUID) -> EnrolledFace:
    gallery = whose.gallery
    if not gallery.team.analyze_identity:
        raise refuse("identity_switched_off")
    face = Face.objects.select_related("media").filter(pk=face_id).first()
    if face is None:
        raise refuse("face_unknown")
    vector = FaceEmbedding.objects.filter(face=face).first()
    if vector is None:
        raise refuse("photo_face_without_vector")
    if vector.model_sha256 != gallery.model_sha256:
        raise refuse("face_model_differs", model=vector.model)
    found = photo_face_found(face=face, vector=vector, crops=gallery.keep_crops)
    return _enrol(whose, found, face.media.sha256, source=face)


def photo_face_found(*, face: Face, vector: FaceEmbedding, crops: bool) -> ProbeFace:
    """The face of a stored photo (read with its photo) as `face_enrol_found` takes it.

    crops: whether to cut its crop, where the picture is still kept.
    """
    crop = _cut_of(face) if crops else None
    return ProbeFace(
        box=(face.left, face.top, face.width, face.height),
        confidence=face.confidence,
        embedding=list(vector.embedding),
        quality=vector.quality,
        reasons=tuple(reasons_of_photo_face(face, vector)),
        crop=crop[0] if crop else b"",
        crop_box=crop[1] if crop else None,
    )


def _cut_of(face: Face) -> tuple[bytes, Box] | None:
    """The face cut out of its photo; None where the picture is not kept any more."""
    if face.media.pictures_erased_at is not None:
        return None
    try:
        original = files.fetch(face.media.original)
    except FileNotFoundError:
        # Retention has erased it just now.
        return None
    return face_cut(decode_original(original), (face.left, face.top, face.width, face.height))


def face_enrol_found(
    *,
    gallery: Gallery,
    subject: Subject | None,
    found: ProbeFace,
    picture_sha256: str = "",
    user: User | None = None,
    notes: str = "",
    source: Face | None = None,
    most: int | None = None,
) -> EnrolledFace:
    """Enrol a face that was found already by the gallery's model, with the crop it carries if it has one.

    picture_sha256: of the picture it is in, '' when unknown. source: the face of a stored photo that it is.
    most: as in `face_enrol`.
    Raises Refusal, and then nothing is stored: `face_too_small`, `face_too_blurred`, `face_quality_low`,
    `face_duplicate` (its `extra` names the `face_id` there is), `subject_full`, `consent_ended`,
    `gallery_unknown`, `subject_unknown`, `face_unknown`, `gallery_model_changed`, `gallery_holds_faces`,
    `gallery_holds_subjects`, `gallery_full`, `quota_faces`, `quota_storage`, `storage_full`. The caller is
    inside the team's scope.
    """
    _place_check(gallery, subject)
    _quality_check(gallery, found)
    # All faces are looked through before the gallery is held: a tenth of a second for 100,000 of them.
    begun = timezone.now()
    _duplicate_check(gallery, found, picture_sha256)
    with _erased_unless_enrolled(gallery, found) as crop, transaction.atomic():
        if source is not None:
            _source_lock(source)
        locked = _gallery_lock(gallery)
        if most is not None:
            _space_check(locked, most)
        if subject is not None:
            _room_check(_subject_lock(subject, locked))
        # Those that came in meanwhile.
        _duplicate_check(locked, found, picture_sha256, since=begun - LONGEST_WRITE)
        left, top, width, height = found.box
        face = EnrolledFace.objects.create(
            team_id=locked.team_id,
            gallery=locked,
            subject=subject,
            embedding=found.embedding,
            left=left,
            top=top,
            width=width,
            height=height,
            picture_sha256=picture_sha256,
            source=source,
            crop=crop,
            crop_box=list(found.crop_box) if crop and found.crop_box else None,
            stored_bytes=len(found.crop) if crop else 0,
            quality=found.quality,
            quality_reasons=list(found.reasons),
            notes=notes,
            created_by=user,
        )
        Gallery.objects.filter(pk=locked.pk).update(changed_at=Now())
        record("face.enrolled", team=locked.team, obj=face, **_whose(face))
        faces_check(team=locked.team)
        storage_check(team=locked.team)
    return face


def _quality_check(gallery: Gallery, found: ProbeFace) -> None:
    if gallery.quality_policy != Gallery.QualityPolicy.REFUSE or found.quality != "low":
        return
    code = "face_quality_low"
    if found.small:
        code = "face_too_small"
    elif "blurred" in found.reasons and not {"turned", "covered"} & set(found.reasons):
        code = "face_too_blurred"
    raise refuse(code, extra={"reasons": sentences_of(found.reasons)})


@contextmanager
def _erased_unless_enrolled(gallery: Gallery, found: ProbeFace) -> Iterator[str]:
    """Write the crop where the gallery keeps it, and erase it again when its row cannot be written."""
    crop = (
        crop_store(team_id=gallery.team_id, content=found.crop) if gallery.keep_crops and found.crop else ""
    )
    try:
        yield crop
    except BaseException:
        files.erase([crop] if crop else [])
        raise


def _source_lock(source: Face) -> None:
    """Hold the photo of a face, so that nobody erases it before the enrolled face names it."""
    list(Media.objects.select_for_update(no_key=True).filter(pk=source.media_id).values("pk"))
    if not Face.objects.filter(pk=source.pk).exists():
        raise refuse("face_unknown")


def _gallery_lock(gallery: Gallery) -> Gallery:
    """The gallery as it is now. Held until the end, so that two requests cannot both be the first to enrol a
    picture, and a training that begins afterwards sees this face.
    """
    rows = Gallery.objects.select_for_update(of=("self",), no_key=True).select_related("team__plan")
    locked = rows.filter(pk=gallery.pk).first()
    if locked is None:
        raise refuse("gallery_unknown")
    if locked.model_sha256 != gallery.model_sha256:
        # It was brought to another model while a worker looked at the picture.
        raise refuse("gallery_model_changed", model=gallery.model)
    return locked


def _subject_lock(subject: Subject, gallery: Gallery) -> Subject:
    """The person as they are now, whose number of faces nobody else changes until the end."""
    rows = Subject.objects.select_for_update(no_key=True).filter(pk=subject.pk, gallery=gallery)
    locked = rows.first()
    if locked is None:
        raise refuse("subject_unknown")
    return locked


def _duplicate_check(
    gallery: Gallery, found: ProbeFace, picture_sha256: str, since: datetime | None = None
) -> None:
    if gallery.allow_duplicates:
        return
    known = duplicate_of(gallery=gallery, found=found, picture_sha256=picture_sha256, since=since)
    if known is not None:
        raise refuse("face_duplicate", ids=known, extra={"face_id": str(known)})


def duplicate_of(
    *, gallery: Gallery, found: ProbeFace, picture_sha256: str = "", since: datetime | None = None
) -> UUID | None:
    """The face of the gallery that is of the same picture: the same bytes and box, or nearly the same
    vector; None when there is none. since: look only at faces enrolled from this moment on.
    """
    enrolled = EnrolledFace.objects.filter(gallery=gallery)
    if since is not None:
        # By team too, so that the index of the newest faces serves.
        enrolled = enrolled.filter(team_id=gallery.team_id, created_at__gte=since)
    if picture_sha256:
        boxes = enrolled.filter(picture_sha256=picture_sha256, left__isnull=False).order_by(
            "created_at", "id"
        )
        for pk, *box in boxes.values_list("pk", "left", "top", "width", "height"):
            left, top, width, height = (float(value or 0) for value in box)
            if overlap((left, top, width, height), found.box) >= SAME_BOX:
                return UUID(str(pk))
    # No condition on the distance in the query: it would be computed for galleries of other models too.
    nearest = enrolled.annotate(distance=L2Distance("embedding", found.embedding)).order_by("distance")
    row = nearest.values_list("pk", "distance").first()
    limit = SAME_PICTURE * model_named(gallery.model).calibration.threshold
    return UUID(str(row[0])) if row is not None and row[1] <= limit else None


def faces_unenrol(*, gallery: Gallery, face_ids: Sequence[UUID], user: User | None = None) -> int:
    """Erase enrolled faces of a gallery with their crops and vectors; returns how many there were.

    Their people stay, also without any face. Ids of other galleries are left alone. `user` is who asked, for
    callers that are no request; the record names the actor of the request. The caller is inside the team's
    scope.
    """
    own = EnrolledFace.objects.filter(gallery=gallery, pk__in=face_ids).values_list("pk", flat=True)
    return enrolled_faces_erase(team=gallery.team, face_ids=list(own))


@transaction.atomic
def face_change(*, face: EnrolledFace, notes: str) -> EnrolledFace:
    """Change what is noted about an enrolled face. Raises Refusal `face_unknown` when it is gone."""
    if not EnrolledFace.objects.filter(pk=face.pk).update(notes=notes):
        raise refuse("face_unknown")
    if notes != face.notes:
        record("face.changed", team=face.gallery.team, obj=face, fields=["notes"], **_whose(face))
    face.notes = notes
    return face


def _whose(face: EnrolledFace) -> dict[str, str]:
    """What the record says of a face: ids, no name, no picture, no vector."""
    whose = {"gallery_id": str(face.gallery_id)}
    return whose | ({"subject_id": str(face.subject_id)} if face.subject_id else {})
