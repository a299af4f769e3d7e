"""The archive of a gallery, as docs/galleries.md describes it: what its files say, written and read.

Nothing here touches the database or the storage. People and faces stand in parts of bounded size, one JSON
object a line, so that neither side holds more than one part in memory.
"""

import base64
import binascii
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import numpy as np
from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime

from .models import EnrolledFace, Gallery, Subject
from .refusals import refuse

FORMAT = "emotionsite-gallery"
VERSION = 1
MANIFEST = "manifest.json"
#: A part ends after the line that makes it this long. Archives that are not stored in parts like these are
#: refused, as is everything longer than `LONGEST_PART`.
PART_BYTES = 512 * 1024
LONGEST_PART = 4 * 1024**2
LONGEST_CROP = 4 * 1024**2
#: How the numbers of a vector may be stored. Ours are float16: that is what the database keeps.
VECTORS = {"float16": "<f2", "float32": "<f4"}
#: Half precision keeps about three digits of each number, and so of the length.
LENGTH_TOLERANCE = 0.01
#: Settings of a gallery that go with it. Its model stands by itself.
SETTINGS = (
    *("key", "name", "notes", "holds", "threshold", "quality_policy", "allow_duplicates", "keep_crops"),
    *("label_photos", "erase_without_consent"),
)
_OF_SUBJECT = ("name", "external_id", "notes", "consent_by", "consent_how")
_TIMES = ("consent_at", "consent_until")


