"""Writes of galleries: making and changing galleries and the people in them."""

from collections.abc import Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from accounts.audit import record
from accounts.models import Team, User
from analysis.recognition import photo_model
from media_jobs.services import release_files
from ml_models import WeightError
from ml_models.recognition import RecognitionModel, recognition_model, recognition_models

from .label_jobs import labelling_changed
from .models import EnrolledFace, Gallery, Subject
from .refusals import refuse
from .snapshot_traces import CONSENT, consent_follow

# Pictures of faces that are let go of in one statement.
CROPS_AT_ONCE = 1000


def model_named(name: str) -> RecognitionModel:
    """An installed recognition model. Raises Refusal `model_unknown`."""
    try:
        return recognition_model(name)
    except WeightError as error:
        raise refuse("model_unknown", model=name, known=", ".join(recognition_models())) from error


@transaction.atomic
def gallery_create(
    *,
    team: Team,
    name: str,
    key: str = "",
    model: str = "",
    user: User | None = None,
    most: int | None = None,
    **options: Any,
) -> Gallery:
    """Make a gallery, pinned to a recognition model (the installation's without one).

    key: made of the name where it is ''. most: galleries that the team may have in this namespace, where
    that is limited. options: further fields of `Gallery`. Raises Refusal `gallery_key_taken`,
    `galleries_full`, `model_unknown`, ValidationError for a value that cannot be. The caller is inside the
    team's scope.
    """
    made_by = model_named(model) if model else photo_model()
    gallery = Gallery(
        team=team,
        name=name,
        key=key or _free_key(name, options.get("namespace", "")),
        model=made_by.name,
        model_sha256=made_by.sha256,
        created_by=user,
        **options,
    )
    gallery.full_clean(exclude=["team", "created_by"], validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            gallery.save(force_insert=True)
    except IntegrityError as error:
        raise refuse("gallery_key_taken", key=gallery.key) from error
    if most is not None:
        # Whoever makes another one at the same moment waits here, and counts this one.
        list(Team.objects.select_for_update(no_key=True).filter(pk=team.pk).values("pk"))
        if Gallery.objects.filter(namespace=gallery.namespace).order_by()[: most + 1].count() > most:
            raise refuse("galleries_full", limit=most)
    record("gallery.created", team=team, obj=gallery)
    # The moment it was made is the database's.
    gallery.refresh_from_db(fields=["changed_at"])
    return gallery


def _free_key(name: str, namespace: str) -> str:
    """A key made of a name that no other gallery has."""
    base = slugify(name)[:56] or "gallery"
    taken = set(
        Gallery.objects.filter(namespace=namespace, key__startswith=base).values_list("key", flat=True)
    )
    number = 1
    while (key := base if number == 1 else f"{base}-{number}") in taken:
        number += 1
    return key


@transaction.atomic
def subject_create(
    *,
    gallery: Gallery,
    name: str,
    external_id: str = "",
    user: User | None = None,
    most: int | None = None,
    **options: Any,
) -> Subject:
    """Enrol a person in a gallery, without a face yet.

    most: people that the gallery may hold, where that is limited. options: further fields of `Subject`.
    Raises Refusal `gallery_holds_faces`, `gallery_people_full`, `gallery_unknown`, `subject_id_taken`,
    ValidationError for a value that cannot be. The caller is inside the team's scope.
    """
    if gallery.holds != Gallery.Holds.SUBJECTS:
        raise refuse("gallery_holds_faces")
    subject = Subject(
        team_id=gallery.team_id,
        gallery=gallery,
        name=name,
        external_id=external_id,
        created_by=user,
        **options,
    )
    subject.full_clean(
        exclude=["team", "gallery", "created_by"], validate_unique=False, validate_constraints=False
    )
    if most is not None:
        _people_check(gallery, most)
    try:
        with transaction.atomic():
            subject.save(force_insert=True)
    except IntegrityError as error:
        raise refuse("subject_id_taken", external_id=external_id) from error
    record("subject.created", team=gallery.team, obj=subject, gallery_id=str(gallery.pk))
    return subject


def _people_check(gallery: Gallery, most: int) -> None:
    """Hold the gallery, so that two requests cannot both make its last person. Raises Refusal."""
    if not list(Gallery.objects.select_for_update(no_key=True).filter(pk=gallery.pk).values("pk")):
        raise refuse("gallery_unknown")
    if Subject.objects.filter(gallery=gallery).order_by()[:most].count() >= most:
        raise refuse("gallery_people_full", limit=most)


#: What of a gallery can be changed. Its model is changed by re-embedding, what it holds not at all.
GALLERY_FIELDS = (
    *("name", "key", "notes", "threshold", "quality_policy", "allow_duplicates", "keep_crops"),
    *("label_photos", "erase_without_consent"),
)
SUBJECT_FIELDS = (
    *("name", "external_id", "notes"),
    *("consent_by", "consent_how", "consent_at", "consent_until"),
)


@transaction.atomic
def gallery_change(*, gallery: Gallery, **changes: Any) -> Gallery:
    """Change some of GALLERY_FIELDS.

    Pictures of faces that are not to be kept any more go at once. Where the gallery is no longer to look for
    its people in photos, what the machine said of them goes; where it begins to, or judges otherwise from
    now on, the photos are looked through. Raises Refusal `gallery_unknown`, `gallery_key_taken`,
    ValidationError for a value that cannot be. The caller is inside the team's scope.
    """
    row = Gallery.objects.select_for_update(no_key=True).filter(pk=gallery.pk).first()
    if row is None:
        raise refuse("gallery_unknown")
    changed = _changed(row, GALLERY_FIELDS, changes)
    if not changed:
        return row
    row.full_clean(exclude=["team", "created_by"], validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            row.save(update_fields=changed)
    except IntegrityError as error:
        raise refuse("gallery_key_taken", key=row.key) from error
    record("gallery.changed", team=row.team, obj=row, fields=changed)
    if {"label_photos", "threshold"} & set(changed):
        labelling_changed(gallery=row)
    if "keep_crops" in changed and not row.keep_crops:
        _crops_release(row)
    return row


def _changed(row: Gallery | Subject, fields: tuple[str, ...], changes: Mapping[str, Any]) -> list[str]:
    """Set what differs; returns its names. Raises TypeError for a field that cannot be changed."""
    if unknown := set(changes) - set(fields):
        raise TypeError(f"{', '.join(sorted(unknown))} cannot be changed.")
    changed = [name for name in changes if getattr(row, name) != changes[name]]
    for name in changed:
        setattr(row, name, changes[name])
    return changed


def _crops_release(gallery: Gallery) -> None:
    """Let go of the pictures of a gallery's faces."""
    faces = gallery.faces.exclude(crop="")
    while some := list(faces.order_by("id").values_list("pk", "crop")[:CROPS_AT_ONCE]):
        release_files(team=gallery.team, names=[crop for _, crop in some])
        EnrolledFace.objects.filter(pk__in=[pk for pk, _ in some]).update(
            crop="", crop_box=None, stored_bytes=0
        )


@transaction.atomic
def subject_change(*, subject: Subject, **changes: Any) -> Subject:
    """Change some of SUBJECT_FIELDS: rename a person, note a consent.

    Raises Refusal `subject_unknown`, `subject_id_taken`, ValidationError for a value that cannot be. The
    caller is inside the team's scope.
    """
    rows = Subject.objects.select_for_update(of=("self",), no_key=True).select_related("gallery__team")
    row = rows.filter(pk=subject.pk).first()
    if row is None:
        raise refuse("subject_unknown")
    changed = _changed(row, SUBJECT_FIELDS, changes)
    if not changed:
        return row
    row.full_clean(
        exclude=["team", "gallery", "created_by"], validate_unique=False, validate_constraints=False
    )
    try:
        with transaction.atomic():
            row.save(update_fields=[*changed, "updated_at"])
    except IntegrityError as error:
        raise refuse("subject_id_taken", external_id=row.external_id) from error
    if set(CONSENT) & set(changed):
        consent_follow(row)
    record("subject.changed", team=row.gallery.team, obj=row, fields=changed)
    return row
