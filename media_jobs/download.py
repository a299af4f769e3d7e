"""Sending the file of an export, however large it is."""

from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.http import HttpResponseRedirect
from django.http.response import HttpResponseBase

from emotionsite.streaming import streamed

from . import files
from .exports import export_downloaded
from .models import Export
from .refusals import refuse

PIECE = 256 * 1024
ZIP = "application/zip"


def export_response(export: Export) -> HttpResponseBase:
    """The ZIP of an export, or the way to it on S3; it is recorded who fetched it.

    Raises Refusal `export_not_ready` when there is no file.
    """
    if export.status != Export.Status.READY:
        raise refuse("export_not_ready")
    filename = f"emotionsite-{export.kind}-{export.created_at:%Y-%m-%d}.zip"
    export_downloaded(export=export)
    if address := files.signed_address(export.name, ZIP, f'attachment; filename="{filename}"'):
        return HttpResponseRedirect(address)
    return streamed(lambda: _pieces(export.name), content_type=ZIP, filename=filename)


def _pieces(name: str) -> Iterator[bytes]:
    with default_storage.open(name, "rb") as file:
        while piece := file.read(PIECE):
            yield piece
