"""Results of a batch as a file: JSON Lines, CSV or Parquet, made while it is sent.

No more than a page of items is in memory, however large the batch. The web server is asynchronous and Django
would first collect the whole of an ordinary generator, so pages are read in a thread, one at a time.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.http import StreamingHttpResponse

from accounts.access import team_scope
from accounts.models import Team
from analysis.api.serializers import FaceSerializer
from analysis.models import Face
from emotionsite.streaming import Sink, csv_lines, streamed
from ml_models import EMOTIONS

from .batch_selectors import result_items
from .models import Job, JobItem

PAGE = 250
BOX = ("left", "top", "width", "height")
PICTURE_TEXTS = ("name", "media_id", "status", "error_code", "error_message")
FACE_TEXTS = ("face_id", "strongest", "gender")
FACE_NUMBERS = (*BOX, "confidence", *EMOTIONS, "age", "gender_confidence")
COLUMNS = (
    *("position", *PICTURE_TEXTS, "face_number", "face_id", *BOX, "confidence"),
    *("strongest", *EMOTIONS, "age", "gender", "gender_confidence"),
)

Pages = Iterable[list[JobItem]]


@dataclass(frozen=True)
class Format:
    content_type: str
    write: Callable[[Pages], Iterator[bytes]]


def results_response(*, team: Team, batch: Job, form: str) -> StreamingHttpResponse:
    """The results of a batch in one of FORMATS, as a file to be saved."""
    wanted = FORMATS[form]
    return streamed(
        lambda: wanted.write(pages(team, batch.pk)),
        content_type=wanted.content_type,
        filename=f"batch-{batch.pk}.{form}",
    )


def results_write(*, team: Team, batch_id: UUID, form: str) -> Iterator[bytes]:
    """The same bytes for a caller that is not a web request."""
    return FORMATS[form].write(pages(team, batch_id))


def pages(team: Team, batch_id: UUID) -> Iterator[list[JobItem]]:
    """The items of a batch in order, page by page. Enters the team's scope only while it reads.

    A scope that stayed entered between two pages would be left in another context than it was entered in.
    """
    after = -1
    while True:
        with team_scope(team):
            page = result_items(batch_id=batch_id, after=after, limit=PAGE)
        if not page:
            return
        after = page[-1].position
        yield page


# --- JSON Lines -----------------------------------------------------------------------------------


def jsonl(items: Pages) -> Iterator[bytes]:
    """A line per picture, with its faces inside."""
    # One for all: making a serializer takes longer than using it.
    faces = FaceSerializer()
    for page in items:
        lines = [json.dumps(_line(item, faces), cls=DjangoJSONEncoder, ensure_ascii=False) for item in page]
        yield ("\n".join(lines) + "\n").encode()


def _line(item: JobItem, faces: FaceSerializer) -> dict[str, Any]:
    media = item.media
    done = item.status == JobItem.Status.SUCCEEDED and media is not None
    return {
        "position": item.position,
        "name": item.name,
        "media_id": item.media_id,
        "status": item.status,
        "error": {"code": item.error_code, "message": item.error_message} if item.error_code else None,
        "width": media.width if media else None,
        "height": media.height if media else None,
        "faces": [faces.to_representation(face) for face in _faces(item)] if done else None,
    }


def _faces(item: JobItem) -> list[Face]:
    """Faces of a picture that has its result, in order; none of a photo that was deleted meanwhile."""
    return list(item.media.faces.all()) if item.media and item.status == JobItem.Status.SUCCEEDED else []


# --- Rows: CSV and Parquet ------------------------------------------------------------------------
def _rows(page: Iterable[JobItem]) -> Iterator[dict[str, Any]]:
    """A row per face; a picture without any has one row with empty columns of faces."""
    for item in page:
        about: dict[str, Any] = {
            "position": item.position,
            "name": item.name,
            "media_id": str(item.media_id) if item.media_id else None,
            "status": item.status,
            "error_code": item.error_code or None,
            "error_message": item.error_message or None,
        }
        faces = _faces(item)
        for face in faces:
            yield about | _columns(face)
        if not faces:
            yield about


def _columns(face: Face) -> dict[str, Any]:
    return {
        "face_number": face.number,
        "face_id": str(face.pk),
        "strongest": face.strongest or None,
        "gender": face.gender or None,
        **{name: getattr(face, name) for name in FACE_NUMBERS},
    }


def as_csv(items: Pages) -> Iterator[bytes]:
    """A row per face, with the names of the columns first."""
    yield csv_lines([COLUMNS])
    for page in items:
        yield csv_lines([row.get(name) for name in COLUMNS] for row in _rows(page))


def parquet(items: Pages) -> Iterator[bytes]:
    """A row group per page of items, and the footer at the end."""
    # Here, because it is large and only this needs it.
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    schema = _schema(pyarrow)
    sink = Sink()
    with ParquetWriter(sink, schema, compression="zstd") as writer:
        for page in items:
            writer.write_table(pyarrow.Table.from_pylist(list(_rows(page)), schema=schema))
            yield sink.take()
    yield sink.take()


def _schema(pyarrow: Any) -> Any:
    kinds = {
        **dict.fromkeys(("position", "face_number"), pyarrow.int32()),
        **dict.fromkeys((*PICTURE_TEXTS, *FACE_TEXTS), pyarrow.string()),
        **dict.fromkeys(FACE_NUMBERS, pyarrow.float32()),
    }
    return pyarrow.schema([(name, kinds[name]) for name in COLUMNS])


FORMATS = {
    "jsonl": Format("application/x-ndjson", jsonl),
    "csv": Format("text/csv; charset=utf-8", as_csv),
    "parquet": Format("application/vnd.apache.parquet", parquet),
}