@dataclass(frozen=True)
class Part:
    """A file of people or faces in the archive. `kind` is 'subjects' or 'faces'."""

    name: str
    kind: str
    lines: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What the archive says of itself. `crops` is how many faces have a picture in it."""

    settings: dict[str, Any]
    model: str
    model_sha256: str
    dimension: int
    vectors: str
    parts: list[Part]
    crops: int

    @property
    def faces(self) -> int:
        return sum(part.lines for part in self.parts if part.kind == "faces")

    @property
    def entries(self) -> int:
        """People and faces together."""
        return sum(part.lines for part in self.parts)

    def as_json(self, made_at: datetime) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "made_at": made_at.isoformat(),
            "gallery": self.settings,
            "model": {"name": self.model, "sha256": self.model_sha256, "dimension": self.dimension},
            "vectors": self.vectors,
            "crops": self.crops,
            "parts": [
                {"name": part.name, "kind": part.kind, "lines": part.lines, "sha256": part.sha256}
                for part in self.parts
            ],
        }


@dataclass(frozen=True)
class FaceLine:
    """A face of an archive. `vector` has length 1; `crop` is the name of its picture in it, or ''."""

    id: UUID
    subject_id: UUID | None
    vector: list[float]
    fields: dict[str, Any]
    crop: str
    crop_sha256: str


@dataclass(frozen=True)
class SubjectLine:
    id: UUID
    fields: dict[str, Any]


# --- Writing --------------------------------------------------------------------------------------------
def settings_of(gallery: Gallery) -> dict[str, Any]:
    return {name: getattr(gallery, name) for name in SETTINGS}


def subject_line(subject: Subject) -> dict[str, Any]:
    texts = {name: getattr(subject, name) for name in _OF_SUBJECT}
    times = {name: _time_text(getattr(subject, name)) for name in _TIMES}
    return {"id": str(subject.pk), **texts, **times, "created_at": _time_text(subject.created_at)}


def face_line(face: EnrolledFace, *, crop_sha256: str = "") -> dict[str, Any]:
    """crop_sha256: of its picture in the archive, '' where there is none."""
    box = [face.left, face.top, face.width, face.height]
    return {
        "id": str(face.pk),
        "subject_id": str(face.subject_id) if face.subject_id else None,
        "embedding": vector_text(face.embedding),
        "box": box if None not in box else None,
        "picture_sha256": face.picture_sha256,
        "quality": face.quality,
        "quality_reasons": face.quality_reasons,
        "notes": face.notes,
        "by_hand": face.by_hand,
        "created_at": _time_text(face.created_at),
        "crop": crop_name(face.pk) if crop_sha256 else None,
        "crop_sha256": crop_sha256 or None,
        "crop_box": face.crop_box,
    }


def crop_name(face_id: UUID) -> str:
    return f"crops/{face_id}.jpg"


def vector_text(vector: Iterable[float]) -> str:
    """A vector as base64 of float16, little-endian."""
    return base64.b64encode(np.asarray(list(vector), dtype=VECTORS["float16"]).tobytes()).decode()


def _time_text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


# --- Reading --------------------------------------------------------------------------------------------
def manifest_read(content: bytes) -> Manifest:
    """Raises Refusal `archive_not_gallery`, `archive_version`, `archive_manifest_wrong`."""
    try:
        given = json.loads(content)
    except ValueError as error:
        raise refuse("archive_manifest_wrong") from error
    if not isinstance(given, dict) or given.get("format") != FORMAT:
        raise refuse("archive_not_gallery")
    if given.get("version") != VERSION:
        raise refuse("archive_version", version=str(given.get("version"))[:20], known=VERSION)
    try:
        manifest = _manifest(given)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refuse("archive_manifest_wrong") from error
    return manifest


def _manifest(given: Mapping[str, Any]) -> Manifest:
    parts = [
        Part(str(one["name"]), str(one["kind"]), int(one["lines"]), str(one["sha256"]))
        for one in given["parts"]
    ]
    model, settings = given["model"], dict(given["gallery"])
    manifest = Manifest(
        settings={name: settings[name] for name in SETTINGS if name in settings},
        model=str(model["name"])[:80],
        model_sha256=str(model["sha256"]),
        dimension=int(model["dimension"]),
        vectors=str(given["vectors"]),
        parts=sorted(parts, key=lambda part: part.kind != "subjects"),
        crops=int(given["crops"]),
    )
    kinds = {part.kind for part in parts}
    if manifest.vectors not in VECTORS or not kinds <= {"subjects", "faces"}:
        raise ValueError("unknown vectors or parts")
    if any(part.lines < 0 for part in parts) or len({part.name for part in parts}) != len(parts):
        raise ValueError("parts that cannot be")
    return manifest


def lines_of(content: bytes) -> Iterator[Any]:
    """The objects of a part; None for a line that is no JSON object."""
    for line in content.split(b"\n"):
        if line.strip():
            try:
                found = json.loads(line)
            except ValueError:
                found = None
            yield found if isinstance(found, dict) else None


def subject_read(line: Mapping[str, Any] | None) -> SubjectLine:
    """Raises Refusal `archive_entry_wrong`."""
    try:
        if line is None:
            raise ValueError("no object")
        fields: dict[str, Any] = {name: _text(line.get(name, "")) for name in _OF_SUBJECT}
        fields |= {name: _time(line.get(name)) for name in _TIMES}
        return SubjectLine(UUID(_text(line["id"])), fields)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refuse("archive_entry_wrong") from error


def face_read(line: Mapping[str, Any] | None, *, dimension: int, vectors: str) -> FaceLine:
    """Raises Refusal `archive_entry_wrong`, and what `vector_read` raises."""
    try:
        if line is None:
            raise ValueError("no object")
        box = line.get("box")
        left, top, width, height = (_number(value) for value in box) if box is not None else (None,) * 4
        crop_box = line.get("crop_box")
        fields = {
            "left": left,
            "top": top,
            "width": width,
            "height": height,
            "picture_sha256": _text(line.get("picture_sha256", "")),
            "quality": _text(line.get("quality", "")),
            "quality_reasons": [_text(reason) for reason in line.get("quality_reasons", [])],
            "notes": _text(line.get("notes", "")),
            "by_hand": bool(line.get("by_hand", False)),
            "crop_box": None if crop_box is None else [_number(value) for value in crop_box],
        }
        subject_id = line.get("subject_id")
        face = FaceLine(
            id=UUID(_text(line["id"])),
            subject_id=None if subject_id is None else UUID(_text(subject_id)),
            vector=vector_read(line["embedding"], dimension=dimension, vectors=vectors),
            fields=fields,
            crop=_text(line.get("crop") or ""),
            crop_sha256=_text(line.get("crop_sha256") or ""),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise refuse("archive_entry_wrong") from error
    return face


def vector_read(text: Any, *, dimension: int, vectors: str) -> list[float]:
    """The numbers of a vector.

    Raises Refusal `archive_entry_wrong`, `vector_size_wrong`, `vector_not_finite`, `vector_length_wrong`.
    """
    try:
        content = base64.b64decode(_text(text), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refuse("archive_entry_wrong") from error
    kind = np.dtype(VECTORS[vectors])
    if len(content) != dimension * kind.itemsize:
        raise refuse("vector_size_wrong", size=len(content) // kind.itemsize, wanted=dimension)
    found = np.frombuffer(content, dtype=kind).astype(np.float64)
    if not np.isfinite(found).all():
        raise refuse("vector_not_finite")
    if abs(float(np.linalg.norm(found)) - 1) > LENGTH_TOLERANCE:
        raise refuse("vector_length_wrong")
    return [float(value) for value in found]


def _text(value: Any) -> str:
    if not isinstance(value, str) or "\x00" in value:
        raise ValueError("no text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def _time(value: Any) -> datetime | None:
    if value is None:
        return None
    moment = parse_datetime(_text(value))
    if moment is None or moment.tzinfo is None:
        raise ValueError("no moment")
    return moment


def checked(row: Gallery | Subject | EnrolledFace, *, without: tuple[str, ...]) -> None:
    """Raises Refusal `archive_entry_wrong` when a value of a row made of an archive cannot be."""
    fields = row._meta.concrete_fields  # noqa: SLF001
    # Django asks for a value where a form would, and leaves the length of long texts to forms.
    absent = [field.name for field in fields if field.null and getattr(row, field.attname) is None]
    try:
        row.full_clean(exclude={*without, *absent}, validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise refuse("archive_entry_wrong") from error
    for field in fields:
        value = getattr(row, field.attname)
        if isinstance(value, str) and field.max_length is not None and len(value) > field.max_length:
            raise refuse("archive_entry_wrong")
