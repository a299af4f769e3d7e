"""What people do with unnamed people: name, merge, split, ignore them.

Each is one transaction and leaves an entry in the record. What is decided here, the machine never changes
(`galleries.unnamed_pool`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from accounts.audit import record
from accounts.models import Team, User
from media_jobs import files
from media_jobs.models import Media

from .consent import consent_ended
from .models import EnrolledFace, FaceLabel, FaceRejection, Gallery, Subject, UnnamedPerson
from .refusals import refuse
from .services import subject_create
from .unnamed_faces import Chosen, faces_choose, faces_enrol
from .unnamed_pool import pool_lock

#: Unnamed people that one request may be about.
MOST = 200


@dataclass(frozen=True)
class Named:
    """Who unnamed people are: the subject, how many faces of photos carry the name now, how many were
    enrolled.
    """

    subject: Subject
    faces: int
    enrolled: int


def unnamed_name(
    *,
    team: Team,
    unnamed_ids: Sequence[UUID],
    gallery: Gallery,
    name: str = "",
    external_id: str = "",
    subject_id: UUID | None = None,
    user: User | None = None,
) -> Named:
    """Say who unnamed people are: all their faces are labelled with a subject of the gallery, as a person's
    word, and the best few are enrolled, so that the next training finds them in other photos.

    subject_id: of the one they are; without, a subject is made with `name` and `external_id`. Raises Refusal
    `unnamed_unknown`, `gallery_unknown`, `subject_unknown`, `consent_ended`, `identity_switched_off`,
    `unnamed_model_differs`, and what making a subject and enrolling faces raise; then nothing is stored. The
    caller is inside the team's scope.
    """
    if not team.analyze_identity:
        raise refuse("identity_switched_off")
    _people_get(unnamed_ids)
    chosen = faces_choose(gallery=gallery, unnamed_ids=unnamed_ids)
    enrolled: list[EnrolledFace] = []
    try:
        with transaction.atomic():
            return _name(team, unnamed_ids, gallery, (name, external_id, subject_id), user, chosen, enrolled)
    except BaseException:
        # Their rows are gone with the transaction.
        files.erase([face.crop for face in enrolled if face.crop])
        raise


def _name(
    team: Team,
    unnamed_ids: Sequence[UUID],
    gallery: Gallery,
    whom: tuple[str, str, UUID | None],
    user: User | None,
    chosen: Sequence[Chosen],
    enrolled: list[EnrolledFace],
) -> Named:
    pool_lock(team)
    _people_get(unnamed_ids)
    # Photos, gallery, people, labels, enrolled faces: the order of all who change them.
    _photos_lock(unnamed_ids)
    gallery = _gallery_locked(gallery)
    subject = _subject_of(gallery, *whom, user=user)
    labels = FaceLabel.objects.filter(unnamed__in=unnamed_ids)
    face_ids = list(labels.select_for_update().order_by("pk").values_list("pk", flat=True))
    FaceRejection.objects.filter(subject=subject, face__in=face_ids).delete()
    _rejections_move(unnamed_ids, but=face_ids, subject=subject)
    FaceLabel.objects.filter(pk__in=face_ids).update(
        subject=subject,
        unnamed=None,
        by=FaceLabel.By.PERSON,
        confidence=None,
        decided_by=user,
        decided_at=Now(),
    )
    UnnamedPerson.objects.filter(pk__in=unnamed_ids).delete()
    record("unnamed.named", team=team, obj=subject, gallery_id=str(gallery.pk), faces=len(face_ids))
    faces_enrol(
        subject=subject,
        gallery=gallery,
        chosen=chosen,
        still=set(face_ids),
        user=user,
        enrolled=enrolled,
    )
    return Named(subject, len(face_ids), len(enrolled))


@transaction.atomic
def unnamed_merge(*, team: Team, unnamed_ids: Sequence[UUID], user: User | None = None) -> UnnamedPerson:
    """Say that unnamed people are one: the first of them, which gets the faces of the others.

    The machine takes it neither apart nor together with others from now on. It is asked about again, should
    one of them have been ignored and the first not. Raises Refusal `unnamed_unknown`, `unnamed_merge_one`.
    The caller is inside the team's scope.
    """
    pool_lock(team)
    kept, *others = _people_get(unnamed_ids)
    if not others:
        raise refuse("unnamed_merge_one")
    gone = [person.pk for person in others]
    _photos_lock([kept.pk, *gone])
    faces = FaceLabel.objects.filter(unnamed__in=[kept.pk, *gone]).select_for_update()
    face_ids = list(faces.order_by("pk").values_list("pk", flat=True))
    # That one was not the other has been withdrawn with this; what else was ruled out still is.
    FaceRejection.objects.filter(unnamed=kept, face__in=face_ids).delete()
    _rejections_move(gone, but=face_ids, unnamed=kept)
    FaceLabel.objects.filter(unnamed__in=gone).update(unnamed=kept, decided_by=user, decided_at=Now())
    UnnamedPerson.objects.filter(pk__in=gone).delete()
    kept.by_hand = True
    kept.save(update_fields=["by_hand"])
    record("unnamed.merged", team=team, obj=kept, merged=[str(pk) for pk in gone], faces=len(face_ids))
    return kept


@transaction.atomic
def unnamed_split(
    *, team: Team, unnamed_id: UUID, face_ids: Sequence[UUID], user: User | None = None
) -> UnnamedPerson:
    """Say that some faces of an unnamed person show somebody else, who becomes an unnamed person of their
    own.

    The machine does not put them back, and joins neither with others. Raises Refusal `unnamed_unknown`,
    `unnamed_face_unknown` when one is no face of that person, `unnamed_split_all` when none would be left.
    The caller is inside the team's scope.
    """
    pool_lock(team)
    (person,) = _people_get([unnamed_id])
    _photos_lock([unnamed_id])
    labels = FaceLabel.objects.filter(unnamed=person).select_for_update().order_by("pk")
    theirs, wanted = set(labels.values_list("pk", flat=True)), set(face_ids)
    if not wanted or not wanted <= theirs:
        raise refuse("unnamed_face_unknown")
    if wanted == theirs:
        raise refuse("unnamed_split_all")
    other = UnnamedPerson.objects.create(team=team, model=person.model, by_hand=True, ignored=person.ignored)
    FaceLabel.objects.filter(pk__in=wanted).update(unnamed=other, decided_by=user, decided_at=Now())
    FaceRejection.objects.bulk_create(
        [FaceRejection(team=team, face_id=face, unnamed=person) for face in sorted(wanted)],
        ignore_conflicts=True,
    )
    person.by_hand = True
    person.save(update_fields=["by_hand"])
    record("unnamed.split", team=team, obj=person, into=str(other.pk), faces=len(wanted))
    return other


def unnamed_ignore(*, team: Team, unnamed_ids: Sequence[UUID]) -> int:
    """Ask no more about some unnamed people; new faces of them join them all the same. Returns how many were
    not ignored before. Raises Refusal `unnamed_unknown`. The caller is inside the team's scope.
    """
    return _ignored_set(team, unnamed_ids, ignored=True)


def unnamed_restore(*, team: Team, unnamed_ids: Sequence[UUID]) -> int:
    """Ask again about unnamed people that were ignored; returns how many were. Raises Refusal
    `unnamed_unknown`. The caller is inside the team's scope.
    """
    return _ignored_set(team, unnamed_ids, ignored=False)


@transaction.atomic
def _ignored_set(team: Team, unnamed_ids: Sequence[UUID], *, ignored: bool) -> int:
    pool_lock(team)
    changed = [person for person in _people_get(unnamed_ids) if person.ignored != ignored]
    UnnamedPerson.objects.filter(pk__in=[person.pk for person in changed]).update(ignored=ignored)
    for person in changed:
        record("unnamed.ignored" if ignored else "unnamed.restored", team=team, obj=person)
    return len(changed)


def _people_get(unnamed_ids: Sequence[UUID]) -> list[UnnamedPerson]:
    """The unnamed people in the order given, each once. Raises Refusal `unnamed_unknown` when one is gone."""
    wanted = list(dict.fromkeys(unnamed_ids))
    found = UnnamedPerson.objects.filter(pk__in=wanted).in_bulk()
    if not wanted or len(found) < len(wanted):
        raise refuse("unnamed_unknown")
    return [found[pk] for pk in wanted]


def _photos_lock(unnamed_ids: Sequence[UUID]) -> None:
    """Lock the photos of unnamed people, as all do who say whose the faces of a photo are."""
    photos = FaceLabel.objects.filter(unnamed__in=unnamed_ids).values("face__media")
    list(Media.objects.select_for_update(no_key=True).filter(pk__in=photos).order_by("id").values("pk"))


def _gallery_locked(gallery: Gallery) -> Gallery:
    rows = Gallery.objects.select_for_update(of=("self",), no_key=True).select_related("team__plan")
    row = rows.filter(pk=gallery.pk).first()
    if row is None:
        raise refuse("gallery_unknown")
    if row.model_sha256 != gallery.model_sha256:
        # It was brought to another model while the faces were chosen.
        raise refuse("gallery_model_changed", model=gallery.model)
    return row


def _subject_of(
    gallery: Gallery, name: str, external_id: str, subject_id: UUID | None, *, user: User | None
) -> Subject:
    """The person to be named, made or locked. Raises Refusal `subject_unknown`, `consent_ended` and those of
    `subject_create`.
    """
    if subject_id is None:
        return subject_create(gallery=gallery, name=name, external_id=external_id, user=user)
    rows = Subject.objects.select_for_update(no_key=True)
    subject = rows.filter(gallery=gallery, pk=subject_id).first()
    if subject is None:
        raise refuse("subject_unknown")
    if consent_ended(subject):
        raise refuse("consent_ended", name=subject.name)
    return subject


def _rejections_move(
    unnamed_ids: Sequence[UUID],
    *,
    but: Sequence[UUID],
    subject: Subject | None = None,
    unnamed: UnnamedPerson | None = None,
) -> None:
    """Faces that were ruled out for unnamed people are ruled out for who these are now; `but` those of
    theirs.
    """
    rows = FaceRejection.objects.filter(unnamed__in=unnamed_ids)
    moved = [
        FaceRejection(team_id=team, face_id=face, subject=subject, unnamed=unnamed)
        for team, face in rows.exclude(face__in=but).values_list("team_id", "face_id").distinct()
    ]
    FaceRejection.objects.bulk_create(moved, ignore_conflicts=True)
    rows.delete()
