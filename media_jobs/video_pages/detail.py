"""The page of one video, and what is done with the whole of it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from analysis.video.selectors import interval_of
from emotionsite.problems import Refusal
from media_jobs.models import Video, VideoPreview
from media_jobs.video.ending import video_cancel
from media_jobs.video.erasure import video_delete
from media_jobs.video.start import video_restart
from ml_models import EMOTIONS

from .cast import cast_of, metrics_to_show
from .common import OptionsForm, first_error, video_or_404
from .lists import preview_state, states_of


@require_GET
@team_page(Scope.READ)
def team_video(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """The video with boxes and names over it, the charts of its metrics, its people and its moments."""
    video = video_or_404(video_id)
    context: dict[str, Any] = {
        "video": video,
        "player": player_of(video),
        "options": OptionsForm(request=request, video=video),
        "state": states_of([video])[0],
    }
    if video.status == Video.Status.READY:
        context |= {**cast_of(video), "metrics": metrics_to_show(), "page_data": _page_data(video)}
    return render(request, "videos/detail.html", context)


def player_of(video: Video) -> dict[str, Any]:
    """What the player shows: `kind` is video, making, failed, erased or none; and its `url` and `type`.

    offset_ms: what is added to a time of ours for the file's own, whose sound may begin before its pictures.
    """
    if video.pictures_erased_at is not None:
        return {"kind": "erased"}
    preview = preview_state(video)
    if preview is not None and preview["status"] == VideoPreview.Status.READY:
        return {"kind": "video", "url": _file(video, "preview"), "type": "video/webm", "offset_ms": 0}
    if video.shown_by_browsers and video.parts:
        offset = int(video.facts.get("player_offset_ms", 0))
        url = _file(video, "file")
        return {"kind": "video", "url": url, "type": video.content_type, "offset_ms": offset}
    if preview is None:
        return {"kind": "none"}
    made = preview["status"] == VideoPreview.Status.QUEUED
    return {"kind": "making" if made else "failed", "progress": preview["progress"]}


def _file(video: Video, part: str) -> str:
    return reverse("team_video_file", args=[video.pk, part])


def _page_data(video: Video) -> dict[str, Any]:
    """What the scripts need before they have asked for anything."""
    return {
        "id": video.pk,
        "width": video.width,
        "height": video.height,
        "duration_ms": video.duration_ms,
        "interval_ms": interval_of(video) or 200.0,
        "emotions": list(EMOTIONS),
        "sign_in": reverse("account_login"),
        "urls": {name: reverse(f"team_video_{name}", args=[video.pk]) for name in ("boxes", "timeline")},
    }


@require_POST
@team_page(Scope.ANALYZE)
def team_video_cancel(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Stop the analysis; what is over stays as it is."""
    video = video_or_404(video_id)
    if video.is_over:
        messages.info(request, "The analysis was over already.")
    else:
        video_cancel(video=video)
        messages.success(request, f"The analysis of {video.filename} was stopped.")
    return redirect("team_video", video.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_video_analyze(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Analyse the video again, with other options; its results are replaced."""
    access = require_access(request)
    video = video_or_404(video_id)
    form = OptionsForm(request.POST, request=request)
    if not form.is_valid():
        messages.error(request, first_error(form))
        return redirect("team_video", video.pk)
    try:
        video_restart(video=video, options=form.options(), user=access.user)
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, "The video is analysed again.")
    return redirect("team_video", video.pk)


@require_POST
@team_page(Scope.ANALYZE)
def team_video_delete(request: HttpRequest, video_id: UUID) -> HttpResponse:
    """Delete a video with everything that is known of it, and go back to the list."""
    video = video_or_404(video_id)
    video_delete(video_id=video.pk)
    messages.success(request, f"{video.filename} was deleted, with its people and files.")
    return redirect("team_videos")
