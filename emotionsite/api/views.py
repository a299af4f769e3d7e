"""`/api/v1/openapi.json` and `/api/v1/docs`: the same for everybody, and nothing of any team."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import condition, require_safe

from .document import document_text
from .etag import tag_of


def _tag(request: HttpRequest) -> str:
    return tag_of(document_text().encode())


@require_safe
@condition(etag_func=_tag)
def openapi_document(request: HttpRequest) -> HttpResponse:
    """The OpenAPI document of this installation."""
    headers = {"Cache-Control": "no-cache"}
    return HttpResponse(document_text(), content_type="application/json", headers=headers)


@require_safe
@ensure_csrf_cookie
def api_docs(request: HttpRequest) -> HttpResponse:
    """The document as a page on which requests can be tried out; the cookie is for those of a session."""
    return render(request, "api/docs.html")
