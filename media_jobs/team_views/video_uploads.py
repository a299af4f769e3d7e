"""Uploads of videos by the pages: tus as in the API, with a session and a CSRF token instead of a key."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal, problem_response, refusal_response
from media_jobs import hooks
from media_jobs.video import tus
from media_jobs.video.intake import VideoOptions, video_from_upload


def _tus(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Refusals as problems, and every answer with the version of the protocol."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = view(request, *args, **kwargs)
        except Refusal as refusal:
            response = refusal_response(refusal)
        tus.signed(response)
        return response

    return answered


@require_http_methods(["OPTIONS", "POST"])
@team_page(Scope.ANALYZE)
@_tus
def team_video_uploads(request: HttpRequest) -> HttpResponse:
    """Begin an upload, or tell what the protocol's server can do."""
    if request.method == "OPTIONS":
        return HttpResponse(status=204, headers=tus.abilities())
    access = require_access(request)
    return tus.create(
        request,
        team=access.team,
        user=access.user,
        place=lambda upload_id: reverse("team_video_upload", args=[upload_id]),
    )


@require_http_methods(["HEAD", "PATCH", "DELETE", "POST"])
@team_page(Scope.ANALYZE)
@_tus
def team_video_upload(request: HttpRequest, upload_id: UUID) -> HttpResponse:
    """Tell how much of an upload is there, take a part of it, or erase it."""
    methods: dict[str, Callable[..., HttpResponse]] = {
        "HEAD": tus.tell,
        "PATCH": tus.append,
        "DELETE": tus.terminate,
    }
    if request.method in methods:
        return methods[request.method](request, upload_id=upload_id)
    if request.method != "POST":
        return HttpResponseNotAllowed(["HEAD", "PATCH", "DELETE"])
    return tus.overridden(request, upload_id=upload_id)


@require_POST
@team_page(Scope.ANALYZE)
def team_video_upload_use(request: HttpRequest, upload_id: UUID) -> HttpResponseBase:
    """Make a video of a finished upload; JSON in, 202 with the address of its page out.

    `frames_per_second` (null for every frame), `gallery`, `name` and `live` may be left out.
    """
    access = require_access(request)
    try:
        wanted = json.loads(request.body or b"{}")
        options = _options(access.team, wanted)
        name = str(wanted.get("name", ""))
    except (ValueError, TypeError, AttributeError):
        return problem_response(
            status=400, code="invalid", detail="These options cannot be read. Reload the page."
        )
    except Refusal as refusal:
        return refusal_response(refusal)
    try:
        video = video_from_upload(
            team=access.team, upload_id=upload_id, options=options, user=access.user, name=name
        )
    except Refusal as refusal:
        return refusal_response(refusal)
    page = reverse("team_video", args=[video.pk])
    return JsonResponse({"job_id": video.job_id, "video_id": video.pk, "page": page}, status=202)


def _options(team: Any, wanted: dict[str, Any]) -> VideoOptions:
    """Raises ValueError or TypeError for what is none, and Refusal for an unknown gallery."""
    rate = wanted.get("frames_per_second", VideoOptions.frames_per_second)
    gallery = wanted.get("gallery")
    return VideoOptions(
        frames_per_second=None if rate is None else float(rate),
        gallery_id=hooks.gallery_find(team=team, gallery=str(gallery)) if gallery else None,
        live=wanted.get("live") is True,
    )
