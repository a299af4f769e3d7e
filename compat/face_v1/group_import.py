"""Copying person groups over from folders: groups, persons and faces, as the dialect itself makes them.

Persons carry the personId of the service before, or the name of their folder, as external id. By it they are
found when the same folder is copied again, and by the bytes of a photo its face: nothing is made twice.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from accounts.models import Team
from galleries.folder_send import Photo, job_follow, parts_of, photos_send
from galleries.models import EnrolledFace, Gallery, GalleryJob, Subject
from galleries.services import subject_create
from galleries.training import gallery_train, training_of

from .group_folders import Group, Person
from .kinds import Kind
from .making import collection_create
from .views import USUAL_RECOGNITION

#: Photos that are sent together: no more than a job can have notes, so that every refusal is told.
MOST_PHOTOS = 1_000


class CopyError(Exception):
    """Why copying cannot go on."""


@dataclass
class Copied:
    """What became of a group. `refused`: photos without a face here, with the reason of each."""

    group: Group
    gallery: Gallery
    subjects: list[Subject]
    new_people: int = 0
    new_faces: int = 0
    known_faces: int = 0
    refused: list[tuple[Path, str]] = field(default_factory=list)
    digests: dict[Path, str] = field(default_factory=dict)


def group_find(*, kind: Kind, group: Group, model: str) -> Gallery | None:
    """The group where the team has it already. Raises CopyError when it compares by another model's name."""
    gallery = (
        Gallery.objects.select_related("team__plan").filter(namespace=kind.namespace, key=group.key).first()
    )
    wanted = model or group.model
    if gallery is not None and wanted and gallery.model_alias != wanted:
        raise CopyError(
            f"{kind.word} {group.key!r} is there already, with {gallery.model_alias or gallery.model} and "
            f"not with {wanted}. Delete it, or choose another id with --group."
        )
    return gallery


def people_make(*, team: Team, kind: Kind, group: Group, model: str) -> Copied:
    """The group and its persons, those made that are missing; who is there keeps name and user data.

    Raises Refusal. The caller is inside the team's scope.
    """
    gallery = group_find(kind=kind, group=group, model=model) or collection_create(
        team=team,
        kind=kind,
        key=group.key,
        name=group.name,
        model=model or group.model or USUAL_RECOGNITION,
        notes=group.user_data,
    )
    known = {
        subject.external_id: subject
        for subject in Subject.objects.filter(gallery=gallery).exclude(external_id="")
    }
    copied = Copied(group, gallery, [])
    for person in group.people:
        found = next((known[word] for word in person.known_as if word in known), None)
        if found is None:
            found = subject_create(
                gallery=gallery,
                name=person.name,
                external_id=person.known_as[0],
                notes=person.user_data,
                most=kind.most_persons,
            )
            copied.new_people += 1
        copied.subjects.append(found)
    return copied


def faces_send(copied: Copied, bar: Any = None) -> Iterator[tuple[Path, str]]:
    """Have workers enrol the photos that are not there yet; yields each that is refused, with the reason.

    bar: of tqdm, moved along. Raises Refusal, and CopyError when a job fails; the faces until then stay. The
    caller is inside the team's scope and in no transaction.
    """
    photos: list[Photo] = []
    for refusal in _photos_read(copied, photos, bar):
        copied.refused.append(refusal)
        yield refusal
    for part in parts_of(photos, MOST_PHOTOS):
        job = photos_send(team=copied.gallery.team, gallery=copied.gallery, photos=part)
        job = job_follow(job, bar)
        copied.new_faces += job.options.get("cursor", {}).get("made", 0)
        places = dict(part)
        for note in job.notes:
            copied.refused.append((places[note["entry"]], note["message"]))
            yield copied.refused[-1]
        if job.status != GalleryJob.Status.SUCCEEDED:
            raise CopyError(job.error_message or f"The import of {copied.group.key} was {job.status}.")


def _photos_read(copied: Copied, photos: list[Photo], bar: Any) -> Iterator[tuple[Path, str]]:
    """Fill `photos` with those of whom no face is enrolled; yields what cannot be read or is nobody's."""
    for path in copied.group.loose:
        yield path, "It lies in no folder of a person."
    enrolled = set(
        EnrolledFace.objects.filter(gallery=copied.gallery).values_list("subject", "picture_sha256")
    )
    for number, (person, subject) in enumerate(zip(copied.group.people, copied.subjects, strict=True)):
        for path in person.photos:
            try:
                digest = _digest(path)
            except OSError as error:
                yield path, f"It cannot be read: {error.strerror}."
                continue
            copied.digests[path] = digest
            if (subject.pk, digest) in enrolled:
                copied.known_faces += 1
                if bar is not None:
                    bar.update(1)
                continue
            # Whose it is stands around it; the rest of the name only has to differ.
            photos.append((f"{number}/{subject.external_id}/{len(photos)}", path))


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def group_train(copied: Copied) -> None:
    """Train the group, unless nothing has changed since it was, and wait. Raises CopyError."""
    copied.gallery.refresh_from_db(fields=["changed_at"])
    if copied.new_faces or training_of(copied.gallery).due:
        job = job_follow(gallery_train(gallery=copied.gallery))
        if job.status != GalleryJob.Status.SUCCEEDED:
            raise CopyError(job.error_message or f"The training of {copied.group.key} was {job.status}.")


def ids_of(kind: Kind, copied: Copied) -> list[dict[str, Any]]:
    """For each person their id in the service before, where it is known, and here; for each photo of theirs
    that is enrolled, by its place in the group's folder, the id of its face.
    """
    faces = _faces_of(copied.gallery)
    rows = []
    for person, subject in zip(copied.group.people, copied.subjects, strict=True):
        row: dict[str, Any] = {kind.field: copied.group.key, "name": subject.name}
        if person.old_id:
            row["oldPersonId"] = person.old_id
        row["personId"] = str(subject.pk)
        row["persistedFaceIds"] = _photo_ids(person, copied, faces, subject)
        rows.append(row)
    return rows


def _faces_of(gallery: Gallery) -> dict[tuple[UUID | None, str], UUID]:
    found = EnrolledFace.objects.filter(gallery=gallery).values_list("subject", "picture_sha256", "pk")
    return {(subject, digest): pk for subject, digest, pk in found.order_by("-created_at", "-id")}


def _photo_ids(
    person: Person, copied: Copied, faces: dict[tuple[UUID | None, str], UUID], subject: Subject
) -> dict[str, str]:
    named = {path: faces.get((subject.pk, copied.digests.get(path, ""))) for path in person.photos}
    place = copied.group.place
    return {str(path.relative_to(place)): str(pk) for path, pk in named.items() if pk is not None}


def without_faces(copied: Copied) -> Sequence[Subject]:
    """Persons of whom no face is enrolled: nobody will be recognised as one of them."""
    with_some = set(EnrolledFace.objects.filter(gallery=copied.gallery).values_list("subject", flat=True))
    return [subject for subject in copied.subjects if subject.pk not in with_some]
