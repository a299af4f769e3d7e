"""The list of videos with the place for new ones, and how far their analyses are."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from accounts.access import require_access
from accounts.models import Scope
from accounts.pages import team_page
from emotionsite.problems import Refusal, problem_response
from media_jobs.models import Video
from media_jobs.video.intake import video_from_url
from media_jobs.video.selectors import VideoProgress, progress_of_many, videos
from media_jobs.video.uploads import uploads

from .common import OptionsForm, first_error
from .words import time_left

PAGE_SIZE = 24
MAX_STATES = 100
#: Uploads of the caller's that are listed as not finished.
MOST_UNFINISHED = 10
#: What follows a video says of it in the words of jobs (static/js/follow.js).
STATUSES = {
    Video.Status.READY: "succeeded",
    Video.Status.FAILED: "failed",
    Video.Status.CANCELLED: "cancelled",
}


@require_GET
@team_page(Scope.READ)
def team_videos(request: HttpRequest) -> HttpResponse:
    """The team's videos, newest first, with the place to drop new ones."""
    page = Paginator(videos(), PAGE_SIZE).get_page(request.GET.get("page"))
    rows = list(page.object_list)
    progress = progress_of_many([video for video in rows if not video.is_over])
    context = {
        "page": page,
        "pages": page.paginator.get_elided_page_range(page.number),
        "videos": [(video, _progress(progress.get(video.pk))) for video in rows],
        "options": OptionsForm(request=request),
        "unfinished": uploads().filter(created_by=require_access(request).user)[:MOST_UNFINISHED],
        "limits": {
            "max_bytes": settings.MAX_VIDEO_BYTES,
            "gigabytes": f"{settings.MAX_VIDEO_BYTES / 1024**3:g}",
            "hours": f"{settings.MAX_VIDEO_SECONDS / 3600:g}",
        },
    }
    return render(request, "videos/list.html", context)


def _progress(found: VideoProgress | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"percent": found.percent, "time_left": time_left(found.seconds_left)}


@require_GET
@team_page(Scope.READ)
def team_video_states(request: HttpRequest) -> JsonResponse:
    """How far up to 100 videos are (`?job=...&job=...`, the ids of videos), for pages that follow them."""
    try:
        ids = [UUID(text) for text in request.GET.getlist("job")]
    except ValueError:
        return problem_response(status=400, code="invalid", detail="Each 'job' must be the id of a video.")
    if len(ids) > MAX_STATES:
        sentence = f"Ask for at most {MAX_STATES} videos at once."
        return problem_response(status=400, code="invalid", detail=sentence)
    return JsonResponse({"states": states_of(videos().filter(pk__in=ids))})


def states_of(some: Iterable[Video]) -> list[dict[str, Any]]:
    """What pages are told of videos while they wait for them. Two queries."""
    rows = list(some)
    progress = progress_of_many(rows)
    return [
        {
            # The follower's word for what is followed.
            "job_id": video.pk,
            "status": STATUSES.get(Video.Status(video.status), "running"),
            "stage": video.status,
            "error": video.error_message,
            "percent": progress[video.pk].percent,
            "seconds_left": progress[video.pk].seconds_left,
            "people": video.people_count,
            "preview": preview_state(video),
        }
        for video in rows
    ]


def preview_state(video: Video) -> dict[str, Any] | None:
    """How far the copy for browsers is; None where there is none and none is made."""
    preview: Any = getattr(video, "preview", None)
    return None if preview is None else {"status": preview.status, "progress": round(preview.progress, 3)}


@require_POST
@team_page(Scope.ANALYZE)
def team_video_fetch(request: HttpRequest) -> HttpResponse:
    """Fetch a video from an address and analyse it; back to the list with what became of it."""
    access = require_access(request)
    form = OptionsForm(request.POST, request=request)
    if not form.is_valid():
        messages.error(request, first_error(form))
        return redirect("team_videos")
    try:
        video = video_from_url(
            team=access.team,
            url=request.POST.get("url", "").strip(),
            filename="",
            options=form.options(),
            user=access.user,
        )
    except Refusal as refusal:
        messages.error(request, refusal.message)
    else:
        messages.success(request, f"{video.filename} is being fetched.")
    return redirect("team_videos")
