"""Tables of a video's results as files: CSV, JSON Lines, JSON or Parquet, made while they are sent.

No more than a page of a table is in memory, however long the video is.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.http import StreamingHttpResponse

from accounts.models import Team
from emotionsite.streaming import Sink, csv_lines, streamed

from .tables import TABLES, Column, Page

Pages = Iterable[Page]
Columns = Sequence[Column]


@dataclass(frozen=True)
class Format:
    content_type: str
    write: Callable[[Columns, Pages], Iterator[bytes]]


def results_response(*, team: Team, video: Any, table: str, form: str) -> StreamingHttpResponse:
    """One of TABLES of a video in one of FORMATS, as a file to be saved."""
    return streamed(
        lambda: results_write(team=team, video=video, table=table, form=form),
        content_type=FORMATS[form].content_type,
        filename=f"video-{video.pk}-{table}.{form}",
    )


def results_write(*, team: Team, video: Any, table: str, form: str) -> Iterator[bytes]:
    """The same bytes for a caller that is not a web request."""
    wanted = TABLES[table]
    return FORMATS[form].write(wanted.columns, wanted.pages(team, video))


def _rows(columns: Columns, page: Page) -> Iterator[tuple[Any, ...]]:
    return zip(*(page[column.name] for column in columns), strict=True)


def as_csv(columns: Columns, pages: Pages) -> Iterator[bytes]:
    """A line per row, with the names of the columns first; nothing between two commas is unknown."""
    yield csv_lines([[column.name for column in columns]])
    for page in pages:
        yield csv_lines(_rows(columns, page))


def jsonl(columns: Columns, pages: Pages) -> Iterator[bytes]:
    """A line per row, an object with the columns' names; null is unknown."""
    for page in pages:
        yield "".join(f"{line}\n" for line in _objects(columns, page)).encode()


def as_json(columns: Columns, pages: Pages) -> Iterator[bytes]:
    """The same as one array, a row on each line."""
    between = "[\n"
    for page in pages:
        lines = list(_objects(columns, page))
        if lines:
            yield (between + ",\n".join(lines)).encode()
            between = ",\n"
    yield b"\n]\n" if between == ",\n" else b"[]\n"


def _objects(columns: Columns, page: Page) -> Iterator[str]:
    names = [column.name for column in columns]
    for row in _rows(columns, page):
        yield json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False, allow_nan=False)


def parquet(columns: Columns, pages: Pages) -> Iterator[bytes]:
    """A row group per page, and the footer at the end."""
    # Here, because it is large and only this needs it.
    import pyarrow
    from pyarrow.parquet import ParquetWriter

    kinds = {
        "integer": pyarrow.int64(),
        "number": pyarrow.float32(),
        "text": pyarrow.string(),
        "flag": pyarrow.bool_(),
    }
    schema = pyarrow.schema([(column.name, kinds[column.kind]) for column in columns])
    sink = Sink()
    with ParquetWriter(sink, schema, compression="zstd") as writer:
        for page in pages:
            arrays = [pyarrow.array(page[column.name], kinds[column.kind]) for column in columns]
            writer.write_table(pyarrow.Table.from_arrays(arrays, schema=schema))
            yield sink.take()
    yield sink.take()


FORMATS = {
    "csv": Format("text/csv; charset=utf-8", as_csv),
    "jsonl": Format("application/x-ndjson", jsonl),
    "json": Format("application/json", as_json),
    "parquet": Format("application/vnd.apache.parquet", parquet),
}
