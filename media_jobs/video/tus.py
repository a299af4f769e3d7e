"""The tus protocol, version 1.0.0, as HTTP: headers in, headers out. The work is done by `uploads`.

Core with the extensions creation, termination and expiration, https://tus.io/protocols/resumable-upload. The
same functions answer the API and the pages; who may ask, and for which team, they have made sure of before.
Whatever cannot be done is a Refusal.
"""

import base64
import binascii
import io
import re
from collections.abc import Callable
from typing import IO, Any, cast
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.http import http_date

from accounts.models import Team, User
from media_jobs.models import VideoUpload
from media_jobs.refusals import refuse

from .uploads import expires_at, upload_append, upload_begin, upload_delete, upload_get

VERSION = "1.0.0"
EXTENSIONS = "creation,termination,expiration"
PART_TYPE = "application/offset+octet-stream"
# What clients that cannot send PATCH or DELETE say instead, in a POST.
OVERRIDE = "X-HTTP-Method-Override"
_NUMBER = re.compile(r"[0-9]{1,19}")
LARGEST = 2**63 - 1


def abilities() -> dict[str, str]:
    """What the server can do: the headers of the answer to OPTIONS, which is asked without Tus-Resumable."""
    return {
        "Tus-Version": VERSION,
        "Tus-Extension": EXTENSIONS,
        "Tus-Max-Size": str(settings.MAX_VIDEO_BYTES),
    }


def create(
    request: HttpRequest, *, team: Team, user: User | None, place: Callable[[UUID], str]
) -> HttpResponse:
    """Begin an upload; `place` gives the address of one."""
    check_version(request)
    if "Upload-Defer-Length" in request.headers:
        why = "how long the upload is has to be known when it begins; send Upload-Length"
        raise refuse("upload_header_invalid", name="Upload-Defer-Length", why=why)
    length = _number(request, "Upload-Length")
    filename = _filename(request.headers.get("Upload-Metadata", ""))
    upload = upload_begin(team=team, length=length, filename=filename, user=user)
    headers = {"Location": place(upload.pk), "Upload-Offset": "0", **_expiry(upload)}
    return HttpResponse(status=201, headers=headers)


def tell(request: HttpRequest, *, upload_id: UUID) -> HttpResponse:
    """How much is there: the answer to HEAD."""
    check_version(request)
    upload = upload_get(upload_id=upload_id)
    name = base64.b64encode(upload.filename.encode()).decode()
    headers = {
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Metadata": f"filename {name}",
        "Cache-Control": "no-store",
        **_expiry(upload),
    }
    return HttpResponse(status=200, headers=headers)


def append(request: HttpRequest, *, upload_id: UUID) -> HttpResponse:
    """Take a part: the answer to PATCH."""
    check_version(request)
    if request.content_type != PART_TYPE:
        raise refuse("upload_content_type")
    offset = _number(request, "Upload-Offset")
    announced = _announced(request)
    # Django has the body in a file already and hands it on; it is never in memory as a whole.
    stream = cast(IO[bytes], request) if announced else io.BytesIO()
    upload = upload_append(upload_id=upload_id, offset=offset, stream=stream, announced=announced)
    headers = {"Upload-Offset": str(upload.received), **_expiry(upload)}
    return HttpResponse(status=204, headers=headers)


def terminate(request: HttpRequest, *, upload_id: UUID) -> HttpResponse:
    """Erase an upload: the answer to DELETE."""
    check_version(request)
    upload_delete(upload_id=upload_id)
    return HttpResponse(status=204)


def overridden(request: HttpRequest, *, upload_id: UUID) -> HttpResponse:
    """The answer to a POST that stands for another method. Raises Refusal for one that does not."""
    answers: dict[str, Callable[..., HttpResponse]] = {"PATCH": append, "DELETE": terminate}
    answer = answers.get(request.headers.get(OVERRIDE, ""))
    if answer is None:
        why = "it names the method that is meant, PATCH or DELETE"
        raise refuse("upload_header_invalid", name=OVERRIDE, why=why)
    return answer(request, upload_id=upload_id)


def signed(response: HttpResponseBase) -> None:
    """Every answer names the version, also an error."""
    response.headers["Tus-Resumable"] = VERSION


def check_version(request: HttpRequest) -> None:
    """Raises Refusal `tus_version_unsupported` when the client speaks another version, or none."""
    if request.headers.get("Tus-Resumable") != VERSION:
        raise refuse("tus_version_unsupported", headers={"Tus-Version": VERSION})


def _expiry(upload: VideoUpload) -> dict[str, str]:
    return {"Upload-Expires": http_date(expires_at(upload).timestamp())}


def _announced(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if _NUMBER.fullmatch(text) else 0


def _number(request: HttpRequest, name: str) -> int:
    text = request.headers.get(name, "")
    if not _NUMBER.fullmatch(text) or int(text) > LARGEST:
        raise refuse("upload_header_invalid", name=name, why="it must be a whole number of bytes")
    return int(text)


def _filename(text: str) -> str:
    """`filename` of Upload-Metadata: pairs of a key and a value in base64, commas between; "" without."""
    found: dict[str, Any] = {}
    for pair in text.split(",") if text.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not key or key in found:
            raise _metadata_invalid()
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _metadata_invalid() from error
    return str(found.get("filename", ""))


def _metadata_invalid() -> Exception:
    why = "it has pairs of a key and a value in base64 with a blank between, and commas between the pairs"
    return refuse("upload_header_invalid", name="Upload-Metadata", why=why)
