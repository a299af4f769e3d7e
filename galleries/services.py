"""Writes of galleries: making and changing galleries and the people in them."""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from accounts.audit import record
from accounts.models import Team, User
from analysis.recognition import photo_model
from ml_models import WeightError
from ml_models.recognition import RecognitionModel, recognition_model, recognition_models

from .models import Gallery, Subject
from .refusals import refuse


def model_named(name: str) -> RecognitionModel:
    """An installed recognition model. Raises Refusal `model_unknown`."""
    try:
        return recognition_model(name)
    except WeightError as error:
        raise refuse("model_unknown", model=name, known=", ".join(recognition_models())) from error


@transaction.atomic
def gallery_create(
    *, team: Team, name: str, key: str = "", model: str = "", user: User | None = None, **options: Any
) -> Gallery:
    """Make a gallery, pinned to a recognition model (the installation's without one).

    key: made of the name where it is ''. options: further fields of `Gallery`. Raises Refusal
    `gallery_key_taken`, `model_unknown`, ValidationError for a value that cannot be. The caller is inside the
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
    *, gallery: Gallery, name: str, external_id: str = "", user: User | None = None, **options: Any
) -> Subject:
    """Enrol a person in a gallery, without a face yet.

    options: further fields of `Subject`. Raises Refusal `gallery_holds_faces`, `subject_id_taken`,
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
    try:
        with transaction.atomic():
            subject.save(force_insert=True)
    except IntegrityError as error:
        raise refuse("subject_id_taken", external_id=external_id) from error
    record("subject.created", team=gallery.team, obj=subject, gallery_id=str(gallery.pk))
    return subject
