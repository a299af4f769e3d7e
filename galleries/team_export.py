"""What an export of a team holds of its galleries."""

from collections.abc import Iterator
from typing import Any

from analysis.models import FaceEmbedding
from media_jobs.export_content import Archive, pages, plain

from .models import (
    EnrolledFace,
    FaceLabel,
    FaceRejection,
    Gallery,
    GalleryJob,
    GallerySnapshot,
    SnapshotFace,
    SnapshotSubject,
    Subject,
    TemporaryFace,
    UnnamedPerson,
    VideoLabel,
)

READ_ME = """
galleries.jsonl            one gallery per line, with its recognition model
subjects.jsonl             people of galleries, with the consent that was recorded
enrolled_faces.jsonl       their faces with vectors (numbers that recognise them); `file` is the kept picture
temporary_faces.jsonl      faces kept for a day at most
face_labels.jsonl          whose face of a photo is whose; face_rejections.jsonl: what people said it is not
unnamed_people.jsonl       groups of faces that nobody has named
face_vectors.jsonl         vectors of the faces in photos
video_labels.jsonl         whom the people of videos were taken for
snapshots.jsonl            copies of galleries, kept for two days; snapshot_people.jsonl, snapshot_faces.jsonl
gallery_jobs.jsonl         trainings, imports, exports and the like
crops/                     kept pictures of enrolled faces
"""
#: Every table of people that belongs to a team and is more than a copy, by the name it has in the export.
TABLES: dict[str, tuple[Any, tuple[str, ...]]] = {
    "galleries": (Gallery, ()),
    "subjects": (Subject, ()),
    "temporary_faces": (TemporaryFace, ()),
    "face_labels": (FaceLabel, ()),
    "face_rejections": (FaceRejection, ()),
    "unnamed_people": (UnnamedPerson, ()),
    "snapshots": (GallerySnapshot, ()),
    "snapshot_people": (SnapshotSubject, ()),
    "snapshot_faces": (SnapshotFace, ()),
    "gallery_jobs": (GalleryJob, ("file",)),
    "face_vectors": (FaceEmbedding, ()),
    "video_labels": (VideoLabel, ()),
}


def galleries_write(archive: Archive, folder: str) -> None:
    """Write galleries, people, faces and crops of the current team."""
    archive.text(f"{folder}GALLERIES.txt", READ_ME.lstrip())
    for name, (model, without) in TABLES.items():
        rows = pages(model.objects.all())
        archive.lines(f"{folder}{name}.jsonl", (_row(row, without) for row in rows))
    archive.lines(f"{folder}enrolled_faces.jsonl", _faces())
    for face in pages(EnrolledFace.objects.exclude(crop="").only("pk", "crop")):
        archive.file(f"{folder}{_crop(face)}", face.crop)


def crops_count() -> int:
    """How many files `galleries_write` adds for the current team."""
    return EnrolledFace.objects.exclude(crop="").count()


def _row(row: Any, without: tuple[str, ...]) -> dict[str, Any]:
    found = plain(row, without=without)
    return {name: list(value) if name == "embedding" else value for name, value in found.items()}


def _faces() -> Iterator[dict[str, Any]]:
    for face in pages(EnrolledFace.objects.all()):
        row = plain(face, without=("crop", "embedding", "next_embedding"))
        yield row | {"embedding": list(face.embedding), "file": _crop(face) if face.crop else None}


def _crop(face: EnrolledFace) -> str:
    return f"crops/{face.pk}.jpg"
