"""Who is on the team's photos, said by people. `galleries.recognising` is how the machine says it.

A person's word always wins: nothing the machine does changes or removes it, and what a person has said a
face is not, the machine does not say again.
"""

from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.audit import record
from accounts.models import Team, User
from analysis.models import Face
from media_jobs.models import Media

from .consent import consent_ended
from .enrolment import face_enrol
from .models import FaceLabel, FaceRejection, Gallery, Subject, UnnamedPerson, VideoLabel
from .refusals import refuse

# Rows that retention erases in one transaction.
CHUNK = 5000


@transaction.atomic
def face_label(*, face: Face, subject: Subject, user: User | None = None, enrol: bool = False) -> FaceLabel:
    """Say that the face of a photo is this person, whatever was said before.

    Who it was taken for until now is not said of it again by the machine. enrol: the face is enrolled for
    the person as well. Raises Refusal: face_unknown, subject_unknown, identity_switched_off, consent_ended,
    and with `enrol` those of `galleries.enrolment.face_enrol`. The caller is inside the team's scope.
    """
    team = _photo_lock(face)
    if enrol:
        # The order of locks: galleries before their people.
        list(Gallery.objects.select_for_update(no_key=True).filter(pk=subject.gallery_id).values("pk"))
    person = _subject_lock(subject)
    before = FaceLabel.objects.select_for_update().filter(face=face).first()
    label, _ = FaceLabel.objects.update_or_create(
        face=face,
        defaults={
            "team": team,
            "subject": person,
            "unnamed": None,
            "by": FaceLabel.By.PERSON,
            "confidence": None,
            "decided_by": user,
            "decided_at": Now(),
        },
    )
    FaceRejection.objects.filter(face=face, subject=person).delete()
    if before is not None and before.subject_id not in {None, person.pk}:
        reject(team=team, face_ids=[face.pk], subject_id=before.subject_id)
    record(
        "face.labelled",
        team=team,
        obj=face,
        subject_id=str(person.pk),
        gallery_id=str(person.gallery_id),
        before=str(before.subject_id) if before is not None and before.subject_id else None,
    )
    if enrol:
        face_enrol(gallery=person.gallery, subject=person, photo_face=face.pk, user=user)
    label.refresh_from_db(fields=["decided_at"])
    return label


@transaction.atomic
def face_unlabel(*, face: Face, user: User | None = None) -> None:
    """Say that the face of a photo is not who it is labelled as; the machine does not say so again.

    It is nobody's then, and the machine may find somebody else. Raises Refusal: face_unknown,
    identity_switched_off, face_not_labelled. The caller is inside the team's scope.
    """
    team = _photo_lock(face)
    label = FaceLabel.objects.select_for_update().filter(face=face).first()
    if label is None or (label.subject_id is None and label.unnamed_id is None):
        raise refuse("face_not_labelled")
    reject(team=team, face_ids=[face.pk], subject_id=label.subject_id, unnamed_id=label.unnamed_id)
    label.delete()
    record(
        "face.unlabelled",
        team=team,
        obj=face,
        subject_id=str(label.subject_id) if label.subject_id else None,
        unnamed_id=str(label.unnamed_id) if label.unnamed_id else None,
    )


def reject(
    *, team: Team, face_ids: list[UUID], subject_id: UUID | None, unnamed_id: UUID | None = None
) -> None:
    """Note that these faces of photos are not this person, once each."""
    FaceRejection.objects.bulk_create(
        [
            FaceRejection(team=team, face_id=pk, subject_id=subject_id, unnamed_id=unnamed_id)
            for pk in face_ids
        ],
        ignore_conflicts=True,
    )


def _photo_lock(face: Face) -> Team:
    """Lock the photo of a face, as all do who say whose its faces are; returns the team as it is now."""
    list(Media.objects.select_for_update(no_key=True).filter(pk=face.media_id).values("pk"))
    if not Face.objects.filter(pk=face.pk).exists():
        raise refuse("face_unknown")
    team = Team.objects.get(pk=face.team_id)
    if not team.analyze_identity:
        raise refuse("identity_switched_off")
    return team


def _subject_lock(subject: Subject) -> Subject:
    rows = Subject.objects.select_for_update(of=("self",), no_key=True).select_related("gallery__team")
    person = rows.filter(pk=subject.pk).first()
    if person is None:
        raise refuse("subject_unknown")
    if consent_ended(person):
        raise refuse("consent_ended", name=person.name)
    return person


# --- When recognising is switched off -----------------------------------------------------------------
@transaction.atomic
def identity_forget(*, team: Team, now: object = None, limit: int = CHUNK) -> int:
    """Erase what the machine said of people in photos and videos where the team has switched recognising off.

    Unnamed people go too; what a person said stays, and is not shown. Returns how many rows went; call it
    until it says 0. `media_jobs.retention` does.
    """
    if Team.objects.filter(pk=team.pk, analyze_identity=True).exists():
        return 0
    machine = FaceLabel.objects.filter(by=FaceLabel.By.MACHINE)
    gone = FaceLabel.objects.filter(pk__in=machine.order_by("pk").values("pk")[:limit]).delete()[0]
    unnamed = FaceLabel.objects.filter(unnamed__isnull=False)
    gone += FaceLabel.objects.filter(pk__in=unnamed.order_by("pk").values("pk")[:limit]).delete()[0]
    # Those of a video that somebody is at are left to the next run.
    filmed = VideoLabel.objects.select_for_update(of=("self",), skip_locked=True).order_by("pk")
    gone += VideoLabel.objects.filter(pk__in=list(filmed.values_list("pk", flat=True)[:limit])).delete()[0]
    people = UnnamedPerson.objects.order_by("pk").values("pk")[:limit]
    return gone + UnnamedPerson.objects.filter(pk__in=people).delete()[0]
